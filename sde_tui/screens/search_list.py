"""A list that is narrowed by typing: the keys of a screen, and the palette."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from sde_tui.screens.dialogs import Dialog
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import Item, ItemList, LineList
from sde_tui.widgets.spans import Line, plain


@dataclass(frozen=True, slots=True)
class Entry:
    """One line to search in.

    Attributes:
        line: What is shown.
        value: What choosing it gives; None for a heading, which stays only while it has lines under it.
        note: The whole of what the line may have no room for; shown below while the cursor is on it.
    """

    line: Line
    value: Any = None
    note: str = ""


class SearchListScreen(Dialog[Any]):
    """A title, a field, a list. Arrows move, enter chooses, esc leaves.

    Args:
        title: Above the field.
        entries: All lines.
        extra: Makes further entries of what was typed ("row 4211").
        placeholder: In the empty field.
    """

    DEFAULT_CSS = """
    SearchListScreen > Vertical { height: 100%; width: 100%; max-width: 110; }
    SearchListScreen ItemList { height: 1fr; max-height: 100%; }
    SearchListScreen #note { height: 2; color: $accent; }
    """
    NAME = "search"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, title: str, entries: Sequence[Entry], *, extra: Callable[[str], Sequence[Entry]] | None = None, placeholder: str = "") -> None:
        super().__init__()
        self._title, self._entries, self._extra = title, entries, extra
        self._placeholder = placeholder

    def compose_content(self) -> Iterable[Widget]:
        from textual.containers import Vertical

        with Vertical():
            yield Static(Content(self._title))
            field = Input(placeholder=self._placeholder)
            field.cursor_blink = False
            yield field
            yield ItemList(self._items(""))
            yield Static("", id="note", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Input))
        shown = self.query_one(ItemList)
        shown.can_focus, shown.bright = False, True
        self._show_note()

    def _show_note(self) -> None:
        shown = self.query_one(ItemList)
        line = shown.items[shown.cursor].line if shown.cursor < len(shown.items) else ()
        note = next((entry.note for entry in self._entries if entry.line is line), "")
        self.query_one("#note", Static).update(Content(note))

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
        self._show_note()

    def _items(self, typed: str) -> list[Item]:
        words = typed.lower().split()
        found = [Item(entry.line, entry.value) for entry in (self._extra(typed) if self._extra else ())]
        heading: Entry | None = None
        for entry in self._entries:
            if entry.value is None:
                heading = entry
            elif all(word in plain(entry.line).lower() for word in words):
                found += [Item(heading.line)] if heading else []
                heading = None
                found.append(Item(entry.line, entry.value))
        return found or [Item([("Nothing matches.", "dim")])]

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        shown = self.query_one(ItemList)
        shown.items = self._items(event.value)
        shown.lines_changed()
        shown.move_to(0)
        shown.scroll_to(y=0, animate=False, immediate=True)
        self._show_note()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_choose()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        self.action_choose()

    def action_choose(self) -> None:
        self.dismiss(self.query_one(ItemList).value)

    def action_next(self) -> None:
        self._move(1)

    def action_previous(self) -> None:
        self._move(-1)

    def _move(self, step: int) -> None:
        shown = self.query_one(ItemList)
        shown.move_to(shown.cursor + step, step)
        if shown.cursor <= 1:
            shown.scroll_to(y=0, animate=False, immediate=True)

    def action_page_down(self) -> None:
        self.query_one(ItemList).action_page_down()

    def action_page_up(self) -> None:
        self.query_one(ItemList).action_page_up()
