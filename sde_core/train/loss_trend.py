"""Where a run's loss has been and where it is going, kept while its events are read, so that no alert ever looks at all steps again."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

MEDIAN_STEPS = 10
"""The median of so many steps stands for the loss; one spike is no divergence."""
ZERO_LOSS = 1e-6
"""A loss of at most this much is none."""


class LossTrend:
    """The running median of the loss, and for how long the loss has been zero.

    Attributes:
        count: Losses so far.
        first: The first median, None before `MEDIAN_STEPS` losses.
        lowest, lowest_step: The lowest median and its last step.
        latest: The last median.
        zero_steps, zero_since: How many of the last losses were zero, and the step of the first of those.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first: float | None = None
        self.lowest = self.latest = float("inf")
        self.lowest_step = 0
        self.zero_steps = self.zero_since = 0
        self._recent = np.empty(0)

    def copy(self) -> LossTrend:
        """A trend that goes its own way from here."""
        return copy.copy(self)

    def to_json(self) -> dict[str, Any]:
        """All that it knows, to be kept in a file."""
        return {**vars(self), "_recent": self._recent.tolist(), "lowest": repr(self.lowest), "latest": repr(self.latest)}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> LossTrend:
        """A trend as `to_json` left it."""
        made = cls()
        vars(made).update(kept, _recent=np.array(kept["_recent"]), lowest=float(kept["lowest"]), latest=float(kept["latest"]))
        return made

    def extend(self, steps: np.ndarray, losses: np.ndarray) -> None:
        """Take in finite losses of steps that follow.

        Args:
            steps: int64[n].
            losses: float64[n].
        """
        if not len(steps):
            return
        self._count_zeros(steps, losses)
        self.count += len(losses)
        known = np.concatenate([self._recent, losses])
        self._recent = known[-(MEDIAN_STEPS - 1) :].copy()
        if len(known) < MEDIAN_STEPS:
            return
        medians = np.median(np.lib.stride_tricks.sliding_window_view(known, MEDIAN_STEPS), axis=1)
        self.first = float(medians[0]) if self.first is None else self.first
        self.latest = float(medians[-1])
        lowest = int(np.argmin(medians))
        if medians[lowest] < self.lowest:
            self.lowest, self.lowest_step = float(medians[lowest]), int(steps[lowest - len(medians)])

    def _count_zeros(self, steps: np.ndarray, losses: np.ndarray) -> None:
        above = np.flatnonzero(losses > ZERO_LOSS)
        begin = int(above[-1]) + 1 if len(above) else 0
        if len(above) or not self.zero_steps:
            self.zero_steps, self.zero_since = 0, int(steps[begin]) if begin < len(steps) else 0
        self.zero_steps += len(losses) - begin
