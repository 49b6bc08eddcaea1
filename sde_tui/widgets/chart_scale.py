"""The scale beside a chart: round figures, plain or by powers of ten."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

LABEL = 8
"""Cells before the plot: the scale's figures and a tick."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places, 0 at the bottom and 1 at the top.

    Attributes:
        bottom, top: Values at the edges, or their logarithms to the base of ten.
        ticks: (value, figure) of the values worth a figure, the highest first.
        log: Whether it is logarithmic; values up to 0 have no place on it then.
    """

    bottom: float
    top: float
    ticks: tuple[tuple[float, str], ...]
    log: bool

    def place(self, value: float) -> float:
        """Where a value stands, held within the edges."""
        at = math.log10(value) if self.log else value
        return min(max((at - self.bottom) / (self.top - self.bottom), 0.0), 1.0)


def scale_of(lowest: float, highest: float, rows: int, *, log: bool = False, figure: Callable[[float], str] | None = None) -> Scale:
    """A scale of round numbers, so that it stays while the curve grows.

    Args:
        lowest, highest: The values to show; above 0 where the scale is logarithmic.
        rows: Lines of the plot.
        log: Whether equal distances mean equal ratios.
        figure: How a value is written; as a plain number by default.
    """
    if log:
        return _log_scale(lowest, highest, rows, figure)
    span = max(highest - lowest, abs(highest) * 0.01, 1e-12)
    step = _round_up(span / max(min(rows // 2, 8), 1))
    bottom = math.floor(lowest / step + 1e-9) * step
    top = max(math.ceil(highest / step - 1e-9) * step, bottom + step)
    values = [top - k * step for k in range(round((top - bottom) / step) + 1)]
    return Scale(bottom, top, tuple((value, figure(value) if figure else _figure(value, step)) for value in values), log=False)


def _round_up(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough * (1 - 1e-9))


def _log_scale(lowest: float, highest: float, rows: int, figure: Callable[[float], str] | None) -> Scale:
    bottom, top = math.log10(lowest), math.log10(highest)
    if top - bottom < 0.02:
        bottom, top = bottom - 0.01, top + 0.01
    wanted = max(rows // 2, 2)
    for digits in ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        values = [digit * 10.0**power for power in range(math.floor(bottom) - 1, math.ceil(top) + 1) for digit in digits]
        low = max((value for value in values if math.log10(value) <= bottom + 1e-9), default=values[0])
        high = min((value for value in values if math.log10(value) >= top - 1e-9), default=values[-1])
        ticks = [value for value in reversed(values) if low <= value <= high]
        if len(ticks) <= wanted + 1:
            break
    every = max(math.ceil(len(ticks) / (wanted + 1)), 1)
    shown = tuple((value, figure(value) if figure else _short(value)) for value in ticks[::every])
    return Scale(math.log10(low), math.log10(high), shown, log=True)


def _short(value: float) -> str:
    shown = f"{value:g}"
    return shown if len(shown) < LABEL else f"{value:.0e}"


def _figure(value: float, step: float) -> str:
    decimals = max(0, -math.floor(math.log10(step) + 1e-9) + (f"{step:e}".startswith("2.5")))
    shown = f"{value + 0.0:,.{decimals}f}"
    return shown if len(shown) < LABEL else f"{value:.1e}"
