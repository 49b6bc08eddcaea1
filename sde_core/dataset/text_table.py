"""The texts of a dataset as columns: what most features and checks are computed from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from sde_core.dataset.layouts import texts_of
from sde_core.progress import Cancel, Progress

if TYPE_CHECKING:
    from sde_core.dataset.dataset import Dataset

_SURROGATE = re.compile("[\ud800-\udfff]")

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


def text_table(dataset: Dataset, *, cancel: Cancel, progress: Progress) -> pl.DataFrame:
    """One line a readable record, in file order; see `TEXT_SCHEMA`. Lone surrogates become U+FFFD.

    Raises:
        CancelledError: When stopped.
    """
    frames = [_frame(dataset, batch) for batch in dataset.value_batches(cancel=cancel, progress=progress)]
    return pl.concat(frames) if frames else pl.DataFrame(schema=TEXT_SCHEMA)


def _frame(dataset: Dataset, batch: list[tuple[int, Any]]) -> pl.DataFrame:
    layout = dataset.layout
    lines = [(row, *texts_of(value, layout), dataset.split(row)) for row, value in batch]
    columns = list(zip(*lines, strict=True)) or [()] * len(TEXT_SCHEMA)
    return pl.DataFrame([_series(name, column, kind) for (name, kind), column in zip(TEXT_SCHEMA.items(), columns, strict=True)])


def _series(name: str, column: Sequence[Any], kind: Any) -> pl.Series:
    try:
        return pl.Series(name, column, kind)
    except UnicodeEncodeError:
        return pl.Series(name, [None if text is None else _SURROGATE.sub("\ufffd", text) for text in column], kind)
