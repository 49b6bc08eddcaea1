"""The rows that a held-out file holds too: a list, and under it the two rows side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.dialogs import ConfirmScreen
from sde_tui.screens.duplicates_drawing import diff_lines
from sde_tui.screens.list_dialog import ListDialog
from sde_tui.session_leaks import LeaksPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import ItemList, LineList
from sde_tui.widgets.spans import Line
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.checks.duplicates.leakage import Leak

INKS = {"exact": "bad", "normalised": "bad", "prompt": "warn", "near": "warn", "near-prompt": "accent", "ngram": "accent"}
WORDS = {"near-prompt": "near prompt", "ngram": "same words"}
_KIND, _ROW, _OTHER, _SCORE = 12, 8, 10, 6


class LeakList(LineList):
    """The leaks, drawn as they come into sight."""

    def __init__(self, part: LeaksPart) -> None:
        super().__init__()
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


class LeaksScreen(ListDialog[str]):
    """The list of leaks; left with "rows" where all of them are to be shown in Records."""

    DEFAULT_CSS = """
    LeaksScreen .list { height: 2fr; }
    LeaksScreen .pane { height: 3fr; }
    """
    NAME = "leaks"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: LeaksPart) -> None:
        super().__init__()
        self._part = part

    def new_list(self) -> LineList:
        return LeakList(self._part)

    def new_pane(self) -> ItemList:
        return ItemList()

    def title_words(self) -> str:
        report = self._part.report
        rows = 0 if report is None else report.rows
        name = visible(Path(self._part.path).name, 40)
        matched, others = (report.leaked_of_other[0], report.others[0][1]) if report is not None else (0, 0)
        return f"{len(self._part.leaks):,} of {rows:,} rows leak: {name} holds them too ({matched:,} of its {others:,} rows)"

    def column_words(self, width: int) -> str:
        return f"  {'kind':<{_KIND}}{'row':>{_ROW}}{'other':>{_OTHER}}{'alike':>{_SCORE}}  in both"

    @property
    def leak(self) -> Leak:
        """The leak under the cursor."""
        return self._part.leaks[self.list.cursor]

    def pane_lines(self, width: int, height: int) -> Sequence[Line]:
        diff = self._part.diff(self.leak)
        if isinstance(diff, str):
            return [[(line, "bad")] for line in wrapped(diff, width)]
        return [self._sides(width), *diff_lines(diff, width, height, whole=False, stacked=False)]

    def _sides(self, width: int) -> Line:
        """Above the two texts: whose they are; they stand one below the other where there is no room."""
        other = f"− {visible(Path(self._part.path).name, 20)} row {self.leak.other_row:,}"
        return [(f"{other:<{(width - 3) // 2}}", "bad"), (f" │ + this dataset row {self.leak.row:,}", "good")]

    def line_moved(self, line: int) -> None:
        self.pane.scroll_to(y=0, animate=False, immediate=True)

    def action_switch_pane(self) -> None:
        self.set_focus(self.list if self.focused is self.pane else self.pane)

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

    def _redraw(self) -> None:
        self.list.refresh()
        self.refresh_frame()
