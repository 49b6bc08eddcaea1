"""Two fields against each other: how many rows have each pair of classes, and which."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.checks.balance import ClassColumn, Rows, distinct_rows
from sde_core.errors import UsageError

NONE = "(none)"
"""Stands for the rows that have no class in one of the two fields."""


@dataclass(frozen=True)
class CrossTab:
    """Counts of pairs of classes.

    Attributes:
        field: The field down the side.
        by: The field across.
        down: Its classes, in their own order or most frequent first; `NONE` last where rows have none.
        across: Those of the other field.
        counts: int64[down, across], rows that have both.
        association: Cramér's V, 0-1: 0 where the fields know nothing of each other, 1 where one says the other.
        columns: The classes row by row, in the same order as `field` and `by`.
    """

    field: str
    by: str
    down: tuple[str, ...]
    across: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    association: float
    columns: tuple[ClassColumn, ClassColumn]

    def rows_of(self, down: str, across: str) -> Rows:
        """uint32[k], the rows behind one cell, ascending."""
        return np.intersect1d(_rows_of(self.columns[0], self.columns[1], down), _rows_of(self.columns[1], self.columns[0], across))

    def expected(self) -> npt.NDArray[np.float64]:
        """float64[down, across], the counts if the two fields knew nothing of each other."""
        total = max(int(self.counts.sum()), 1)
        return np.outer(self.counts.sum(axis=1), self.counts.sum(axis=0)) / total

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return {
            "field": self.field, "by": self.by, "down": list(self.down), "across": list(self.across), "counts": self.counts.tolist(),
            "association": round(self.association, 4),
        }  # fmt: skip


def cross_tab(field: ClassColumn, by: ClassColumn) -> CrossTab:
    """Counts every pair of classes; a row with several classes counts once for each pair.

    Raises:
        UsageError: When both are the same field.
    """
    if field.name == by.name:
        raise UsageError(f"A field has no cross-table with itself: {field.name!r}.", "Name two different fields.")
    left, right = _with_none(field, by), _with_none(by, field)
    rows_left, rows_right = _joined(left.rows, right.rows)
    shape = len(left.classes), len(right.classes)
    cells = left.codes[rows_left].astype(np.int64) * shape[1] + right.codes[rows_right]
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    down, across = _ranked(counts.sum(axis=1), left), _ranked(counts.sum(axis=0), right)
    counts = counts[np.ix_(down, across)]
    names = tuple(left.classes[at] for at in down), tuple(right.classes[at] for at in across)
    return CrossTab(field.name, by.name, *names, counts, cramers_v(counts), (field, by))


def cramers_v(counts: npt.NDArray[np.int64]) -> float:
    """Cramér's V of a table of counts (Cramér 1946, Mathematical Methods of Statistics, ch. 21), 0 where one side has one class."""
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    total, smaller = int(counts.sum()), min(counts.shape) - 1
    if smaller < 1 or not total:
        return 0.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    return min(math.sqrt(float(((counts - expected) ** 2 / expected).sum()) / (total * smaller)), 1.0)


def _with_none(column: ClassColumn, other: ClassColumn) -> ClassColumn:
    """The classes, and `NONE` for rows that only the other field has."""
    without = other.rows[:0] if np.array_equal(other.rows, column.rows) else np.setdiff1d(other.rows, column.rows)
    if not len(without):
        return column
    rows = np.concatenate([column.rows, without]).astype(np.uint32)
    codes = np.concatenate([column.codes, np.full(len(without), len(column.classes), np.int32)]).astype(np.int32)
    return replace(column, rows=rows, codes=codes, classes=(*column.classes, NONE))


def _joined(left: Rows, right: Rows) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Places of all pairs of equal rows."""
    if np.array_equal(left, right) and len(distinct_rows(left)) == len(left):
        return np.arange(len(left)), np.arange(len(left))
    order = np.argsort(right, kind="stable")
    first, last = np.searchsorted(right[order], left, "left"), np.searchsorted(right[order], left, "right")
    repeats = last - first
    starts = np.repeat(first, repeats)
    within = np.arange(len(starts)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return np.repeat(np.arange(len(left)), repeats), order[starts + within]


def _ranked(counts: npt.NDArray[np.int64], column: ClassColumn) -> list[int]:
    """Places of the classes that occur, in their own order or most frequent first, `NONE` last."""
    names, place = column.classes, {name: at for at, name in enumerate(column.order)}
    present = np.flatnonzero(counts).tolist()
    return sorted(present, key=lambda at: (names[at] == NONE, place.get(names[at], len(place)), -int(counts[at]), names[at]))


def _rows_of(column: ClassColumn, other: ClassColumn, name: str) -> Rows:
    if name == NONE and NONE not in column.classes:
        return np.setdiff1d(other.rows, column.rows)
    return column.rows_of(name)
