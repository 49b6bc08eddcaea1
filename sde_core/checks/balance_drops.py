"""Which rows to drop so that classes have the shares they should have: what repeats other rows first, or any at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.checks.balance import ClassColumn, Rows
from sde_core.features.embedding import embed_texts
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

DropOrder = Literal["redundant", "random"]

COMPARED = 10_000
"""Of more rows of a class only copies are looked for; the rest goes at random."""
_CHARACTERS_COMPARED = 4000
_BLOCK = 2048
_NONE_LEFT = "the target leaves none of its class"


@dataclass(frozen=True, slots=True)
class RowToDrop:
    """A row that a target has no room for.

    Attributes:
        row: Its position.
        name: Its class; None for a class without a target.
        like: The kept or earlier row that it is like, None where it goes at random.
        likeness: Cosine with that row, 1 for the same text; None where it goes at random.
        why: In words.
    """

    row: int
    name: str | None
    like: int | None
    likeness: float | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; the class is under "class"."""
        shown = asdict(self)
        shown["class"] = shown.pop("name")
        return shown


def rows_to_drop(
    column: ClassColumn,
    quota: Mapping[str | None, int],
    texts: pl.DataFrame,
    *,
    order: DropOrder = "redundant",
    seed: int = 7,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> list[RowToDrop]:
    """As many rows of each class as a plan wants dropped, most dispensable first.

    "redundant" drops copies, then again and again the row that is nearest to one that stays; of two that are near each other the later one.

    Args:
        column: The classes row by row; only its rows are dropped.
        quota: Rows to drop by class, None for all classes without a target, as `DropPlan.drop` has it.
        texts: `Dataset.texts()`.
        order: What goes first.
        seed: Of what goes at random.
        cancel: Looked at between blocks.
        progress: Counts rows chosen.

    Raises:
        CancelledError: When stopped.
    """
    generator = np.random.default_rng(seed)
    chosen: list[RowToDrop] = []
    targeted = [name for name in quota if name is not None]
    wanted = sum(quota.values())
    for name, count in quota.items():
        rows = column.rows_of(name) if name is not None else _other_rows(column, targeted)
        rows = np.setdiff1d(rows, np.array([row.row for row in chosen], np.uint32))
        raise_if_cancelled(cancel)
        if count >= len(rows):
            chosen += [RowToDrop(row, name, None, None, _NONE_LEFT) for row in rows.tolist()]
        elif count > 0:
            found = _redundant(rows, count, texts, cancel) if order == "redundant" else []
            rest = np.setdiff1d(rows, np.array([row for row, _, _ in found], np.uint32))
            picked = np.sort(generator.permutation(rest)[: count - len(found)]).tolist()
            chosen += [RowToDrop(row, name, like, likeness, _why(like, likeness)) for row, like, likeness in found]
            chosen += [RowToDrop(int(row), name, None, None, f"at random, seed {seed}") for row in picked]
        progress(len(chosen), wanted)
    return chosen


def _why(like: int, likeness: float) -> str:
    return f"the same text as row {like:,}" if likeness >= 1 else f"like row {like:,}, cosine {likeness:.2f}"


def _other_rows(column: ClassColumn, targeted: Sequence[str]) -> Rows:
    rows = np.unique(column.rows)
    return np.setdiff1d(rows, np.concatenate([np.empty(0, np.uint32), *(column.rows_of(name) for name in targeted)]))


Found = list[tuple[int, int, float]]


def _redundant(rows: Rows, count: int, texts: pl.DataFrame, cancel: Cancel) -> Found:
    """Up to `count` of (row, the row it is like, likeness); fewer where there are too many rows to compare."""
    frame = pl.DataFrame({"row": rows}).join(texts.select("row", "prompt", "answer"), on="row", how="left", maintain_order="left")
    text = pl.concat_str(pl.col("prompt").fill_null(""), pl.lit("\n"), pl.col("answer").fill_null(""))
    frame = frame.with_columns(text=text, plain=text.str.to_lowercase().str.replace_all(r"\s+", " "))
    copies = frame.with_columns(first=pl.col("row").first().over("plain")).filter(pl.col("first") != pl.col("row"))
    found: Found = [(row, first, 1.0) for row, first in copies.select("row", "first").iter_rows()][:count]
    left = frame.join(copies.select("row"), on="row", how="anti", maintain_order="left")
    if len(found) < count and left.height <= COMPARED:
        vectors = embed_texts(left["text"].str.slice(0, _CHARACTERS_COMPARED).to_list(), cancel=cancel)
        found += _nearest_first(left["row"].to_numpy(), vectors, count - len(found), cancel)
    return found


def _nearest_first(rows: Rows, vectors: npt.NDArray[np.float32], count: int, cancel: Cancel) -> Found:
    """Rows by how near they are to one that stays, in rounds: no row is dropped for one that was dropped in the same round."""
    found: Found = []
    left = np.arange(len(rows))
    while len(found) < count and len(left) > 1:
        nearest, cosine = _nearest(vectors[left], cancel)
        gone = np.zeros(len(left), bool)
        stays = np.zeros(len(left), bool)
        for at in np.lexsort((-left, -cosine)).tolist():
            other = int(nearest[at])
            if len(found) == count:
                break
            if not stays[at] and not gone[other]:
                gone[at], stays[other] = True, True
                found.append((int(rows[left[at]]), int(rows[left[other]]), min(float(cosine[at]), 0.9999)))
        left = left[~gone]
    return found


def _nearest(vectors: npt.NDArray[np.float32], cancel: Cancel) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    nearest, cosine = np.zeros(len(vectors), np.int64), np.zeros(len(vectors), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        raise_if_cancelled(cancel)
        near = vectors[start : start + _BLOCK] @ vectors.T
        near[np.arange(len(near)), np.arange(start, start + len(near))] = -2
        nearest[start : start + len(near)], cosine[start : start + len(near)] = near.argmax(axis=1), near.max(axis=1)
    return nearest, cosine


def drop_reason(field: str, row: RowToDrop) -> str:
    """The reason with which a row is rejected."""
    of_class = f"{field} {row.name}" if row.name is not None else f"other classes of {field}"
    return f"too many of {of_class}: {row.why}"
