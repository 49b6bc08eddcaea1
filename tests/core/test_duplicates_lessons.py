"""Rows are no more alike than their answers and prompts; what was only added, labels and longer conversations are not judged so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sde_core.checks.duplicates import DuplicateParams, find_duplicates
from tests.core.checked import chat, clean_chats, opened, sentence

PASSAGE = " ".join(sentence(number * 7) for number in range(25))
ASKED = f"{PASSAGE}\n\nWho repaired it?"
FEW, MANY = "The tenth visitor.", "It was the tenth visitor who came, on a wet day in March, with wool and green paint and an old map of the harbour."


def similarity(folder: Path, one: Any, other: Any, part: Any = "row") -> float:
    """Of the first two of some rows, 0 where they are no pair."""
    index = find_duplicates(opened(folder, [one, other, *clean_chats(80, 5)]), DuplicateParams(part))
    return max(
        (float(score) for *pair, score in zip(index.near.first, index.near.second, index.near.scores, strict=True) if pair == [0, 1]), default=0.0
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (chat(ASKED, FEW), chat(f"Well: {ASKED}", FEW)),
        (chat(ASKED, MANY), chat(ASKED, MANY.replace("wet", "dry"))),
        (chat(ASKED, FEW), chat(ASKED, f"{FEW} I hope this helps; let me know if you have more questions.")),
        (chat("Who was it?", MANY), chat("You are a helpful assistant. Answer carefully and in detail. Who was it?", MANY)),
        (chat(ASKED, FEW, "And then?", MANY), chat(ASKED, FEW, "And then?", MANY, "Thank you!", "You are welcome.")),
    ],
    ids=["words before", "a word edited", "words after", "words before a short prompt", "a turn more"],
)
def test_edits_leave_rows_alike(tmp_path: Path, one: Any, other: Any) -> None:
    assert similarity(tmp_path, one, other) >= 0.8


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (chat(ASKED, FEW), chat(ASKED.replace("Who repaired it?", "What is praised?"), "Warm bread.")),
        (chat(ASKED, FEW), chat(ASKED.replace("Who repaired it?", "What is praised?"), "Nothing; the visitor brought green paint.")),
        (chat("Hello", f"{MANY} {MANY}"), chat("Who made you?", f"Well. {MANY} {MANY}")),
    ],
    ids=["another question", "another answer with a common word", "one answer to two prompts"],
)
def test_other_lessons_are_no_duplicates(tmp_path: Path, one: Any, other: Any) -> None:
    assert similarity(tmp_path, one, other) < 0.8


def test_a_copy_under_another_label_is_a_duplicate_all_the_same(tmp_path: Path) -> None:
    one, other = {"text": PASSAGE, "label": "good"}, {"text": f"{PASSAGE} Indeed.", "label": "bad"}
    rows = [one, other, *({"text": sentence(number), "label": "bad" if number % 2 else "good"} for number in range(5, 65))]
    index = find_duplicates(opened(tmp_path, rows))
    assert [0, 1] in [sorted(members) for members in index.groups().of_kind("near")]


def test_prompts_alone_are_compared_as_they_are(tmp_path: Path) -> None:
    assert similarity(tmp_path, chat(ASKED, FEW), chat(f"Well: {ASKED}", "Nobody knows."), "prompt") >= 0.8


def test_answers_without_a_word_tell_nothing(tmp_path: Path) -> None:
    assert similarity(tmp_path, chat(ASKED, "?!"), chat(f"Well: {ASKED}", "...")) >= 0.8
