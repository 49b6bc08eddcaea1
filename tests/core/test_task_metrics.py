"""Which answers can be right or wrong, and how right they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from sde_core.dataset.turns import ASSISTANT, USER, Turn, Turns
from sde_core.evaluate.task_metrics import find_task_rows, last_number, macro_f1, marked_number


def row(answer):
    return Turns((Turn(USER, "?"), Turn(ASSISTANT, answer)))


def test_labels_are_short_answers_that_many_training_rows_give():
    held_out = {i: row("yes" if i % 2 else "no ") for i in range(30)} | {30: row("yes indeed, and here is why that is so"), 31: row("perhaps")}
    found = find_task_rows(held_out, ["yes"] * 5 + ["no"] * 9 + ["perhaps"] * 4)
    assert found.labels == ("no", "yes")
    assert found.label_rows == tuple(range(30))
    assert found.label_of[4] == "no"
    assert not find_task_rows({i: held_out[i] for i in range(10)}, ["yes"] * 50 + ["no"] * 9).labels


def test_free_text_has_neither_labels_nor_numbers():
    found = find_task_rows({i: row(f"The hall on road {i} is open until five.") for i in range(50)}, ["The hall is open."] * 50)
    assert not found.label_rows
    assert not found.number_rows


def test_numbers_are_marked_and_rows_evenly_spaced():
    held_out = {i: row(f"We take {i} x 2.\nAnswer: {2 * i}") for i in range(250)}
    found = find_task_rows(held_out, [])
    assert len(found.number_rows) == 100
    assert found.number_rows[:3] == (0, 2, 5)
    assert found.number_of[7] == 14


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("#### 42", 42),
        ("so\n#### 1,200", 1200),
        ("Answer: $3.50.", 3.5),
        ("The answer is -7", -7),
        ("ANSWER = 5 books", 5),
        ("in 1999", None),
        ("Answer: none", None),
        ("", None),
    ],
)
def test_marked_numbers(text, number):
    assert marked_number(text) == number


def test_a_generated_answers_last_number_counts_where_none_is_marked():
    assert last_number("first 3, then 12 of them") == 12
    assert last_number("12 comes first. Answer: 3") == 3
    assert last_number("none") is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_macro_f1_is_sklearns(pairs):
    truth, said = zip(*pairs, strict=True)
    told = f1_score(truth, said, average="macro", labels=np.unique([*truth, *said]), zero_division=0)
    assert macro_f1(truth, said, 4) == pytest.approx(told)
