"""Near-duplicates among texts, or between two collections of texts: candidates by shared anchors, each verified token by token."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.checks.duplicates.anchors import TextAnchors, text_anchors
from sde_core.checks.duplicates.candidates import candidate_pairs
from sde_core.checks.duplicates.overlap import Comparer, comparer
from sde_core.checks.duplicates.pairs import ScoredPairs, joined_pairs
from sde_core.features.components import components
from sde_core.features.tokens import Texts, sequence_keys, token_chunks
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

NEAR_FLOOR = 0.5


def part_of(progress: Progress, start: float, stop: float, total: int | None) -> Progress:
    """Reports one stage as its part of `total` rows."""

    def report(done: int, of: int | None) -> None:
        fraction = start + (stop - start) * (done / of if of else 0.0)
        progress(int(fraction * (total or of or 0)), total or of)

    return report


def near_pairs(
    texts: Texts, other_texts: Texts | None = None, *, floor: float = NEAR_FLOOR, cancel: Cancel = NEVER, progress: Progress = silent
) -> ScoredPairs:
    """Pairs of alike texts with a verified similarity (see `overlap`) of at least `floor`, sorted.

    Texts that are equal after normalising have similarity 1. The first of such texts stands for all: each of the others is paired with it, and
    it alone with texts that are merely similar.

    Args:
        texts: Texts to pair, as a list or a String series.
        other_texts: Where given, each pair has one text of `texts` (`first` is its place there) and one of `other_texts` (`second` is its
            place there); else both are of `texts`, `first < second`.
        floor: Least similarity.
        cancel: Looked at often.
        progress: Called with texts done.

    Raises:
        CancelledError: When stopped.
    """
    joined = texts if other_texts is None else _joined(texts, other_texts)
    total = len(joined)
    anchors = text_anchors(joined, cancel=cancel, progress=part_of(progress, 0.0, 0.6, total))
    side = None if other_texts is None else np.arange(total) >= len(texts)
    classes = first_of_equal(anchors.sequence_keys, anchors.n_tokens, side)
    own = np.arange(total)
    distinct = first_of_equal(anchors.sequence_keys, anchors.n_tokens) == own
    comparing = comparer(joined, anchors, distinct)
    verified = verified_pairs(comparing, anchors, classes == own, floor, side=side, cancel=cancel, progress=part_of(progress, 0.6, 1.0, total))
    progress(total, total)
    if side is None:
        equal = np.flatnonzero(classes != own)
        return _sorted(joined_pairs([verified, _certain(classes[equal], equal, floor)], floor))
    found = joined_pairs([verified, _equal_across(anchors, side, floor)], floor)
    return _sorted(ScoredPairs(found.first, found.second - len(texts), found.scores, floor))


def keys_and_tokens(texts: Texts, cancel: Cancel = NEVER, progress: Progress = silent) -> tuple[U64, I64]:
    """For each text a key that is equal where two texts are equal after normalising, and its number of tokens; progress in texts.

    Raises:
        CancelledError: When stopped.
    """
    keys, counts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for chunk in token_chunks(texts):
        raise_if_cancelled(cancel)
        keys.append(sequence_keys(chunk))
        counts.append(chunk.counts)
        progress(chunk.begin + len(chunk.counts), len(texts))
    return np.concatenate(keys), np.concatenate(counts)


def first_of_equal(keys: U64, n_tokens: I64, side: Mask | None = None) -> I64:
    """int64[n], the first text of the same side with the same key; a text without tokens is like no other."""
    told_apart = keys if side is None else keys ^ (side.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    order = np.argsort(told_apart, kind="stable")
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(order), 1), bool), np.diff(told_apart[order]) != 0]))
    classes = np.empty(len(keys), np.int64)
    classes[order] = np.repeat(order[starts], np.diff(np.append(starts, len(order))))
    return np.where(n_tokens > 0, classes, np.arange(len(keys)))


def verified_pairs(
    comparing: Comparer,
    anchors: TextAnchors,
    eligible: Mask,
    floor: float,
    *,
    side: Mask | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> ScoredPairs:
    """The pairs of eligible texts that are similar; progress in texts.

    Each text of a component is also compared with the component's first one, which is the usual keeper.

    Args:
        comparing: Compares any two texts.
        anchors: Of all texts.
        eligible: bool[n], texts to pair.
        floor: Least similarity.
        side: bool[n], where given only texts of different sides are paired.
        cancel: Looked at often.
        progress: Called often.

    Raises:
        CancelledError: When stopped.
    """
    n = len(eligible)
    first, second = candidate_pairs(anchors, eligible & (anchors.n_tokens > 0), side=side, cancel=cancel, progress=part_of(progress, 0.0, 0.3, n))
    pairs = _similar(comparing, first, second, floor, cancel, part_of(progress, 0.3, 0.9, n))
    if side is not None:
        return pairs
    roots = components(n, pairs.first, pairs.second)
    members = np.flatnonzero(roots != np.arange(n))
    known = np.isin((roots[members] << 32) | members, (first << 32) | second, assume_unique=True)
    members = members[~known]
    with_first = _similar(comparing, roots[members], members, floor, cancel, part_of(progress, 0.9, 1.0, n))
    return _sorted(joined_pairs([pairs, with_first], floor))


def _similar(comparing: Comparer, first: I64, second: I64, floor: float, cancel: Cancel, progress: Progress) -> ScoredPairs:
    scores = comparing.similarities(first, second, floor, cancel=cancel, progress=progress)
    similar = scores >= floor
    return ScoredPairs(first[similar], second[similar], scores[similar], floor)


def _equal_across(anchors: TextAnchors, side: Mask, floor: float) -> ScoredPairs:
    """Every text that the other side has too, paired with the first such text there."""
    keys, filled = anchors.sequence_keys, anchors.n_tokens > 0
    pairs = []
    for here in (False, True):
        own, others = np.flatnonzero((side == here) & filled), np.flatnonzero((side != here) & filled)
        order = others[np.argsort(keys[others], kind="stable")]
        places = np.minimum(np.searchsorted(keys[order], keys[own]), max(len(order) - 1, 0))
        found = keys[order[places]] == keys[own] if len(order) else np.zeros(len(own), bool)
        pairs.append(np.stack([own[found], order[places[found]]] if not here else [order[places[found]], own[found]]))
    first, second = np.unique(np.concatenate(pairs, axis=1), axis=1)
    return _certain(first, second, floor)


def _certain(first: I64, second: I64, floor: float) -> ScoredPairs:
    return ScoredPairs(first, second, np.ones(len(first), np.float32), floor)


def _sorted(pairs: ScoredPairs) -> ScoredPairs:
    """In order, each pair once."""
    order = np.lexsort((pairs.second, pairs.first))
    order = order[np.diff((pairs.first[order] << 32) | pairs.second[order], prepend=-1) > 0]
    return ScoredPairs(pairs.first[order], pairs.second[order], pairs.scores[order], pairs.floor, pairs.complete)


def _joined(texts: Texts, others: Texts) -> Texts:
    if isinstance(texts, pl.Series) and isinstance(others, pl.Series):
        return pl.concat([texts.rename("text"), others.rename("text")], rechunk=False)
    return [*texts, *others]
