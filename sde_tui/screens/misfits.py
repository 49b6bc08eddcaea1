"""Rows that do not fit a task, each with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.list_dialog import ListDialog
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import LineList
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.design.readers import Misfit
    from sde_tui.session_design import DesignPart

_ROW = 9


class MisfitList(LineList):
    """The rows, drawn as they come into sight."""

    def __init__(self, misfits: Sequence[Misfit]) -> None:
        super().__init__()
        self._misfits = misfits

    def line_count(self) -> int:
        return len(self._misfits)

    def line_at(self, y: int, width: int) -> Line:
        misfit = self._misfits[y]
        return [(f"{misfit.row:>{_ROW},}  ", "dim"), (visible(misfit.reason, 4 * width), "text")]


class MisfitsScreen(ListDialog[int]):
    """The list over the whole reason and the row itself; left with a row that is to be shown in Records, among all of them."""

    DEFAULT_CSS = "MisfitsScreen .pane { height: 8; }"
    NAME = "misfits"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: DesignPart) -> None:
        super().__init__()
        self._part = part
        self._misfits: Sequence[Misfit] = part.found.misfits if part.found is not None else ()
        self._reasons = part.misfit_reasons()

    def new_list(self) -> LineList:
        return MisfitList(self._misfits)

    def title_words(self) -> str:
        rows, fitting = len(self._misfits), len(self._part.found.records) if self._part.found is not None else 0
        kinds = f", for {self._reasons:,} reasons" if self._reasons > 1 else ""
        return f"{count_of(rows, 'row')} of {rows + fitting:,} {'does' if rows == 1 else 'do'} not fit the task{kinds}"

    def column_words(self, width: int) -> str:
        return f"{'row':>{_ROW}}  why"

    def pane_lines(self, width: int, height: int) -> Sequence[Line]:
        if not self._misfits:
            return []
        misfit = self._misfits[self.list.cursor]
        source, ink = self._part.source_of(misfit.row)
        why = list(wrapped(visible(misfit.reason, 3 * width), width))
        room, row = max(height - len(why), 1), list(wrapped(visible(source, height * width), width))
        row = [*row[: room - 1], fit(" ".join(row[room - 1 :]), width)] if len(row) > room else row
        return [*([(line, "warn")] for line in why), *([(line, ink)] for line in row)]

    def what_now(self) -> Line:
        return [("enter", "accent"), (" shows the row in Records, among all of these", "dim")]

    def action_rows(self) -> None:
        self.dismiss(self._misfits[self.list.cursor].row)
