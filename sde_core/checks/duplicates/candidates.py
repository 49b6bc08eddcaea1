"""Pairs of texts worth verifying: those that share several anchors which few other texts have.

Each anchor has the list of the texts that have it. In a list of at most 16 texts all are paired. A longer list is cut into the lists of the
texts that share their next anchor too; of those that are still too long each text is paired with the next one only, so that a cluster of
hundreds of copies stays one component without millions of pairs. What a whole crowd shares, such as a template, thus makes few candidates.
A pair must be met four times, or less often where a text has few anchors.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import numpy.typing as npt

from sde_core.checks.duplicates.anchors import TextAnchors
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

_LONGEST_LIST = 16
_MOST_MEETINGS = 50_000_000
_SLICE = 1 << 20
_ANCHORS_FOR_ONE_MORE = (5, 9, 14)
_LOW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)


def candidate_pairs(
    anchors: TextAnchors, eligible: Mask, *, side: Mask | None = None, cancel: Cancel = NEVER, progress: Progress = silent
) -> tuple[I64, I64]:
    """Pairs that share enough anchors, each once, sorted; progress in anchors.

    Args:
        anchors: Of all texts.
        eligible: bool[n], texts to pair.
        side: bool[n], where given only texts of different sides are paired.
        cancel: Looked at every million anchors.
        progress: Called every million anchors.

    Raises:
        CancelledError: When stopped.
    """
    kept = eligible[anchors.texts]
    hashes, texts = anchors.hashes[kept], anchors.texts[kept]
    n_anchors = np.bincount(texts, minlength=len(eligible))
    met = np.concatenate([np.empty(0, np.uint64), *(_across(part, side) for part in _meetings(hashes, texts, cancel, progress))])
    met.sort()
    changes = np.flatnonzero(np.concatenate([np.ones(min(len(met), 1), bool), met[1:] != met[:-1]]))
    times = np.diff(np.append(changes, len(met)))
    pairs = met[changes]
    fewer = np.minimum(n_anchors[_first(pairs)], n_anchors[_second(pairs)])
    enough = times >= 1 + np.searchsorted(_ANCHORS_FOR_ONE_MORE, fewer, side="right")
    return _first(pairs[enough]), _second(pairs[enough])


def _across(pairs: U64, side: Mask | None) -> U64:
    return pairs if side is None else pairs[side[_first(pairs)] != side[_second(pairs)]]


def _first(pairs: U64) -> I64:
    first: I64 = (pairs >> _HIGH).astype(np.int64)
    return first


def _second(pairs: U64) -> I64:
    second: I64 = (pairs & _LOW).astype(np.int64)
    return second


def _meetings(hashes: U32, texts: U32, cancel: Cancel, progress: Progress) -> Iterator[U64]:
    """Pairs, first << 32 | second, once for each list in which they meet, twice where they share two neighbouring anchors of a crowd."""
    following = np.where(np.append(texts[1:] == texts[:-1], False)[: len(texts)], np.append(hashes[1:], 0)[: len(hashes)], 0).astype(np.uint32)
    lists = (hashes.astype(np.uint64) << _HIGH) | np.arange(len(hashes), dtype=np.uint64)
    lists.sort()
    longest = _longest_list(lists)
    start = 0
    while start < len(lists):
        raise_if_cancelled(cancel)
        stop = _list_end(lists, min(start + _SLICE, len(lists)))
        keys, places = (lists[start:stop] >> _HIGH), _second(lists[start:stop])
        crowded = yield from _paired(keys, texts[places], longest, times=1)
        crowded = crowded[following[places[crowded]] > 0]
        keys, order = _by_next_anchor(keys[crowded], following[places[crowded]])
        crowd = texts[places[crowded[order]]]
        crowded = yield from _paired(keys, crowd, longest, times=2)
        keys, crowd = keys[crowded], crowd[crowded]
        beside = np.flatnonzero(keys[1:] == keys[:-1])
        yield from [_packed(crowd[beside], crowd[beside + 1])] * 3
        start = stop
        progress(start, len(lists))


def _by_next_anchor(keys: U64, following: U32) -> tuple[U64, I64]:
    """Cuts lists by the next anchor of each text: a number for each new list, ascending, and the order of the entries."""
    lists = np.cumsum(np.diff(keys, prepend=keys[:1]) > 0).astype(np.uint64)
    place_bits = max(len(keys) - 1, 1).bit_length()
    next_bits = min(32, 64 - 2 * place_bits)
    packed = (lists << np.uint64(next_bits)) | (following >> np.uint32(32 - next_bits))
    packed = (packed << np.uint64(place_bits)) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    return packed >> np.uint64(place_bits), (packed & np.uint64((1 << place_bits) - 1)).astype(np.int64)


def _list_end(lists: U64, stop: int) -> int:
    """The end of the list that reaches over `stop`."""
    return stop if stop == len(lists) else int(np.searchsorted(lists, lists[stop - 1] | _LOW, side="right"))


def _longest_list(lists: U64) -> int:
    """How long a list may be for all its texts to be paired: less than usual where that would be more meetings than memory holds."""
    keys = lists >> _HIGH
    sizes = np.diff(np.append(np.flatnonzero(np.concatenate([np.ones(min(len(keys), 1), bool), keys[1:] != keys[:-1]])), len(keys)))
    lists_of_size = np.bincount(sizes[sizes <= _LONGEST_LIST], minlength=_LONGEST_LIST + 1)
    size = np.arange(_LONGEST_LIST + 1)
    fitting = np.flatnonzero(np.cumsum(lists_of_size * size * (size - 1) // 2) <= _MOST_MEETINGS)
    return int(fitting[-1])


def _paired(keys: U64, texts: U32, longest: int, times: int) -> Generator[U64, None, I64]:
    """All pairs within the lists of at most `longest` texts; returns the places of the others."""
    if not len(keys):
        return np.empty(0, np.int64)
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    sizes = np.diff(np.append(starts, len(keys)))
    size = np.repeat(sizes, sizes)
    left_in_list = np.repeat(starts + sizes, sizes) - np.arange(len(keys))
    left_in_list[size > longest] = 0
    for distance in range(1, longest):
        at = np.flatnonzero(left_in_list > distance)
        if not len(at):
            break
        yield from [_packed(texts[at], texts[at + distance])] * times
    return np.flatnonzero(size > longest)


def _packed(first: U32, second: U32) -> U64:
    low, high = np.minimum(first, second).astype(np.uint64), np.maximum(first, second).astype(np.uint64)
    packed: U64 = (low << _HIGH) | high
    return packed
