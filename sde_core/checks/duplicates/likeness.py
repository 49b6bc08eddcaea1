"""How alike two rows are, whatever pairs were found: needed where a group holds rows that no link joins directly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.checks.duplicates.groups import EXACT, NEAR, NORMALISED, SEMANTIC
from sde_core.checks.duplicates.overlap import Comparer
from sde_core.checks.duplicates.pairs import ScoredPairs

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]


class KnownScores:
    """Similarities of pairs that were compared once: those that were verified, and what keepers were compared with since."""

    def __init__(self, pairs: ScoredPairs) -> None:
        self._known = _packed(pairs.first, pairs.second), pairs.scores

    def similarities(self, first: I64, second: I64, comparer: Comparer, floor: float) -> F32:
        """float32[p], looked up where a pair is known, else computed and kept; 0 may stand for what is below `floor`."""
        wanted = _packed(np.minimum(first, second), np.maximum(first, second))
        keys, known = self._known
        places = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        scores = np.zeros(len(wanted), np.float32)
        found = keys[places] == wanted if len(keys) else np.zeros(len(wanted), bool)
        scores[found] = known[places[found]]
        missing = np.flatnonzero(~found)
        if len(missing):
            scores[missing] = comparer.similarities(wanted[missing] >> 32, wanted[missing] & 0xFFFFFFFF, floor)
            new = missing[np.argsort(wanted[missing])]
            places = np.searchsorted(keys, wanted[new])
            self._known = np.insert(keys, places, wanted[new]), np.insert(known, places, scores[new])
        return scores


def _packed(low: I64, high: I64) -> I64:
    packed: I64 = (low << 32) | high
    return packed


@dataclass(frozen=True)
class Likeness:
    """Compares positions.

    Attributes:
        exact: int64[n], first position with the same content.
        normalised: int64[n], first position with the same normalised text.
        comparer: Compares the texts of any two positions.
        known: Similarities known so far.
        floor: What similarities were verified down to.
        near_least: Least similarity of a near-duplicate, at least `floor`.
        vectors: float32[n, d] of unit norm, None where there are none.
        semantic_floor: Least cosine of a semantic duplicate.
    """

    exact: I64
    normalised: I64
    comparer: Comparer
    known: KnownScores
    floor: float
    near_least: float
    vectors: F32 | None
    semantic_floor: float

    def compared(self, first: I64, second: I64) -> tuple[npt.NDArray[np.uint8], F32, npt.NDArray[np.bool_]]:
        """For each pair the strictest kind that holds (a place in `KINDS`), the similarity, and whether any kind holds."""
        kinds = np.full(len(first), NEAR, np.uint8)
        same = self.normalised[first] == self.normalised[second]
        kinds[same] = NORMALISED
        kinds[self.exact[first] == self.exact[second]] = EXACT
        scores = np.ones(len(first), np.float32)
        differing = np.flatnonzero(kinds == NEAR)
        scores[differing] = self.similarity(self.normalised[first[differing]], self.normalised[second[differing]])
        if self.vectors is not None:
            unlike = np.flatnonzero((kinds == NEAR) & (scores < self.near_least))
            kinds[unlike] = SEMANTIC
            scores[unlike] = np.einsum("ij,ij->i", self.vectors[first[unlike]], self.vectors[second[unlike]])
        floors = np.where(kinds == SEMANTIC, np.float32(self.semantic_floor), np.float32(self.near_least))
        return kinds, scores, scores >= floors

    def similarity(self, first: I64, second: I64) -> F32:
        """float32[p], similarity of each pair; 0 may stand for what is below `floor`."""
        return self.known.similarities(first, second, self.comparer, self.floor)
