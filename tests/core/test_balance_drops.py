"""Which rows a target drops, and why."""

from __future__ import annotations

import threading
from typing import get_args

import numpy as np
import polars as pl
import pytest

from sde_core.checks import balance_drops
from sde_core.checks.balance import ClassColumn
from sde_core.checks.balance_drops import RowToDrop, rows_to_drop
from sde_core.errors import CancelledError

ANSWERS = [
    "I'm sorry, but I can't help with that.",  # 0
    "The museum of natural history opens at nine.",
    "I'm sorry, but I can't help with that request.",  # 2, like 0
    "Boil the potatoes for twenty minutes.",
    "I'm sorry, but I can't help with THAT.",  # 4, copy of 0
    "As an assistant I am not able to give medical advice about dosage.",  # 5, alone
    "Your parcel is on its way.",
    "Unfortunately I cannot book flights for you.",  # 7, alone
]
REFUSALS = [0, 2, 4, 5, 7]


@pytest.fixture
def texts() -> pl.DataFrame:
    return pl.DataFrame({"row": pl.Series(range(len(ANSWERS)), dtype=pl.UInt32), "prompt": ["Tell me."] * len(ANSWERS), "answer": ANSWERS})


@pytest.fixture
def column() -> ClassColumn:
    rows = np.arange(len(ANSWERS), dtype=np.uint32)
    codes = np.array([0 if row in REFUSALS else 1 for row in rows], np.int32)
    return ClassColumn("answer-kind", "derived", (), rows, codes, ("refusal", "short"), len(rows), {})


def numbers(found: list[RowToDrop]) -> list[int]:
    return [row.row for row in found]


def test_copies_go_first_then_what_is_near_another(column: ClassColumn, texts: pl.DataFrame) -> None:
    found = rows_to_drop(column, {"refusal": 2}, texts)
    assert numbers(found) == [4, 2]
    assert (found[0].like, found[0].likeness, found[0].why) == (0, 1.0, "the same text as row 0")
    assert found[1].like == 0
    assert found[1].why.startswith("like row 0, cosine 0.")
    assert found[0].to_json() == {"row": 4, "like": 0, "likeness": 1.0, "why": "the same text as row 0", "class": "refusal"}


def test_exactly_as_many_as_wanted_and_only_of_the_class(column: ClassColumn, texts: pl.DataFrame) -> None:
    for order in get_args(balance_drops.DropOrder):
        for count in range(len(REFUSALS) + 1):
            found = rows_to_drop(column, {"refusal": count, None: 1}, texts, order=order)
            assert len(found) == len(set(numbers(found))) == count + 1
            assert {row.row for row in found if row.name == "refusal"} <= set(REFUSALS)
            assert not {row.row for row in found if row.name is None} & set(REFUSALS)


def test_a_row_that_stays_is_named(column: ClassColumn, texts: pl.DataFrame) -> None:
    found = rows_to_drop(column, {"refusal": 3}, texts)
    dropped = set(numbers(found))
    assert found[-1].like not in dropped or found[-1].likeness == 1.0


def test_all_of_a_class(column: ClassColumn, texts: pl.DataFrame) -> None:
    found = rows_to_drop(column, {"refusal": 5, None: 0}, texts)
    assert sorted(numbers(found)) == REFUSALS
    assert {row.why for row in found} == {"the target leaves none of its class"}


def test_at_random_by_seed(column: ClassColumn, texts: pl.DataFrame) -> None:
    one = rows_to_drop(column, {"refusal": 2}, texts, order="random", seed=1)
    assert one == rows_to_drop(column, {"refusal": 2}, texts, order="random", seed=1)
    assert {tuple(numbers(rows_to_drop(column, {"refusal": 2}, texts, order="random", seed=seed))) for seed in range(12)} != {tuple(numbers(one))}
    assert one[0].why == "at random, seed 1"


def test_too_many_to_compare_go_at_random_behind_the_copies(column: ClassColumn, texts: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance_drops, "COMPARED", 2)
    found = rows_to_drop(column, {"refusal": 3}, texts)
    assert numbers(found)[0] == 4
    assert [row.why for row in found[1:]] == ["at random, seed 7"] * 2


def test_it_can_be_stopped(column: ClassColumn, texts: pl.DataFrame) -> None:
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(CancelledError):
        rows_to_drop(column, {"refusal": 1}, texts, cancel=stopped)
