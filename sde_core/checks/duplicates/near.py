"""Near-duplicates among texts, or between two collections of texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from sde_core.checks.duplicates.candidates import candidate_pairs, signatures
from sde_core.checks.duplicates.jaccard import verified_pairs
from sde_core.checks.duplicates.pairs import ScoredPairs
from sde_core.features.shingles import word_shingles
from sde_core.progress import NEVER, Cancel, Progress, silent

Texts = Sequence[str] | pl.Series

NEAR_FLOOR = 0.5


def near_pairs(
    texts: Texts, other_texts: Texts | None = None, *, floor: float = NEAR_FLOOR, cancel: Cancel = NEVER, progress: Progress = silent
) -> ScoredPairs:
    """Pairs of alike texts with a verified similarity of at least `floor`, sorted.

    Texts that are equal after normalising are pairs too, of similarity 1.

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
    joined = [*texts, *(other_texts if other_texts is not None else ())]
    shingles = word_shingles(joined, cancel=cancel, progress=progress)
    sketches = signatures(shingles, cancel=cancel)
    first, second = candidate_pairs(sketches, np.flatnonzero(shingles.n_tokens), floor - 0.15, cancel=cancel)
    if other_texts is not None:
        across = (first < len(texts)) & (second >= len(texts))
        first, second = first[across], second[across]
    pairs = verified_pairs(shingles, first, second, floor, cancel=cancel)
    offset = len(texts) if other_texts is not None else 0
    return ScoredPairs(pairs.first, pairs.second - offset, pairs.scores, floor)
