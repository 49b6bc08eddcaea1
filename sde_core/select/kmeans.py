"""k-means (Lloyd 1982) with seeded k-means++ starts (Arthur and Vassilvitskii 2007), the same on any number of threads and in any order of rows.

Vectors are brought to whole numbers of at most 12 bits and a sign, so that every product and every partial sum of a scalar product is a whole
number below 2²⁴, which single precision holds exactly: no order of summation changes it. That moves a cosine similarity by about 10⁻⁴.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import NEVER, Cancel, raise_if_cancelled

GRID = 4000
"""The longest vector is this long on the grid; with its rounding error it stays below 4096, the root of 2²⁴."""
ROUNDS = 50
SETTLED_SHARE = 1e-3
"""Once no larger share of the rows changes its cluster, the rounds end."""
FIT_ROWS_PER_CLUSTER, START_ROWS_PER_CLUSTER = 64, 16
LEAST_ROWS = 4096
BLOCK_ROWS = 8192

Grid = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Clustering:
    """Rows in clusters, the largest cluster first.

    Attributes:
        labels: The cluster of each row, int64[n] from 0.
        centers: float32[c, d], the clusters' means.
        distances: Of each row to its centre, Euclidean, float64[n].
        sizes: int64[c], never 0.
    """

    labels: Labels
    centers: npt.NDArray[np.float32]
    distances: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.int64]


def on_grid(vectors: npt.NDArray[np.floating]) -> tuple[Grid, float]:
    """The vectors as whole numbers, float32[n, d], and what one unit of length has become."""
    longest = max((float(np.sqrt(np.einsum("ij,ij->i", block, block).max())) for block in blocks_of(vectors) if len(block)), default=0.0)
    scale = GRID / longest if longest > 0 else 1.0
    return np.rint(np.asarray(vectors, dtype=np.float32) * np.float32(scale)), scale


def blocks_of(vectors: npt.NDArray[np.floating]) -> Iterator[npt.NDArray[np.floating]]:
    """Consecutive blocks of at most `BLOCK_ROWS` rows, each [b, d]."""
    return (vectors[start : start + BLOCK_ROWS] for start in range(0, len(vectors), BLOCK_ROWS))


def cluster_count(rows: int) -> int:
    """⌊√(rows/2)⌋, at least 1 (Ge et al. 2024, "Clustering and Ranking", section 3.2)."""
    return max(1, int(np.sqrt(rows / 2)))


def k_means(
    vectors: npt.NDArray[np.floating], clusters: int, priority: npt.NDArray[np.int64], *, seed: int = 0, cancel: Cancel = NEVER
) -> Clustering:
    """Clusters of least squared distance, found from one seeded start.

    Args:
        vectors: float[n, d].
        clusters: How many; fewer come back where there are fewer distinct vectors.
        priority: int64[n], a seeded order of the rows that does not depend on where they stand (`seeded_priority`).
        seed: Draws the starting centres.
        cancel: Looked at between rounds.

    Where there are more than `FIT_ROWS_PER_CLUSTER` rows a cluster, centres start and are fitted on the first rows by priority, and then take in all.

    Raises:
        CancelledError: When stopped.
    """
    grid, scale = on_grid(vectors)
    order = np.argsort(priority, kind="stable")
    start, fitted = (grid[order[: max(LEAST_ROWS, rows * clusters)]] for rows in (START_ROWS_PER_CLUSTER, FIT_ROWS_PER_CLUSTER))
    centers = lloyd(fitted, starting_centers(start, clusters, seed, cancel), cancel)
    labels, squares = assigned(grid, centers, cancel)
    return _largest_first(labels, centers / np.float32(scale), np.sqrt(squares) / scale, priority)


def starting_centers(grid: Grid, clusters: int, seed: int, cancel: Cancel = NEVER) -> Grid:
    """k-means++: each centre is a row drawn in proportion to its squared distance to the nearest centre so far."""
    generator = np.random.default_rng(seed)
    lengths = _square_lengths(grid)
    chosen = [int(generator.integers(len(grid)))]
    nearest = np.full(len(grid), np.inf)
    while True:
        raise_if_cancelled(cancel)
        newest = chosen[-1]
        nearest = np.minimum(nearest, lengths - 2.0 * (grid @ grid[newest]) + lengths[newest])
        reach = np.cumsum(nearest)
        if len(chosen) == clusters or reach[-1] <= 0:
            return grid[chosen]
        chosen.append(int(np.searchsorted(reach, generator.random() * reach[-1], side="right").clip(max=len(grid) - 1)))


def lloyd(grid: Grid, centers: Grid, cancel: Cancel = NEVER) -> Grid:
    """Centres moved to the (whole-numbered) means of their rows until the rows have settled, `ROUNDS` times at most."""
    before: Labels | None = None
    for _ in range(ROUNDS):
        labels, squares = assigned(grid, centers, cancel)
        if before is not None and (labels != before).sum() <= len(grid) * SETTLED_SHARE:
            break
        labels = _without_empty(labels, squares, len(centers))
        centers, before = _means(grid, labels, len(centers)), labels
    return centers


def assigned(grid: Grid, centers: Grid, cancel: Cancel = NEVER) -> tuple[Labels, npt.NDArray[np.float64]]:
    """int64[n], the nearest centre of each row, and float64[n], the squared distance to it, both on the grid."""
    labels, squares = np.empty(len(grid), dtype=np.int64), np.empty(len(grid))
    halves = (_square_lengths(centers) / 2).astype(np.float32)
    for start in range(0, len(grid), BLOCK_ROWS):
        raise_if_cancelled(cancel)
        block = slice(start, start + BLOCK_ROWS)
        nearness = grid[block] @ centers.T - halves
        labels[block] = nearness.argmax(axis=1)
        closest = nearness[np.arange(len(nearness)), labels[block]].astype(np.float64)
        squares[block] = np.maximum(_square_lengths(grid[block]) - 2 * closest, 0)
    return labels, squares


def _square_lengths(grid: Grid) -> npt.NDArray[np.float64]:
    return np.asarray(np.einsum("ij,ij->i", grid, grid, dtype=np.float64))


def _means(grid: Grid, labels: Labels, clusters: int) -> Grid:
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(clusters))
    sums = np.add.reduceat(grid[order], starts, axis=0, dtype=np.float64)
    return np.rint(sums / np.bincount(labels, minlength=clusters)[:, None]).astype(np.float32)


def _without_empty(labels: Labels, squares: npt.NDArray[np.float64], clusters: int) -> Labels:
    """Gives each cluster without rows the row that is farthest from its own centre, from a cluster of several rows."""
    sizes = np.bincount(labels, minlength=clusters)
    if sizes.all():
        return labels
    labels, farthest = labels.copy(), iter(np.argsort(-squares, kind="stable"))
    for cluster in np.flatnonzero(sizes == 0):
        row = next(row for row in farthest if sizes[labels[row]] > 1)
        sizes[labels[row]] -= 1
        sizes[cluster] += 1
        labels[row] = cluster
    return labels


def _largest_first(labels: Labels, centers: Grid, distances: npt.NDArray[np.float64], priority: npt.NDArray[np.int64]) -> Clustering:
    sizes = np.bincount(labels, minlength=len(centers))
    first = np.full(len(centers), np.iinfo(np.int64).max)
    np.minimum.at(first, labels, priority)
    order = np.lexsort((first, -sizes))[: int((sizes > 0).sum())]
    place = np.empty(len(centers), dtype=np.int64)
    place[order] = np.arange(len(order))
    return Clustering(place[labels], centers[order], distances, sizes[order])
