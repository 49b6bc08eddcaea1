"""Scored pairs, the forest that holds their components together at every threshold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.features.components import components

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs of positions whose similarity has been verified.

    Attributes:
        first: int64[p], the smaller position.
        second: int64[p], the larger position.
        scores: float32[p], similarity of the two, at least `floor`.
        floor: Pairs below it are not kept.
        complete: Whether all pairs found are here; False where only the strongest links were kept to bound the memory.
    """

    first: I64
    second: I64
    scores: F32
    floor: float
    complete: bool = True

    def __len__(self) -> int:
        return len(self.scores)

    def at_least(self, threshold: float) -> ScoredPairs:
        """The pairs with at least this similarity."""
        strong = self.scores >= threshold
        return ScoredPairs(self.first[strong], self.second[strong], self.scores[strong], max(threshold, self.floor), self.complete)


def no_pairs(floor: float) -> ScoredPairs:
    """No pair at all."""
    return ScoredPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32), floor)


def joined_pairs(parts: Iterable[ScoredPairs], floor: float) -> ScoredPairs:
    """All pairs of several parts."""
    parts = [no_pairs(floor), *parts]
    first, second = np.concatenate([part.first for part in parts]), np.concatenate([part.second for part in parts])
    return ScoredPairs(first, second, np.concatenate([part.scores for part in parts]), floor, all(part.complete for part in parts))


def strongest_forest(n: int, pairs: ScoredPairs) -> ScoredPairs:
    """The maximum spanning forest, strongest link first: at any threshold t its links of at least t span the components of all pairs of at least t.

    Borůvka's algorithm: in each round every component takes its strongest link outwards.
    """
    order = np.lexsort((pairs.second, pairs.first, -pairs.scores))
    first, second = pairs.first[order], pairs.second[order]
    taken = np.zeros(len(order), dtype=bool)
    roots = np.arange(n, dtype=np.int64)
    left, right = np.arange(len(order)), np.arange(len(order))
    edges = np.arange(len(order))
    while len(edges):
        left, right = roots[first[edges]], roots[second[edges]]
        open_edges = left != right
        edges, left, right = edges[open_edges], left[open_edges], right[open_edges]
        strongest = np.full(n, len(order), dtype=np.int64)
        np.minimum.at(strongest, left, edges)
        np.minimum.at(strongest, right, edges)
        wanted = np.zeros(len(order), dtype=bool)
        wanted[strongest[strongest < len(order)]] = True
        chosen = np.flatnonzero(wanted)
        taken |= wanted
        roots = components(n, np.concatenate([np.arange(n), first[chosen]]), np.concatenate([roots, second[chosen]]))
    kept = order[taken]
    return ScoredPairs(pairs.first[kept], pairs.second[kept], pairs.scores[kept], pairs.floor, pairs.complete)


def strongest_neighbours(n: int, pairs: ScoredPairs) -> tuple[I64, F32]:
    """For each position the one it is most like (int64[n], -1 where it is in no pair) and how much (float32[n])."""
    neighbours, best = np.full(n, -1, np.int64), np.zeros(n, np.float32)
    order = np.argsort(pairs.scores, kind="stable")
    for one, other in ((pairs.first, pairs.second), (pairs.second, pairs.first)):
        stronger = pairs.scores[order] > best[one[order]]
        neighbours[one[order[stronger]]] = other[order[stronger]]
        best[one[order[stronger]]] = pairs.scores[order[stronger]]
    return neighbours, best
