"""Answers read softly: a target or a value need only be among the words that stand for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from sde_core.design.answer import render_answer
from sde_core.design.metrics import format_scores
from sde_core.design.options import Design
from sde_core.design.parse import parse_answer, soft_answer
from sde_core.design.task import Entry, TaskError
from sde_core.design.task_file import TaskFile, task_in, task_text
from sde_core.evaluate.design_results import record_scores
from tests.core.test_design_answer import ASPECTS, DESIGNS, records

SOFT = replace(ASPECTS, targets=("Food", "Wait"), synonyms={"great": "positive", "waiting time": "Wait"})
LINES = Design(output="lines")
GOOD = (Entry("Food", "positive"),)


@pytest.mark.parametrize(
    ("text", "entries", "kinds"),
    [
        ("Food: Positive\nWait: unmentioned", GOOD, []),
        ("The food: very positive\nWait: unmentioned", GOOD, []),
        ("Food: great\nWaiting time: Unmentioned", GOOD, []),
        ("Food: positive or negative\nWait: unmentioned", (), ["unknown value", "missing target"]),
        ("Food: impositive\nWait: unmentioned", (), ["unknown value", "missing target"]),
        ("Food: positive", GOOD, ["missing target"]),
    ],
)
def test_words_that_stand_for_one_target_or_value_are_read(text, entries, kinds):
    read = soft_answer(text, SOFT, LINES)
    assert [(entry.target, entry.value) for entry in read.entries] == [(entry.target, entry.value) for entry in entries]
    assert [fault.kind for fault in read.faults] == kinds


def test_exact_reading_knows_no_synonym():
    faults = parse_answer("Food: great\nWait: unmentioned", SOFT, LINES).faults
    assert "unknown value" in {fault.kind for fault in faults}


@given(records(ASPECTS))
def test_what_can_be_read_exactly_is_read_softly_just_so(record):
    for design in DESIGNS[:12]:
        text = render_answer(record, ASPECTS, design)
        assert soft_answer(text, ASPECTS, design) == parse_answer(text, ASPECTS, design)


def test_adherence_and_accuracy_are_told_both_ways():
    texts = ["Food: positive\nWait: unmentioned", "Food: Great\nWait: unmentioned", "Food: great", "nothing"]
    exact, soft = ([read(text, SOFT, LINES) for text in texts] for read in (parse_answer, soft_answer))
    scores = record_scores([GOOD] * 4, exact, SOFT, soft)["scores"]
    assert (scores["adherence"], scores["soft_adherence"]) == (0.25, 0.75)
    assert scores["accuracy"] < scores["soft_accuracy"] == 7 / 8
    assert format_scores(soft, soft=True).adherence == 0.75


def test_synonyms_are_written_and_read_and_name_what_there_is():
    file = TaskFile(SOFT, "text", "said")
    assert dict(task_in(task_text(file).encode()).task.synonyms) == dict(SOFT.synonyms)
    with pytest.raises(TaskError, match="no target and no value"):
        replace(ASPECTS, synonyms={"great": "splendid"})
