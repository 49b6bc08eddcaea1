"""Two fields against each other on screen 3: counts in a grid whose cursor stands on a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message
from textual.reactive import var

from sde_core.wording import count_of
from sde_tui.screens.balance_drawing import class_title, share_text
from sde_tui.widgets.lines import LineList
from sde_tui.widgets.spans import Line, Span, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sde_core.checks.balance_crosstab import CrossTab

_NAME_WIDE, _NAME_NARROW, _WIDE_FROM = 28, 17, 84
_NARROWEST, _WIDEST = 8, 16
_FAR = 3.0
"""Standard deviations from the expected count from which on a cell is marked; 3 is passed by chance in one of 370 cells."""


class CrossTable(LineList):
    """Classes of one field down, of another across; the columns scroll sideways with the cursor where they do not all fit."""

    column = var(0)
    """The column under the cursor."""

    @dataclass
    class CellMoved(Message):
        """The cursor stands in another column."""

        cross_table: CrossTable

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.table: CrossTab | None = None
        self._far: npt.NDArray[np.float64] | None = None
        self._cell_width = _NARROWEST

    def show_table(self, table: CrossTab) -> None:
        """Shows another table; the cursor stays where it is as far as the table goes."""
        if table is not self.table:
            self.table, self._far = table, deviations(table)
            longest = max((len(class_title(name)) for name in table.across), default=0)
            self._cell_width = min(max(longest + 2, _NARROWEST), _WIDEST)
        self.column = min(self.column, max(len(table.across) - 1, 0))
        self.lines_changed()

    @property
    def pair(self) -> tuple[str, str] | None:
        """The classes of the cell under the cursor."""
        if self.table is None or not self.table.down or not self.table.across:
            return None
        return self.table.down[self.cursor], self.table.across[self.column]

    @property
    def is_empty_cell(self) -> bool:
        """Whether no row has both classes of the cell under the cursor."""
        return self.table is not None and self.pair is not None and not self.table.counts[self.cursor, self.column]

    def move_column(self, step: int) -> None:
        """Moves the cursor sideways."""
        if self.table is not None:
            self.column = max(0, min(self.column + step, len(self.table.across) - 1))

    def watch_column(self, old: int, new: int) -> None:
        if old != new:
            self.refresh()
            self.post_message(self.CellMoved(self))

    def line_count(self) -> int:
        return len(self.table.down) if self.table is not None else 0

    def line_at(self, y: int, width: int) -> Line:
        assert self.table is not None  # noqa: S101
        name, cell = self._widths(width)
        spans: list[Span] = [(f" {fit(class_title(self.table.down[y]), name - 1)}", "text")]
        return [*spans, *(self._cell(y, at, cell, y == self.cursor) for at in self.shown_columns(width))]

    def header(self, width: int) -> Line:
        """The line above: the names of the columns that are shown."""
        if self.table is None:
            return []
        name, cell = self._widths(width)
        shown = self.shown_columns(width)
        hidden = len(self.table.across) - len(shown)
        spans: list[Span] = [(fit(f" {hidden} more ←→" if hidden else "", name), "dim")]
        return [
            *spans,
            *((f"{fit(class_title(self.table.across[at]), cell - 2):>{cell - 1}} ", "accent" if at == self.column else "dim") for at in shown),
        ]

    def shown_columns(self, width: int) -> range:
        """The columns that fit, with the cursor's among them."""
        assert self.table is not None  # noqa: S101
        name, cell = self._widths(width)
        room, columns = max((width - name) // cell, 1), len(self.table.across)
        first = max(0, min(self.column - room // 2, columns - room))
        return range(first, min(first + room, columns))

    def _widths(self, width: int) -> tuple[int, int]:
        return (_NAME_WIDE if width >= _WIDE_FROM else _NAME_NARROW), self._cell_width

    def _cell(self, y: int, at: int, cell: int, under_cursor: bool) -> Span:
        assert self.table is not None  # noqa: S101
        assert self._far is not None  # noqa: S101
        count, far = int(self.table.counts[y, at]), float(self._far[y, at])
        sign = "▲" if far >= _FAR else "▼" if far <= -_FAR else " "
        chosen = under_cursor and at == self.column
        text = f"[{count:,}{sign.strip()}]" if chosen else f"{count:,}{sign}"
        return f"{text:>{cell}}", "accent" if chosen else "dim" if not count else "warn" if sign != " " else "text"


def deviations(table: CrossTab) -> npt.NDArray[np.float64]:
    """How many standard deviations each cell is from what it would hold if the fields knew nothing of each other.

    These are adjusted residuals (Haberman 1973); 0 where a class has all rows or none.
    """
    import numpy as np

    total = max(int(table.counts.sum()), 1)
    down, across = table.counts.sum(axis=1) / total, table.counts.sum(axis=0) / total
    expected = table.expected()
    spread = np.sqrt(expected * np.outer(1 - down, 1 - across))
    return np.divide(table.counts - expected, spread, out=np.zeros_like(expected), where=spread > 0)


def table_summary(table: CrossTab) -> Line:
    """What the table says as a whole."""
    return [(f" association {table.association:.2f} of 1", "text"), (" · ▲ more rows than by chance, ▼ fewer", "dim")]


def cell_lines(table: CrossTab, pair: tuple[str, str] | None, width: int) -> list[Line]:
    """The cell under the cursor in words."""
    if pair is None:
        return [[("No row has a class here.", "dim")]]
    y, at = table.down.index(pair[0]), table.across.index(pair[1])
    count, expected, far = int(table.counts[y, at]), float(table.expected()[y, at]), float(deviations(table)[y, at])
    down, across = int(table.counts[y].sum()), int(table.counts[:, at].sum())
    words = f"{share_text(count / max(down, 1))} of {class_title(pair[0])}, {share_text(count / max(across, 1))} of {class_title(pair[1])}."
    often = "More often" if far >= _FAR else "More rarely" if far <= -_FAR else "About as often"
    words += f" {often} than by chance" if abs(far) >= _FAR else f" {often} as by chance"
    lines: list[Line] = [[(f"{class_title(pair[0])[:28]} · {class_title(pair[1])[:28]}", "strong"), (f" · {count_of(count, 'row')}", "text")]]
    return [*lines, *([(text, "text")] for text in wrapped(f"{words}, which would be {expected:,.1f}.", width - 1))]
