"""What a run's events say so far: one value a step, whatever was repeated after a resume, in memory that does not grow with the run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sde_core.train.loss_trend import LossTrend
from sde_core.train.series import Series

QUANTITIES = ("loss", "lr", "grad_norm", "tokens", "tokens_s", "memory", "memory_free", "gpu_use", "gpu_memory")
"""Fields of a "step" event that are kept by step."""
_MOMENTS = 32
_MOST_STEPS = 1 << 62
"""More than any run makes."""
_KEPT_CHECKPOINTS = 4
"""A run keeps two checkpoints; it can only go on from one of the last."""


@dataclass
class CurveProgress:
    """What a resume takes back to the checkpoint that it goes on from.

    Attributes:
        series: By the names of `QUANTITIES`.
        held_out: Held-out losses by step.
        trend: The running median of the training loss.
        latest: The last step's event.
        evaluations: The last ones: step, held-out loss, median training loss.
    """

    series: dict[str, Series] = field(default_factory=lambda: {name: Series() for name in QUANTITIES})
    held_out: Series = field(default_factory=Series)
    trend: LossTrend = field(default_factory=LossTrend)
    latest: dict[str, Any] = field(default_factory=dict)
    evaluations: deque[tuple[int, float, float]] = field(default_factory=lambda: deque(maxlen=_MOMENTS))

    def copy(self) -> CurveProgress:
        """The same, going its own way from here."""
        series = {name: series.copy() for name, series in self.series.items()}
        return CurveProgress(series, self.held_out.copy(), self.trend.copy(), self.latest, self.evaluations.copy())


class RunCurve:
    """What a fine-tune's events say so far.

    A run that goes on from a checkpoint is taken back to it exactly, so that what it repeats is not counted twice.

    Attributes:
        progress: What a resume takes back.
        checkpoints: The progress at the last checkpoints, by their steps.
        facts: Of the model, the rows and the memory.
        steps: How many there will be.
        not_a_number: The first step of the present attempt whose loss was no number.
        moments: When its last steps ended, in seconds since 1970.
        told_at: When the run last told anything, of an evaluation or a checkpoint too, in seconds since 1970.
    """

    def __init__(self) -> None:
        self.progress = CurveProgress()
        self.checkpoints: dict[int, CurveProgress] = {}
        self.facts: dict[str, Any] = {}
        self.steps: int | None = None
        self.not_a_number: int | None = None
        self.moments: deque[float] = deque(maxlen=_MOMENTS)
        self.told_at = 0.0

    @property
    def train(self) -> Series:
        """Training losses by step."""
        return self.progress.series["loss"]

    @property
    def held_out(self) -> Series:
        """Held-out losses by step."""
        return self.progress.held_out

    @property
    def trend(self) -> LossTrend:
        """The running median of the training loss."""
        return self.progress.trend

    @property
    def latest(self) -> dict[str, Any]:
        """The last step's event."""
        return self.progress.latest

    @property
    def evaluations(self) -> Sequence[tuple[int, float, float]]:
        """(step, held-out loss, the training loss's median then) of the last evaluations."""
        return self.progress.evaluations

    def series(self, quantity: str) -> Series:
        """One of `QUANTITIES` by step."""
        return self.progress.series[quantity]

    def add(self, events: Iterable[dict[str, Any]]) -> None:
        """Take in events in the order they were written."""
        steps: list[dict[str, Any]] = []
        for event in events:
            if isinstance(event.get("t"), (int, float)):
                self.told_at = event["t"]
            if event.get("event") == "step" and _is_step(event.get("step")):
                steps.append(_sound(event))
            elif "event" in event:
                self._add_steps(steps)
                steps = []
                self._add_other(event["event"], event)
        self._add_steps(steps)

    def _add_steps(self, events: Sequence[dict[str, Any]]) -> None:
        if not events:
            return
        for name, series in self.progress.series.items():
            told = [event for event in events if event.get(name) is not None or name == "loss"]
            series.extend(np.array([event["step"] for event in told], np.int64), np.array([event.get(name) for event in told], np.float64))
        losses = [(event["step"], event["loss"]) for event in events if event.get("loss") is not None]
        self.trend.extend(np.array([step for step, _ in losses], np.int64), np.array([loss for _, loss in losses], np.float64))
        if self.not_a_number is None:
            self.not_a_number = next((event["step"] for event in events if event.get("loss") is None), None)
        self.moments.extend(event["t"] for event in events[-_MOMENTS:] if isinstance(event.get("t"), (int, float)))
        self.progress.latest = events[-1]
        self._note_length(events[-1])

    def _add_other(self, kind: str, event: dict[str, Any]) -> None:
        step: Any = event.get("step")
        if kind == "eval" and _is_step(step):
            self._add_evaluation(step, _sound(event).get("loss"))
        elif kind in ("rows", "model", "memory"):
            self.facts |= {name: value for name, value in event.items() if name not in ("t", "event")}
        elif kind == "start":
            self.moments.clear()  # who waits for a device or loads a model makes no steps
        elif kind == "train":
            self._begin(step if _is_step(step) else 0)
        elif kind == "checkpoint" and _is_step(step):
            self.checkpoints[step] = self.progress.copy()
            self.checkpoints = dict(list(self.checkpoints.items())[-_KEPT_CHECKPOINTS:])
        self._note_length(event)

    def _add_evaluation(self, step: int, loss: float | None) -> None:
        self.held_out.set(step, float("nan") if loss is None else float(loss))
        if loss is not None:
            if self.progress.evaluations and self.progress.evaluations[-1][0] == step:
                self.progress.evaluations.pop()
            self.progress.evaluations.append((step, float(loss), self.trend.latest))

    def _begin(self, step: int) -> None:
        """An attempt goes on from this step."""
        if step < self.train.last_step:
            kept = self.checkpoints.get(step)
            if kept is not None:
                self.progress = kept.copy()
            elif step == 0:
                self.progress = CurveProgress()
        self.not_a_number = None
        self.moments.clear()

    def _note_length(self, event: dict[str, Any]) -> None:
        if _is_step(event.get("steps")):
            self.steps = event["steps"]


def _is_step(value: Any) -> bool:
    """Whether it can be a number of a step, which damaged lines may hold anything in the place of."""
    return type(value) is int and 0 <= value < _MOST_STEPS


def _sound(event: dict[str, Any]) -> dict[str, Any]:
    """The event without quantities that are no numbers, as damaged lines may hold them."""
    strange = [name for name in QUANTITIES if event.get(name) is not None and type(event[name]) not in (int, float)]
    return {name: value for name, value in event.items() if name not in strange} if strange else event
