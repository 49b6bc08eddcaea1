"""A loss curve in braille dots: every range of steps shows its lowest and highest value, and only lines that changed are drawn again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from sde_tui.theme import inks
from sde_tui.widgets.spans import Line, Span, strip_of

_LABEL = 8
"""Cells before the plot: the scale's figures and a tick."""
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Braille dots by their line and column in a cell."""
_HELD_OUT = "◆"


@dataclass(frozen=True, slots=True)
class CurvePoints:
    """What a chart draws.

    Attributes:
        low: Lowest training loss in each of the plot's dot columns, NaN where a column has none.
        high: Highest one.
        held_out: (step, loss) of each evaluation.
        steps: The step at the right edge.
        cursor: The step that a line is drawn at; None for no line.
    """

    low: Sequence[float] = ()
    high: Sequence[float] = ()
    held_out: Sequence[tuple[int, float]] = ()
    steps: int = 1
    cursor: int | None = None


def plot_columns(width: int) -> int:
    """Dot columns of a chart of this many cells."""
    return max(width - _LABEL - 1, 1) * 2


def chart_lines(points: CurvePoints, height: int) -> list[Line]:
    """The chart as lines, the scale at the left and the steps below.

    Args:
        points: `low` and `high` have one value for each of the chart's `plot_columns`.
        height: Lines, the axis included.
    """
    values = [value for value in (*points.low, *points.high, *(loss for _, loss in points.held_out)) if math.isfinite(value)]
    if not values or height < 3:
        return [[] for _ in range(height)]
    bottom, top, step = _scale(min(values), max(values), height - 1)
    rows = height - 1
    canvas = _Canvas(len(points.low), rows * 4, bottom, top)
    canvas.draw(points.low, points.high)
    labels = _labels(bottom, top, step, rows)
    markers = {(canvas.line_of(loss) // 4, _cell_of(at, points)) for at, loss in points.held_out}
    cursor = None if points.cursor is None else _cell_of(points.cursor, points)
    lines = [[(labels[y], "dim"), *_cells(canvas.row(y), {x for at, x in markers if at == y}, cursor)] for y in range(rows)]
    return [*lines, _axis(points.steps, len(points.low) // 2)]


def _cell_of(step: int, points: CurvePoints) -> int:
    return min(step * len(points.low) // (points.steps + 1), len(points.low) - 1) // 2


def _cells(row: Sequence[int], markers: set[int], cursor: int | None) -> list[Span]:
    spans: list[Span] = []
    text = ""
    for x, dots in enumerate(row):
        if x in markers or x == cursor:
            spans += [(text, "accent"), (_HELD_OUT, "warn") if x in markers else (chr(0x2800 + dots) if dots else "┊", "strong")]
            text = ""
        else:
            text += chr(0x2800 + dots) if dots else " "
    return [*spans, (text, "accent")]


def _scale(lowest: float, highest: float, rows: int) -> tuple[float, float, float]:
    """(bottom, top, distance of figures): round numbers, so that the scale stays while the curve grows."""
    span = max(highest - lowest, abs(highest) * 0.01, 1e-6)
    rough = span / max(min(rows // 2, 8), 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough)
    bottom = math.floor(lowest / step) * step
    return bottom, max(math.ceil(highest / step) * step, bottom + step), step


def _labels(bottom: float, top: float, step: float, rows: int) -> list[str]:
    """The figure of each line that holds a round number, and a tick."""
    labels = [" " * (_LABEL - 1) + "│"] * rows
    for k in range(round((top - bottom) / step) + 1):
        value = top - k * step
        y = round((top - value) / (top - bottom) * (rows - 1)) if rows > 1 else 0
        labels[y] = f"{_figure(value, step):>{_LABEL - 1}}┤"
    return labels


def _figure(value: float, step: float) -> str:
    decimals = max(0, -math.floor(math.log10(step) + 1e-9) + (f"{step:e}".startswith("2.5")))
    shown = f"{value + 0.0:.{decimals}f}"
    return shown if len(shown) < _LABEL else f"{value:.1e}"


def _axis(steps: int, cells: int) -> Line:
    right = f"step {steps:,}"
    half = f"{steps // 2:,}"
    middle = half.center(cells) if cells > 30 else " " * cells
    return [(" " * (_LABEL - 1) + "0", "dim"), ((middle[: cells - len(right)] + right)[:cells], "dim")]


class _Canvas:
    """Dots over a scale."""

    def __init__(self, columns: int, lines: int, bottom: float, top: float) -> None:
        self._columns, self._lines, self._bottom, self._top = columns, lines, bottom, top
        self._dots = [[0] * ((columns + 1) // 2) for _ in range(lines // 4)]

    def line_of(self, value: float) -> int:
        """The dot line of a value, 0 at the top."""
        return min(max(round((self._top - value) / (self._top - self._bottom) * (self._lines - 1)), 0), self._lines - 1)

    def row(self, y: int) -> Sequence[int]:
        """The dots of a line of cells."""
        return self._dots[y]

    def draw(self, low: Sequence[float], high: Sequence[float]) -> None:
        """Draws every column from its highest to its lowest value, joined to the column before."""
        before: tuple[int, int, int] | None = None
        for x in range(self._columns):
            if not math.isfinite(low[x]):
                continue
            first, last = self.line_of(high[x]), self.line_of(low[x])
            if before is not None:
                self._join(before, (x, first, last))
            self._column(x, first, last)
            before = (x, first, last)

    def _join(self, before: tuple[int, int, int], here: tuple[int, int, int]) -> None:
        (x0, first0, last0), (x1, first1, last1) = before, here
        y0 = min(max((first1 + last1) // 2, first0), last0)
        y1 = min(max(y0, first1), last1)
        for x in range(x0 + 1, x1 + 1):
            now, then = (y0 + (y1 - y0) * (x - x0 - shift) / (x1 - x0) for shift in (0, 1))
            self._column(x, round(min(now, then)), round(max(now, then)))

    def _column(self, x: int, first: int, last: int) -> None:
        for y in range(first, last + 1):
            self._dots[y // 4][x // 2] |= _DOTS[y % 4][x % 2]


class LossChart(Widget):
    """The chart of one run."""

    DEFAULT_CSS = """
    LossChart { background: $background; color: $foreground; }
    """
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: list[Line] = []

    def show(self, points: CurvePoints) -> int:
        """Draws other points; returns how many lines changed."""
        lines, old = chart_lines(points, self.size.height), self._lines
        self._lines = lines
        changed = [y for y, line in enumerate(lines) if y >= len(old) or old[y] != line]
        for y in changed:
            self.refresh(Region(0, y, self.size.width, 1))
        return len(changed)

    def render_line(self, y: int) -> Strip:
        line = self._lines[y] if y < len(self._lines) else ()
        return strip_of(line, self.size.width, inks(self.app.theme), None).apply_style(self.rich_style)
