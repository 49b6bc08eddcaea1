"""Lazy greedy choice over a shrinking pool (Minoux 1978), in blocks.

For an objective whose gains only fall as rows are chosen, a gain computed earlier is an upper bound. The few rows with the highest bounds are
kept hot: copied side by side and brought up to date after each choice. While the best of them beats the bound of every other row, no other row
is touched; when it does not, the rows whose bound still reaches the hot ones are brought up to date with matrix products over blocks, and the
hot set is drawn anew. The choices are those of plain greedy; only the order of the arithmetic differs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress, raise_if_cancelled
from sde_core.select.processors import ForEach, one_by_one
from sde_core.select.protocol import Positions

HOT_ROWS = 2048
BLOCK_ROWS = 2048
"""Rows in one matrix product: with their products they fit the cache of a core."""
EXACT_ROWS = 2048
"""Most rows that are compared in double precision for one choice; more than that are copies of one another."""

FloatArray = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
Places = Positions | slice
EVERY = slice(None)


class Objective(Protocol):
    """Gains of all rows, kept up to date for some of them, that only fall as rows are chosen.

    Places are indices into the rows that the objective is about: those of the pool, or of a part of it.
    """

    tie_tolerance: float
    """Gains closer than this are equal."""

    def chosen_count(self) -> int:
        """How many rows were added."""
        ...

    def bounds(self, places: Places) -> tuple[FloatArray, FloatArray]:
        """Two float64[p]: lowest and highest gain each place can have had when it was last brought up to date."""
        ...

    def refresh(self, places: Places, block: Vectors, within: Places, since: int) -> None:
        """Brings `places` (whose vectors are `block[within]`) from the state after `since` additions to the present one."""
        ...

    def exact(self, places: Positions) -> FloatArray:
        """float64[p], present gains in double precision."""
        ...

    def add(self, place: int) -> None:
        """Adds a row to the chosen ones."""
        ...

    def part(self, places: Positions, vectors: Vectors) -> Objective:
        """The same objective for these rows alone, whose vectors are `vectors`; what is added to either is added to both."""
        ...

    def take_back(self, places: Positions, part: Objective, within: Places = EVERY) -> None:
        """Keeps what a part knows of its rows `within`, which are `places` here."""
        ...

    def close(self, places: Positions) -> None:
        """Lets the gain of rows be −∞ from now on."""
        ...


class _Hot:
    """The rows with the highest bounds, side by side.

    Attributes:
        positions: Their positions in the pool.
        vectors: float32[h, d].
        gains: The objective for them alone.
        since: How many additions their gains take into account.
        edge: No row outside of them gains more than this.
    """

    def __init__(self, positions: Positions, vectors: Vectors, gains: Objective, edge: float) -> None:
        self.positions = positions
        self.vectors = vectors
        self.gains = gains
        self.since = gains.chosen_count()
        self.edge = edge

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """The bounds of all of them, brought up to date."""
        now = self.gains.chosen_count()
        if self.since < now:
            self.gains.refresh(EVERY, self.vectors, EVERY, self.since)
            self.since = now
        return self.gains.bounds(EVERY)


class LazyGreedy:
    """Chooses one position after the other.

    Attributes:
        only_repeats_since: How many rows were chosen when nothing but repeats was left; None while that is not so.

    Args:
        vectors: float32[n, d].
        objective: May already hold additions (the locked rows).
        open_positions: Positions that may be chosen.
        priority: int64[n]; among equal gains the lowest goes first.
        cancel: Stops the work.
        repeats: Says which rows to pass over while any other is left.
        seen: How many additions the gains of each position take into account, int32[n]; None for none. Written to.
        redrawn: Called with `seen` whenever all gains known are the objective's.
        for_each: How blocks of rows are worked on.
    """

    def __init__(
        self,
        vectors: Vectors,
        objective: Objective,
        open_positions: Positions,
        priority: Positions,
        cancel: Cancel,
        repeats: Callable[[int], bool] = lambda _: False,
        *,
        seen: npt.NDArray[np.int32] | None = None,
        redrawn: Callable[[npt.NDArray[np.int32]], None] = lambda _: None,
        for_each: ForEach = one_by_one,
    ) -> None:
        self._vectors = vectors
        self._objective = objective
        self._priority = priority
        self._cancel = cancel
        self._repeats = repeats
        self._passed_over: list[int] = []
        self._redrawing = redrawn
        self._for_each = for_each
        self.only_repeats_since: int | None = None
        self._seen = np.zeros(len(vectors), dtype=np.int32) if seen is None else seen
        self._bound = np.full(len(vectors), -np.inf)
        self._bound[open_positions] = objective.bounds(open_positions)[1]
        self._open = len(open_positions)
        self._hot: _Hot | None = None
        self._scratch = threading.local()

    def choose(self, n: int, progress: Progress, total: int) -> Iterator[int]:
        """The next `n` positions, fewer where there are no more."""
        for _ in range(n):
            position = self._next()
            if position is None:
                return
            self._objective.add(position)
            yield position
            progress(self._objective.chosen_count(), total)

    def close(self, positions: Positions) -> None:
        """Takes positions out of those that may be chosen."""
        still_open = positions[self._bound[positions] > -np.inf]
        self._bound[still_open] = -np.inf
        self._open -= len(still_open)
        if self._hot is not None:
            self._hot.gains.close(np.flatnonzero(np.isin(self._hot.positions, still_open)))
        closed = set(positions.tolist()) if self._passed_over else ()
        self._passed_over = [position for position in self._passed_over if position not in closed]

    def _next(self) -> int | None:
        while self._open or self._reopened():
            raise_if_cancelled(self._cancel)
            position = self._best()
            if not self._repeats(position):
                return position
            self._passed_over.append(position)
        return None

    def _reopened(self) -> bool:
        """Lets the rows passed over back in once nothing else is left."""
        again = np.asarray(self._passed_over, dtype=np.int64)
        self.only_repeats_since = self._objective.chosen_count() if len(again) else None
        self._passed_over, self._repeats = [], lambda _: False
        self._bound[again] = self._objective.bounds(again)[1]
        self._open, self._hot = len(again), None
        return self._open > 0

    def _best(self) -> int:
        """Takes out the position of the highest gain."""
        hot = self._hot or self._redrawn()
        low, high = hot.bounds()
        if low.max() <= hot.edge:
            hot = self._redrawn()
            low, high = hot.bounds()
        place = self._winner(hot, low, high)
        positions = hot.positions[place]
        self._objective.take_back(positions, hot.gains, place)
        hot.gains.close(place)
        self._bound[positions] = -np.inf
        self._open -= 1
        return int(positions[0])

    def _winner(self, hot: _Hot, low: FloatArray, high: FloatArray) -> Positions:
        """The place of the best row, equal ones by priority; an array of one."""
        contenders = np.flatnonzero(high >= low.max() - self._objective.tie_tolerance)
        if len(contenders) == 1:
            return contenders
        priority = self._priority[hot.positions[contenders]]
        if len(contenders) > EXACT_ROWS:
            first = np.argsort(priority)[:EXACT_ROWS]
            contenders, priority = contenders[first], priority[first]
        gains = hot.gains.exact(contenders)
        equal = np.flatnonzero(gains >= gains.max() - self._objective.tie_tolerance)
        return contenders[equal[[np.argmin(priority[equal])]]]

    def _redrawn(self) -> _Hot:
        """Draws the hot rows anew: afterwards they hold the highest present gains of all."""
        self._redrawing(self.settled())
        size = min(HOT_ROWS, self._open)
        top = _highest(self._bound, min(2 * size, self._open))
        self._bring_up_to_date(top)
        reach = _nth_highest(self._bound[top], size)
        reaching = np.flatnonzero(self._bound >= reach)
        self._bring_up_to_date(reaching)
        bounds = self._bound[reaching]
        high = bounds >= _nth_highest(bounds, size)
        positions, bounds = reaching[high], bounds[high]
        if len(positions) > 2 * size:
            first = np.sort(np.lexsort((self._priority[positions], -bounds.round(4)))[: 2 * size])
            positions, bounds = positions[first], bounds[first]
        return self._heat(positions, bounds)

    def _heat(self, positions: Positions, bounds: FloatArray) -> _Hot:
        self._bound[positions] = -np.inf
        edge = float(self._bound.max())
        self._bound[positions] = bounds
        vectors = self._vectors[positions]
        self._hot = _Hot(positions, vectors, self._objective.part(positions, vectors), edge)
        return self._hot

    def settled(self) -> npt.NDArray[np.int32]:
        """Gives what is known of the hot rows back to the objective; returns how many additions each gain takes into account."""
        if self._hot is not None:
            hot, self._hot = self._hot, None
            self._objective.take_back(hot.positions, hot.gains)
            self._seen[hot.positions] = hot.since
            self._bound[hot.positions] = np.minimum(hot.gains.bounds(EVERY)[1], self._bound[hot.positions])
        return self._seen

    def _bring_up_to_date(self, positions: Positions) -> None:
        now = self._objective.chosen_count()
        stale = positions[self._seen[positions] < now]
        seen = self._seen[stale]
        groups = [np.sort(stale[seen == since]) for since in np.flatnonzero(np.bincount(seen))]
        self._for_each(self._refresh, [group[start : start + BLOCK_ROWS] for group in groups for start in range(0, len(group), BLOCK_ROWS)])
        self._seen[stale] = now

    def _refresh(self, positions: Positions) -> None:
        """Brings positions that were seen at the same time up to date."""
        raise_if_cancelled(self._cancel)
        self._objective.refresh(positions, *self._block(positions), int(self._seen[positions[0]]))
        self._bound[positions] = self._objective.bounds(positions)[1]

    def _block(self, positions: Positions) -> tuple[Vectors, Places]:
        """The vectors of sorted positions: a view with gaps where they are few, since a gather costs as much as the product."""
        first, last = int(positions[0]), int(positions[-1])
        if last - first < 1.5 * len(positions):
            return self._vectors[first : last + 1], EVERY if last - first + 1 == len(positions) else positions - first
        if not hasattr(self._scratch, "gathered"):
            self._scratch.gathered = np.empty((BLOCK_ROWS, self._vectors.shape[1]), dtype=np.float32)
        block: Vectors = self._scratch.gathered[: len(positions)]
        np.take(self._vectors, positions, axis=0, out=block, mode="clip")
        return block, EVERY


def _highest(values: FloatArray, n: int) -> Positions:
    return np.asarray(np.argpartition(values, len(values) - n)[len(values) - n :]) if n < len(values) else np.arange(len(values))


def _nth_highest(values: FloatArray, n: int) -> float:
    return float(np.partition(values, len(values) - n)[len(values) - n]) if n < len(values) else float(values.min(initial=np.inf))
