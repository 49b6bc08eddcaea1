"""What is wrong with a run, from its curve alone: said while it can still be stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sde_core.train.curve import RunCurve
from sde_core.wording import duration

AlertKind = Literal["nan", "zero", "diverging", "stalled"]

SMOOTHED_STEPS = 10
"""The median of so many steps stands for the loss; one spike is no divergence."""
DIVERGED_BY = 1.5
"""A smoothed loss this many times its lowest, and above where the run began, is one that got worse."""
ZERO_LOSS, ZERO_STEPS = 1e-6, 5
STALLED_SECONDS, STALLED_STEPS = 60.0, 20.0
"""A run is stalled when nothing was heard of it for this long, in seconds and in times of its usual step; an evaluation may take longer than that."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that is wrong.

    Attributes:
        kind: What.
        step: Since when, or where it was seen.
        words: The figures, in one sentence without a full stop.
    """

    kind: AlertKind
    step: int
    words: str


def alerts_of(curve: RunCurve, *, active: bool, now: float) -> tuple[Alert, ...]:
    """What is wrong, worst first.

    Args:
        curve: What the run has told so far.
        active: Whether it is still at work; only then can it stall.
        now: Seconds since the epoch.
    """
    found = (_not_a_number(curve), _zero(curve), _diverging(curve), _stalled(curve, now) if active else None)
    return tuple(alert for alert in found if alert is not None)


def _not_a_number(curve: RunCurve) -> Alert | None:
    step = curve.not_a_number
    return None if step is None else Alert("nan", step, f"The loss is not a number since step {step:,}; a lower learning rate may help")


def _zero(curve: RunCurve) -> Alert | None:
    steps, losses = curve.train.points()
    if len(losses) < ZERO_STEPS or (losses[-ZERO_STEPS:] > ZERO_LOSS).any():
        return None
    above = np.flatnonzero(losses > ZERO_LOSS)
    since = int(steps[above[-1] + 1]) if len(above) else int(steps[0])
    return Alert("zero", since, f"The loss is zero since step {since:,}: nothing is left to learn, or nothing trains")


def _diverging(curve: RunCurve) -> Alert | None:
    steps, losses = curve.train.points()
    if len(losses) < 3 * SMOOTHED_STEPS:
        return None
    smoothed = np.median(np.lib.stride_tricks.sliding_window_view(losses, SMOOTHED_STEPS), axis=1)
    lowest = int(np.argmin(smoothed))
    if smoothed[-1] <= max(DIVERGED_BY * smoothed[lowest], smoothed[0]):
        return None
    step = int(steps[lowest + SMOOTHED_STEPS - 1])
    return Alert(
        "diverging", step, f"The loss rises since step {step:,}: from {smoothed[lowest]:.3g} to {smoothed[-1]:.3g}; a lower learning rate may help"
    )


def _stalled(curve: RunCurve, now: float) -> Alert | None:
    if len(curve.moments) < 2:
        return None
    usual = float(np.median(np.diff(curve.moments)))
    if now - curve.told_at < max(STALLED_SECONDS, STALLED_STEPS * usual):
        return None
    silent = now - curve.moments[-1]
    return Alert("stalled", max(curve.train.last_step, 0), f"No step for {duration(silent)}; a step usually takes {duration(usual)}")
