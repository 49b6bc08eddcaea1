"""Greedy MAP of a quality × diversity determinantal point process.

Kernel L = Diag(e^{αr})·S·Diag(e^{αr}) with α = θ/(2(1 − θ)) (Chen, Zhang, Zhou 2018, "Fast Greedy MAP Inference for DPP", section 5.2),
r the quality brought to a spread of four standard deviations = 1, and S the regularised linear kernel of `sde_core.select.volume`.
The gain of a row is its log d²:

    log det L_{C+i} − log det L_C = 2αr_i + log s(x_i | C).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress
from sde_core.select.lazy_greedy import EVERY, LazyGreedy, Objective, Places, Vectors
from sde_core.select.processors import ForEach, all_processors
from sde_core.select.protocol import Choice, Pool, Positions, SelectionParams
from sde_core.select.quotas import filling
from sde_core.select.ranking import by_quality, within_quota
from sde_core.select.volume import ChosenVolume, GrowingMatrix, unit_rows

QUALITY_SPREAD = 4
"""Standard deviations of quality that weigh 1: then a balance of ½ keeps most of the quality and spreads the rows better than chance would."""

SINGLE_PRECISION_ERROR = 4e-6
"""Error of q in single precision, relative to the q it was last computed from in full."""

CHECKPOINTS = 8
"""States kept on the way to a solution, so that a later one can go on from the middle: 96 bytes a row in all."""

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
    """log det L of the chosen rows (see `sde_core.select.lazy_greedy.Objective`).

    Args:
        vectors: Of the rows it is about, float32[n, d] of unit norm.
        offsets: What quality adds to the gain of each, float64[n].
        chosen: The rows chosen so far, shared with the parts of this objective.
        spread: The q of each row, float32[n]; None where nothing is chosen. Written to.
        base: The q of each row when it was last computed in full; None for `spread`. Written to.
    """

    tie_tolerance = 1e-9

    def __init__(
        self,
        vectors: Vectors,
        offsets: npt.NDArray[np.float64],
        chosen: ChosenRows,
        spread: Vectors | None = None,
        base: Vectors | None = None,
    ) -> None:
        self._vectors = vectors
        self._offsets = offsets
        self._chosen = chosen
        self._spread = _first_spread(vectors, chosen.volume.ridge) if spread is None else spread
        self._base = self._spread.copy() if base is None else base

    @property
    def spread_and_base(self) -> tuple[Vectors, Vectors]:
        """What is known of each row: its q, and the q it was last computed in full, float32[n] each."""
        return self._spread, self._base

    def chosen_count(self) -> int:
        """How many rows were added."""
        return self._chosen.volume.count

    def bounds(self, places: Places) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Two float64[p]: gains in single precision, less and more what that may have cost."""
        growth = 1 + self._spread[places].astype(np.float64)
        gains = np.log(growth)
        gains += self._offsets[places] + self._chosen.volume.log_floor
        error = SINGLE_PRECISION_ERROR * self._base[places] / growth
        return gains - error, gains + error

    def refresh(self, places: Places, block: Vectors, within: Places, since: int) -> None:
        """Takes into account, in the q of `places`, the additions from number `since` on."""
        directions = self._chosen.directions(since)
        if directions is None:
            self._rebase(places, self._chosen.spread(block)[within])
            return
        spread = self._spread[places]
        spread = np.maximum(spread - self._chosen.square_sums(block, directions)[within], 0)
        self._spread[places] = spread
        if len(directions) > 1:
            self._rebase_the_low(places, block[within], spread)

    def exact(self, places: Positions) -> npt.NDArray[np.float64]:
        """float64[p], present gains in double precision."""
        volume = self._chosen.volume
        return np.asarray(self._offsets[places] + volume.log_novelty(volume.spread(unit_rows(self._vectors[places]))))

    def add(self, place: int) -> None:
        """Adds a row to the chosen ones."""
        self._chosen.add(self._vectors[place])

    def part(self, places: Positions, vectors: Vectors) -> DppObjective:
        """The same objective for these rows alone."""
        return DppObjective(vectors, self._offsets[places], self._chosen, self._spread[places], self._base[places])

    def take_back(self, places: Positions, part: Objective, within: Places = EVERY) -> None:
        """Keeps what a part knows of its rows `within`, which are `places` here."""
        if isinstance(part, DppObjective):
            self._spread[places], self._base[places] = part._spread[within], part._base[within]

    def close(self, places: Positions) -> None:
        """Lets the gain of rows be −∞ from now on."""
        self._offsets[places] = -np.inf

    def nearest_similarity(self, place: int) -> float:
        """Cosine similarity to the most similar chosen row; -1 where there is none."""
        return float((self._chosen.vectors.rows() @ self._vectors[place]).max(initial=-1.0))

    def _rebase_the_low(self, places: Places, block: Vectors, spread: Vectors) -> None:
        """Computes q in full where it has fallen so far below its base that the error could hide it."""
        low = np.flatnonzero(spread * REBASE_RATIO < self._base[places])
        if len(low):
            held = np.arange(len(self._spread))[places] if isinstance(places, slice) else places
            self._rebase(held[low], self._chosen.spread(block[low]))

    def _rebase(self, places: Places, spread: Vectors) -> None:
        self._spread[places] = spread
        self._base[places] = spread


