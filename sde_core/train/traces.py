"""A curve made ready to be drawn: over steps or over tokens seen, smoothed, and brought down to the columns of a plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sde_core.train.curve import RunCurve
from sde_core.train.series import Series

Axis = Literal["step", "tokens"]


@dataclass(frozen=True, slots=True)
class Trace:
    """Values over steps or tokens, at most `series.BUCKETS` long.

    Attributes:
        x: float64[k] rising places.
        low, high, mean: float64[k], NaN where there is no number.
        count: int64[k] values in each.
        missing: bool[k], whether a step was reported without a number and none with one.
    """

    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    count: np.ndarray
    missing: np.ndarray


def trace_of(series: Series, curve: RunCurve, axis: Axis = "step") -> Trace:
    """A series over the steps, or over the tokens that the run had seen then.

    Args:
        series: One quantity by step.
        curve: The run's, which knows the tokens of each step.
        axis: "step" or "tokens".
    """
    found = series.buckets()
    x = found.step if axis == "step" else tokens_at(curve, found.step)
    return Trace(x, found.low, found.high, found.mean, found.count, (found.count == 0) & (found.missing > 0))


def tokens_at(curve: RunCurve, steps: np.ndarray) -> np.ndarray:
    """float64[n]: tokens that a run had seen after these steps, linear between those that are known; the steps themselves where none are."""
    known = curve.series("tokens").buckets()
    if not len(known.step):
        return np.asarray(steps, np.float64)
    found: np.ndarray = np.interp(steps, np.concatenate([[0.0], known.step]), np.concatenate([[0.0], known.mean]))
    return found


def moving_average(trace: Trace, span: float) -> np.ndarray:
    """The exponential moving average of a trace, corrected for its beginning as Adam's moments are (Kingma and Ba 2015, section 3).

    Where a place stands for several steps it weighs as many.

    Args:
        trace: Of one value a step or of buckets.
        span: Values after which one weighs 1/e of what it did.

    Returns:
        float64[k], NaN where the trace has no number.
    """
    average, weight, smoothed = 0.0, 0.0, []
    for mean, fade in zip(trace.mean.tolist(), np.exp(-np.maximum(trace.count, 0) / span).tolist(), strict=True):
        if mean != mean:
            smoothed.append(mean)
            continue
        average, weight = average * fade + mean * (1 - fade), weight * fade + (1 - fade)
        smoothed.append(average / weight)
    return np.array(smoothed, np.float64)


def columns_of(places: np.ndarray, first: float, last: float, count: int) -> np.ndarray:
    """int64[k]: the column, of `count` equal ones over [first, last], that each place falls into; below 0 or from `count` on outside of them.

    Args:
        places: float64[k].
        first: Where the first column begins.
        last: Where the last one ends.
        count: Columns.
    """
    return np.floor((places - first) / (last - first + 1) * count).astype(np.int64)


def extremes_by_column(trace: Trace, column: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a plot shows of a trace, so that no spike and no gap is lost.

    Args:
        trace: What to draw.
        column: int64[k] from `columns_of`.
        count: Columns.

    Returns:
        float64[count] lowest, float64[count] highest, NaN where a column has no number; bool[count], whether only missing values fall into it.
    """
    low, high, missing = np.full(count, np.inf), np.full(count, -np.inf), np.zeros(count, bool)
    inside = (column >= 0) & (column < count)
    filled = inside & (trace.count > 0)
    np.minimum.at(low, column[filled], trace.low[filled])
    np.maximum.at(high, column[filled], trace.high[filled])
    missing[column[inside & trace.missing]] = True
    empty = ~np.isfinite(low)
    low[empty] = high[empty] = np.nan
    return low, high, missing & empty


def last_by_column(values: np.ndarray, column: np.ndarray, count: int) -> np.ndarray:
    """float64[count]: the last number that falls into each column, NaN where none does.

    Args:
        values: float64[k].
        column: int64[k], the column of each.
        count: Columns.
    """
    found = np.full(count, np.nan)
    inside = (column >= 0) & (column < count) & np.isfinite(values)
    found[column[inside]] = values[inside]
    return found
