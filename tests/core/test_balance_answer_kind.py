"""Kinds of answers."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sde_core.dataset import open_dataset
from sde_core.features.answer_kind import ANSWER_KINDS, answer_kinds

EXAMPLES = {
    "empty": ["", "  \n\t"],
    "placeholder": ["N/A", "<noinput>", "None.", "...", "TODO", "No output"],
    "refusal": [
        "I'm sorry, but I can't assist with that.",
        "I’m sorry, but I’m unable to perform external tasks like ordering a pizza.",
        "As an AI language model, I do not have access to real-time data.",
        "I cannot provide personal details of individuals.",
        "Unfortunately, I am not able to browse the web.",
        "I apologize, but I cannot fulfill this request as it is harmful.",
        "I'm sorry, I'm an AI language model and do not have access to market data.",
        "很抱歉，我无法查看图片。",
    ],
    "disclaimer": ["As an AI, I would suggest three museums in Rome.", "Rome is lovely. As an AI language model I would go in May."],
    "json": ['{"a": 1}', '[{"a": 1},\n {"b": [2]}]', "[1, 2, 3]", "{}"],
    "code": [
        "```python\nprint(1)\n```",
        "def f(x):\n    return x",
        "SELECT name FROM users;",
        "#include <stdio.h>\nint main() {}",
        "<html><body></body></html>",
    ],
    "list": ["1. Eggs\n2. Milk\n3. Bread", "- a b\n- c d\n- e f", "Here you are:\n* one\n* two\n* three"],
    "number": ["42", "-3.5", "$1,200", "15%", "30 km", "1e-5"],
    "label": ["positive", "book_flight", "New York", "Yes"],
    "short": ["The past tense of draw is drew.", "A [bracketed] remark.", "No, it is not."],
    "long": ["This is a sentence of prose. " * 40],
}

NOT_REFUSALS = [
    "I apologize for arriving late; I had to take a call.",
    "I'm sorry to hear that. It must be very difficult for you.",
    "I can't believe how much has changed!",
    "The law states that matter cannot be created or destroyed.",
    "Customer: I'm sorry? Agent: We are unable to fulfil your request.",
    "We’re sorry to hear that. Please let us know the details of your order.",
    "I'm sorry, but the website is unavailable.",
    "Unfortunately, the train to Oslo does not run on Sundays.",
]


@pytest.mark.parametrize(("kind", "answer"), [(kind, answer) for kind, answers in EXAMPLES.items() for answer in answers])
def test_examples(kind: str, answer: str) -> None:
    assert answer_kinds(pl.Series([answer])).to_list() == [kind]


def test_every_kind_has_an_example_and_a_definition() -> None:
    assert set(EXAMPLES) == set(ANSWER_KINDS)
    assert all(ANSWER_KINDS.values())


@pytest.mark.parametrize("answer", NOT_REFUSALS)
def test_apologies_and_facts_are_no_refusals(answer: str) -> None:
    assert answer_kinds(pl.Series([answer])).to_list() != ["refusal"]


def test_many_at_once_and_none_at_all() -> None:
    answers = [answer for answers in EXAMPLES.values() for answer in answers]
    expected = [kind for kind, answers in EXAMPLES.items() for _ in answers]
    assert answer_kinds(pl.Series(answers)).to_list() == expected
    assert answer_kinds(pl.Series([], dtype=pl.String)).to_list() == []
    assert answer_kinds(pl.Series([None, "x"], dtype=pl.String)).to_list() == ["empty", "label"]


def test_no_alarm_on_answers_written_by_people(shared_data: Path) -> None:
    answers = open_dataset(shared_data / "medical/medical_meadow_small.json").texts()["answer"]
    assert "refusal" not in answer_kinds(answers).to_list()
    assert (answer_kinds(open_dataset(shared_data / "formats/glaive_toolcall_en_demo.json").texts()["answer"]) == "refusal").sum() >= 40
