"""Each check on what answers say: a planted fault is found, its innocent relatives are not."""

from __future__ import annotations

import pytest

from sde_core.checks.answers.loops import repeated_sentence, tail_loop
from sde_core.checks.answers.truncated import cut_of, is_fragment
from tests.core.checked import chat, clean_chats, findings_in, rows_found, sentence, turns

ANSWER_CHECKS = ("truncated-answer", "repetition-loop", "prompt-echo", "ai-boilerplate", "impossible-promise", "refusal")
LONG = " ".join(sentence(number) for number in range(3))


def long_chats(count=80):
    """Conversations whose answers are several sentences."""
    return [chat(f"Tell me about number {number}, please.", f"{sentence(number)} {sentence(number + 31)}") for number in range(count)]


def found_on(folder, prompt, answer, *only, **fields):
    """Checks that fire on one conversation among many clean ones."""
    rows = long_chats()
    rows.insert(7, chat(prompt, answer, **fields))
    found = findings_in(folder, rows, *(only or ANSWER_CHECKS))
    assert all(finding.rows == (7,) for finding in found), [finding for finding in found if finding.rows != (7,)]
    assert all(finding.field == "messages[1].content" and finding.evidence for finding in found)
    return sorted(finding.check for finding in found)


# ---- cut off


@pytest.mark.parametrize(
    "answer",
    [
        f"{LONG} After that the old man went to the market and bought",
        f"{LONG} What matters most of all is the importance of",
        f"{LONG} He packed bread, cheese, a knife, and",
        f"{LONG} He packed bread, cheese,",
        "You can collect it at the station on Monday from the",
        "Here it is:\n\n```python\ndef area(width, height):\n    return width *",
        "```sql\nSELECT name\nFROM members\nWHERE",
        "```js\nfunction area(w, h) {\n  return w * h;",
        '{"name": "Ada", "items": ["a", "b"',
        '[{"name": "Ada"}, {"name":',
    ],
)
def test_an_answer_that_stops_in_the_middle(tmp_path, answer):
    assert found_on(tmp_path, "Tell me more, please.", answer) == ["truncated-answer"]


@pytest.mark.parametrize(
    "answer",
    [
        "Paris",
        "red, green and blue",
        "1. Bread\n2. Cheese\n3. A very long item without any full stop at its end",
        "- bread and butter\n- everything that one needs for a long walk",
        f"{LONG}\n\nBest wishes,\nThe Harbour Team",
        f"{LONG}\n\nLooking forward to seeing you,",
        f"{LONG} #walking #harbour",
        '"Be the change that you wish to see in the world." - Mahatma Gandhi',
        "The Night Bus to Nowhere: A Story of Love, Rain and Small Engines",
        "Here it is:\n\n```python\nprint(1)\n```",
        "def area(width, height):\n    return width * height",
        "SELECT name FROM members WHERE age > 30",
        '{"name": "Ada"}',
        "It is 42",
        "See https://example.org/a/long/path/to/read",
        "It is what you were looking for",
        f"{LONG} He asked: who are you?",
    ],
)
def test_answers_that_are_whole(tmp_path, answer):
    assert found_on(tmp_path, "Tell me more, please.", answer, "truncated-answer") == []


def test_without_a_habit_a_missing_full_stop_is_no_fault(tmp_path):
    rows = long_chats(100)
    for row in rows[:30]:
        row["messages"][1]["content"] = row["messages"][1]["content"].rstrip(".")
    assert findings_in(tmp_path, rows, "truncated-answer") == []


def test_an_answer_that_ends_as_a_passage_of_the_prompt_is_whole():
    text = f"{LONG} It went on and on for many years after that"
    assert cut_of(text) is not None
    assert cut_of(text, f"Copy this: {text}") is None


def test_half_a_word_is_told_from_a_word():
    words = {"library": 9, "library's": 1, "lib": 0, "car": 3, "card": 8}
    assert is_fragment("libra", words)
    assert not is_fragment("library", words)
    assert not is_fragment("car", words)
    assert not is_fragment("zebra", words)
    assert not is_fragment("", words)


# ---- loops


@pytest.mark.parametrize(
    "answer",
    [
        LONG + " I do not know what to say." * 5,
        LONG + " and so on again" * 9,
        "The same line again.\n" * 6,
        LONG + " and" * 20,
        "The best way is to " + "try it again and " * 15 + "then stop for the day.",
        "I see. " + "You must water the plant every day. " * 3 + "That is all.",
    ],
)
def test_a_loop_is_found(tmp_path, answer):
    assert found_on(tmp_path, "Tell me more, please.", answer) == ["repetition-loop"]


@pytest.mark.parametrize(
    "answer",
    [
        "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
        "<div>\n" + '<div class="cell"> </div>\n' * 9 + "</div> and that is the table of it.",
        "We sing la la la and la la la and on: " + LONG,
        "Knock knock knock knock knock knock knock knock knock knock knock knock knock knock. Who is there?",
        "Tick tick tick tick tick tick tick tick tick tick tick tick tick tick tick tick tick tick tick tick",
        "Ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha.",
        "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
        "| a | b |\n|---|---|\n| 1 | 1 |\n| 1 | 1 |\n| 1 | 1 |\n| 1 | 1 |",
        "=" * 200,
        "```\nfoo bar baz;\nfoo bar baz;\nfoo bar baz;\nfoo bar baz;\n```",
    ],
)
def test_repetition_that_is_meant(tmp_path, answer):
    assert found_on(tmp_path, "Tell me more, please.", answer, "repetition-loop") == []


