"""Facility location: f(S) = Σ_i max_{j∈S} s_ij, how well every row is stood for by its nearest chosen one (Nemhauser, Wolsey, Fisher 1978).

Greedy choice reaches at least 1 − 1/e of the best f. Similarities are kept for the nearest neighbours of each row alone: s_ij counts by how far it
exceeds that of the last neighbour kept (or 0), which is again a facility location. Up to `EDGES` pairs all are kept and f is exact. Beyond, rows
get as many neighbours as a chosen row stands for on average, times `NEIGHBOURS_PER_SHARE`, and where that is too many pairs f is summed over a
sample. Gains are whole numbers (see `kmeans.on_grid`) and brought up to date exactly after each choice, so that plain greedy is reached in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress, raise_if_cancelled
from sde_core.select.kmeans import Grid, k_means, on_grid
from sde_core.select.protocol import Choice, Pool, Positions, SelectionParams
from sde_core.select.quotas import filling

EDGES = 8_000_000
NEIGHBOURS_PER_SHARE = 3
LEAST_NEIGHBOURS = 32
COMPARED_IN_FULL = 100_000_000
"""Up to so many pairs every row is compared with every other; beyond, with those of the nearest clusters alone."""
COMPARED_PER_NEIGHBOUR = 4
BLOCK_ROWS = 512


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Similarities of some rows to their nearest.

    Attributes:
        measured: The rows that f is summed over, int64[v].
        indices: Positions of their nearest rows, themselves among them, int32[v, m].
        excess: By how much each similarity exceeds `floor`, whole numbers ≥ 0, float32[v, m].
        floor: The similarity of the last neighbour, or 0 where all rows are neighbours, float32[v].
        unit: What a similarity of 1 is.
    """

    measured: Positions
    indices: npt.NDArray[np.int32]
    excess: npt.NDArray[np.float32]
    floor: npt.NDArray[np.float32]
    unit: float


@dataclass(frozen=True, slots=True)
class FacilityLocation:
    """Rows that stand for all others."""

    name: str = "facility"
    definition: str = "facility location: rows that stand for all the others"
    keeps_quota: bool = True

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Locked rows, then whichever row raises f most, equal ones in the seed's order. Banned rows need not be stood for."""
        allowed = np.flatnonzero(pool.allowed)
        graph = nearest_neighbours(pool, allowed, params, cancel)
        greedy = GreedyCover(graph, pool)
        chosen, stood_for = list(map(int, pool.locked)), [greedy.add(int(position)) for position in pool.locked]
        for position in filling(greedy.choose(params.k - len(chosen), cancel), pool, greedy.close):
            chosen.append(position)
            stood_for.append(greedy.newly_nearest)
            progress(len(chosen), params.k)
        return _choice(np.asarray(chosen, dtype=np.int64), stood_for, greedy, len(allowed))


