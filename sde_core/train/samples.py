"""A run's samples: its rows, encoded, and how they become batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent
from sde_core.train.encode import IGNORED, Encoder
from sde_core.train.preflight import RowCheck, row_check
from sde_core.train.rows import SnapshotRow

_BATCH_ROWS = 512


@dataclass(frozen=True, slots=True)
class Sample:
    """One encoded row, or a part of one: int32[k] ids, int32[k] labels, and where it came from."""

    row: int
    ids: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Samples:
    """All rows of a run that train, by split, and what became of every row."""

    train: list[Sample]
    held_out: list[Sample]
    checks: list[RowCheck]


def row_count(samples: Iterable[Sample]) -> int:
    """Rows that the samples come from."""
    return len({sample.row for sample in samples})


def encode_rows(rows: Iterable[SnapshotRow], encoder: Encoder, *, total: int, cancel: Cancel = NEVER, progress: Progress = silent) -> Samples:
    """Encode a run's rows; those without any loss are left out and reported in `checks`.

    Held-out samples are ordered by length, so that evaluating wastes little on padding.

    Raises:
        CancelledError: When stopped.
    """
    by_split: dict[str, list[Sample]] = {}
    checks: list[RowCheck] = []
    for batch in _batched(rows, _BATCH_ROWS):
        raise_if_cancelled(cancel)
        for row, encoded in zip(batch, encoder.encode_all([row.turns for row in batch]), strict=True):
            checks.append(row_check(row.row, encoded))
            by_split.setdefault(row.split, []).extend(Sample(row.row, encoded.ids[part], encoded.labels[part]) for part in encoded.parts)
        progress(len(checks), total)
    held_out = sorted(by_split.get("held-out", []), key=lambda sample: len(sample.ids))
    return Samples(by_split.get("train", []), held_out, checks)


class Collator:
    """Makes a batch of samples as long as its longest one.

    Args:
        pad_id: What fills up the rest; it is masked and carries no loss.
        multiple: The length is rounded up to a multiple of this, which suits GPUs.
    """

    def __init__(self, pad_id: int, multiple: int = 1) -> None:
        self._pad_id = pad_id
        self._multiple = multiple

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """Tensors int64[b, k]: "input_ids", "attention_mask", "labels"; and int64[b], the "rows" that they are."""
        import torch

        longest = max(len(sample.ids) for sample in samples)
        width = -(-longest // self._multiple) * self._multiple
        ids = np.full((len(samples), width), self._pad_id, dtype=np.int64)
        labels = np.full((len(samples), width), IGNORED, dtype=np.int64)
        mask = np.zeros((len(samples), width), dtype=np.int64)
        for i, sample in enumerate(samples):
            length = len(sample.ids)
            ids[i, :length], labels[i, :length], mask[i, :length] = sample.ids, sample.labels, 1
        rows = np.array([sample.row for sample in samples], dtype=np.int64)
        tensors = {"input_ids": ids, "attention_mask": mask, "labels": labels, "rows": rows}
        return {name: torch.from_numpy(values) for name, values in tensors.items()}


def _batched(rows: Iterable[SnapshotRow], size: int) -> Iterator[list[SnapshotRow]]:
    waiting = iter(rows)
    while batch := list(islice(waiting, size)):
        yield batch
