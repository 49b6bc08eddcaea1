"""CaR, clustering and ranking (Ge et al. 2024, arXiv 2402.18191, section 3): the best rows of all, and the best row of every cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress, raise_if_cancelled
from sde_core.select.kmeans import BLOCK_ROWS, cluster_count, k_means, on_grid
from sde_core.select.protocol import Choice, Pool, SelectionParams
from sde_core.select.ranking import ordinals, require_quality, with_locked

EXPLAINED_VARIANCE = 0.95


@dataclass(frozen=True, slots=True)
class ClusterAndRank:
    """Quality, with every cluster present."""

    name: str = "car"
    definition: str = "CaR: the best row of each cluster, then the best rows"

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Locked rows, the best row of each cluster by falling quality, then the best of the rest. There are never more clusters than rows wanted.

        Raises:
            UsageError: When no quality was given.
        """
        require_quality(pool, self.name)
        free = pool.open_positions()
        n = params.k - len(pool.locked)
        if not n:
            return Choice(pool.locked, ("",) * len(pool.locked))
        wanted = params.clusters or cluster_count(len(free))
        projected = principal_components(pool.vectors[free], EXPLAINED_VARIANCE, cancel)
        clustering = k_means(projected, min(wanted, n), pool.priority[free], seed=params.seed, cancel=cancel)
        order = np.lexsort((pool.priority[free], -pool.quality[free]))
        best = ordinals(clustering.labels[order]) == 0
        ranked = np.concatenate([order[best], order[~best]])[:n]
        rank_of = np.empty(len(order), dtype=np.int64)
        rank_of[order] = np.arange(1, len(order) + 1)
        notes = [f"Best of cluster {clustering.labels[i] + 1} ({clustering.sizes[clustering.labels[i]]:,} rows), number {rank_of[i]:,} by quality"
                 for i in order[best]]  # fmt: skip
        notes += [f"Number {rank_of[i]:,} by quality among {len(free):,} rows" for i in ranked[int(best.sum()) :]]
        count = len(clustering.sizes)
        asked = f"{wanted:,} were asked for" if params.clusters else f"√(n/2) would be {wanted:,}"
        fewer = f"; {asked}, more than rows are wanted" if wanted > n else ""
        remark = f"CaR: the best row of each of {count:,} clusters{fewer}, and the best {n - count:,} of the others."
        figures = (("clusters", float(count)), ("components", float(projected.shape[1])))
        return Choice(with_locked(pool, free[ranked], params.k), ("",) * len(pool.locked) + tuple(notes), (remark,), figures)


def principal_components(vectors: npt.NDArray[np.float32], share: float, cancel: Cancel) -> npt.NDArray[np.float32]:
    """The vectors along as few principal axes as explain `share` of the variance, float32[n, r], r ≥ 1.

    The covariance is summed over whole numbers (`kmeans.on_grid`), so that it does not depend on the number of threads.
    """
    grid, scale = on_grid(vectors)
    total, products = np.zeros(grid.shape[1]), np.zeros((grid.shape[1], grid.shape[1]))
    for start in range(0, len(grid), BLOCK_ROWS):
        raise_if_cancelled(cancel)
        block = grid[start : start + BLOCK_ROWS].astype(np.float64)
        total += block.sum(axis=0)
        products += block.T @ block
    mean = total / len(grid)
    variances, axes = np.linalg.eigh(products / len(grid) - np.outer(mean, mean))
    variances, axes = np.maximum(variances[::-1], 0), axes[:, ::-1]
    explained = np.cumsum(variances) / max(float(variances.sum()), 1e-300)
    kept = int(np.searchsorted(explained, share - 1e-12)) + 1
    main = axes[:, : min(kept, len(variances))].astype(np.float32)
    return np.asarray((grid - mean.astype(np.float32)) @ main / np.float32(scale))
