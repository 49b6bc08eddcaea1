"""A square of correlations: a glyph for the strength and the number itself, so that it can be read without colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.message import Message
from textual.reactive import var

from sde_tui.widgets.lines import LineList
from sde_tui.widgets.spans import Line, Span, fit

CELL = 5
"""Cells of one number with its glyph."""

_SHADES = ((0.7, "█"), (0.5, "▓"), (0.3, "▒"), (0.1, "░"))
_LABEL = 22


def shade(value: float) -> str:
    """The glyph for a strength: █ from 0.7, ▓ from 0.5, ▒ from 0.3, ░ from 0.1."""
    return next((glyph for least, glyph in _SHADES if abs(value) >= least), " ")


def signed_hundredths(value: float) -> str:
    """A correlation in three cells: "+.45", without the dot: "+45"; "+1." for 1, "  ?" where it has no meaning."""
    if value != value:
        return "  ?"
    hundredths = round(abs(value) * 100)
    sign = " " if hundredths == 0 else "-" if value < 0 else "+"
    return f"{sign}1." if hundredths >= 100 else f"{sign}{hundredths:02d}"


class HeatMap(LineList):
    """Names down and their numbers across; the cursor stands on a pair.

    The columns scroll sideways with the cursor where they do not all fit.
    """

    column = var(0)
    """The column under the cursor."""

    @dataclass
    class PairMoved(Message):
        """The cursor stands on another pair."""

        heat_map: HeatMap

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.names: Sequence[str] = ()
        self.marked = 0
        self._value: Callable[[str, str], float] = lambda _left, _right: float("nan")

    def show_pairs(self, names: Sequence[str], value: Callable[[str, str], float], marked: int) -> None:
        """Shows the square of these names.

        Args:
            names: Safe to show.
            value: The number of a pair.
            marked: So many of the first names are marked and set off by a line.
        """
        self.names, self._value, self.marked = names, value, marked
        self.column = min(self.column, max(len(names) - 1, 0))
        self.lines_changed()

    @property
    def pair(self) -> tuple[str, str] | None:
        """The pair under the cursor."""
        return (self.names[self.cursor], self.names[self.column]) if self.names else None

    def move_column(self, step: int) -> None:
        """Moves the cursor sideways."""
        self.column = max(0, min(self.column + step, len(self.names) - 1))

    def watch_column(self, old: int, new: int) -> None:
        if old != new:
            self.refresh()
            self.post_message(self.PairMoved(self))

    def line_count(self) -> int:
        return len(self.names)

    def line_at(self, y: int, width: int) -> Line:
        name, chosen = self.names[y], y < self.marked
        label: list[Span] = [
            (f"{y + 1:>2} ", "dim"), ("✓ " if chosen else "  ", "good"), (fit(name, _LABEL - 6) + " ", "strong" if chosen else "text"),
        ]  # fmt: skip
        return [*label, *(self._cell(y, at) for at in self.shown_columns(width))]

    def header(self, width: int) -> Line:
        """The line above: the numbers of the columns that are shown."""
        spans: list[Span] = [(" " * _LABEL, "dim")]
        spans += [(f"{at + 1:>{CELL - 1}} ", "accent" if at == self.column else "dim") for at in self.shown_columns(width)]
        shown = self.shown_columns(width)
        left, right = shown.start, len(self.names) - shown.stop
        return [*spans, ((f" ←{left}" if left else "") + (f" {right}→" if right else ""), "dim")]

    def shown_columns(self, width: int) -> range:
        """The columns that fit, with the cursor's among them."""
        room = max((width - _LABEL - 10) // CELL, 1) if len(self.names) * CELL > width - _LABEL else len(self.names)
        first = max(0, min(self.column - room // 2, len(self.names) - room))
        return range(first, min(first + room, len(self.names)))

    def _cell(self, y: int, at: int) -> Span:
        if at == y:
            return ("   · ", "accent" if at == self.column else "dim")
        value = self._value(self.names[y], self.names[at])
        ink = "accent" if at == self.column else "warn" if abs(value) >= 0.5 else "text" if abs(value) >= 0.3 else "dim"
        return (f"{shade(round(value, 2))}{signed_hundredths(value)} ", ink)
