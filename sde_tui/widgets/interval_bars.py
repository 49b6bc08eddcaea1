"""Intervals drawn on one common scale, on which zero is always seen."""

from __future__ import annotations

from collections.abc import Sequence

Bounds = tuple[float, float, float]
"""(low, estimate, high) of an interval; low and high may be infinite."""


def zero_mark(intervals: Sequence[Bounds], room: int) -> str:
    """The scale's head: "0" where zero is."""
    line = [" "] * room
    line[_place(0.0, _ends(intervals), room)] = "0"
    return "".join(line)


def interval_bar(each: Bounds, intervals: Sequence[Bounds], room: int) -> str:
    """An interval on the common scale of all: "├──●──┤", with "│" where zero is."""
    ends, line = _ends(intervals), [" "] * room
    low, estimate, high = each
    first, last = (_place(value, ends, room) for value in (low, high))
    line[first : last + 1] = "─" * (last - first + 1)
    line[first], line[last] = "├", "┤"
    line[_place(0.0, ends, room)] = "│"
    line[_place(estimate, ends, room)] = "●"
    return "".join(line)


def _ends(intervals: Sequence[Bounds]) -> tuple[float, float]:
    """The scale that all intervals are drawn on."""
    bounds = [end for low, _, high in intervals for end in (low, high) if abs(end) != float("inf")]
    low, high = min([0.0, *bounds]), max([0.0, *bounds])
    return (low, high) if high > low else (low - 1, high + 1)


def _place(value: float, ends: tuple[float, float], room: int) -> int:
    low, high = ends
    return max(0, min(round((value - low) / (high - low) * (room - 1)), room - 1)) if abs(value) != float("inf") else (0 if value < 0 else room - 1)
