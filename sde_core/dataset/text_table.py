"""The texts of a dataset as columns: what most features and checks are computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from sde_core.dataset.turns import Turns
from sde_core.progress import Cancel, Progress

if TYPE_CHECKING:
    from sde_core.dataset.dataset import Dataset

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
    frames = [_frame(dataset, batch) for batch in dataset.batches(cancel=cancel, progress=progress)]
    return pl.concat(frames) if frames else pl.DataFrame(schema=TEXT_SCHEMA)


def _frame(dataset: Dataset, batch: list[tuple[int, Any, Turns]]) -> pl.DataFrame:
    columns = list(zip(*(_line(dataset, row, turns) for row, _, turns in batch), strict=True)) or [()] * len(TEXT_SCHEMA)
    return pl.DataFrame({name: pl.Series(name, column, kind) for (name, kind), column in zip(TEXT_SCHEMA.items(), columns, strict=True)})


def _line(dataset: Dataset, row: int, turns: Turns) -> tuple[Any, ...]:
    label = turns.label if turns.label is None else _encodable(turns.label)
    texts = (_encodable(turns.system), _encodable(turns.prompt), _encodable(turns.answer))
    return (row, *texts, label, turns.roles, min(len(turns.turns), 65535), dataset.split(row))


def _encodable(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if 0xD800 <= ord(character) <= 0xDFFF else character for character in text)
    return text
