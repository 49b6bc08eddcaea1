"""A text that leaves this machine, to be read before it does."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_core.visible import visible
from sde_tui.screens.dialogs import Dialog
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import Item, ItemList
from sde_tui.widgets.wrapping import wrapped


class RequestScreen(Dialog[bool]):
    """A whole text that somebody reads before it is sent."""

    DEFAULT_CSS = """
    RequestScreen > Vertical { width: 100%; height: 100%; }
    RequestScreen ItemList { height: 1fr; max-height: 100%; }
    """
    NAME = "request"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(Content(self._title))
            yield ItemList()

    def on_mount(self) -> None:
        self.set_focus(self.query_one(ItemList))
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        text = self.query_one(ItemList)
        width = text.scrollable_content_region.width or 72
        lines = [line for part in self._text.split("\n") for line in (wrapped(visible(part), width) if part else [""])]
        text.set_items([Item([(line, "text")], y) for y, line in enumerate(lines)])

    def action_yes(self) -> None:
        self.dismiss(True)
