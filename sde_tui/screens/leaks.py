"""The rows that a held-out file holds too: a list, and under it the two rows side by side."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.dialogs import ConfirmScreen, Dialog
from sde_tui.screens.duplicates_drawing import diff_lines
from sde_tui.session_leaks import LeaksPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import Item, ItemList, LineList
from sde_tui.widgets.spans import Line

if TYPE_CHECKING:
    from sde_core.checks.duplicates.leakage import Leak

INKS = {"exact": "bad", "normalised": "bad", "prompt": "warn", "near": "warn", "near-prompt": "accent", "ngram": "accent"}
WORDS = {"near-prompt": "near prompt", "ngram": "same words"}
_KIND, _ROW, _OTHER, _SCORE = 12, 8, 10, 6


class LeakList(LineList):
    """The leaks, drawn as they come into sight."""

    def __init__(self, part: LeaksPart) -> None:
        super().__init__(id="leaks")
        self._part = part

    def line_count(self) -> int:
        return len(self._part.leaks)

    def line_at(self, y: int, width: int) -> Line:
        leak = self._part.leaks[y]
        mark = "✗" if self._part.status(leak) == "rejected" else " "
        alike = "" if leak.score == 1 else f"{leak.score:.2f}"
        head = f"{leak.row:>{_ROW},}{leak.other_row:>{_OTHER},}{alike:>{_SCORE}}  "
        return [
            (f"{mark} ", "bad"),
            (f"{WORDS.get(leak.kind, leak.kind):<{_KIND}}", INKS[leak.kind]),
            (head, "text"),
            (visible(leak.evidence, 160), "dim"),
        ]


class LeaksScreen(Dialog[str]):
    """The list of leaks; left with "rows" where all of them are to be shown in Records."""

    DEFAULT_CSS = """
    LeaksScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    LeaksScreen #leaks { height: 2fr; max-height: 100%; background: $panel; scrollbar-background: $panel; }
    LeaksScreen #pair { height: 3fr; max-height: 100%; border-top: solid $accent 50%; }
    """
    NAME = "leaks"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: LeaksPart) -> None:
        super().__init__()
        self._part = part

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(Content(self._title_words()))
            yield Static(Content(f"  {'kind':<{_KIND}}{'row':>{_ROW}}{'other':>{_OTHER}}{'alike':>{_SCORE}}  in both"), classes="hint")
            yield LeakList(self._part)
            yield ItemList(id="pair")

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.call_after_refresh(self._show_pair)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_pair)

    def _title_words(self) -> str:
        report = self._part.report
        rows = 0 if report is None else report.rows
        name = visible(Path(self._part.path).name, 40)
        matched, others = (report.leaked_of_other[0], report.others[0][1]) if report is not None else (0, 0)
        return f"{len(self._part.leaks):,} of {rows:,} rows leak: {name} holds them too ({matched:,} of its {others:,} rows)"

    @property
    def list(self) -> LeakList:
        """The leaks."""
        return self.query_one(LeakList)

    @property
    def leak(self) -> Leak:
        """The leak under the cursor."""
        return self._part.leaks[self.list.cursor]

    def _show_pair(self) -> None:
        pane = self.query_one("#pair", ItemList)
        room = pane.scrollable_content_region
        lines = diff_lines(self._part.diff(self.leak), room.width or 76, room.height or 8, whole=False, stacked=False)
        pane.set_items([Item(self._sides(room.width or 76)), *(Item(line) for line in lines)])

    def _sides(self, width: int) -> Line:
        """Above the two texts: whose they are; they stand one below the other where there is no room."""
        other = f"− {visible(Path(self._part.path).name, 20)} row {self.leak.other_row:,}"
        return [(f"{other:<{(width - 3) // 2}}", "bad"), (f" │ + this dataset row {self.leak.row:,}", "good")]

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
        if event.list.id == "leaks":
            self.query_one("#pair", ItemList).scroll_to(y=0, animate=False, immediate=True)
            self._show_pair()

    def action_switch_pane(self) -> None:
        pair = self.query_one("#pair", ItemList)
        self.set_focus(self.list if self.focused is pair else pair)

    def action_rows(self) -> None:
        self.dismiss("rows")

    def action_reject(self) -> None:
        self._part.reject((self.leak,))
        self._redraw()
        self.list.move_to(min(self.list.cursor + 1, len(self._part.leaks) - 1))

    @property
    def _left(self) -> int:
        return sum(self._part.status(leak) != "rejected" for leak in self._part.leaks)

    def action_reject_all(self) -> None:
        self.app.push_screen(ConfirmScreen(f"Reject {count_of(self._left, 'row')} that the other file holds too?"), self._reject_all)

    def why_not_reject_all(self) -> str:
        return "" if self._left else "All of these rows are rejected."

    def _reject_all(self, yes: bool | None) -> None:
        if yes:
            self._part.reject(self._part.leaks)
            self._redraw()

    def action_undo(self) -> None:
        self._part.undo()
        self._redraw()

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        await self.action_do("rows")

    def _redraw(self) -> None:
        self.list.refresh()
        self.refresh_frame()
