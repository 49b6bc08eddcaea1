"""Rows with structured targets from a dataset or a file in columns, as mappings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sde_core.dataset import Dataset
from sde_core.design.readers import iob2_rows, with_tagged_spans
from sde_core.errors import InputError
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.visible import visible

COLUMN_SUFFIXES = (".iob2", ".iob", ".bio", ".conll")
"""Files of a token and its tags a line, an empty line after each sentence."""


def is_in_columns(path: str) -> bool:
    """Whether a path names a file in columns."""
    return Path(path).suffix.lower() in COLUMN_SUFFIXES


def column_rows(path: Path, *, limit: int | None = None) -> Iterator[tuple[int, Any]]:
    """(position, {"text", "spans"}) of every sentence of a file in columns.

    Raises:
        InputError: When it cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            yield from enumerate(islice(iob2_rows(file), limit))
    except OSError as error:
        raise InputError(f"{visible(str(path), 200)} cannot be read: {error.strerror or error}.") from error


def dataset_rows(dataset: Dataset, *, limit: int | None = None, cancel: Cancel = NEVER, progress: Progress = silent) -> Iterator[tuple[int, Any]]:
    """(position, parsed row) of every readable record; rows without field names become {"text", "label"},
    and rows of tokens with columns of tags have their "spans" too.

    Args:
        dataset: With the user's edits.
        limit: Rows at most.
        cancel: Looked at between batches.
        progress: In rows.
    """
    dataset.read_all(cancel=cancel)  # until then only the rows of the beginning are counted
    positions = None if limit is None else range(min(limit, len(dataset)))
    for batch in dataset.batches(rows=positions, cancel=cancel, progress=progress):
        for row, value, turns in batch:
            yield row, with_tagged_spans(value) if isinstance(value, dict) else {"text": turns.prompt, "label": turns.label}