class ChosenRows:
    """What is known of the chosen rows, and the products of others with it in single precision.

    Args:
        dimension: d.
        ridge: λ.
    """

    def __init__(self, dimension: int, ridge: float) -> None:
        self.volume = ChosenVolume(dimension, ridge)
        self.vectors = GrowingMatrix(dimension)
        self._root: tuple[int, Vectors] | None = None
        self._lock = threading.Lock()
        self._scratch = threading.local()

    def add(self, vector: Vectors) -> None:
        """Adds a row of unit norm, float32[d]."""
        self.vectors.extend(vector[None])
        self.volume.add(unit_rows(vector[None])[0])

    def add_all(self, vectors: Vectors) -> None:
        """Adds rows of unit norm, float32[m, d], one after the other."""
        self.vectors.extend(vectors)
        self.volume.add_all(unit_rows(vectors))

    def spread(self, block: Vectors) -> Vectors:
        """The q of each row of `block`, float32[b]."""
        with self._lock:
            if self._root is None or self._root[0] != self.volume.count:
                self._root = (self.volume.count, np.ascontiguousarray(self.volume.root().T))
        return np.asarray(self.square_sums(block, self._root[1]))

    def directions(self, since: int) -> Vectors | None:
        """`ChosenVolume.directions`, which must not be asked while `spread` brings the volume up to date."""
        with self._lock:
            return self.volume.directions(since)

    def square_sums(self, block: Vectors, directions: Vectors) -> Vectors:
        """The squared length of each row of `block` along `directions`, float32[m, d]."""
        if len(directions) == 1:
            along = block @ directions[0]
            return np.asarray(np.multiply(along, along, out=along))
        size = len(block) * len(directions)
        if getattr(self._scratch, "size", 0) < size:
            self._scratch.products, self._scratch.size = np.empty(size, dtype=np.float32), size
        along = np.matmul(block, directions.T, out=self._scratch.products[:size].reshape(len(block), len(directions)))
        return np.asarray(np.einsum("ij,ij->i", along, along))


def _first_spread(vectors: Vectors, ridge: float) -> Vectors:
    """The q of rows while nothing is chosen: 1/λ, and 0 for a row without a direction."""
    directed = np.einsum("ij,ij->i", vectors, vectors) > 0.5
    return np.asarray(directed.astype(np.float32) / np.float32(ridge))


@dataclass(frozen=True, slots=True)
class QualityDiversityDpp:
    """The default selector."""

    name: str = "dpp"
    definition: str = "good rows unlike each other: greedy MAP of a DPP"
    keeps_quota: bool = True

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Locked rows first, then whichever row raises log det L most; equal gains in the seed's order.

        The locked rows too stand in the order of their gains, so that locking what was chosen changes nothing.
        """
        return greedy_map(pool, params, cancel, progress)[0]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was known of all rows when some were chosen; 12 bytes a row.

    Attributes:
        count: How many rows were chosen.
        seen: How many of them the q of each row takes into account, int32[n].
        spread: q, float32[n].
        base: q when it was last computed in full, float32[n].
    """

    count: int
    seen: npt.NDArray[np.int32]
    spread: Vectors
    base: Vectors


