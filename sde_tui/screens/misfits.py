"""Rows that do not fit a task, each with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.dialogs import Dialog
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import LineList
from sde_tui.widgets.spans import Line

if TYPE_CHECKING:
    from sde_core.design.readers import Misfit

_ROW = 9


class MisfitList(LineList):
    """The rows, drawn as they come into sight."""

    def __init__(self, misfits: Sequence[Misfit]) -> None:
        super().__init__(id="misfits")
        self._misfits = misfits

    def line_count(self) -> int:
        return len(self._misfits)

    def line_at(self, y: int, width: int) -> Line:
        misfit = self._misfits[y]
        return [(f"{misfit.row:>{_ROW},}  ", "dim"), (visible(misfit.reason, 4 * width), "text")]


class MisfitsScreen(Dialog[int]):
    """The list; left with a row that is to be shown in Records, among all of them."""

    DEFAULT_CSS = """
    MisfitsScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    MisfitsScreen MisfitList { height: 1fr; background: $panel; scrollbar-background: $panel; }
    MisfitsScreen .hint { height: 1; }
    """
    NAME = "misfits"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, misfits: Sequence[Misfit], fitting: int) -> None:
        super().__init__()
        self._misfits, self._fitting = misfits, fitting

    def compose_content(self) -> Iterable[Widget]:
        rows, reasons = len(self._misfits), Counter(misfit.reason for misfit in self._misfits)
        kinds = f", for {len(reasons):,} reasons" if len(reasons) > 1 else ""
        with Vertical():
            yield Static(Content(f"{count_of(rows, 'row')} of {rows + self._fitting:,} {'does' if rows == 1 else 'do'} not fit the task{kinds}"))
            yield Static(Content(f"{'row':>{_ROW}}  why"), classes="hint")
            yield MisfitList(self._misfits)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(MisfitList))

    def what_now(self) -> Line:
        return [("enter", "accent"), (" shows the row in Records, among all of these", "dim")]

    def action_rows(self) -> None:
        self.dismiss(self._misfits[self.query_one(MisfitList).cursor].row)

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        await self.action_do("rows")
