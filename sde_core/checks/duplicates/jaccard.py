"""Jaccard similarity on the shingle sets themselves: what a candidate pair must pass."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sde_core.checks.duplicates.pairs import ScoredPairs
from sde_core.features.shingles import Shingles
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

_REPORTED_EVERY = 512


def verified_pairs(shingles: Shingles, first: I64, second: I64, floor: float, *, cancel: Cancel = NEVER, progress: Progress = silent) -> ScoredPairs:
    """The candidates whose Jaccard similarity is at least `floor`, with that similarity; progress in pairs.

    Raises:
        CancelledError: When stopped.
    """
    scores = jaccard(shingles, first, second, cancel=cancel, progress=progress)
    similar = scores >= floor
    return ScoredPairs(first[similar], second[similar], scores[similar], floor)


def jaccard(shingles: Shingles, first: I64, second: I64, *, cancel: Cancel = NEVER, progress: Progress = silent) -> F32:
    """float32[p]: |A ∩ B| / |A ∪ B| of the shingle sets of each pair; fastest where equal first positions stand together.

    Raises:
        CancelledError: When stopped.
    """
    positions, renumbered = np.unique(np.concatenate([first, second]), return_inverse=True)
    members, starts = _shingle_sets(shingles, positions)
    left, right = renumbered[: len(first)], renumbered[len(first) :]
    sizes = np.diff(starts)
    shared = np.zeros(len(first), np.int64)
    cuts = [*np.flatnonzero(np.diff(left, prepend=-1)).tolist(), len(left)]
    for count, (begin, end) in enumerate(pairwise(cuts)):
        if count % _REPORTED_EVERY == 0:
            raise_if_cancelled(cancel)
            progress(begin, len(first))
        one = members[starts[left[begin]] : starts[left[begin] + 1]]
        others = right[begin:end]
        shared[begin:end] = _shared_counts(one, members[_ranges(starts[others], sizes[others])], sizes[others])
    progress(len(first), len(first))
    return (shared / np.maximum(sizes[left] + sizes[right] - shared, 1)).astype(np.float32)


def _shared_counts(one: npt.NDArray[np.uint32], others: npt.NDArray[np.uint32], sizes: I64) -> I64:
    """How many members of each of several non-empty sets, one after the other, are in the sorted set `one`."""
    places = np.searchsorted(one, others)
    places[places == len(one)] = 0
    return np.add.reduceat(one[places] == others, np.cumsum(sizes) - sizes, dtype=np.int64)


def _shingle_sets(shingles: Shingles, positions: I64) -> tuple[npt.NDArray[np.uint32], I64]:
    """The shingle sets of some texts, each sorted, one after the other, and where each starts."""
    lengths = np.diff(shingles.starts)[positions]
    hashes = shingles.hashes[_ranges(shingles.starts[positions], lengths)]
    packed = (np.repeat(np.arange(len(positions), dtype=np.uint64), lengths) << np.uint64(32)) | hashes
    packed.sort()
    packed = packed[np.concatenate([np.ones(min(len(packed), 1), bool), packed[1:] != packed[:-1]])]
    starts = np.searchsorted(packed >> np.uint64(32), np.arange(len(positions) + 1, dtype=np.uint64))
    return packed.astype(np.uint32), starts.astype(np.int64)


def _ranges(starts: I64, lengths: I64) -> I64:
    """starts[0], starts[0] + 1, …, then the same for each further range."""
    offsets = np.cumsum(lengths) - lengths
    return np.repeat(starts - offsets, lengths) + np.arange(int(lengths.sum()), dtype=np.int64)
