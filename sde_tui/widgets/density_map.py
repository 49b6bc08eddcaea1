"""Rows on a plane: braille dots where rows lie, and a sign in each cell that holds chosen ones.

Nothing is said by colour alone: dots are rows, ● is one chosen row, 2 to 9 are so many, # are ten or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import events
from textual.message import Message

from sde_tui.keys import keys_of
from sde_tui.widgets.bindings import widget_bindings
from sde_tui.widgets.lines import LineView
from sde_tui.widgets.spans import Line, Span

if TYPE_CHECKING:
    import numpy as np

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_THRESHOLDS = ((0, 4), (6, 2), (1, 5), (7, 3))
"""An ordered pattern of halftones: dots that are lit one after the other as a place gets denser, spread over the cell."""
_FULL_QUANTILE = 0.98
LEGEND = "⠂ ⢕ ⣿ rows, few to many  ● chosen, 2–9 so many, # more"


def chosen_sign(count: int) -> str:
    """The sign of a cell with so many chosen rows."""
    return "●" if count == 1 else str(count) if count < 10 else "#"


def braille_lines(dots: np.ndarray) -> list[str]:
    """A character a cell, the denser the more dots it has; a cell with any row has a dot.

    Args:
        dots: Rows of each dot, int[4 · lines, 2 · columns].
    """
    import numpy as np

    lines, columns = dots.shape[0] // 4, dots.shape[1] // 2
    full = max(float(np.quantile(dots[dots > 0], _FULL_QUANTILE)), 1.0) if (dots > 0).any() else 1.0
    darkness = np.log1p(dots) / np.log1p(full)
    thresholds = np.tile((np.asarray(_THRESHOLDS) + 0.5) / 8, (lines, columns))
    lit = _by_cell((darkness >= thresholds) & (dots > 0), lines, columns)
    counts = _by_cell(dots, lines, columns)
    lonely = (counts.sum(axis=2) > 0) & ~lit.any(axis=2)
    lit |= lonely[:, :, None] & (counts == counts.max(axis=2, keepdims=True))
    codes = 0x2800 + (lit * np.asarray(_BITS).reshape(8)).sum(axis=2)
    return ["".join(" " if code == 0x2800 else chr(code) for code in row) for row in codes.tolist()]


def _by_cell(dots: np.ndarray, lines: int, columns: int) -> np.ndarray:
    """The eight dots of each cell, [lines, columns, 8]."""
    return dots.reshape(lines, 4, columns, 2).transpose(0, 2, 1, 3).reshape(lines, columns, 8)


class DensityMap(LineView):
    """The map with a cursor on a cell."""

    SCOPE = "map"
    BINDINGS = widget_bindings(keys_of("map"))
    DEFAULT_CSS = "DensityMap { overflow-y: hidden; scrollbar-size-vertical: 0; }"

    @dataclass
    class Moved(Message):
        """The cursor stands on another cell."""

        map: DensityMap

    @dataclass
    class Zoomed(Message):
        """Less, or more, is to be seen."""

        map: DensityMap
        closer: bool

    @dataclass
    class Sized(Message):
        """There is another room."""

        map: DensityMap

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._glyphs: Sequence[str] = ()
        self._chosen: Sequence[Sequence[int]] = ()
        self._empty: Sequence[Line] = ()
        self.line = self.column = 0
        self.bare = False

    # ---- what it shows

    def show(self, dots: np.ndarray | None, chosen: np.ndarray | None, empty: Sequence[Line] = ()) -> None:
        """Shows other counts.

        Args:
            dots: Rows of each dot, int[4 · lines, 2 · columns]; None while they are not known.
            chosen: Chosen rows of each cell, int[lines, columns]; None for none.
            empty: Lines to show while there is nothing else.
        """
        before = (len(self._glyphs), len(self._glyphs[0]) if self._glyphs else 0)
        self._glyphs = () if dots is None else braille_lines(dots)
        self._chosen = [[0] * len(line) for line in self._glyphs] if chosen is None else chosen.tolist()
        self._empty = empty
        lines, columns = len(self._glyphs), len(self._glyphs[0]) if self._glyphs else 0
        if before[0] and (lines, columns) != before and lines:
            self.line, self.column = round(self.line * lines / before[0]), round(self.column * columns / max(before[1], 1))
        elif not before[0] and lines:
            self.line, self.column = lines // 2, columns // 2
        self.line, self.column = min(self.line, max(lines - 1, 0)), min(self.column, max(columns - 1, 0))
        self.lines_changed()

    @property
    def shown(self) -> bool:
        """Whether there is a map."""
        return bool(self._glyphs)

    @property
    def glyphs(self) -> Sequence[str]:
        """The dots, a string a line."""
        return self._glyphs

    def line_count(self) -> int:
        return len(self._glyphs) or len(self._empty)

    def line_at(self, y: int, width: int) -> Line:
        if not self._glyphs:
            return self._empty[y]
        spans: list[Span] = []
        for column, (glyph, count) in enumerate(zip(self._glyphs[y], self._chosen[y], strict=True)):
            sign, ink = (chosen_sign(count), "accent") if count and not self.bare else (glyph, "dim")
            if (y, column) == (self.line, self.column):
                ink = "cursor" if self.has_focus else "cursor-blurred"
            spans.append((sign, ink))
        return spans

    # ---- the cursor

    def move_to(self, line: int, column: int) -> None:
        """Puts the cursor on a cell."""
        if not self._glyphs:
            return
        before = self.line
        self.line = max(0, min(line, len(self._glyphs) - 1))
        self.column = max(0, min(column, len(self._glyphs[0]) - 1))
        self.refresh_line(before)
        self.refresh_line(self.line)
        self.post_message(self.Moved(self))

    def action_step(self, down: int, right: int) -> None:
        self.move_to(self.line + down, self.column + right)

    def action_zoom_in(self) -> None:
        self.post_message(self.Zoomed(self, closer=True))

    def action_zoom_out(self) -> None:
        self.post_message(self.Zoomed(self, closer=False))

    def action_bare(self) -> None:
        self.bare = not self.bare
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        self.move_to(event.y + self.scroll_offset.y, event.x)

    def on_resize(self, event: events.Resize) -> None:
        self.lines_changed()
        self.post_message(self.Sized(self))

    def on_focus(self) -> None:
        self.refresh_line(self.line)
        self.post_message(self.Moved(self))

    def on_blur(self) -> None:
        self.refresh_line(self.line)