class GreedyCover:
    """Gains of all rows, exact after every addition.

    Args:
        graph: Who is near to whom.
        pool: Its open positions can be chosen.
    """

    def __init__(self, graph: Neighbours, pool: Pool) -> None:
        self.graph = graph
        self.newly_nearest = 0
        self._n, self._priority = len(pool.rows), pool.priority
        self._gains = np.full(self._n, -1.0)
        free = pool.open_positions()
        self._gains[free] = self._summed(graph.indices, graph.excess)[free]
        self._covered = np.zeros(len(graph.measured), dtype=np.float32)
        by_neighbour = np.argsort(graph.indices, axis=None, kind="stable")
        self._rows = (by_neighbour // graph.indices.shape[1]).astype(np.int32)
        self._excess = graph.excess.ravel()[by_neighbour]
        self._ends = np.cumsum(np.bincount(graph.indices.ravel(), minlength=self._n))

    @property
    def mean_similarity(self) -> float:
        """Of the rows measured to their nearest chosen one; of rows without a chosen neighbour, that to the last neighbour kept."""
        return float((self._covered.astype(np.float64) + self.graph.floor).sum() / (self.graph.unit * max(1, len(self._covered))))

    def choose(self, n: int, cancel: Cancel) -> Iterator[int]:
        """The next `n` positions, each of which `newly_nearest` rows are nearer to than to all before."""
        for _ in range(n):
            raise_if_cancelled(cancel)
            position = self._best()
            self.newly_nearest = self.add(position)
            yield position

    def _best(self) -> int:
        equal = np.flatnonzero(self._gains == self._gains.max())
        return int(equal[np.argmin(self._priority[equal])])

    def close(self, positions: Positions) -> None:
        """Takes positions out of the choice."""
        self._gains[positions] = -1

    def add(self, position: int) -> int:
        """Chooses a row; how many of the rows measured are nearer to it than to all chosen before."""
        end = int(self._ends[position])
        own = slice(int(self._ends[position - 1]) if position else 0, end)
        rows, excess = self._rows[own], self._excess[own]
        nearer = excess > self._covered[rows]
        rows, after = rows[nearer], excess[nearer]
        lost = np.maximum(self.graph.excess[rows] - self._covered[rows, None], 0) - np.maximum(self.graph.excess[rows] - after[:, None], 0)
        open_before = self._gains >= 0
        self._gains -= self._summed(self.graph.indices[rows], lost)
        self._gains[~open_before] = -1
        self._gains[position] = -1
        self._covered[rows] = after
        return len(rows)

    def _summed(self, indices: npt.NDArray[np.int32], values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Whole numbers summed by index: exact in double precision."""
        return np.bincount(indices.ravel(), weights=values.ravel(), minlength=self._n).astype(np.float64, copy=False)


def nearest_neighbours(pool: Pool, allowed: Positions, params: SelectionParams, cancel: Cancel) -> Neighbours:
    """The neighbours of the allowed rows, or of a sample of them; see the module's text."""
    grid, scale = on_grid(pool.vectors[allowed])
    n, unit = len(allowed), scale * scale
    share = -(-n // params.k)
    m = n if n * n <= EDGES else min(n, max(LEAST_NEIGHBOURS, NEIGHBOURS_PER_SHARE * share))
    measured = np.sort(np.argsort(pool.priority[allowed], kind="stable")[: max(1, min(n, EDGES // m))])
    in_full = len(measured) * n <= COMPARED_IN_FULL
    parts = [(measured, np.arange(n))] if in_full else _by_cluster(pool, allowed, measured, m, params.seed, cancel)
    order = np.concatenate([rows for rows, _ in parts])
    indices, similarity = np.empty((len(order), m), dtype=np.int32), np.empty((len(order), m), dtype=np.float32)
    place = 0
    for rows, candidates in parts:
        block = grid[candidates]
        for start in range(0, len(rows), BLOCK_ROWS):
            raise_if_cancelled(cancel)
            some = rows[start : start + BLOCK_ROWS]
            nearest, values = _highest(grid[some] @ block.T, m)
            indices[place : place + len(some)] = allowed[candidates[nearest]]
            similarity[place : place + len(some)] = values
            place += len(some)
    floor = np.zeros(len(order), dtype=np.float32) if m == n else np.maximum(similarity.min(axis=1), 0)
    return Neighbours(allowed[order], indices, np.maximum(similarity - floor[:, None], 0), floor, unit)


def _highest(similarity: Grid, m: int) -> tuple[Positions, Grid]:
    if m == similarity.shape[1]:
        nearest = np.broadcast_to(np.arange(m), similarity.shape)
    else:
        nearest = np.argpartition(similarity, similarity.shape[1] - m, axis=1)[:, similarity.shape[1] - m :]
    return nearest, np.take_along_axis(similarity, nearest, axis=1)


def _by_cluster(pool: Pool, allowed: Positions, measured: Positions, m: int, seed: int, cancel: Cancel) -> list[tuple[Positions, Positions]]:
    """For each cluster its measured rows, and the rows of the clusters around it that they are compared with."""
    clustering = k_means(pool.vectors[allowed], int(np.sqrt(len(allowed))), pool.priority[allowed], seed=seed, cancel=cancel)
    members = np.split(np.argsort(clustering.labels, kind="stable"), np.cumsum(clustering.sizes)[:-1])
    centers, _ = on_grid(clustering.centers)
    lengths = np.einsum("ij,ij->i", centers, centers, dtype=np.float64)
    is_measured = np.zeros(len(allowed), dtype=bool)
    is_measured[measured] = True
    parts = []
    for cluster, rows in enumerate(members):
        own = rows[is_measured[rows]]
        if len(own):
            nearest = np.argsort(lengths - 2.0 * (centers @ centers[cluster]), kind="stable")
            enough = int(np.searchsorted(np.cumsum(clustering.sizes[nearest]), min(COMPARED_PER_NEIGHBOUR * m, len(allowed)))) + 1
            parts.append((own, np.sort(np.concatenate([members[near] for near in nearest[:enough]]))))
    return parts


def _choice(chosen: Positions, stood_for: list[int], greedy: GreedyCover, n: int) -> Choice:
    measured = len(greedy.graph.measured)
    of = f"{measured:,} rows" if measured == n else f"the {measured:,} rows sampled"
    notes = tuple(f"Nearer to {count:,} of {of} than all rows chosen before it" for count in stood_for)
    neighbours = greedy.graph.indices.shape[1]
    exact = "over all rows" if neighbours == n else f"over {measured:,} of {n:,} rows and the {neighbours:,} nearest of each"
    remark = f"Facility location {exact}: mean similarity to the nearest chosen row {greedy.mean_similarity:.3f}."
    figures = (("mean_similarity", greedy.mean_similarity), ("measured_rows", float(measured)), ("neighbours", float(neighbours)))
    return Choice(chosen, notes, (remark,), figures)
