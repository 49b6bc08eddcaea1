"""A run's loss curve from its events: one value a step, whatever was repeated after a resume, and cheap to draw however long the run is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

_BESIDE = 10
_MOMENTS = 32


class Series:
    """Values by step; a step that is reported again keeps its last value."""

    def __init__(self) -> None:
        self._values = np.full(256, np.nan, dtype=np.float64)
        self._last_step = -1
        self.count = 0
        self.latest: float | None = None

    def set(self, step: int, value: float) -> None:
        """Record the value of a step, from 0 on."""
        if step >= len(self._values):
            grown = np.full(max(step + 1, 2 * len(self._values)), np.nan)
            grown[: len(self._values)] = self._values
            self._values = grown
        self.count += bool(np.isnan(self._values[step]))
        self._values[step] = value
        self._last_step = max(self._last_step, step)
        self.latest = value

    @property
    def last_step(self) -> int:
        """The highest step seen, -1 where there is none."""
        return self._last_step

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """int64[k] steps in order and float64[k] values."""
        steps = np.flatnonzero(~np.isnan(self._values[: self._last_step + 1]))
        return steps, self._values[steps]

    def columns(self, count: int, last_step: int) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and highest value in each of `count` equal ranges of the steps 0 to `last_step`, so that no spike is lost.

        Returns:
            Two float64[count], NaN where a range holds no value.
        """
        low, high = np.full(count, np.nan), np.full(count, np.nan)
        steps, values = self.points()
        within = steps <= last_step
        steps, values = steps[within], values[within]
        if len(steps):
            column = np.minimum(steps * count // (last_step + 1), count - 1)
            starts = np.flatnonzero(np.diff(column, prepend=-1))
            low[column[starts]] = np.minimum.reduceat(values, starts)
            high[column[starts]] = np.maximum.reduceat(values, starts)
        return low, high

    def at(self, step: int) -> float | None:
        """The value of a step, None where it has none."""
        value = self._values[step] if 0 <= step < len(self._values) else np.nan
        return None if np.isnan(value) else float(value)

    def highest_within(self, first: int, stop: int) -> int | None:
        """The step of the highest value in [first, stop), None where that holds none."""
        part = self._values[first:stop]
        return None if np.isnan(part).all() else first + int(np.nanargmax(part))

    def standing_out(self) -> int | None:
        """The step whose value lies furthest above the median of the ten steps on either side; None where there is no value."""
        steps, values = self.points()
        if not len(steps):
            return None
        padded = np.pad(values, _BESIDE, mode="edge")
        medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _BESIDE + 1), axis=1)
        return int(steps[np.argmax(values - medians)])

    def mean_of(self, first: int, last: int) -> float | None:
        """Mean of the `first` first values when positive, else of the `last` last ones; None where there are none."""
        values = self.points()[1]
        part = values[:first] if first else values[-last:]
        return float(part.mean()) if len(part) else None


class RunCurve:
    """What a fine-tune's events say so far.

    Attributes:
        train, held_out: Losses by step.
        latest: The last step's event.
        facts: Of the model, the rows and the memory.
        steps: How many there will be.
        not_a_number: The first step of the present attempt whose loss was no number.
        moments: When its last steps ended, in seconds since 1970.
        told_at: When the run last told anything, of an evaluation or a checkpoint too, in seconds since 1970.
    """

    def __init__(self) -> None:
        self.train = Series()
        self.held_out = Series()
        self.latest: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.steps: int | None = None
        self.not_a_number: int | None = None
        self.moments: deque[float] = deque(maxlen=_MOMENTS)
        self.told_at = 0.0

    def add(self, events: Iterable[dict[str, Any]]) -> None:
        """Take in events in the order they were written."""
        for event in events:
            self._add(event)

    def _add(self, event: dict[str, Any]) -> None:
        kind, step, loss = event.get("event"), event.get("step"), event.get("loss")
        if isinstance(event.get("t"), (int, float)):
            self.told_at = event["t"]
        if kind in ("step", "eval") and isinstance(step, int):
            if loss is not None:
                (self.train if kind == "step" else self.held_out).set(step, float(loss))
            if kind == "step":
                self._add_step(event, step, loss)
        elif kind in ("rows", "model", "memory"):
            self.facts |= {name: value for name, value in event.items() if name not in ("t", "event")}
        elif kind == "train":
            self.not_a_number = None
            self.moments.clear()
        if isinstance(event.get("steps"), int):
            self.steps = event["steps"]

    def _add_step(self, event: dict[str, Any], step: int, loss: float | None) -> None:
        self.latest = event
        if loss is None and self.not_a_number is None:
            self.not_a_number = step
        if isinstance(event.get("t"), (int, float)):
            self.moments.append(event["t"])