def test_loops_are_measured():
    assert tail_loop("Start here. " + "and then we walk " * 6)[1] == 6
    assert tail_loop("nothing loops in this text at all") == ("", 0)
    assert repeated_sentence("One. " + "We walk to the sea. " * 4) == ("We walk to the sea.", 4)


@pytest.mark.parametrize("blank", [" " * 100, "\n" * 100, "\t \n" * 50, "." + " " * 100])
def test_white_space_is_no_loop(blank):
    assert tail_loop(blank) == ("", 0)


# ---- echoes


QUESTION = "What are the opening hours of the harbour museum on a Sunday in winter?"


@pytest.mark.parametrize(
    "answer",
    [f"{QUESTION}\nFrom ten to four.", f"{QUESTION} From ten to four.", f"Question: {QUESTION}\nAnswer: From ten to four.",
     f'You asked: "{QUESTION}"\n\nFrom ten to four.', QUESTION],
)  # fmt: skip
def test_an_echo_is_found(tmp_path, answer):
    assert found_on(tmp_path, QUESTION, answer, "prompt-echo") == ["prompt-echo"]


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (QUESTION, "From ten to four."),
        ("Hi!", "Hi! How can I help you?"),
        ("Proofread this: The quick brown fox jumps over the lazy dog.", "Proofread this: The quick brown fox jumps over the lazy dog."),
        ("Once upon a time there was a", "Once upon a time there was a fox who lived by the sea."),
    ],
)
def test_answers_that_may_begin_so(tmp_path, prompt, answer):
    assert found_on(tmp_path, prompt, answer, "prompt-echo") == []


def test_an_instruction_repeated_without_its_input(tmp_path):
    rows = [{"instruction": f"Explain how number {n} came to be so well known", "input": f"item {n}", "output": sentence(n)} for n in range(30)]
    rows[4]["output"] = f"{rows[4]['instruction']}:\n{rows[4]['output']}"
    assert rows_found(findings_in(tmp_path, rows, "prompt-echo")) == [4]


# ---- what a model says of itself


@pytest.mark.parametrize(
    "answer",
    [
        "As an AI language model, I have never been there. From ten to four.",
        "From ten to four. Please note that, as an AI, I may be wrong.",
        "I'm just an AI assistant, so please check this with a human. From ten to four.",
        "My knowledge cutoff is 2021. From ten to four.",
        "I don't have personal experiences, but it opens at ten.",
        "As a large language model, I was not there, but it opens at ten.",
    ],
)
def test_boilerplate_is_found(tmp_path, answer):
    assert found_on(tmp_path, QUESTION, answer, "ai-boilerplate") == ["ai-boilerplate"]


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Who are you?", "I'm an AI assistant, and I can help you with many things."),
        ("What do you think about it, are you a robot?", "As an AI, I have no opinion."),
        (QUESTION, "It was founded as an AI research company and opens at ten."),
        (QUESTION, "Models such as this one are trained on text, which takes months."),
    ],
)
def test_talk_about_machines_that_is_asked_for(tmp_path, prompt, answer):
    assert found_on(tmp_path, prompt, answer, "ai-boilerplate") == []


@pytest.mark.parametrize(
    "answer",
    ["From ten to four. I will call you tomorrow to confirm.", "I've booked a table for you at seven.", "I have scheduled the meeting for Monday.",
     "Let me check the shelf and get back to you.", "I'll send you an email with the link.", "I will remind you the day before."],
)  # fmt: skip
def test_a_promise_is_found(tmp_path, answer):
    assert found_on(tmp_path, QUESTION, answer, "impossible-promise") == ["impossible-promise"]


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Write an email to a customer.", "Dear customer, I will call you tomorrow."),
        ("Continue the dialogue.", "Ada: I'll send you the book."),
        (QUESTION, "You will be called tomorrow. We open at ten."),
        (QUESTION, "He said: “I will call you tomorrow.” Then he left."),
        (QUESTION, "I will explain it in three steps."),
    ],
)
def test_promises_that_are_not_the_assistants(tmp_path, prompt, answer):
    assert found_on(tmp_path, prompt, answer, "impossible-promise") == []


def test_a_promise_beside_tools_may_be_kept(tmp_path):
    kept = turns(("user", "Remind me."), ("assistant", "remind()"), ("tool", "ok"), ("assistant", "I will remind you the day before."))
    assert findings_in(tmp_path, [*long_chats(), kept], "impossible-promise") == []


@pytest.mark.parametrize("answer", ["I'm sorry, but I can't help with that.", "I am unable to answer this question.", "很抱歉，我无法回答这个问题。"])
def test_a_refusal_is_found(tmp_path, answer):
    assert found_on(tmp_path, QUESTION, answer, "refusal") == ["refusal"]


def test_answers_marked_as_bad_are_not_judged(tmp_path):
    bad = "I'm sorry, but as an AI language model, I can't help with that. I will call you tomorrow."
    unpaired = [{"prompt": f"Do {n}", "completion": bad if n == 3 else sentence(n), "label": n != 3} for n in range(60)]
    paired = [{"prompt": f"Do {n}", "chosen": sentence(n), "rejected": bad + " and" if n == 3 else sentence(n + 1)} for n in range(60)]
    assert findings_in(tmp_path, unpaired, *ANSWER_CHECKS) == []
    assert findings_in(tmp_path, paired, *ANSWER_CHECKS) == []


def test_labels_are_no_answers_to_judge(tmp_path):
    rows = [{"text": sentence(number), "label": "sorry, and" if number % 2 else "i will call you"} for number in range(60)]
    assert findings_in(tmp_path, rows, *ANSWER_CHECKS) == []


def test_clean_rows_have_no_findings(tmp_path):
    assert findings_in(tmp_path, [*clean_chats(60), *long_chats(60)], *ANSWER_CHECKS) == []
