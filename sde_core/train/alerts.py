"""What is wrong with a run, from its curve alone: said while it can still be stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from sde_core.jobs.vitals import Vitals
from sde_core.train.curve import RunCurve
from sde_core.train.loss_trend import MEDIAN_STEPS
from sde_core.visible import visible
from sde_core.wording import duration

AlertKind = Literal["nan", "zero", "diverging", "stalled", "overfitting"]

DIVERGED_BY = 1.5
"""A median loss this many times its lowest, and above where the run began, is one that got worse."""
ZERO_STEPS = 5
STALLED_SECONDS, STALLED_STEPS = 60.0, 20.0
"""A run is stalled when nothing was heard of it for this long, in seconds and in times of its usual step; an evaluation may take longer than that."""
BUSY_TIMES = 10.0
"""So many times longer may a run be silent whose process computes or wants to: its machine may have too much to do, or a step may be very long."""
RISING_EVALUATIONS, RISEN_BY = 3, 1.05
"""A held-out loss that rose so often in a row, to this many times its lowest, while the training loss fell, is one that learns by heart."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that is wrong.

    Attributes:
        kind: What.
        step: Since when, or where it was seen.
        words: The figures, in one sentence without a full stop.
        advice: What to do, likewise.
    """

    kind: AlertKind
    step: int
    words: str
    advice: str


def alerts_of(curve: RunCurve, *, active: bool, now: float, silent_s: float = 0.0, look: Callable[[], Vitals] | None = None) -> tuple[Alert, ...]:
    """What is wrong, worst first.

    Args:
        curve: What the run has told so far.
        active: Whether it is still at work; only then can it stall.
        now: Seconds since the epoch.
        silent_s: Seconds since its process last gave a sign of life, which it does in long steps too.
        look: Asks how its process is now; done where it seems to have stalled.
    """
    look = look or (lambda: Vitals(silent_s))
    stalled = (_silent(curve, silent_s, look) or _stalled(curve, now, look)) if active else None
    slower = f"{'stop it and ' if active else ''}halve learning_rate"
    found = (_not_a_number(curve, slower), _zero(curve), _diverging(curve, slower), stalled, _overfitting(curve))
    return tuple(alert for alert in found if alert is not None)


def _not_a_number(curve: RunCurve, advice: str) -> Alert | None:
    step = curve.not_a_number
    return None if step is None else Alert("nan", step, f"The loss is not a number since step {step:,}", advice)


def _zero(curve: RunCurve) -> Alert | None:
    if curve.trend.zero_steps < ZERO_STEPS:
        return None
    since = curve.trend.zero_since
    return Alert("zero", since, f"The loss is zero since step {since:,}: nothing is left to learn, or nothing trains", "preflight says what trains")


def _diverging(curve: RunCurve, advice: str) -> Alert | None:
    trend = curve.trend
    if trend.count < 3 * MEDIAN_STEPS or trend.first is None or trend.latest <= max(DIVERGED_BY * trend.lowest, trend.first):
        return None
    words = f"The loss rises since step {trend.lowest_step:,}: from {trend.lowest:.3g} to {trend.latest:.3g}"
    return Alert("diverging", trend.lowest_step, words, advice)


def _stalled(curve: RunCurve, now: float, look: Callable[[], Vitals]) -> Alert | None:
    if len(curve.moments) < 2:
        return None
    usual = float(np.median(np.diff(curve.moments)))
    late, most = now - curve.told_at, max(STALLED_SECONDS, STALLED_STEPS * usual)
    if late < most or (late < BUSY_TIMES * most and look().doing == "busy"):
        return None
    words = f"No step for {duration(now - curve.moments[-1])}; a step usually takes {_step_time(usual)}"
    return Alert("stalled", max(curve.train.last_step, 0), words, "see log.txt in the run's folder; stopped, it goes on from its checkpoint")


def _silent(curve: RunCurve, silent_s: float, look: Callable[[], Vitals]) -> Alert | None:
    if silent_s < STALLED_SECONDS:
        return None
    found = look()
    if found.silent_s < STALLED_SECONDS * (BUSY_TIMES if found.doing == "busy" else 1.0):
        return None
    told, advice = _SILENT[found.doing]
    words = f"No sign of life for {duration(found.silent_s)}: {told.format(host=visible(found.host, 16))}"
    return Alert("stalled", max(curve.train.last_step, 0), words, advice)


_KILL = "if it does not come back, kill it: it goes on from its checkpoint"
_SILENT = {
    "busy": ("its machine is too busy, or it is in a loop", _KILL),
    "blocked": ("it waits for a disk or a device", _KILL),
    "suspended": ("a signal suspended it", "the signal CONT lets it go on"),
    "idle": ("it takes no processor time", _KILL),
    "elsewhere": ("only {host} can tell why", _KILL),
    "unknown": ("frozen, or its machine is too busy or away", _KILL),
}
"""What a process does, as far as that is known, and what to do about it."""


def _step_time(seconds: float) -> str:
    return duration(seconds) if seconds >= 1 else f"{seconds:.2g} s"


def _overfitting(curve: RunCurve) -> Alert | None:
    told, lowest = list(curve.evaluations)[-RISING_EVALUATIONS - 1 :], curve.held_out.lowest()
    if len(told) <= RISING_EVALUATIONS or lowest is None:
        return None
    rose = all(after[1] > before[1] for before, after in pairwise(told)) and told[-1][1] > RISEN_BY * lowest
    if not rose or not told[-1][2] < told[0][2]:
        return None
    words = f"Held-out loss rises since step {told[0][0]:,}, {told[0][1]:.3g} to {told[-1][1]:.3g}, while the training loss falls"
    return Alert("overfitting", told[0][0], words, "it learns rows by heart: fewer epochs, or a lower learning_rate")
