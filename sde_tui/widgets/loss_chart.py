"""Curves in braille dots: values as single dots, their smoothed course as a joined line, and only lines that changed are drawn again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from sde_tui.theme import inks
from sde_tui.widgets.chart_scale import LABEL, Scale, scale_of
from sde_tui.widgets.spans import Line, strip_of

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Braille dots by their line and column in a cell."""
HELD_OUT = "◆"
NO_NUMBER = "×"
_LETTER_EVERY = 24
"""Cells between the letters that tell one run's line from another's."""


@dataclass(frozen=True, slots=True)
class ChartTrace:
    """One run's curve in the columns of dots of a plot, NaN where a column has none.

    Attributes:
        low, high: The values, as their lowest and highest in each column; empty where only the line is drawn.
        line: Their smoothed course; empty where the values themselves are joined.
        missing: Columns in which nothing but steps without a number fall.
        markers: (column, value) of values that stand alone, such as held-out losses.
        ink: Colour of the line.
        letter: Stands on the line and for its markers, where several runs are drawn; "" for one.
    """

    low: Sequence[float] = ()
    high: Sequence[float] = ()
    line: Sequence[float] = ()
    missing: Sequence[int] = ()
    markers: Sequence[tuple[int, float]] = ()
    ink: str = "accent"
    letter: str = ""

    def values(self) -> list[float]:
        """Everything that has a place."""
        return [value for value in (*self.low, *self.high, *self.line, *(value for _, value in self.markers)) if math.isfinite(value)]


@dataclass(frozen=True, slots=True)
class ChartView:
    """What a chart draws.

    Attributes:
        traces: The runs, the one that is shown first.
        columns: Columns of dots of the plot.
        first, last: Steps or tokens at the edges.
        unit: What they are, for the axis.
        log: Whether the scale is logarithmic.
        cursor: The column that a line is drawn at; None for no line.
        figure: How a value is written beside the plot.
    """

    traces: Sequence[ChartTrace] = ()
    columns: int = 0
    first: int = 0
    last: int = 1
    unit: str = "step"
    log: bool = False
    cursor: int | None = None
    figure: Callable[[float], str] | None = field(default=None, compare=False)


def plot_columns(width: int) -> int:
    """Dot columns of a chart of this many cells."""
    return max(width - LABEL - 1, 1) * 2


