"""The texts of a dataset as columns: what most features and checks are computed from."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from sde_core.dataset.json_text import encodable
from sde_core.dataset.layouts import texts_of
from sde_core.dataset.source import changed_error
from sde_core.dataset.text_columns import Loop, TextColumns, loop_of
from sde_core.errors import BadRecordError
from sde_core.progress import Cancel, Progress, raise_if_cancelled

if TYPE_CHECKING:
    from sde_core.dataset.dataset import Dataset

_SLICE = 256
"""Records that are cut out of the file at a time: few enough to stay in the processor's cache."""
_FRAME = 2048
_NOT_TAKEN = (ValueError, KeyError, TypeError, IndexError, AttributeError, BadRecordError)
"""What a loop raises on a record that is malformed or of another form."""

TEXT_SCHEMA: dict[str, Any] = {
    "row": pl.UInt32,
    "system": pl.String,
    "prompt": pl.String,
    "answer": pl.String,
    "label": pl.String,
    "roles": pl.String,
    "n_turns": pl.UInt16,
    "split": pl.String,
}


def text_frames(dataset: Dataset, *, cancel: Cancel, progress: Progress) -> Iterator[pl.DataFrame]:
    """The readable records in file order, as they stand in the file; some thousand lines a frame, see `TEXT_SCHEMA`.

    Lone surrogates become U+FFFD.

    Raises:
        CancelledError: When stopped.
    """
    loop, total = loop_of(dataset.layout), len(dataset)
    columns, rows = TextColumns(), array("I")
    for start in range(0, total, _SLICE):
        raise_if_cancelled(cancel)
        _add_slice(dataset, loop, range(start, min(start + _SLICE, total)), columns, rows)
        if len(columns) >= _FRAME or start + _SLICE >= total:
            yield _frame(dataset, columns, rows)
            columns, rows = TextColumns(), array("I")
            progress(min(start + _SLICE, total), total)


def _add_slice(dataset: Dataset, loop: Loop | None, wanted: range, columns: TextColumns, rows: array[int]) -> None:
    """Appends the texts of consecutive records: by the loop as far as it goes, the others one by one."""
    first, values = wanted.start, dataset.source_values(wanted)
    while loop and first < wanted.stop:
        before = len(columns)
        try:
            loop(values, columns)
            done = wanted.stop
            if len(columns) - before != done - first:
                raise changed_error(dataset.path)
        except _NOT_TAKEN:
            done = first + len(columns) - before
        rows.extend(range(first, done))
        if done < wanted.stop:
            _add_one(dataset, done, columns, rows)
        first = done + 1
    for row in range(first, wanted.stop):
        _add_one(dataset, row, columns, rows)


def _add_one(dataset: Dataset, row: int, columns: TextColumns, rows: array[int]) -> None:
    for _, value in dataset.readable_values((row,)):
        columns.add(texts_of(value, dataset.layout))
        rows.append(row)


def _frame(dataset: Dataset, columns: TextColumns, rows: array[int]) -> pl.DataFrame:
    kinds = list(TEXT_SCHEMA.items())
    texts = [_series(name, column, kind) for (name, kind), column in zip(kinds[1:-1], columns.all(), strict=True)]
    splits = dataset.splits_of(rows)
    split = pl.Series("split", splits, pl.String) if splits else pl.repeat("", len(rows), dtype=pl.String, eager=True).alias("split")
    return pl.DataFrame([pl.Series("row", np.frombuffer(rows, np.uint32) if len(rows) else [], pl.UInt32), *texts, split])


def patched(table: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """A table of the file's own texts with the lines of edited records made anew."""
    columns, rows = TextColumns(), array("I")
    for row in sorted(dataset.edits):
        if row < len(dataset):
            _add_one(dataset, row, columns, rows)
    if not len(rows):
        return table
    changed = _frame(dataset, columns, rows)
    return pl.concat([table.filter(~pl.col("row").is_in(changed["row"].implode())), changed]).sort("row")


def _series(name: str, column: Sequence[Any], kind: Any) -> pl.Series:
    try:
        return pl.Series(name, column, kind)
    except UnicodeEncodeError:
        return pl.Series(name, [None if text is None else encodable(text) for text in column], kind)
