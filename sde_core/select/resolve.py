"""Solving again after one wish has changed: the same rows as solving afresh, and what moved.

A `Solution` is a selection with the pool it was chosen from. It answers what any row would add, and what the next best row was when one was taken;
two of them in a row tell which rows came in and which left, with the gains then and now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress
from sde_core.select.budget import WithinBudget
from sde_core.select.continued import ContinuedDpp, Course
from sde_core.select.dpp import QualityDiversityDpp, quality_offsets
from sde_core.select.protocol import Choice, Pool, Positions, Selection, SelectionParams, Selector, positions_of
from sde_core.select.volume import log_volume_gains, square_root_of_precision, unit_rows

FloatArray = npt.NDArray[np.float64]
Way = Literal["in", "out"]
Cause = Literal["locked", "unlocked", "banned", "ban lifted", "size", "others"]

CONTENDERS = 256
"""Rows of the highest gains in single precision that are compared in double precision for the next best row."""
BLOCK_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Change:
    """How one request differs from the one before.

    Attributes:
        locked: Rows locked now and not before.
        unlocked: Rows locked before and no longer.
        banned: Rows banned now and not before.
        ban_lifted: Rows banned before and no longer.
        requality: How many rows have another quality than before.
        wishes: (name, value before, value now) of every other field of `SelectionParams` that differs, such as ("k", 100, 120).
    """

    locked: tuple[int, ...] = ()
    unlocked: tuple[int, ...] = ()
    banned: tuple[int, ...] = ()
    ban_lifted: tuple[int, ...] = ()
    requality: int = 0
    wishes: tuple[tuple[str, Any, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class RowMove:
    """A row that came into the selection or left it.

    Attributes:
        row: Record position.
        way: "in" or "out".
        rank: Its rank in the selection that holds it, from 1.
        gain_before: What it added before: at its rank where it left, to the whole selection of then where it came in.
        gain_now: What it adds now: at its rank where it came in, to the whole selection of now where it left.
        cause: What was asked of this very row ("locked", "unlocked", "banned", "ban lifted"); "size" where only the number of rows differs;
            "others" where it follows from what other rows add now.
        counterpart: The row most like it among those that moved the other way: it took this row's neighbourhood, or left it; None where none did.
        similarity: Cosine similarity to the counterpart.
    """

    row: int
    way: Way
    rank: int
    gain_before: float
    gain_now: float
    cause: Cause
    counterpart: int | None
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Alternative:
    """The next best row when a row was taken.

    Attributes:
        row: Record position.
        gain: What it would have added in the place of the row that was taken.
    """

    row: int
    gain: float


@dataclass(frozen=True)
class Solution:
    """A selection, what it was chosen from, and how it differs from the one before.

    Attributes:
        selection: The chosen rows with their reasons.
        pool: What they were chosen from.
        change: How the request differed from the one before; None for a first one.
        moves: Rows that came in, then rows that left, by rank.
        kept: How many of the first picks were known to stay as they are, without choosing again.
        course: What the next solution goes on from; None where that has to be solved afresh.
    """

    selection: Selection
    pool: Pool
    change: Change | None = None
    moves: tuple[RowMove, ...] = ()
    kept: int = 0
    course: Course | None = None

    @cached_property
    def chosen(self) -> Positions:
        """Positions of the chosen rows in the pool, in the order of choice."""
        return positions_of(self.pool.rows, self.selection.rows)

    def gain_of(self, rows: tuple[int, ...] | npt.NDArray[np.integer]) -> FloatArray:
        """What each row adds to log det L of all other chosen rows, float64[m]; NaN for a row that is not in the pool.

        Exact to 1e-6, for chosen rows (against the rest of the selection) as for all others (against the whole selection).

        Args:
            rows: Record positions.
        """
        places = positions_of(self.pool.rows, [int(row) for row in rows])
        known = places >= 0
        gains = np.full(len(places), np.nan)
        gains[known] = self._gains(places[known])
        return gains

    def runner_up(self, row: int) -> Alternative | None:
        """The best row that could have been taken at the rank of `row` instead of it; None where there was none, or `row` is not chosen.

        Costs one matrix product over the pool.
        """
        rank = next((rank for rank, chosen in enumerate(self.selection.rows) if chosen == row), None)
        if rank is None:
            return None
        before, params = self.chosen[:rank], self.selection.params
        open_positions = _without(self.pool.open_positions(), self.chosen[: rank + 1])
        rough = self._offsets[open_positions] + _rough_gains(self.pool.vectors, open_positions, before, params.ridge)
        for place in _by_gain(open_positions, rough, self._gains_against(before), self.pool.priority):
            if not _repeats(self.pool.vectors, place, before, params.max_similarity):
                return Alternative(int(self.pool.rows[place]), float(self._gains_against(before)(np.asarray([place]))[0]))
        return None

    @cached_property
    def _offsets(self) -> FloatArray:
        return quality_offsets(self.pool.quality, self.selection.params.balance, self.pool.plain_quality)

    def _gains(self, positions: Positions) -> FloatArray:
        inside = np.isin(positions, self.chosen)
        chosen = unit_rows(self.pool.vectors[self.chosen])
        candidates = unit_rows(self.pool.vectors[positions])
        return self._offsets[positions] + log_volume_gains(chosen, candidates, inside, self.selection.params.ridge)

    def _gains_against(self, chosen: Positions) -> Callable[[Positions], FloatArray]:
        exact, ridge = unit_rows(self.pool.vectors[chosen]), self.selection.params.ridge

        def gains(positions: Positions) -> FloatArray:
            outside = np.zeros(len(positions), dtype=bool)
            return self._offsets[positions] + log_volume_gains(exact, unit_rows(self.pool.vectors[positions]), outside, ridge)

        return gains


class RecordingSelector:
    """A selector that keeps the pool it was given, and goes on from an earlier course where it is the DPP.

    Attributes:
        pool: What was chosen from; None before anything was.

    Args:
        inner: The selector that chooses.
        course: The course to go on from.
    """

    def __init__(self, inner: Selector, course: Course | None) -> None:
        self._inner = inner
        self._dpp: ContinuedDpp | None = None
        if isinstance(inner, WithinBudget) and isinstance(inner.inner, QualityDiversityDpp):
            self._dpp = ContinuedDpp(inner.inner, course)
            self._inner = WithinBudget(self._dpp)
        self.pool: Pool | None = None

    @property
    def name(self) -> str:
        """As `--method` takes it."""
        return self._inner.name

    @property
    def definition(self) -> str:
        """What it chooses, in one sentence."""
        return self._inner.definition

    @property
    def course(self) -> Course | None:
        """The course to go on from another time; None where there is none."""
        return None if self._dpp is None else self._dpp.course

    @property
    def kept(self) -> int:
        """How many picks were known without choosing."""
        return 0 if self._dpp is None else self._dpp.kept

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """What the inner selector chooses."""
        self.pool = pool
        return self._inner.choose(pool, params, cancel, progress)


def resolve(propose: Callable[[Callable[[Selector], Selector]], Selection], before: Solution | None = None) -> Solution:
    """Solves a request, going on from the solution before it.

    The rows are those of solving afresh, whatever was solved before. Without quotas the DPP keeps the first picks that the change cannot have
    touched: all of them for fewer rows, those before the first banned one, those before the first that a row let in or risen in quality beats. A
    change of locked rows, of the balance, of the similarity or of the seed is solved afresh, as every other method is. A solution holds up to
    96 bytes for each row of the pool besides the pool itself.

    Args:
        propose: Calls `sde_core.select.select` with what it is given as `through`.
        before: The last solution; None for a first one. It is left as it is, so that any earlier solution can be gone on from.

    Raises:
        UsageError: When the request cannot be met as it stands.
        CancelledError: When the work was stopped.
    """
    recorders: list[RecordingSelector] = []

    def through(selector: Selector) -> Selector:
        recorders.append(RecordingSelector(selector, None if before is None else before.course))
        return recorders[-1]

    selection = propose(through)
    recorder = recorders[-1]
    if recorder.pool is None:
        raise ValueError("propose did not choose through the selector it was given")
    solution = Solution(selection, recorder.pool, kept=min(recorder.kept, len(selection.picks)), course=recorder.course)
    if before is None or not np.array_equal(before.pool.rows, solution.pool.rows):
        return solution
    change = change_between(before, solution)
    return replace(solution, change=change, moves=moves_between(before, solution, change))


def change_between(before: Solution, now: Solution) -> Change:
    """How two requests differ."""
    asked, asks = before.selection.params, now.selection.params
    apart = {"locked", "banned"}
    wishes = tuple(
        (field.name, getattr(asked, field.name), getattr(asks, field.name))
        for field in fields(SelectionParams)
        if field.name not in apart and getattr(asked, field.name) != getattr(asks, field.name)
    )
    return Change(
        locked=_added(asked.locked, asks.locked),
        unlocked=_added(asks.locked, asked.locked),
        banned=_added(asked.banned, asks.banned),
        ban_lifted=_added(asks.banned, asked.banned),
        requality=int((before.pool.quality != now.pool.quality).sum()),
        wishes=wishes,
    )


def moves_between(before: Solution, now: Solution, change: Change) -> tuple[RowMove, ...]:
    """Rows that came in, then rows that left, by rank."""
    held_before, held_now = set(before.selection.rows), set(now.selection.rows)
    came = tuple(row for row in now.selection.rows if row not in held_before)
    left = tuple(row for row in before.selection.rows if row not in held_now)
    return _moves("in", came, left, now, before, change) + _moves("out", left, came, before, now, change)


def _moves(way: Way, rows: tuple[int, ...], others: tuple[int, ...], holder: Solution, lacker: Solution, change: Change) -> tuple[RowMove, ...]:
    """The moves of `rows`, which `holder` chose and `lacker` did not; `others` moved the other way."""
    picks = {pick.row: (rank, pick.gain) for rank, pick in enumerate(holder.selection.picks, start=1)}
    vectors = (holder.pool.vectors[positions_of(holder.pool.rows, part)] for part in (rows, others))
    found = []
    for row, outside, like in zip(rows, lacker.gain_of(rows).tolist(), _most_alike(*vectors), strict=True):
        rank, inside = picks[row]
        then, now = (outside, inside) if way == "in" else (inside, outside)
        counterpart, similarity = (None, None) if like is None else (others[like[0]], like[1])
        found.append(RowMove(row, way, rank, then, now, _cause(row, way, change), counterpart, similarity))
    return tuple(found)


def _cause(row: int, way: Way, change: Change) -> Cause:
    asked: tuple[tuple[Cause, tuple[int, ...]], ...] = (
        (("locked", change.locked), ("ban lifted", change.ban_lifted)) if way == "in" else (("banned", change.banned), ("unlocked", change.unlocked))
    )
    for cause, rows in asked:
        if row in rows:
            return cause
    only_size = [name for name, _, _ in change.wishes] == ["k"] and not (
        change.locked or change.unlocked or change.banned or change.ban_lifted or change.requality
    )
    return "size" if only_size else "others"


def _most_alike(vectors: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> list[tuple[int, float] | None]:
    """For each vector the index of the most similar of `others` and the cosine similarity; None where there are no others."""
    if not len(others):
        return [None] * len(vectors)
    found: list[tuple[int, float] | None] = []
    for start in range(0, len(vectors), BLOCK_ROWS):
        products = np.round(vectors[start : start + BLOCK_ROWS] @ others.T, 5)
        nearest = products.argmax(axis=1)
        found += [(int(place), float(min(max(row[place], -1.0), 1.0))) for place, row in zip(nearest, products, strict=True)]
    return found


def _added(before: tuple[int, ...], now: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(now) - set(before)))


def _without(positions: Positions, taken: Positions) -> Positions:
    return positions[~np.isin(positions, taken)]


def _rough_gains(vectors: npt.NDArray[np.float32], positions: Positions, chosen: Positions, ridge: float) -> FloatArray:
    """The log s of each of `positions` in single precision."""
    root = square_root_of_precision(unit_rows(vectors[chosen]), ridge).astype(np.float32)
    gains = np.empty(len(positions))
    for start in range(0, len(positions), BLOCK_ROWS):
        projected = vectors[positions[start : start + BLOCK_ROWS]] @ root
        gains[start : start + BLOCK_ROWS] = np.log1p(np.einsum("ij,ij->i", projected, projected).astype(np.float64))
    return np.asarray(gains + np.log(ridge / (1 + ridge)))


def _by_gain(positions: Positions, rough: FloatArray, exact: Callable[[Positions], FloatArray], priority: Positions) -> list[int]:
    """Positions, the highest gain first, equal ones by priority; only the first `CONTENDERS` of them in exact order."""
    order = np.argsort(-rough, kind="stable")
    near = positions[order[:CONTENDERS]]
    near = near[np.lexsort((priority[near], -exact(near).round(9)))]
    return [*map(int, near), *map(int, positions[order[CONTENDERS:]])]


def _repeats(vectors: npt.NDArray[np.float32], position: int, chosen: Positions, max_similarity: float) -> bool:
    return max_similarity < 1 and len(chosen) > 0 and bool((vectors[chosen] @ vectors[position]).max() > max_similarity)
