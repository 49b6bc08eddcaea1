"""Swapping a row of the proposal: the row, those that could stand in its place, and the texts of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_tui.screens.dialogs import Dialog
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.select import Pick
    from sde_core.select.alternatives import Candidate
    from sde_tui.widgets.record_table import RowCells

TEXT_LINES = 3


class SwapScreen(Dialog[int]):
    """Left with the row that takes the place, or with None."""

    DEFAULT_CSS = """
    SwapScreen > Vertical { width: 100%; max-width: 130; height: auto; max-height: 100%; }
    SwapScreen #candidates { height: auto; max-height: 6; }
    SwapScreen #both { height: 10; border-top: solid $accent 50%; }
    """
    NAME = "swap"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, row: int, pick: Pick | None, candidates: Sequence[Candidate], cells_of: Callable[[int], RowCells]) -> None:
        super().__init__()
        self._row, self._pick, self._candidates, self._cells_of = row, pick, candidates, cells_of

    def compose_content(self) -> Iterable[Widget]:
        quality = "" if self._pick is None or self._pick.quality is None else f", quality {self._pick.quality:.2f}"
        with Vertical():
            yield Static(Content(f"Swap row {self._row:,}{quality}, for one like it of at least similar quality:"))
            yield ItemList([Item(self._line(candidate), candidate.row) for candidate in self._candidates], id="candidates")
            yield TextLines(id="both")

    def _line(self, candidate: Candidate) -> Line:
        cells = self._cells_of(candidate.row)
        quality = "" if candidate.quality is None else f"  quality {candidate.quality:.2f}"
        return [(f"row {candidate.row:>7,}  ", "strong"), (f"similarity {candidate.similarity:.2f}{quality}  ", "accent"), (cells.prompt, "text")]

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.call_after_refresh(self._show_both)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_both)

    @property
    def list(self) -> ItemList:
        """The rows that could stand in its place."""
        return self.query_one("#candidates", ItemList)

    def _show_both(self) -> None:
        pane = self.query_one("#both", TextLines)
        width = pane.scrollable_content_region.width or 70
        items = [*self._text("out: row", self._row, width, "warn"), Item([]), *self._text("in:  row", self.list.value, width, "good")]
        pane.set_items(items)

    def _text(self, lead: str, row: int, width: int, ink: str) -> list[Item]:
        cells = self._cells_of(row)
        words = f"▸ {cells.prompt}  → {cells.answer}"
        shown = list(wrapped(words, width))
        if len(shown) > TEXT_LINES:
            shown = [*shown[: TEXT_LINES - 1], fit("".join(shown[TEXT_LINES - 1 :]), width)]
        title = f"{lead} {row:,}" + (f"  class {cells.label}" if cells.label else "")
        return [Item([(title, ink)]), *(Item([(text, "text")]) for text in shown)]

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
        self._show_both()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        self.action_swap()

    def action_swap(self) -> None:
        self.dismiss(self.list.value)