class Checkpoints:
    """At most `CHECKPOINTS` checkpoints, spread over the course of a choice.

    Args:
        k: How many rows are to be chosen.
        kept: Earlier ones of the same choice.
    """

    def __init__(self, k: int, kept: tuple[Checkpoint, ...] = ()) -> None:
        self._apart = max(1, k // CHECKPOINTS)
        self.kept = list(kept)

    def keep(self, objective: DppObjective, seen: npt.NDArray[np.int32], *, last: bool = False) -> None:
        """Keeps the present state where it is far enough from the last one kept, or is the last."""
        count = objective.chosen_count()
        since = count - (self.kept[-1].count if self.kept else 0)
        if since >= self._apart or (last and since):
            spread, base = objective.spread_and_base
            self.kept.append(Checkpoint(count, seen.copy(), spread.copy(), base.copy()))
        while len(self.kept) > CHECKPOINTS:
            gaps = np.diff([0, *(checkpoint.count for checkpoint in self.kept)])
            del self.kept[int(np.argmin(gaps[:-1]))]


@dataclass(frozen=True, slots=True)
class Begun:
    """The first picks of a choice that are known already.

    Attributes:
        positions: In order, the locked ones first and all of them among these, int64[m].
        checkpoints: States on the way to them, the earliest first.
        only_repeats_since: See `LazyGreedy`.
    """

    positions: Positions
    checkpoints: tuple[Checkpoint, ...]
    only_repeats_since: int | None


def greedy_map(
    pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress, begun: Begun | None = None, *, remember: bool = False
) -> tuple[Choice, Begun | None]:
    """The rows of `QualityDiversityDpp.choose`.

    Args:
        pool: What is chosen from.
        params: What is asked.
        cancel: Stops the work.
        progress: In rows chosen.
        begun: Picks to go on from, which must be the first picks of this very choice.
        remember: Whether to keep checkpoints.

    Returns:
        The choice, and what to go on from another time; None where quality alone orders the rows.
    """
    if params.balance >= 1:
        return _by_quality(pool, params), None
    with all_processors() as for_each:
        run = _Run(pool, params, begun, cancel, for_each)
        choose_locked = iter(()) if begun is not None else run.greedy(pool.locked).choose(len(pool.locked), progress, params.k)
        chosen = [*(() if begun is None else begun.positions.tolist()), *choose_locked]
        greedy = run.greedy(_left(pool, chosen), from_state=True, remember=remember)
        chosen += filling(greedy.choose(params.k - len(chosen), progress, params.k), pool, greedy.close)
        if remember:
            run.checkpoints.keep(run.objective, greedy.settled(), last=True)
    positions = np.asarray(chosen, dtype=np.int64)
    since = run.only_repeats_since if run.only_repeats_since is not None else greedy.only_repeats_since
    return Choice(positions, ("",) * len(chosen)), Begun(positions, tuple(run.checkpoints.kept), since)


class _Run:
    """One choice from its start, or from the last state on the way of one begun."""

    def __init__(self, pool: Pool, params: SelectionParams, begun: Begun | None, cancel: Cancel, for_each: ForEach) -> None:
        self._pool, self._cancel, self._for_each = pool, cancel, for_each
        self._state = begun.checkpoints[-1] if begun is not None and begun.checkpoints else None
        self.only_repeats_since = None if begun is None else begun.only_repeats_since
        self._max_similarity = params.max_similarity if self.only_repeats_since is None else 1.0
        self.checkpoints = Checkpoints(params.k, () if begun is None else begun.checkpoints)
        chosen = ChosenRows(pool.vectors.shape[1], params.ridge)
        if begun is not None:
            chosen.add_all(pool.vectors[begun.positions])
        known = (None, None) if self._state is None else (self._state.spread.copy(), self._state.base.copy())
        offsets = quality_offsets(pool.quality, params.balance, pool.plain_quality)
        self.objective = DppObjective(pool.vectors, offsets, chosen, *known)

    def greedy(self, positions: Positions, *, from_state: bool = False, remember: bool = False) -> LazyGreedy:
        """Chooses among these positions; only `from_state` are repeats passed over."""
        repeats = _repeats_chosen(self.objective, self._max_similarity if from_state else 1.0)
        return LazyGreedy(
            self._pool.vectors, self.objective, positions, self._pool.priority, self._cancel, repeats,
            seen=self._state.seen.copy() if from_state and self._state is not None else None,
            redrawn=self._keep if remember else lambda _: None,
            for_each=self._for_each,
        )  # fmt: skip

    def _keep(self, seen: npt.NDArray[np.int32]) -> None:
        self.checkpoints.keep(self.objective, seen)


def _left(pool: Pool, chosen: list[int]) -> Positions:
    left = pool.allowed.copy()
    left[pool.locked] = left[chosen] = False
    return np.flatnonzero(left)


def _repeats_chosen(objective: DppObjective, max_similarity: float) -> Callable[[int], bool]:
    if max_similarity >= 1:
        return lambda _: False
    return lambda position: objective.nearest_similarity(position) > max_similarity


def _by_quality(pool: Pool, params: SelectionParams) -> Choice:
    free = pool.open_positions()
    locked, ranked = (by_quality(pool, part) for part in (pool.locked, free))
    chosen = np.concatenate([locked, within_quota(pool, locked, ranked)])[: params.k]
    return Choice(chosen, ("",) * len(chosen))
