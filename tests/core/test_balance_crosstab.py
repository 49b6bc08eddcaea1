"""Pairs of classes: counts, rows, association."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.checks.balance import ClassColumn, class_balance
from sde_core.checks.balance_crosstab import NONE, CrossTab, cramers_v, cross_tab
from sde_core.dataset import open_dataset
from sde_core.errors import UsageError


def column(name: str, pairs: list[tuple[int, str]], total: int = 100) -> ClassColumn:
    classes = tuple(dict.fromkeys(value for _, value in pairs))
    rows = np.array([row for row, _ in pairs], np.uint32)
    codes = np.array([classes.index(value) for _, value in pairs], np.int32)
    return ClassColumn(name, "field", (), rows, codes, classes, total, {})


def counted(table: CrossTab) -> dict[tuple[str, str], int]:
    return {
        (down, across): int(table.counts[y, x]) for y, down in enumerate(table.down) for x, across in enumerate(table.across) if table.counts[y, x]
    }


def test_by_hand() -> None:
    colour = column("colour", [(0, "red"), (1, "red"), (2, "blue"), (3, "red")])
    size = column("size", [(0, "big"), (1, "small"), (2, "small"), (4, "big")])
    table = cross_tab(colour, size)
    assert counted(table) == {("red", "big"): 1, ("red", "small"): 1, ("blue", "small"): 1, ("red", NONE): 1, (NONE, "big"): 1}
    assert table.down == ("red", "blue", NONE)
    assert table.across[-1] == NONE
    assert table.rows_of("red", "small").tolist() == [1]
    assert table.rows_of("red", NONE).tolist() == [3]
    assert table.rows_of(NONE, "big").tolist() == [4]
    assert table.expected().sum() == pytest.approx(5)


def test_a_field_with_itself_is_refused() -> None:
    with pytest.raises(UsageError, match="itself"):
        cross_tab(column("a", [(0, "x")]), column("a", [(0, "x")]))


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), max_size=30),
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("xy")), max_size=30),
)
def test_counts_and_rows_agree_with_counting_one_by_one(left: list[tuple[int, str]], right: list[tuple[int, str]]) -> None:
    left, right = list(dict.fromkeys(left)), list(dict.fromkeys(right))
    table = cross_tab(column("left", left), column("right", right))
    rows = {row for row, _ in left + right}
    of = lambda pairs, row: [value for other, value in pairs if other == row] or [NONE]  # noqa: E731
    expected = Counter((down, across) for row in rows for down in of(left, row) for across in of(right, row))
    assert counted(table) == dict(expected)
    for (down, across), count in expected.items():
        assert len(table.rows_of(down, across)) == count


def test_association() -> None:
    assert cramers_v(np.array([[10, 0], [0, 10]])) == pytest.approx(1)
    assert cramers_v(np.array([[10, 20], [20, 40]])) == pytest.approx(0)
    assert cramers_v(np.array([[5, 5]])) == 0.0
    assert cramers_v(np.zeros((0, 0), np.int64)) == 0.0
    assert cramers_v(np.array([[30, 10], [10, 30]])) == pytest.approx(0.5)


def test_class_by_split_and_by_kind_of_answer(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    rows = {"train": [("x", "No."), ("x", "No."), ("y", "Yes, it is.")], "test": [("y", "Yes, it is.")]}
    path.write_text(
        json.dumps({split: [{"instruction": f"q{n}", "output": a, "topic": t} for n, (t, a) in enumerate(those)] for split, those in rows.items()})
    )
    report = class_balance(open_dataset(path), ["topic"])
    assert counted(cross_tab(report.column("topic"), report.column("split"))) == {("x", "train"): 2, ("y", "train"): 1, ("y", "test"): 1}
    by_kind = cross_tab(report.column("topic"), report.column("answer-kind"))
    assert by_kind.to_json()["down"] == ["x", "y"]
    assert int(by_kind.counts.sum()) == 4


def test_it_scales_by_sorting(write_jsonl: Callable[..., Path]) -> None:
    rows = np.arange(200_000, dtype=np.uint32)
    left = ClassColumn("left", "field", (), rows, (rows % 7).astype(np.int32), tuple("abcdefg"), len(rows), {})
    right = ClassColumn("right", "field", (), rows[::-1].copy(), (rows[::-1] % 3).astype(np.int32), tuple("xyz"), len(rows), {})
    table = cross_tab(left, right)
    assert int(table.counts.sum()) == len(rows)
    assert table.association < 0.01
