"""Faults of what answers say, and answers that look like them."""

from __future__ import annotations

from collections.abc import Iterable

from tests.core.checked import chat, sentence, turns
from tests.core.fault_cases import FaultCase, among, innocent, planted

QUESTION = "What are the opening hours of the harbour museum on a Sunday in winter?"
LONG = " ".join(sentence(number) for number in range(3))
LONG_CHATS = [chat(f"Tell me about number {number}, please.", f"{sentence(number)} {sentence(number + 31)}") for number in range(80)]


def faulty(check: str, answers: Iterable[str], prompt: str = QUESTION) -> list[FaultCase]:
    """One planted fault for each answer."""
    return [planted(check, answer[-40:], chat(prompt, answer), LONG_CHATS) for answer in answers]


def fine(check: str, answers: Iterable[str], prompt: str = QUESTION) -> list[FaultCase]:
    """One clean control that holds all these answers."""
    return [
        innocent(check, "answers that are fine", *(chat(f"{prompt} ({number})", answer) for number, answer in enumerate(answers)), rows=LONG_CHATS)
    ]


NUMBERED = [
    {"question": f"How many are {number} and {number + 3}?", "answer": f"{sentence(number)} So it is {2 * number + 3}.\n#### {2 * number + 3}"}
    for number in range(60)
]
UNNUMBERED = {"question": "How many are 5 and 2?", "answer": "They are seven, as anybody can count on two hands."}
BAD = "I'm sorry, but as an AI language model, I can't help with that. I will call you tomorrow."

CASES = (
    *faulty(
        "truncated-answer",
        [
            f"{LONG} After that the old man went to the market and bought",
            f"{LONG} He packed bread, cheese,",
            "Here it is:\n\n```python\ndef area(width, height):\n    return width *",
            '{"name": "Ada", "items": ["a", "b"',
        ],
        "Tell me more, please.",
    ),
    *fine(
        "truncated-answer",
        ["Paris", "1. Bread\n2. Cheese", f"{LONG}\n\nBest wishes,\nThe Harbour Team", '{"name": "Ada"}', "def area(w, h):\n    return w * h"],
        "Tell me more, please.",
    ),
    planted("odd-answer", "no number at its end, where all others have one", UNNUMBERED, NUMBERED),
    innocent("odd-answer", "a longer answer that ends like the others", {"question": "How many?", "answer": f"{LONG}\n#### 7"}, rows=NUMBERED),
    *faulty("repetition-loop", [LONG + " I do not know what to say." * 5, "I see. " + "You must water the plant every day. " * 3 + "That is all."]),
    *fine(
        "repetition-loop", ["Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.", "=" * 200]
    ),
    *faulty("prompt-echo", [f"{QUESTION}\nFrom ten to four.", f"Question: {QUESTION}\nAnswer: From ten to four.", QUESTION]),
    *fine("prompt-echo", ["From ten to four.", "The opening hours are from ten to four."]),
    *faulty(
        "ai-boilerplate", ["As an AI language model, I have never been there. From ten to four.", "My knowledge cutoff is 2021. From ten to four."]
    ),
    *fine("ai-boilerplate", ["It was founded as an AI research company and opens at ten."]),
    innocent("ai-boilerplate", "asked who it is", chat("Who are you?", "I'm an AI assistant, and I can help you with many things.")),
    *faulty("impossible-promise", ["From ten to four. I will call you tomorrow to confirm.", "I've booked a table for you at seven."]),
    *fine("impossible-promise", ["You will be called tomorrow. We open at ten.", "I will explain it in three steps."]),
    innocent(
        "impossible-promise", "beside tools", turns(("user", "Remind me."), ("assistant", "f()"), ("tool", "ok"), ("assistant", "I will remind you."))
    ),
    *faulty("refusal", ["I'm sorry, but I can't help with that.", "I am unable to answer this question."]),
    *fine("refusal", ["I'm sorry to hear that. It opens at ten.", "Visitors cannot enter before ten."]),
    FaultCase(
        "ai-boilerplate",
        "an answer that is marked as bad",
        [{"prompt": f"Do {n}", "completion": BAD if n == 3 else sentence(n), "label": n != 3} for n in range(60)],
    ),
    FaultCase("refusal", "two of three turns refuse", among(chat("Well?", "I cannot answer that.", "Please?", "I cannot help with that.")), (7,)),
)
