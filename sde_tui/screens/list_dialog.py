"""A dialog that fills the terminal: a list, and under it a pane that tells of the line under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_tui.screens.dialogs import Answer, Dialog
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.spans import Line

_WIDTH, _HEIGHT = 74, 8
"""Room of a pane that has none yet."""


class ListDialog(Dialog[Answer]):
    """A dialog with a list and a pane.

    A subclass gives the list, the words above it, and the pane's lines; `show` draws all of them anew.
    """

    DEFAULT_CSS = """
    ListDialog > Vertical { height: 100%; width: 100%; max-width: 100%; }
    ListDialog .hint { height: 1; }
    ListDialog .list { height: 1fr; max-height: 100%; background: $panel; scrollbar-background: $panel; }
    ListDialog .pane { max-height: 100%; background: $panel; border-top: solid $accent 50%; }
    """
    ON_ENTER: ClassVar[str] = "rows"
    """What enter on a line does."""

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(id="title")
            yield Static(id="columns", classes="hint")
            yield self.new_list().add_class("list")
            yield self.new_pane().add_class("pane")

    def new_list(self) -> LineList:
        """The list."""
        raise NotImplementedError

    def new_pane(self) -> Widget:
        """The pane: lines to read."""
        return TextLines()

    def title_words(self) -> str:
        """The first line; none where this is empty."""
        return ""

    def column_words(self, width: int) -> str:
        """The titles of the list's columns, at its width."""
        return ""

    def pane_lines(self, width: int, height: int) -> Sequence[Line]:
        """What is known of the line under the cursor."""
        raise NotImplementedError

    def fill_list(self) -> None:
        """Brings the list up to date."""
        self.list.lines_changed()

    def line_moved(self, line: int) -> None:
        """Takes note of where the cursor stands."""

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.call_after_refresh(self.show)

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    @property
    def list(self) -> LineList:
        """The list."""
        return self.query_one(".list", LineList)

    @property
    def pane(self) -> ItemList:
        """What stands under it."""
        return self.query_one(".pane", ItemList)

    def show(self) -> None:
        """Draws everything anew."""
        if not self.is_attached or not self.query(".pane"):
            return
        title, words = self.query_one("#title", Static), self.title_words()
        title.display = bool(words)
        title.update(Content(words))
        self.query_one("#columns", Static).update(Content(self.column_words(self.list.scrollable_content_region.width or _WIDTH)))
        self.fill_list()
        self.show_pane()

    def show_pane(self) -> None:
        """Draws the pane anew, and what the keys can do with the line under the cursor."""
        room = self.pane.scrollable_content_region
        self.pane.set_items([Item(line) for line in self.pane_lines(room.width or _WIDTH, room.height or _HEIGHT)])
        self.refresh_frame()

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
        if event.list is self.list:
            self.line_moved(event.line)
            self.show_pane()

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        await self.action_do(self.ON_ENTER)
