"""SemDeDup (Abbas et al. 2023, arXiv 2303.09540, section 3): inside each cluster of a k-means, rows that repeat another are dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.errors import UsageError
from sde_core.progress import Cancel, Progress, raise_if_cancelled
from sde_core.select.kmeans import Clustering, k_means
from sde_core.select.protocol import KEEP_EASY, KEEP_HARD, KEEP_RANDOM, Choice, Pool, Positions, SelectionParams
from sde_core.select.ranking import by_quality, with_locked
from sde_core.select.volume import unit_rows

ROWS_PER_CLUSTER = 500
BLOCK_ROWS = 1024
FIRST = -1.0
"""The similarity of a row before which there is none in its cluster."""

_KEPT = {KEEP_HARD: "far from the centre first", KEEP_EASY: "near to the centre first", KEEP_RANDOM: "in the seed's order"}


@dataclass(frozen=True, slots=True)
class SemDeDup:
    """What is left when semantic duplicates are dropped."""

    name: str = "semdedup"
    definition: str = "SemDeDup: no near-copies in a cluster, best rows first"
    keeps_quota: bool = True

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Locked rows, then of those that are left the best (or, without quality, a random sample), then the dropped ones that repeat least."""
        allowed = np.flatnonzero(pool.allowed)
        clusters = params.clusters or max(1, round(len(allowed) / ROWS_PER_CLUSTER))
        clustering = k_means(pool.vectors[allowed], clusters, pool.priority[allowed], seed=params.seed, cancel=cancel)
        similarity = np.full(len(pool.rows), FIRST)
        cluster = np.full(len(pool.rows), -1)
        similarity[allowed] = earlier_similarity(pool, allowed, clustering, params.keep, cancel, progress)
        cluster[allowed] = clustering.labels
        left = similarity <= params.max_similarity
        free = pool.open_positions()
        repeats = free[~left[free]]
        ranked = np.concatenate([by_quality(pool, free[left[free]]), repeats[np.lexsort((pool.priority[repeats], similarity[repeats]))]])
        chosen = with_locked(pool, ranked, params.k)
        notes = tuple(_note(float(similarity[p]), int(clustering.sizes[cluster[p]]), params) for p in chosen)
        n_left, n_repeats = int(left[allowed].sum()), int((~left[allowed]).sum())
        return Choice(chosen, notes, _remarks(pool, chosen, left, n_left, n_repeats, params), (("kept", n_left), ("duplicates", n_repeats)))


def earlier_similarity(
    pool: Pool, allowed: Positions, clustering: Clustering, keep: str, cancel: Cancel, progress: Progress
) -> npt.NDArray[np.float64]:
    """The highest cosine similarity of each allowed row to one that comes before it in its cluster, float64[len(allowed)]; `FIRST` for the first.

    Raises:
        UsageError: When `keep` is none of the three orders.
    """
    if keep not in _KEPT:
        raise UsageError(f"SemDeDup cannot keep {keep!r} rows.", f"Use {', '.join(_KEPT)}.")
    rank = {KEEP_HARD: -clustering.distances, KEEP_EASY: clustering.distances, KEEP_RANDOM: np.zeros(len(allowed))}[keep]
    locked = np.isin(allowed, pool.locked)
    order = np.lexsort((pool.priority[allowed], np.round(rank, 9), ~locked, clustering.labels))
    similarity, ends = np.full(len(allowed), FIRST), np.cumsum(clustering.sizes)
    for start, end in zip(ends - clustering.sizes, ends, strict=True):
        raise_if_cancelled(cancel)
        members = order[start:end]
        similarity[members] = highest_before(pool.vectors[allowed[members]])
        progress(int(end), len(allowed))
    return similarity


def highest_before(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """For each vector the highest cosine similarity to one before it, float64[n]; `FIRST` for the first."""
    highest = np.full(len(vectors), FIRST)
    exact = unit_rows(vectors)
    for start in range(0, len(vectors), BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, len(vectors))
        products = vectors[start:stop] @ vectors[:stop].T
        products[np.arange(stop)[None, :] >= np.arange(start, stop)[:, None]] = -np.inf
        # The nearest is found in single precision and its similarity told in double, which no number of threads changes.
        nearest = products.argmax(axis=1)
        highest[start:stop] = np.einsum("ij,ij->i", exact[start:stop], exact[nearest])
    highest[:1] = FIRST
    return highest


def _note(similarity: float, size: int, params: SelectionParams) -> str:
    order = _KEPT[params.keep]
    if similarity <= FIRST:
        return f"First of its cluster of {size:,} rows, {order}"
    if similarity <= params.max_similarity:
        return f"At most {similarity:.2f} like a row before it in its cluster of {size:,} rows, {order}"
    return f"Fills up, though {similarity:.2f} like a row before it in its cluster of {size:,} rows"


def _remarks(pool: Pool, chosen: Positions, left: npt.NDArray[np.bool_], n_left: int, n_repeats: int, params: SelectionParams) -> tuple[str, ...]:
    said = f"SemDeDup at ε = {1 - params.max_similarity:.3g} keeps {n_left:,} rows and drops {n_repeats:,}"
    filled = int((~left[chosen]).sum())
    if filled:
        return (f"{said}; {filled:,} of the dropped ones are in, least similar first or locked.",)
    if len(chosen) == n_left:
        return (f"{said}.",)
    return (f"{said}; of those kept the {'best' if pool.has_quality else 'first drawn'} {len(chosen):,} are taken.",)
