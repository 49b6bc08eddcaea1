"""What two rows are compared by, and which rows are the same to the letter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from sde_core.dataset import Dataset
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

Part = Literal["row", "prompt", "answer"]
PARTS: tuple[Part, ...] = get_args(Part)

_SAMPLE = 1000
_IDENTIFIER_SHARE = 0.98
_IDENTIFIER_LENGTH = 128


@dataclass(frozen=True)
class ComparedTexts:
    """The compared part of every readable row; position i below means the i-th readable row.

    Attributes:
        part: Which part.
        rows: uint32[n], record positions.
        texts: String[n], what near-duplicates are looked for in: the prompt, the answer, or prompt and answer. The system prompt is
            left out, since one long system prompt in all rows would make all rows alike.
        systems: String[n], the system prompts where whole rows are compared, else empty strings.
        answer_lengths: int64[n], characters of each answer.
        exact: int64[n], position of the first row that is the same to the letter.
    """

    part: Part
    rows: npt.NDArray[np.uint32]
    texts: pl.Series
    systems: pl.Series
    answer_lengths: npt.NDArray[np.int64]
    exact: npt.NDArray[np.int64]


def compared_texts(dataset: Dataset, part: Part = "row", *, cancel: Cancel = NEVER, progress: Progress = silent) -> ComparedTexts:
    """The compared part of every readable row, and the classes of rows that are the same to the letter.

    Two whole rows are the same when every field is, apart from identifiers: short fields whose value differs in practically every row.

    Raises:
        CancelledError: When stopped.
    """
    table = dataset.texts(cancel=cancel, progress=progress)
    rows = table["row"].to_numpy()
    if part == "row":
        texts = table.select(pl.concat_str("prompt", "answer", separator="\n")).to_series() + _rejected_texts(dataset, cancel)
        same = _first_positions(table.select("system", "roles", "label", texts.alias("text")))
        exact = _split_by_other_fields(dataset, rows, same, cancel)
        systems = table["system"]
    else:
        texts = table[part]
        exact = np.where((texts == "").to_numpy(), np.arange(len(rows)), _first_positions(texts.to_frame()))  # a missing part is no copy of another
        systems = pl.repeat("", len(rows), dtype=pl.String, eager=True)
    return ComparedTexts(part, rows, texts, systems, table["answer"].str.len_chars().to_numpy().astype(np.int64), exact)


def _first_positions(table: pl.DataFrame) -> npt.NDArray[np.int64]:
    """For each line the position of the first line with the same values."""
    first = table.with_row_index("position").select(pl.col("position").min().over(table.columns))
    return np.array(first.to_series().to_list(), np.int64)


def _rejected_texts(dataset: Dataset, cancel: Cancel) -> pl.Series:
    """The rejected answers of preference rows: two pairs that differ in them alone teach different things."""
    if "rejected" not in dataset.layout.roles:
        return pl.repeat("", 1, dtype=pl.String, eager=True)
    texts = ["\n" + "\n".join(turn.text for turn in turns.rejected) for batch in dataset.batches(cancel=cancel) for _, _, turns in batch]
    return pl.Series(texts, dtype=pl.String)


def _split_by_other_fields(
    dataset: Dataset, rows: npt.NDArray[np.uint32], same_texts: npt.NDArray[np.int64], cancel: Cancel
) -> npt.NDArray[np.int64]:
    """Splits classes of equal texts by the fields that hold no text, such as tools or scores; identifiers do not count."""
    shared = np.bincount(same_texts, minlength=len(rows))[same_texts] > 1
    identifiers = identifier_fields(dataset, rows) if shared.any() else frozenset()
    exact: npt.NDArray[np.int64] = same_texts.copy()
    first: dict[tuple[int, bytes], int] = {}
    for count, position in enumerate(np.flatnonzero(shared).tolist()):
        if count % 1024 == 0:
            raise_if_cancelled(cancel)
        content = content_without(dataset.value(int(rows[position])), identifiers)
        exact[position] = first.setdefault((int(same_texts[position]), content), position)
    return exact


def identifier_fields(dataset: Dataset, rows: npt.NDArray[np.uint32]) -> frozenset[str]:
    """Top-level fields without a role whose short values differ in practically every row of an even sample."""
    sample = rows[np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(np.int64)].tolist()
    values = [value for value in map(dataset.value, sample) if isinstance(value, Mapping)]
    fields = {field for value in values for field in value} - set(dataset.layout.roles.values())
    return frozenset(field for field in fields if _identifies([value.get(field) for value in values]))


def _identifies(values: list[Any]) -> bool:
    if any(isinstance(value, bool | float) or not isinstance(value, str | int) or len(str(value)) > _IDENTIFIER_LENGTH for value in values):
        return False
    return len(values) > 1 and len(set(values)) >= _IDENTIFIER_SHARE * len(values)


def content_without(value: Any, fields: frozenset[str]) -> bytes:
    """A record's content in one canonical form, whatever the order of its fields, without some of them."""
    if isinstance(value, Mapping):
        value = {field: content for field, content in value.items() if field not in fields}
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # lone surrogates, integers beyond 64 bits: rare, and beyond orjson
        return json.dumps(value, default=str, sort_keys=True).encode()
