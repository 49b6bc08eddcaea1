"""Greedy MAP of a quality × diversity determinantal point process.

Kernel L = Diag(e^{αr})·S·Diag(e^{αr}) with α = θ/(2(1 − θ)) (Chen, Zhang, Zhou 2018, "Fast Greedy MAP Inference for DPP", section 5.2),
r the quality brought to a spread of four standard deviations = 1, and S the regularised linear kernel of `sde_core.select.volume`.
The gain of a row is its log d²:

    log det L_{C+i} − log det L_C = 2αr_i + log s(x_i | C).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress
from sde_core.select.lazy_greedy import LazyGreedy, Places
from sde_core.select.protocol import Choice, Pool, Positions, SelectionParams
from sde_core.select.volume import ChosenVolume, GrowingMatrix, unit_rows

QUALITY_SPREAD = 4
"""Standard deviations of quality that weigh 1: then a balance of ½ keeps most of the quality and spreads the rows better than chance would."""

SINGLE_PRECISION_ERROR = 4e-6
"""Error of q in single precision, relative to the q it was last computed from in full."""

REBASE_RATIO = 64
"""q is computed in full again once it has fallen to this part of its base, before the error could hide it."""


def quality_offsets(quality: npt.NDArray[np.float64], balance: float, plain: npt.NDArray[np.float64] | None = None) -> npt.NDArray[np.float64]:
    """2αr, what quality adds to the gain of each row, float64[n]; zeros where all rows are of one quality, and at balance 1, where α is infinite.

    Args:
        quality: float64[n].
        balance: θ.
        plain: Quality before likes and dislikes shifted it (`sde_core.select.leaning`), whose mean and spread are the measure; None for `quality`.
    """
    if balance >= 1 or not len(quality):
        return np.zeros(len(quality))
    measure = quality if plain is None else plain
    deviation = float(measure.std())
    if deviation < 1e-12 and plain is None:
        return np.zeros(len(quality))
    spread = QUALITY_SPREAD * deviation if deviation >= 1e-12 else 1.0
    return np.asarray(balance / (1 - balance) * (quality - measure.mean()) / spread)


def kernel_statement(params: SelectionParams) -> str:
    """The kernel, as the user reads it."""
    similarity = f"S = (XXᵀ + λI)/(1 + λ), λ = {params.ridge:g}, over unit-norm embeddings"
    if params.balance >= 1:
        return f"{similarity}; balance 1 orders by quality, gains are log det S"
    r = f"r = (quality − mean)/({QUALITY_SPREAD} standard deviations)"
    return f"L = Diag(e^(αr))·S·Diag(e^(αr)), {similarity}, {r}, α = θ/(2(1 − θ)), θ = {params.balance:g}"


class DppObjective:
    """log det L of the chosen rows (see `sde_core.select.lazy_greedy.Objective`)."""

    tie_tolerance = 1e-9

    def __init__(self, vectors: npt.NDArray[np.float32], offsets: npt.NDArray[np.float64], ridge: float) -> None:
        self._vectors = vectors
        self._offsets = offsets
        self._volume = ChosenVolume(vectors.shape[1], ridge)
        self._chosen = GrowingMatrix(vectors.shape[1])
        self._spread = (np.einsum("ij,ij->i", vectors, vectors) > 0.5).astype(np.float32) / np.float32(ridge)
        self._base = self._spread.copy()
        self._last_root: tuple[int, npt.NDArray[np.float32]] | None = None

    def chosen_count(self) -> int:
        """How many rows were added."""
        return self._volume.count

    def bounds(self, positions: Positions) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Gains in single precision, less and more what that may have cost."""
        spread = self._spread[positions].astype(np.float64)
        gains = self._offsets[positions] + self._volume.log_novelty(spread)
        error = SINGLE_PRECISION_ERROR * self._base[positions] / (1 + spread)
        return gains - error, gains + error

    def refresh(self, positions: Positions, block: npt.NDArray[np.float32], places: Places, since: int) -> None:
        """Takes into account, in the q of `positions`, the additions from number `since` on."""
        directions = self._volume.directions(since)
        if directions is None:
            self._rebase(positions, _square_sums(block, self._root())[places])
            return
        spread = self._spread[positions] - _square_sums(block, directions.T)[places]
        self._spread[positions] = np.maximum(spread, 0, out=spread)
        low = np.flatnonzero(spread * REBASE_RATIO < self._base[positions]) if len(directions) > 1 else ()
        if len(low):
            self._rebase(positions[low], _square_sums(block[places][low], self._root()))

    def exact(self, positions: Positions) -> npt.NDArray[np.float64]:
        """Present gains in double precision."""
        return np.asarray(self._offsets[positions] + self._volume.log_novelty(self._volume.spread(unit_rows(self._vectors[positions]))))

    def add(self, position: int) -> None:
        """Adds a row to the chosen ones."""
        self._chosen.append(self._vectors[position])
        self._volume.add(unit_rows(self._vectors[position : position + 1])[0])

    def nearest_similarity(self, position: int) -> float:
        """Cosine similarity to the most similar chosen row; -1 where there is none."""
        return float((self._chosen.rows() @ self._vectors[position]).max(initial=-1.0))

    def _rebase(self, positions: Positions, spread: npt.NDArray[np.float32]) -> None:
        self._spread[positions] = spread
        self._base[positions] = spread

    def _root(self) -> npt.NDArray[np.float32]:
        if self._last_root is None or self._last_root[0] != self._volume.count:
            self._last_root = (self._volume.count, self._volume.root())
        return self._last_root[1]


def _square_sums(block: npt.NDArray[np.float32], directions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    projected = block @ directions
    return np.asarray(np.einsum("ij,ij->i", projected, projected))


@dataclass(frozen=True, slots=True)
class QualityDiversityDpp:
    """The default selector."""

    name: str = "dpp"
    definition: str = "good rows that are unlike each other: greedy MAP of a determinantal point process"

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Locked rows first, then whichever row raises log det L most; equal gains in the seed's order.

        The locked rows too stand in the order of their gains, so that locking what was chosen changes nothing.
        """
        if params.balance >= 1:
            return _by_quality(pool, params)
        objective = DppObjective(pool.vectors, quality_offsets(pool.quality, params.balance, pool.plain_quality), params.ridge)
        locked = LazyGreedy(pool.vectors, objective, pool.locked, pool.priority, cancel)
        chosen = list(locked.choose(len(pool.locked), progress, params.k))
        repeats = _repeats_chosen(objective, params.max_similarity)
        greedy = LazyGreedy(pool.vectors, objective, pool.open_positions(), pool.priority, cancel, repeats)
        chosen += greedy.choose(params.k - len(chosen), progress, params.k)
        return Choice(np.asarray(chosen, dtype=np.int64), ("",) * len(chosen))


def _repeats_chosen(objective: DppObjective, max_similarity: float) -> Callable[[int], bool]:
    if max_similarity >= 1:
        return lambda _: False
    return lambda position: objective.nearest_similarity(position) > max_similarity


def _by_quality(pool: Pool, params: SelectionParams) -> Choice:
    free = pool.open_positions()
    ranked = [part[np.lexsort((pool.priority[part], -pool.quality[part]))] for part in (pool.locked, free)]
    chosen = np.concatenate(ranked)[: params.k]
    return Choice(chosen, ("",) * len(chosen))
