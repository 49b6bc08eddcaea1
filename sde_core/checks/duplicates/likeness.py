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


@dataclass(frozen=True)
class Likeness:
    """Compares positions.

    Attributes:
        exact: int64[n], first position with the same content.
        normalised: int64[n], first position with the same normalised text.
        comparer: Compares the texts of any two positions.
        near: Verified pairs, sorted by (first, second).
        near_floor: Least similarity of a near-duplicate.
        vectors: float32[n, d] of unit norm, None where there are none.
        semantic_floor: Least cosine of a semantic duplicate.
    """

    exact: I64
    normalised: I64
    comparer: Comparer
    near: ScoredPairs
    near_floor: float
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
            unlike = np.flatnonzero((kinds == NEAR) & (scores < self.near_floor))
            kinds[unlike] = SEMANTIC
            scores[unlike] = np.einsum("ij,ij->i", self.vectors[first[unlike]], self.vectors[second[unlike]])
        floors = np.where(kinds == SEMANTIC, np.float32(self.semantic_floor), np.float32(self.near_floor))
        return kinds, scores, scores >= floors

    def similarity(self, first: I64, second: I64) -> F32:
        """float32[p], from the verified pairs where a pair is among them, else computed; 0 may stand for what is below the floor."""
        low, high = np.minimum(first, second), np.maximum(first, second)
        wanted, known = (low << 32) | high, (self.near.first << 32) | self.near.second
        places = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
        scores = np.zeros(len(first), np.float32)
        found = known[places] == wanted if len(known) else np.zeros(len(first), bool)
        scores[found] = self.near.scores[places[found]]
        missing = np.flatnonzero(~found)
        scores[missing] = self.comparer.similarities(low[missing], high[missing], self.near_floor)
        return scores
