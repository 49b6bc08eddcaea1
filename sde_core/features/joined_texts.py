"""Texts made of several columns, put together only where they are looked at: a second copy of a large dataset's texts would fill the memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import overload

import numpy as np
import numpy.typing as npt
import polars as pl

_SEPARATOR = "\n"


class JoinedTexts:
    """The columns of each line joined by line ends, as one sequence of n texts.

    Args:
        columns: String columns of n lines each, without null.
    """

    def __init__(self, columns: pl.DataFrame) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[str]:
        return (_SEPARATOR.join(line) for line in self._columns.iter_rows())

    @overload
    def __getitem__(self, wanted: int) -> str: ...

    @overload
    def __getitem__(self, wanted: slice | npt.NDArray[np.int64]) -> pl.Series: ...

    def __getitem__(self, wanted: int | slice | npt.NDArray[np.int64]) -> str | pl.Series:
        """One text, or a Series of those of a slice or of an array of positions."""
        if isinstance(wanted, int | np.integer):
            return _SEPARATOR.join(self._columns.row(int(wanted)))
        return _joined(self._columns[wanted])

    def to_series(self) -> pl.Series:
        """String[n], all texts at once."""
        return _joined(self._columns)


def _joined(columns: pl.DataFrame) -> pl.Series:
    return columns.select(pl.concat_str(pl.all(), separator=_SEPARATOR).alias("text")).to_series()
