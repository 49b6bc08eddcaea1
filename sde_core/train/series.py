"""Values by step in a bounded number of buckets: ten million steps take the memory, and the time to draw, of two thousand."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

BUCKETS = 2048
"""At most so many buckets; with more steps each bucket holds twice as many."""
_KEPT_ENDS = 10
"""So many values at either end are kept one by one."""
_BESIDE = 10
_COLUMNS = ("_count", "_missing", "_top", "_total", "_low", "_high")


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of a series that hold anything, in the order of their steps.

    Attributes:
        step: float64[k], the middle of the steps that the bucket covers.
        low, high, mean: float64[k] of its values, NaN where it has none.
        count: int64[k] values.
        missing: int64[k] steps that were reported without a number.
        top: int64[k], the step of the highest value.
    """

    step: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    count: np.ndarray
    missing: np.ndarray
    top: np.ndarray


class Series:
    """Values by step from 0 on: lowest, highest, sum, number and the step of the highest are exact in every bucket of `width` steps.

    Attributes:
        width: Steps of a bucket, a power of two; 1 up to `BUCKETS` steps.
        count: Values so far.
        latest: The last value.
        last_step: The highest step seen, -1 where there is none.
    """

    def __init__(self) -> None:
        self.width = 1
        self.count = 0
        self.latest: float | None = None
        self.last_step = -1
        self._count, self._missing, self._top = (np.zeros(64, np.int64) for _ in range(3))
        self._total, self._low, self._high = np.zeros(64), np.full(64, np.inf), np.full(64, -np.inf)
        self._head: tuple[float, ...] = ()
        self._tail: tuple[float, ...] = ()

    def copy(self) -> Series:
        """A series that goes its own way from here."""
        made = copy.copy(self)
        for name in _COLUMNS:
            setattr(made, name, getattr(self, name).copy())
        return made

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All that it knows, to be kept in a file."""
        ends = {"head": np.array(self._head), "tail": np.array(self._tail)}
        facts = np.array([self.width, self.count, self.last_step], np.int64)
        latest = np.array([] if self.latest is None else [self.latest])
        return {**{name: getattr(self, name) for name in _COLUMNS}, **ends, "facts": facts, "latest": latest}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Series:
        """A series as `to_arrays` left it."""
        made = cls()
        for name in _COLUMNS:
            setattr(made, name, arrays[name])
        made.width, made.count, made.last_step = (int(fact) for fact in arrays["facts"])
        made.latest = float(arrays["latest"][0]) if len(arrays["latest"]) else None
        made._head, made._tail = tuple(arrays["head"].tolist()), tuple(arrays["tail"].tolist())
        return made

    def set(self, step: int, value: float) -> None:
        """Record the value of one step."""
        self.extend(np.array([step]), np.array([value]))

    def extend(self, steps: np.ndarray, values: np.ndarray) -> None:
        """Record values of steps that rise, or that were reported before: those keep the last value while steps have buckets of their own.

        Once buckets hold several steps, what was reported before counts as it was.

        Args:
            steps: int64[n], from 0 on.
            values: float64[n]; one that is not finite is counted as missing.
        """
        if not len(steps):
            return
        finite = values[np.isfinite(values)]
        self.latest = float(finite[-1]) if len(finite) else self.latest
        last_of_each = len(steps) - 1 - np.unique(steps[::-1], return_index=True)[1]
        steps, values = steps[last_of_each], values[last_of_each]
        known = steps <= self.last_step
        if self.width == 1 and known.any():
            self._replace(steps[known], values[known])
        if not known.all():
            self._append(steps[~known], values[~known])

    def _replace(self, steps: np.ndarray, values: np.ndarray) -> None:
        number = np.isfinite(values)
        self.count += int(number.sum()) - int(self._count[steps].sum())
        self._count[steps], self._missing[steps], self._top[steps] = number, ~number, steps
        self._total[steps] = np.where(number, values, 0.0)
        self._low[steps], self._high[steps] = np.where(number, values, np.inf), np.where(number, values, -np.inf)

    def _append(self, steps: np.ndarray, values: np.ndarray) -> None:
        while len(steps):
            within = int(np.searchsorted(steps, BUCKETS * self.width))
            if within:
                self.last_step = int(steps[within - 1])
                self._grow(self.last_step // self.width + 1)
                (self._replace if self.width == 1 else self._merge)(steps[:within], values[:within])
            steps, values = steps[within:], values[within:]
            if len(steps):
                self._fold()

    def _grow(self, size: int) -> None:
        missing = min(1 << max(size - 1, 1).bit_length(), BUCKETS) - len(self._count)
        if missing > 0:
            for name, empty in (("_count", 0), ("_missing", 0), ("_top", 0), ("_total", 0), ("_low", np.inf), ("_high", -np.inf)):
                setattr(self, name, np.pad(getattr(self, name), (0, missing), constant_values=empty))

    def _fold(self) -> None:
        """Two buckets become one."""
        if self.width == 1:
            values = self.points()[1]
            self._head, self._tail = tuple(values[:_KEPT_ENDS].tolist()), tuple(values[-_KEPT_ENDS:].tolist())
        self._grow(BUCKETS)
        odd_is_higher = self._high[1::2] > self._high[::2]
        self._top = _halved(np.where(odd_is_higher, self._top[1::2], self._top[::2]), 0)
        self._low = _halved(np.minimum(self._low[::2], self._low[1::2]), np.inf)
        self._high = _halved(np.maximum(self._high[::2], self._high[1::2]), -np.inf)
        for name in ("_count", "_missing", "_total"):
            column = getattr(self, name)
            setattr(self, name, _halved(column[::2] + column[1::2], 0))
        self.width *= 2

    def _merge(self, steps: np.ndarray, values: np.ndarray) -> None:
        """New steps into buckets that may hold some already."""
        number = np.isfinite(values)
        np.add.at(self._missing, steps[~number] // self.width, 1)
        steps, values = steps[number], values[number]
        if not len(steps):
            return
        bucket = steps // self.width
        starts = np.flatnonzero(np.diff(bucket, prepend=-1))
        at, sizes = bucket[starts], np.diff(np.append(starts, len(bucket)))
        highest = np.maximum.reduceat(values, starts)
        places = np.flatnonzero(values == np.repeat(highest, sizes))
        first_place = places[np.unique(bucket[places], return_index=True)[1]]
        self._top[at] = np.where(highest > self._high[at], steps[first_place], self._top[at])
        self._high[at] = np.maximum(self._high[at], highest)
        self._low[at] = np.minimum(self._low[at], np.minimum.reduceat(values, starts))
        self._total[at] += np.add.reduceat(values, starts)
        self._count[at] += sizes
        self.count += len(values)
        self._head = (*self._head, *values[: _KEPT_ENDS - len(self._head)].tolist())
        self._tail = (*self._tail, *values[-_KEPT_ENDS:].tolist())[-_KEPT_ENDS:]

    # ---- reading

    def buckets(self) -> Buckets:
        """What there is, at most `BUCKETS` long."""
        used = self.last_step // self.width + 1
        at = np.flatnonzero((self._count[:used] > 0) | (self._missing[:used] > 0))
        count, filled = self._count[at], self._count[at] > 0
        mean = np.where(filled, self._total[at] / np.maximum(count, 1), np.nan)
        low, high = (np.where(filled, column[at], np.nan) for column in (self._low, self._high))
        return Buckets(at * self.width + (self.width - 1) / 2, low, high, mean, count, self._missing[at], self._top[at])

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """int64[k] steps in order and float64[k] values; the middle and the mean of each bucket where buckets hold several steps."""
        found = self.buckets()
        filled = found.count > 0
        return found.step[filled].astype(np.int64), found.mean[filled]

    def at(self, step: int) -> float | None:
        """The value of a step, None where it has none or its bucket kept another step's."""
        bucket = step // self.width
        if not 0 <= bucket < len(self._count) or not self._count[bucket] or self._top[bucket] != step:
            return None
        return float(self._high[bucket])

    def highest_within(self, first: int, stop: int) -> int | None:
        """The step of the highest value in [first, stop) among the highest of each bucket, None where there is none."""
        begin, end = max(first, 0) // self.width, min(max(stop - 1, 0) // self.width + 1, len(self._count))
        top = self._top[begin:end]
        inside = np.flatnonzero((self._count[begin:end] > 0) & (top >= first) & (top < stop))
        return int(top[inside[np.argmax(self._high[begin:end][inside])]]) if len(inside) else None

    def standing_out(self, first: int = 0, stop: int | None = None) -> int | None:
        """The step in [first, stop) whose value lies furthest above the median of the ten beside it on either side; None where there is no value."""
        found = self.buckets()
        kept = (found.count > 0) & (found.top >= first) & (found.top < (self.last_step + 1 if stop is None else stop))
        if not kept.any():
            return None
        padded = np.pad(found.mean[kept], _BESIDE, mode="edge")
        medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _BESIDE + 1), axis=1)
        return int(found.top[kept][np.argmax(found.high[kept] - medians)])

    def lowest(self) -> float | None:
        """The lowest value of all, None where there is none."""
        return float(self._low.min()) if self.count else None

    def mean_of(self, first: int, last: int) -> float | None:
        """Mean of the `first` first values when positive, else of the `last` last ones, at most ten; None where there are none."""
        if not self.count:
            return None
        values = self.points()[1] if self.width == 1 else np.array(self._head if first else self._tail)
        part = values[: min(first, _KEPT_ENDS)] if first else values[-min(last, _KEPT_ENDS) :]
        return float(part.mean())


def _halved(half: np.ndarray, empty: float) -> np.ndarray:
    return np.pad(half, (0, len(half)), constant_values=empty)
