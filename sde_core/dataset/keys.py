"""Keys that stay with a record when the file is sorted, cut or added to."""

from __future__ import annotations

import numpy as np
import xxhash

from sde_core.dataset.content_cache import ContentCache
from sde_core.dataset.source import Source
from sde_core.progress import Cancel, Progress, raise_if_cancelled

_BATCH = 1024
_ODD = np.uint64(0x9E3779B97F4A7C15)


def kept_keys(cache: ContentCache | None, count: int) -> np.ndarray | None:
    """The keys that an earlier process kept, None where there are none for so many records."""
    kept = cache.read("keys") if cache else None
    keys = np.frombuffer(kept[1][0], np.uint64) if kept else None
    return keys if keys is not None and len(keys) == count else None


def record_keys(source: Source, *, cancel: Cancel, progress: Progress) -> np.ndarray:
    """uint64[n]: XXH3 of each record's bytes, mixed with how many identical records stand before it.

    Raises:
        CancelledError: When stopped.
    """
    hashes = np.empty(len(source), dtype=np.uint64)
    for start in range(0, len(source), _BATCH):
        raise_if_cancelled(cancel)
        source.ensure_whole()
        stop = min(start + _BATCH, len(source))
        hashes[start:stop] = np.fromiter(map(xxhash.xxh3_64_intdigest, source.raws(start, stop)), np.uint64, stop - start)
        progress(stop, len(source))
    keys: np.ndarray = hashes + ordinals(hashes).astype(np.uint64) * _ODD
    return keys


def ordinals(hashes: np.ndarray) -> np.ndarray:
    """int64[n]: how many equal values stand before each one."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    is_first = np.ones(len(hashes), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    positions = np.arange(len(hashes))
    group_starts = np.maximum.accumulate(np.where(is_first, positions, 0))
    counts = np.empty(len(hashes), dtype=np.int64)
    counts[order] = positions - group_starts
    return counts
