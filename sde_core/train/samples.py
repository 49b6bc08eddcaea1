"""A run's samples: its rows, encoded, and how they become batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent
from sde_core.train.encode import IGNORED, Encoder
from sde_core.train.packing import best_fit_decreasing
from sde_core.train.row_check import RowCheck, row_check
from sde_core.train.rows import HELD_OUT, TRAIN, SnapshotRow

_BATCH_ROWS = 512


@dataclass(frozen=True, slots=True)
class Sample:
    """One encoded row, or a part of one: int32[k] ids, int32[k] labels, and where it came from."""

    row: int
    ids: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        """Tokens."""
        return len(self.ids)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Itself: the samples of one sequence."""
        return (self,)


@dataclass(frozen=True, slots=True)
class Pack:
    """Samples that share one sequence; none of them sees another."""

    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        """Tokens."""
        return sum(map(len, self.samples))


NO_ROW = -1
"""The row of a sample that belongs to none."""


def blank_sample(pad_id: int) -> Sample:
    """A sample of one token that carries no loss: it fills up a batch that several processes share.

    Args:
        pad_id: The padding token.
    """
    return Sample(NO_ROW, np.array([pad_id], dtype=np.int32), np.array([IGNORED], dtype=np.int32))


Sequenced = Sample | Pack
"""What one line of a batch holds."""


@dataclass(frozen=True)
class Samples:
    """All rows of a run that train, by split, and what became of every row.

    Attributes:
        train: What the run trains on, in the order of the rows, or packed where the recipe says so.
        held_out: What it is evaluated on, never packed, the shortest first.
        checks: Every row's contribution.
        in_order: Whether the run takes `train` as it stands instead of drawing an order from its seed.
    """

    train: Sequence[Sequenced]
    held_out: Sequence[Sample]
    checks: list[RowCheck]
    in_order: bool = False


def row_count(sequences: Iterable[Sequenced]) -> int:
    """Rows that the samples come from."""
    return len({sample.row for sequence in sequences for sample in sequence.samples})


def encode_rows(rows: Iterable[SnapshotRow], encoder: Encoder, *, total: int, cancel: Cancel = NEVER, progress: Progress = silent) -> Samples:
    """Encode a run's rows; those without any loss are left out and reported in `checks`.

    Held-out samples are ordered by length, so that evaluating wastes little on padding.

    Args:
        rows: Of the run.
        encoder: How they become tokens.
        total: How many there are, for the progress.
        cancel: Looked at between batches of rows.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    by_split: dict[str, list[Sample]] = {TRAIN: [], HELD_OUT: []}
    checks: list[RowCheck] = []
    for batch in _batched(rows, _BATCH_ROWS):
        raise_if_cancelled(cancel)
        for row, encoded in zip(batch, encoder.encode_tokens([row.turns for row in batch]), strict=True):
            checks.append(row_check(row.row, encoded))
            by_split[row.split] += [Sample(row.row, encoded.ids[part], encoded.labels[part]) for part in encoded.parts]
        progress(len(checks), total)
    encoder.save()
    train: Sequence[Sequenced] = by_split[TRAIN]
    if encoder.recipe.packing:
        train = packed(by_split[TRAIN], encoder.max_length)
    return Samples(train, sorted(by_split[HELD_OUT], key=len), checks)


def packed(samples: Sequence[Sample], max_length: int) -> list[Pack]:
    """The samples in as few sequences of at most `max_length` tokens as best-fit decreasing finds."""
    return [Pack(tuple(samples[i] for i in chosen)) for chosen in best_fit_decreasing([len(sample) for sample in samples], max_length)]


class Collator:
    """Makes a batch of sequences as long as its longest one.

    Args:
        pad_id: What fills up the rest; it is masked and carries no loss.
        multiple: The length is rounded up to a multiple of this, which suits GPUs.
        flat: Whether packed sequences are laid end to end into one, without any padding: what flash attention wants.
    """

    def __init__(self, pad_id: int, multiple: int = 1, *, flat: bool = False) -> None:
        self._pad_id = pad_id
        self._multiple = multiple
        self._flat = flat

    def __call__(self, sequences: Sequence[Sequenced]) -> dict[str, Any]:
        """Tensors of a batch.

        Returns:
            int64[b, k] "input_ids", "attention_mask" and "labels", and int64[s], the "rows" that its samples are (s is b where nothing is packed).
            Packed batches also have int64[b, k] "position_ids", which start again with every sample, and "segments": the sample that a token is of.
        """
        import torch

        packs = any(isinstance(sequence, Pack) for sequence in sequences)
        lines = [sequence.samples for sequence in sequences]
        if packs and self._flat:
            lines = [tuple(sample for line in lines for sample in line)]
        tensors = self._filled(lines)
        if packs:
            tensors |= _positions(lines, tensors["input_ids"].shape[1])
        return {name: torch.from_numpy(values) for name, values in tensors.items()}

    def _filled(self, lines: Sequence[Sequence[Sample]]) -> dict[str, np.ndarray]:
        longest = max(sum(map(len, line)) for line in lines)
        width = longest if len(lines) == 1 and self._flat else -(-longest // self._multiple) * self._multiple
        ids = np.full((len(lines), width), self._pad_id, dtype=np.int64)
        labels = np.full((len(lines), width), IGNORED, dtype=np.int64)
        mask = np.zeros((len(lines), width), dtype=np.int64)
        for i, line in enumerate(lines):
            length = sum(map(len, line))
            ids[i, :length], labels[i, :length] = np.concatenate([one.ids for one in line]), np.concatenate([one.labels for one in line])
            mask[i, :length] = 1
        rows = np.array([sample.row for line in lines for sample in line], dtype=np.int64)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels, "rows": rows}


def _positions(lines: Sequence[Sequence[Sample]], width: int) -> dict[str, np.ndarray]:
    """Where in its sample each token stands, and which sample of the batch that is; padding is a sample of its own that carries no loss."""
    positions = np.zeros((len(lines), width), dtype=np.int64)
    segments = np.zeros((len(lines), width), dtype=np.int64)
    first = 0
    for i, line in enumerate(lines):
        lengths = [len(sample) for sample in line]
        filled = sum(lengths)
        positions[i] = np.concatenate([np.arange(span) for span in (*lengths, width - filled)])
        segments[i, :filled] = np.repeat(np.arange(first, first + len(line)), lengths)
        first += len(line)
    return {"position_ids": positions, "segments": segments}


def _batched(rows: Iterable[SnapshotRow], size: int) -> Iterator[list[SnapshotRow]]:
    waiting = iter(rows)
    while batch := list(islice(waiting, size)):
        yield batch
