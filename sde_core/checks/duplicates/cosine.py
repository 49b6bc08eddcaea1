"""Pairs of rows whose embeddings point the same way: exact, block by block, never n by n."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sde_core.checks.duplicates.pairs import ScoredPairs, joined_pairs, no_pairs, strongest_forest
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

I64 = npt.NDArray[np.int64]

_BLOCK = 1024
_MOST_PAIRS = 5_000_000


def cosine_pairs(
    vectors: npt.NDArray[np.float32], eligible: I64, floor: float, *, most: int = _MOST_PAIRS, cancel: Cancel = NEVER, progress: Progress = silent
) -> ScoredPairs:
    """All pairs of eligible positions with a cosine of at least `floor`, sorted; progress in rows.

    Above `most` pairs only the strongest spanning forest is kept, which gives the same groups at every threshold.

    Args:
        vectors: float32[n, d] of unit norm.
        eligible: Positions to pair, ascending.
        floor: Least cosine.
        most: Pairs to hold at most.
        cancel: Looked at between blocks.
        progress: Called between blocks.

    Raises:
        CancelledError: When stopped.
    """
    compared = np.ascontiguousarray(vectors[eligible])
    pairs = no_pairs(floor)
    for start in range(0, len(eligible), _BLOCK):
        rows = compared[start : start + _BLOCK]
        parts = [pairs]
        for other in range(start, len(eligible), _BLOCK):
            raise_if_cancelled(cancel)
            cosines = rows @ compared[other : other + _BLOCK].T
            left, right = np.nonzero(cosines >= floor)
            upper = right + other > left + start
            left, right = left[upper], right[upper]
            parts.append(ScoredPairs(eligible[left + start], eligible[right + other], np.minimum(cosines[left, right], 1), floor))
        pairs = joined_pairs(parts, floor)
        if len(pairs) > most:
            forest = strongest_forest(len(vectors), pairs)
            pairs = ScoredPairs(forest.first, forest.second, forest.scores, floor, complete=False)
        progress(min(start + _BLOCK, len(eligible)), len(eligible))
    order = np.lexsort((pairs.second, pairs.first))
    return ScoredPairs(pairs.first[order], pairs.second[order], pairs.scores[order], floor, pairs.complete)
