"""Lazy greedy choice over a shrinking pool (Minoux 1978), in blocks.

For an objective whose gains only fall as rows are chosen, a gain computed earlier is an upper bound. The few rows with the highest bounds are
kept hot: copied side by side and brought up to date after each choice. While the best of them beats the bound of every other row, no other row
is touched; when it does not, the rows whose bound still reaches the hot ones are brought up to date with matrix products over blocks, and the
hot set is drawn anew. The choices are those of plain greedy; only the order of the arithmetic differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress, raise_if_cancelled
from sde_core.select.protocol import Positions

HOT_ROWS = 1536
BLOCK_ROWS = 8192
EXACT_ROWS = 2048
"""Most rows that are compared in double precision for one choice; more than that are copies of one another."""

FloatArray = npt.NDArray[np.float64]
Places = Positions | slice
EVERY = slice(None)


class Objective(Protocol):
    """Gains of all rows, kept up to date for some of them, that only fall as rows are chosen."""

    tie_tolerance: float
    """Gains closer than this are equal."""

    def chosen_count(self) -> int:
        """How many rows were added."""
        ...

    def bounds(self, positions: Positions) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest gain each position can have had when it was last brought up to date."""
        ...

    def refresh(self, positions: Positions, block: npt.NDArray[np.float32], places: Places, since: int) -> None:
        """Brings `positions` (whose vectors are `block[places]`) from the state after `since` additions to the present one."""
        ...

    def exact(self, positions: Positions) -> FloatArray:
        """Present gains in double precision."""
        ...

    def add(self, position: int) -> None:
        """Adds a row to the chosen ones."""
        ...


class LazyGreedy:
    """Chooses one position after the other.

    Args:
        vectors: float32[n, d].
        objective: May already hold additions (the locked rows).
        open_positions: Positions that may be chosen.
        priority: int64[n]; among equal gains the lowest goes first.
        cancel: Stops the work.
        repeats: Says which rows to pass over while any other is left.
    """

    def __init__(
        self,
        vectors: npt.NDArray[np.float32],
        objective: Objective,
        open_positions: Positions,
        priority: Positions,
        cancel: Cancel,
        repeats: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._vectors = vectors
        self._objective = objective
        self._priority = priority
        self._cancel = cancel
        self._repeats = repeats
        self._passed_over: list[int] = []
        self._seen = np.zeros(len(vectors), dtype=np.int32)
        self._bound = np.full(len(vectors), -np.inf)
        self._bound[open_positions] = objective.bounds(open_positions)[1]
        self._open = len(open_positions)
        self._hot: Positions = np.empty(0, dtype=np.int64)
        self._hot_vectors = vectors[:0]
        self._cold_bound = np.inf

    def choose(self, n: int, progress: Progress, total: int) -> Iterator[int]:
        """The next `n` positions, fewer where there are no more."""
        for _ in range(n):
            position = self._next()
            if position is None:
                return
            self._objective.add(position)
            yield position
            progress(self._objective.chosen_count(), total)

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
        self._passed_over, self._repeats = [], lambda _: False
        self._bound[again] = self._objective.bounds(again)[1]
        self._open, self._cold_bound = len(again), np.inf
        return self._open > 0

    def _best(self) -> int:
        """Takes out the position of the highest gain."""
        self._warm()
        low, high = self._objective.bounds(self._hot)
        if not len(self._hot) or low.max() <= self._cold_bound:
            self._redraw_hot()
            low, high = self._objective.bounds(self._hot)
        place = self._winner(np.flatnonzero(high >= low.max()))
        position = int(self._hot[place])
        self._remove(place)
        return position

    def _warm(self) -> None:
        since = int(self._seen[self._hot[0]]) if len(self._hot) else 0
        now = self._objective.chosen_count()
        if len(self._hot) and since < now:
            self._objective.refresh(self._hot, self._hot_vectors, EVERY, since)
            self._seen[self._hot] = now

    def _winner(self, contenders: Positions) -> int:
        """The place in the hot set of the best contender, equal ones by priority."""
        if len(contenders) > EXACT_ROWS:
            contenders = contenders[np.argsort(self._priority[self._hot[contenders]])[:EXACT_ROWS]]
        positions = self._hot[contenders]
        gains = self._objective.exact(positions)
        equal = np.flatnonzero(gains >= gains.max() - self._objective.tie_tolerance)
        return int(contenders[equal[np.argmin(self._priority[positions[equal]])]])

    def _remove(self, place: int) -> None:
        """Takes the chosen row out of the hot set, the last hot row filling its place."""
        position, last = int(self._hot[place]), len(self._hot) - 1
        self._bound[position] = -np.inf
        self._open -= 1
        self._hot[place] = self._hot[last]
        self._hot_vectors[place] = self._hot_vectors[last]
        self._hot, self._hot_vectors = self._hot[:last], self._hot_vectors[:last]

    def _redraw_hot(self) -> None:
        """Draws the hot rows anew: afterwards they hold the highest present gains of all."""
        self._bound[self._hot] = self._objective.bounds(self._hot)[1]
        size = min(HOT_ROWS, self._open)
        self._bring_up_to_date(_highest(self._bound, min(2 * size, self._open)))
        fresh = np.flatnonzero((self._seen == self._objective.chosen_count()) & (self._bound > -np.inf))
        reach = _nth_highest(self._bound[fresh], size)
        self._bring_up_to_date(np.flatnonzero(self._bound >= reach))
        reach = _nth_highest(self._bound[self._bound >= reach], size)
        hot = np.flatnonzero(self._bound >= reach)
        if len(hot) > 2 * size:
            hot = hot[np.lexsort((self._priority[hot], -self._bound[hot].round(4)))[: 2 * size]]
        self._hot = hot
        self._hot_vectors = self._vectors[hot]
        hidden = self._bound[hot]
        self._bound[hot] = -np.inf
        self._cold_bound = float(self._bound.max())
        self._bound[hot] = hidden

    def _bring_up_to_date(self, positions: Positions) -> None:
        now = self._objective.chosen_count()
        stale = positions[self._seen[positions] < now]
        for since in np.flatnonzero(np.bincount(self._seen[stale])):
            group = np.sort(stale[self._seen[stale] == since])
            for start in range(0, len(group), BLOCK_ROWS):
                raise_if_cancelled(self._cancel)
                part = group[start : start + BLOCK_ROWS]
                self._objective.refresh(part, *self._block(part), int(since))
                self._bound[part] = self._objective.bounds(part)[1]
        self._seen[stale] = now

    def _block(self, positions: Positions) -> tuple[npt.NDArray[np.float32], Places]:
        """The vectors of sorted positions: a view with gaps where they are few, since a gather costs as much as the product."""
        first, last = int(positions[0]), int(positions[-1])
        if last - first < 1.5 * len(positions):
            return self._vectors[first : last + 1], EVERY if last - first + 1 == len(positions) else positions - first
        return self._vectors[positions], EVERY


def _highest(values: FloatArray, n: int) -> Positions:
    return np.asarray(np.argpartition(values, len(values) - n)[len(values) - n :]) if n < len(values) else np.arange(len(values))


def _nth_highest(values: FloatArray, n: int) -> float:
    return float(np.partition(values, len(values) - n)[len(values) - n]) if n < len(values) else float(values.min(initial=np.inf))
