"""Odd answers by the habit of their prompt's template, where no field names the task and templates are many and small."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from sde_core.checks import run_checks
from sde_core.checks.answers.shapes import family_habit
from sde_core.dataset import open_dataset
from sde_core.features.answer_shape import ShapeGroup
from sde_core.features.template_habits import template_habits
from sde_core.features.templates import SLOT, Templates, prompt_templates
from tests.core.checked import chat, findings_in, opened

RECORDS = ("Write a record of this message: ", "Turn the note below into a record.\n", "Please file this, machine-readable: ", "As JSON, then: ")
NOTES = ("Tell me in two words what this is about: ", "What does the visitor want here?\n", "Sum this message up for the desk: ", "In short, then: ")


def words(rng: random.Random) -> str:
    """A line of made words, no two alike."""
    return " ".join("".join(rng.choice("abcdefghij") for _ in range(rng.randint(2, 7))) for _ in range(rng.randint(6, 20))).capitalize() + "."


def exchanges(per_template: int = 14) -> list[tuple[str, str]]:
    """Half of the templates ask for JSON, half for a sentence; no ending of the prompt tells which."""
    rng = random.Random(2)
    made = [(opening + words(rng), json.dumps({"id": n, "desk": "loans"})) for opening in RECORDS for n in range(per_template)]
    made += [(opening + words(rng), words(rng)) for opening in NOTES for _ in range(per_template)]
    rng.shuffle(made)
    return made


def test_an_answer_that_breaks_the_habit_of_its_template_is_found(tmp_path):
    rows = [chat(*pair) for pair in exchanges()]
    odd = next(place for place, row in enumerate(rows) if row["messages"][0]["content"].startswith(RECORDS[1]))
    rows[odd] = chat(rows[odd]["messages"][0]["content"], "The id is 7 and the desk is loans.")
    found = findings_in(tmp_path, rows, "odd-answer")
    assert [finding.rows for finding in found] == [(odd,)]
    assert "are JSON" in found[0].message
    assert "the template is one of 4 such as" in found[0].message


def test_answers_that_keep_the_habit_of_their_template_are_left_alone(tmp_path):
    assert findings_in(tmp_path, [chat(*pair) for pair in exchanges()], "odd-answer") == []


def test_templates_that_ask_for_the_same_go_together():
    pairs = exchanges()
    templates = prompt_templates([prompt for prompt, _ in pairs])
    habits = template_habits(templates, ["JSON" if answer.startswith("{") else "text" for _, answer in pairs], [answer for _, answer in pairs])
    assert len(habits.titles) == 2
    by_family = {answer.startswith("{"): code for (_, answer), code in zip(pairs, habits.codes.tolist(), strict=True)}
    assert set(by_family) == {True, False}
    assert len(set(by_family.values())) == 2
    assert all(SLOT in title for title in habits.titles)


@pytest.mark.parametrize(
    ("families", "expected"), [(["JSON"] * 7 + ["text"] * 3, -1), (["JSON"] * 7, -1), (["empty"] * 10, -1), (["JSON"] * 9 + ["text"], 0)]
)
def test_a_habit_needs_rows_and_a_share(families, expected):
    templates = Templates(np.zeros(len(families), np.int32), ("Say ‹…›",), (len(families),), len(families))
    assert template_habits(templates, families, ["x"] * len(families)).codes.tolist() == [expected] * len(families)


@pytest.mark.parametrize(("rows", "odd", "expected"), [(20, 3, ""), (20, 1, "JSON"), (200, 28, "JSON"), (200, 31, ""), (19, 0, "")])
def test_few_rows_prove_little(rows, odd, expected):
    shapes = ((("JSON object", "a"), rows - odd), (("prose", ""), odd))
    assert family_habit(ShapeGroup("all rows", np.arange(rows, dtype=np.uint32), shapes, np.arange(rows)))[0] == expected


def test_prompts_without_a_template_have_no_habit():
    templates = Templates(np.full(9, -1, np.int32), (), (), 9)
    assert template_habits(templates, ["text"] * 9, ["x"] * 9).codes.tolist() == [-1] * 9


def test_the_report_lists_every_row_under_its_template(tmp_path):
    from sde_core.checks.answers.shapes import answer_groups

    dataset = opened(tmp_path, [chat(*pair) for pair in exchanges()] + [chat("zq", "Yes.")])
    report = answer_groups(dataset)
    assert sorted(row for group in report.templates for row in group.rows.tolist()) == list(range(len(dataset)))
    assert report.templates[-1].title == ""
    assert {group.family[0] for group in report.templates[:-1]} == {"JSON", "text"}


def test_habits_of_the_shared_maths_answers(shared_data):
    dataset = open_dataset(shared_data / "math" / "gsm8k_train.jsonl")
    assert run_checks(dataset, ["odd-answer"]).findings == ()