def chart_lines(view: ChartView, height: int) -> list[Line]:
    """The chart as lines, the scale at the left and the steps below."""
    shown = [value for trace in view.traces for value in trace.values() if value > 0 or not view.log]
    rows = height - 1
    if height < 3 or not (shown or any(trace.missing for trace in view.traces)):
        return [[] for _ in range(height)]
    scale = scale_of(min(shown, default=0.0 if not view.log else 1.0), max(shown, default=1.0), rows, log=view.log, figure=view.figure)
    plot = _Plot(view.columns, rows, scale)
    for trace in reversed(view.traces):
        plot.draw(trace)
    if view.cursor is not None:
        plot.stand(view.cursor // 2)
    labels = _labels(scale, rows)
    return [*([(labels[y], "dim"), *plot.spans(y)] for y in range(rows)), _axis(view, (view.columns + 1) // 2)]


def _labels(scale: Scale, rows: int) -> list[str]:
    """The figure of each line that holds a round number, and a tick."""
    labels = [" " * (LABEL - 1) + "│"] * rows
    for value, figure in scale.ticks:
        y = round((1 - scale.place(value)) * (rows - 1)) if rows > 1 else 0
        labels[y] = f"{figure[: LABEL - 1]:>{LABEL - 1}}┤"
    return labels


def _axis(view: ChartView, cells: int) -> Line:
    left, right = f"{view.first:,}", f"{view.unit} {view.last:,}"
    half = f"{(view.first + view.last) // 2:,}"
    text = left.ljust(cells + 1)
    if cells > len(left) + len(right) + len(half) + 8:
        middle = (cells - len(half)) // 2 + 1
        text = text[:middle] + half + text[middle + len(half) :]
    return [(" " * (LABEL - 1), "dim"), ((text[: cells + 1 - len(right)] + right)[: cells + 1], "dim")]


class _Plot:
    """Cells over a scale; each holds dots of one curve, or a sign."""

    def __init__(self, columns: int, rows: int, scale: Scale) -> None:
        self._columns, self._lines, self._scale = columns, rows * 4, scale
        width = (columns + 1) // 2
        self._dots = [[0] * width for _ in range(rows)]
        self._inks = [["dim"] * width for _ in range(rows)]
        self._signs: dict[tuple[int, int], tuple[str, str]] = {}
        self._cursor: int | None = None

    def stand(self, cell: int) -> None:
        """Draws a line from top to bottom that hides no dot."""
        self._cursor = cell

    def draw(self, trace: ChartTrace) -> None:
        """Draws a curve over what is there."""
        if trace.line:
            self._scatter(trace)
        layer = self._layer(trace)
        for y, row in enumerate(layer):
            for x, dots in enumerate(row):
                if dots:
                    self._dots[y][x], self._inks[y][x] = dots, trace.ink
        self._letters(trace, layer)
        for column in trace.missing:
            self._signs[len(self._dots) - 1, column // 2] = (NO_NUMBER, "bad")
        for column, value in trace.markers:
            if self._has_place(value) and 0 <= column < self._columns:
                self._signs[self._line_of(value) // 4, column // 2] = (trace.letter.lower() or HELD_OUT, trace.ink if trace.letter else "warn")

    def spans(self, y: int) -> Line:
        """One line of cells."""
        return [self._cell(y, x) for x in range(len(self._dots[y]))]

    def _cell(self, y: int, x: int) -> tuple[str, str]:
        sign, dots = self._signs.get((y, x)), self._dots[y][x]
        if sign is not None:
            return sign
        if x == self._cursor:
            return (chr(0x2800 + dots) if dots else "┊", "strong")
        return (chr(0x2800 + dots) if dots else " ", self._inks[y][x])

    def _has_place(self, value: float) -> bool:
        return math.isfinite(value) and (value > 0 or not self._scale.log)

    def _line_of(self, value: float) -> int:
        """The dot line of a value, 0 at the top."""
        return round((1 - self._scale.place(value)) * (self._lines - 1))

    def _scatter(self, trace: ChartTrace) -> None:
        """The lowest and highest value of every column as dots that nothing joins."""
        for values in (trace.low, trace.high):
            for x, value in enumerate(values):
                if self._has_place(value):
                    y = self._line_of(value)
                    self._dots[y // 4][x // 2] |= _DOTS[y % 4][x % 2]

    def _layer(self, trace: ChartTrace) -> list[list[int]]:
        """The dots of the joined line; a column without a number breaks it."""
        layer = [[0] * len(row) for row in self._dots]
        low, high = (trace.line, trace.line) if trace.line else (trace.low, trace.high)
        broken, before = set(trace.missing), None
        for x in range(min(len(low), self._columns)):
            if x in broken:
                before = None
            if not self._has_place(low[x]):
                continue
            here = (x, self._line_of(high[x]), self._line_of(low[x]))
            if before is not None:
                _join(layer, before, here)
            _fill(layer, *here)
            before = here
        return layer

    def _letters(self, trace: ChartTrace, layer: list[list[int]]) -> None:
        """The run's letter on its line, at places that differ from run to run, and at its end."""
        drawn = [x for x in range(len(layer[0])) if any(row[x] for row in layer)]
        if not trace.letter or not drawn:
            return
        shift = ord(trace.letter) % 4 * (_LETTER_EVERY // 4)
        for x in {*(x for x in drawn if x % _LETTER_EVERY == shift), drawn[-1]}:
            rows = [y for y, row in enumerate(layer) if row[x]]
            self._signs[rows[len(rows) // 2], x] = (trace.letter, trace.ink)


def _join(layer: list[list[int]], before: tuple[int, int, int], here: tuple[int, int, int]) -> None:
    (x0, first0, last0), (x1, first1, last1) = before, here
    y0 = min(max((first1 + last1) // 2, first0), last0)
    y1 = min(max(y0, first1), last1)
    for x in range(x0 + 1, x1 + 1):
        now, then = (y0 + (y1 - y0) * (x - x0 - shift) / (x1 - x0) for shift in (0, 1))
        _fill(layer, x, round(min(now, then)), round(max(now, then)))


def _fill(layer: list[list[int]], x: int, first: int, last: int) -> None:
    for y in range(first, last + 1):
        layer[y // 4][x // 2] |= _DOTS[y % 4][x % 2]


class LossChart(Widget):
    """The chart of the run shown, and of those laid over it."""

    DEFAULT_CSS = """
    LossChart { background: $background; color: $foreground; }
    """
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: list[Line] = []

    def show(self, view: ChartView) -> int:
        """Draws other curves; returns how many lines changed."""
        lines, old = chart_lines(view, self.size.height), self._lines
        self._lines = lines
        changed = [y for y, line in enumerate(lines) if y >= len(old) or old[y] != line]
        for y in changed:
            self.refresh(Region(0, y, self.size.width, 1))
        return len(changed)

    def render_line(self, y: int) -> Strip:
        line = self._lines[y] if y < len(self._lines) else ()
        return strip_of(line, self.size.width, inks(self.app.theme), None).apply_style(self.rich_style)
