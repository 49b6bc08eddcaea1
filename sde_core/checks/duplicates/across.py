"""Near-duplicates between two collections of texts, by the measure that finds them within one."""

from __future__ import annotations

import numpy as np
import polars as pl

from sde_core.checks.duplicates.candidates import candidate_pairs, signatures
from sde_core.checks.duplicates.jaccard import verified_pairs
from sde_core.checks.duplicates.pairs import ScoredPairs
from sde_core.features.shingles import word_shingles
from sde_core.progress import NEVER, Cancel


def near_pairs_across(texts: pl.Series, others: pl.Series, threshold: float, *, cancel: Cancel = NEVER) -> ScoredPairs:
    """Each text that is nearly one of `others`, with the likest of them: `first` counts in `texts`, `second` in `others`.

    Raises:
        CancelledError: When stopped.
    """
    n = len(texts)
    shingles = word_shingles([*texts.to_list(), *others.to_list()], cancel=cancel)
    sketches = signatures(shingles, cancel=cancel)
    first, second = candidate_pairs(sketches, np.flatnonzero(shingles.n_tokens > 0), threshold - 0.15, cancel=cancel)
    between = (first < n) & (second >= n)
    pairs = verified_pairs(shingles, first[between], second[between], threshold, cancel=cancel)
    order = np.lexsort((pairs.second, -pairs.scores, pairs.first))
    _, likest = np.unique(pairs.first[order], return_index=True)
    kept = order[likest]
    return ScoredPairs(pairs.first[kept], pairs.second[kept] - n, pairs.scores[kept], threshold)
