"""What two rows are compared by, and which rows are the same to the letter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from sde_core.dataset import Dataset
from sde_core.features.embedding import Part
from sde_core.features.joined_texts import JoinedTexts
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

_LONGEST_METADATA = 100


@dataclass(frozen=True)
class ComparedTexts:
    """The compared part of every readable row; position i below means the i-th readable row.

    Attributes:
        part: Which part.
        rows: uint32[n], record positions.
        texts: The n texts that near-duplicates are looked for in: the prompt, the answer, or prompt and answer. The system prompt is
            left out, since one long system prompt in all rows would make all rows alike.
        systems: String[n], the system prompts where whole rows are compared, else empty strings.
        answer_lengths: int64[n], characters of each answer.
        exact: int64[n], position of the first row that is the same to the letter.
        lessons: `label` and `answer` of each row, as the dataset's texts have them.
    """

    part: Part
    rows: npt.NDArray[np.uint32]
    texts: pl.Series | JoinedTexts
    systems: pl.Series
    answer_lengths: npt.NDArray[np.int64]
    exact: npt.NDArray[np.int64]
    lessons: pl.DataFrame

    @property
    def taught(self) -> pl.Series:
        """String[n], what a row teaches: its label, or its answer without case and outer white space where it has none."""
        return self.lessons.select(pl.coalesce("label", pl.col("answer").str.strip_chars().str.to_lowercase()).alias("taught")).to_series()


def compared_texts(dataset: Dataset, part: Part = "row", *, cancel: Cancel = NEVER, progress: Progress = silent) -> ComparedTexts:
    """The compared part of every readable row, and the classes of rows that are the same to the letter.

    Two whole rows are the same when their texts, roles and labels are, and all other fields that are more than metadata (see `shown_content`).

    Raises:
        CancelledError: When stopped.
    """
    table = dataset.texts(cancel=cancel, progress=progress)
    texts: pl.Series | JoinedTexts
    rows = table["row"].to_numpy()
    if part == "row":
        columns = table.select("prompt", "answer")
        if "rejected" in dataset.layout.roles:
            columns = columns.with_columns(_rejected_texts(dataset, cancel))
        same = _first_positions(table.select("system", "roles", "label").hstack(columns))
        textless = ~columns.select(pl.any_horizontal(pl.all().str.contains(r"\S"))).to_series()
        exact = _split_by_other_fields(dataset, rows, same, textless.to_numpy(), cancel)
        texts, systems = JoinedTexts(columns), table["system"]
    else:
        texts = table[part]
        exact = np.where(
            (table[part] == "").to_numpy(), np.arange(len(rows)), _first_positions(table.select(part))
        )  # a missing part is no copy of another
        systems = pl.repeat("", len(rows), dtype=pl.String, eager=True)
    lengths = table["answer"].str.len_chars().to_numpy().astype(np.int64)
    return ComparedTexts(part, rows, texts, systems, lengths, exact, table.select("label", "answer"))


def _first_positions(table: pl.DataFrame) -> npt.NDArray[np.int64]:
    """For each line the position of the first line with the same values, by 128 bits of hash: grouping by the texts would copy them all."""
    keys = pl.DataFrame({"low": table.hash_rows(seed=0), "high": table.hash_rows(seed=1)}).with_row_index("position")
    first: npt.NDArray[np.int64] = keys.select(pl.col("position").min().over("low", "high")).to_series().to_numpy().astype(np.int64)
    return first


def _rejected_texts(dataset: Dataset, cancel: Cancel) -> pl.Series:
    """The rejected answers of preference rows: two pairs that differ in them alone teach different things."""
    texts = ["\n".join(turn.text for turn in turns.rejected) for batch in dataset.batches(cancel=cancel) for _, _, turns in batch]
    return pl.Series("rejected", texts, dtype=pl.String)


def _split_by_other_fields(
    dataset: Dataset, rows: npt.NDArray[np.uint32], same_texts: npt.NDArray[np.int64], textless: npt.NDArray[np.bool_], cancel: Cancel
) -> npt.NDArray[np.int64]:
    """Splits classes of equal texts by the other fields that a model could be shown, such as tools.

    Records in which the layout finds no text (`textless`) are compared as a whole: they are of another shape, not copies of each other.
    """
    shared = np.bincount(same_texts, minlength=len(rows))[same_texts] > 1
    roles = frozenset(dataset.layout.roles.values())
    exact: npt.NDArray[np.int64] = same_texts.copy()
    first: dict[tuple[int, bytes], int] = {}
    for count, position in enumerate(np.flatnonzero(shared).tolist()):
        if count % 1024 == 0:
            raise_if_cancelled(cancel)
        content = shown_content(dataset.value(int(rows[position])), frozenset() if textless[position] else roles)
        exact[position] = first.setdefault((int(same_texts[position]), content), position)
    return exact


def shown_content(value: Any, known: frozenset[str] = frozenset()) -> bytes:
    """What a record holds besides its texts and metadata, in one canonical form whatever the order of its fields.

    Metadata are short scalars: identifiers, dates, sources, ratings. A list or a long string, such as tools or an image's path list, is content.

    Args:
        value: The parsed record.
        known: Top-level fields that are compared as texts already.
    """
    content = {field: inner for field, inner in value.items() if field not in known} if isinstance(value, Mapping) else value
    content = _without_metadata(content)
    try:
        return orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # lone surrogates, integers beyond 64 bits: rare, and beyond orjson
        return json.dumps(content, default=str, sort_keys=True).encode()


def _without_metadata(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    kept = {field: _without_metadata(inner) for field, inner in value.items() if not _is_metadata(inner)}
    return {field: inner for field, inner in kept.items() if inner != {}}


def _is_metadata(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _LONGEST_METADATA)
