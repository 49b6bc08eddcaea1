"""All of a run's recipe and of its row manifest, to read."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_tui.screens.dialogs import Dialog
from sde_tui.screens.runs_drawing import launched, recipe_items
from sde_tui.session_queue import QueuePart, RunLine
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import ItemList, LineList


class RunRecipeScreen(Dialog[None]):
    """Lines that scroll."""

    DEFAULT_CSS = """
    RunRecipeScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    RunRecipeScreen ItemList { height: 1fr; max-height: 100%; }
    """
    NAME = "run_recipe"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: QueuePart, run: RunLine) -> None:
        super().__init__()
        self._part, self._run = part, run

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(Content(f"Run {self._run.id[-4:]} of {launched(self._run.id)}"))
            yield ItemList()

    def on_mount(self) -> None:
        self.set_focus(self.query_one(ItemList))
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        lines = self.query_one(ItemList)
        lines.set_items(recipe_items(self._part, self._run, lines.scrollable_content_region.width or 74))

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
