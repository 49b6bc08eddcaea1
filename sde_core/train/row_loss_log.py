"""The file of rows' losses that each process of a run appends to: fixed binary records, so that a week of steps is read in a second.

A record is three little-endian 32-bit words. A block is a header (`_HEADER`, step, flags) and a record (row, loss as float32, trained tokens) for
each row of the step. Flags: 1 held-out rows, 2 the first block of an attempt, 4 and up the epoch. The first block of an attempt takes the place of
whatever stands before it and belongs to its step or a later one: steps that a resumed run repeats count once. A torn last record is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

_HEADER = np.uint32(0xFFFFFFFF)
_WORDS = 3
RECORD_BYTES = 4 * _WORDS
"""Bytes that a row, or a header, takes."""
_HELD_OUT, _BEGINS, _EPOCH = 1, 2, 2
_TAIL_BYTES = 1_000_000 * RECORD_BYTES
_MOST_EPOCHS = (1 << 29) - 1
_MOST = (1 << 31) - 1
"""The highest row, and the most tokens of one, that are believed."""


@dataclass(frozen=True, slots=True)
class RowLosses:
    """Losses in the order they were computed; of a step that was repeated after a resume only the last time counts.

    Attributes:
        steps: int32[m], the optimizer step that the loss belongs to, from 1.
        rows: int32[m], record positions at the time of the launch; a row that trains in parts has an entry for each.
        losses: float32[m], mean negative log-likelihood of the trained tokens, in nats.
        tokens: int32[m], how many those are.
        held_out: bool[m], whether the row was only evaluated on.
        epochs: int32[m], the pass over the rows that the step belongs to, from 0.
    """

    steps: np.ndarray
    rows: np.ndarray
    losses: np.ndarray
    tokens: np.ndarray
    held_out: np.ndarray
    epochs: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    def of_step(self, step: int) -> list[tuple[int, float]]:
        """(row, loss) of what trained in a step, each row once, the highest loss first; what is no number comes first of all."""
        inside = np.flatnonzero((self.steps == step) & ~self.held_out)
        rows, places = np.unique(self.rows[inside], return_inverse=True)
        tokens = self.tokens[inside].astype(np.float64)
        sums = np.bincount(places, self.losses[inside] * tokens, len(rows))
        means = sums / np.bincount(places, tokens, len(rows))
        order = np.argsort(np.where(np.isnan(means), -np.inf, -means), kind="stable")
        return [(int(rows[i]), float(means[i])) for i in order]


def row_losses_path(folder: Path, process: int = 0) -> Path:
    """Where a process of a run keeps its rows' losses."""
    return folder / f"row_losses-{process}.bin"


def append_block(
    path: Path, step: int, rows: np.ndarray, losses: np.ndarray, tokens: np.ndarray, *, held_out: bool = False, epoch: int = 0, begins: bool = False
) -> None:
    """Append what the rows of a step cost, in one write.

    Args:
        path: The file, of this process alone.
        step: The optimizer step, from 1.
        rows: int[k], record positions.
        losses: float[k], mean negative log-likelihood of each row's trained tokens.
        tokens: int[k], how many those are; rows without any are left out.
        held_out: Whether the rows were only evaluated on.
        epoch: The pass over the rows, from 0.
        begins: Whether this is the first block of an attempt; a record that a killed process left torn is cut off first.
    """
    trained = np.asarray(tokens) > 0
    block = np.empty((int(trained.sum()) + 1, _WORDS), "<u4")
    flags = held_out * _HELD_OUT + begins * _BEGINS + (min(epoch, _MOST_EPOCHS) << _EPOCH)
    block[0] = _HEADER, step, flags
    block[1:, 0] = np.asarray(rows)[trained]
    block[1:, 1] = np.asarray(losses, "<f4")[trained].view("<u4")
    block[1:, 2] = np.asarray(tokens)[trained]
    with path.open("ab") as file:
        if begins and file.tell() % RECORD_BYTES:
            file.truncate(file.tell() // RECORD_BYTES * RECORD_BYTES)
        file.write(block.tobytes())


def read_row_losses(folder: Path) -> RowLosses:
    """What a run has recorded so far, of all its processes."""
    parts = [_read_file(path) for path in sorted(folder.glob("row_losses-*.bin"))]
    return parts[0] if len(parts) == 1 else _joined(parts)


def last_step_of(folder: Path) -> int:
    """The last step whose rows a run has recorded, 0 where there is none; looks at the end of the file only."""
    path = row_losses_path(folder)
    size = path.stat().st_size // RECORD_BYTES * RECORD_BYTES if path.exists() else 0
    records = np.fromfile(path, "<u4", offset=max(size - _TAIL_BYTES, 0)) if size else np.zeros(0, "<u4")
    records = records[: len(records) // _WORDS * _WORDS].reshape(-1, _WORDS)
    steps = records[records[:, 0] == _HEADER, 1]
    return int(steps[-1]) if len(steps) else 0


def _read_file(path: Path) -> RowLosses:
    words = np.fromfile(path, "<u4")
    records = words[: len(words) // _WORDS * _WORDS].reshape(-1, _WORDS)
    headers = np.flatnonzero(records[:, 0] == _HEADER)
    if not len(headers):
        return _joined([])
    sizes = np.diff(headers, append=len(records)) - 1
    steps, flags = records[headers, 1].astype(np.int32), records[headers, 2]
    standing = _standing(steps, flags)
    kept = np.repeat(standing, sizes)
    entries = np.delete(records[headers[0] :], headers - headers[0], axis=0)
    # A disk that lost power may have left zeros, and a damaged one anything.
    kept &= (entries[:, 2] > 0) & (entries[:, ::2] <= _MOST).all(axis=1)
    entries, sizes = entries[kept] if not kept.all() else entries, sizes
    of_block = np.repeat(np.arange(len(headers), dtype=np.int32), sizes)
    of_block = of_block[kept] if not kept.all() else of_block
    return RowLosses(
        steps[of_block], entries[:, 0].astype(np.int32), np.ascontiguousarray(entries[:, 1]).view("<f4"), entries[:, 2].astype(np.int32),
        (flags & _HELD_OUT > 0)[of_block], (flags >> _EPOCH).astype(np.int32)[of_block],
    )  # fmt: skip


def _standing(steps: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """bool[k]: blocks that no later attempt repeats; an evaluation comes behind its step."""
    moments = steps.astype(np.int64) * 2 + (flags & _HELD_OUT)
    begun = np.where(flags & _BEGINS > 0, moments, np.iinfo(np.int64).max)
    earliest_later = np.append(np.minimum.accumulate(begun[::-1])[::-1][1:], np.iinfo(np.int64).max)
    standing: np.ndarray = moments < earliest_later
    return standing


def _joined(parts: list[RowLosses]) -> RowLosses:
    """By step over all processes, since a row may be in one process's share now and in another's in the next epoch."""
    empty = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(0, bool), np.zeros(0, np.int32))
    names = RowLosses.__slots__
    columns = [np.concatenate([none, *(getattr(part, name) for part in parts)]) for name, none in zip(names, empty, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return RowLosses(*(column[order] for column in columns))
