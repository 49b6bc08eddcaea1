"""How two runs differ: what came of them, their recipes, and the rows that only one of them saw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_tui.screens.dialogs import Dialog
from sde_tui.screens.runs_drawing import difference_items, launched
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import ItemList, LineList

if TYPE_CHECKING:
    from sde_core.train.history import RunComparison


class RunDifferenceScreen(Dialog[str]):
    """Left with "only_a" or "only_b" where those rows are to be shown in Records.

    Args:
        a: Id of the one run.
        b: Id of the other.
        found: How B differs from A.
    """

    DEFAULT_CSS = """
    RunDifferenceScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    RunDifferenceScreen #difference { height: 1fr; max-height: 100%; }
    """
    NAME = "run_difference"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, a: str, b: str, found: RunComparison) -> None:
        super().__init__()
        self._a, self._b, self._found = a, b, found

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(Content(f"A {self._a[-4:]} of {launched(self._a)}, B {self._b[-4:]} of {launched(self._b)}"))
            yield ItemList(id="difference")

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    @property
    def list(self) -> ItemList:
        """The lines."""
        return self.query_one("#difference", ItemList)

    def _fill(self) -> None:
        self.list.set_items(difference_items(self._a, self._b, self._found, self.list.scrollable_content_region.width or 74))

    def action_rows(self) -> None:
        self.dismiss(self.list.value)

    def why_not_rows(self) -> str:
        return "" if self.list.value else "No rows stand behind this line."

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
        self.refresh_frame()

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        await self.action_do("rows")
