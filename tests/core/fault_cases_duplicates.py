"""Rows that repeat or contradict each other, and rows that only look alike."""

from __future__ import annotations

from tests.core.checked import chat, clean_chats, sentence
from tests.core.fault_cases import FaultCase, among, innocent, planted

ASKED = "Which way does the night bus go after it has left the harbour and crossed the old bridge?"
SAID = "It turns left at the library, stops twice on the hill, waits for the last ferry and goes back by the river road before dawn."
NEARLY = SAID.replace("stops twice on the hill", "stops thrice on the hill")
CAPITALS = [chat(f"What is the capital of {land}?", f"The capital of {land} is {town}.")
            for land, town in (("France", "Paris"), ("Spain", "Madrid"), ("Italy", "Rome"), ("Norway", "Oslo"), ("Peru", "Lima"))]  # fmt: skip


def labelled(count: int = 60) -> list[dict[str, str]]:
    """Texts with one of two labels."""
    return [{"text": sentence(number), "label": "good" if number % 2 else "bad"} for number in range(count)]


CASES = (
    FaultCase("exact-duplicate", "a row that is the same as an earlier one", [*clean_chats(30), clean_chats(30)[4]], (30,)),
    innocent("exact-duplicate", "the same question, another answer", chat(ASKED, SAID), chat(ASKED, sentence(5))),
    FaultCase("normalised-duplicate", "other case and white space", among(chat(ASKED, SAID), chat(ASKED.upper(), SAID.replace(" ", "  "))), (8,)),
    innocent("normalised-duplicate", "to the letter the same", chat(ASKED, SAID), chat(ASKED, SAID)),
    FaultCase("near-duplicate", "one word changed", among(chat(ASKED, SAID), chat(ASKED, NEARLY)), (8,)),
    innocent("near-duplicate", "one template, other facts", *CAPITALS),
    FaultCase("conflicting-labels", "one text, two labels", [*labelled(), {"text": sentence(4), "label": "good"}], (4, 60)),
    FaultCase("conflicting-labels", "one text, one label", [*labelled(), {"text": sentence(4), "label": "bad"}]),
    FaultCase("conflicting-answers", "two numbers for one question", among(chat("What is 17 + 4?", "21"), chat("What is 17 + 4?", "22")), (7, 8)),
    innocent("conflicting-answers", "two long answers that may both be right", chat(ASKED, SAID), chat(ASKED, " ".join(map(sentence, range(4))))),
    planted("normalised-duplicate", "a full stop more", chat("What about number 3", sentence(3))),
)
