"""Small questions over a screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from sde_tui.widgets.lines import Item, ItemList, LineList

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer], Generic[Answer]):
    """A box in the lower middle of the screen; esc and backspace leave it."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 50%; }
    Dialog > Vertical {
        width: 76; max-width: 96%; height: auto; max-height: 90%; background: $panel; border: round $accent; padding: 0 1;
    }
    Dialog Static { height: auto; background: $panel; }
    Dialog .hint { color: $foreground 70%; }
    Dialog ItemList { height: auto; max-height: 16; background: $panel; scrollbar-background: $panel; }
    Dialog Input, Dialog Input:focus { height: 1; border: none; padding: 0; background: $background; }
    """
    BINDINGS = [Binding("escape", "leave", show=False)]

    def action_leave(self) -> None:
        self.dismiss(None)


class ConfirmScreen(Dialog[bool]):
    """A question with yes and no."""

    BINDINGS = [Binding("y", "yes", show=False), Binding("n,q,backspace", "leave", show=False)]

    def __init__(self, question: str, details: Sequence[str] = ()) -> None:
        super().__init__()
        self._question, self._details = question, details

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(self._question), id="question")
            for detail in self._details:
                yield Static(Content(detail), classes="hint")
            yield Static(Content("y yes   n no"), classes="hint")

    def action_yes(self) -> None:
        self.dismiss(True)


class NoteScreen(Dialog[None]):
    """Something to read that is too long for the message line."""

    BINDINGS = [Binding("enter,q,backspace", "leave", show=False)]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(self._title), classes="hint")
            yield Static(Content(self._text))
            yield Static(Content("esc leaves"), classes="hint")


class ChooseScreen(Dialog[Any]):
    """A list to choose one from."""

    BINDINGS = [Binding("enter", "choose", show=False), Binding("q,backspace", "leave", show=False)]

    def __init__(self, title: str, options: Sequence[tuple[Any, str]], current: Any = None) -> None:
        super().__init__()
        self._title, self._options, self._current = title, options, current

    def compose(self) -> ComposeResult:
        items = [Item([("● " if value == self._current else "  ", "accent"), (words, "text")], (value,)) for value, words in self._options]
        with Vertical():
            yield Static(Content(self._title))
            yield ItemList(items)
            yield Static(Content("enter choose   esc leave"), classes="hint")

    def on_mount(self) -> None:
        chosen = self.query_one(ItemList)
        chosen.styles.height = min(len(self._options), 16)
        self.set_focus(chosen)
        chosen.move_to(next((y for y, (value, _) in enumerate(self._options) if value == self._current), 0))

    def action_choose(self) -> None:
        value = self.query_one(ItemList).value
        self.dismiss(value[0] if value else None)

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        self.action_choose()


class PromptScreen(Dialog[str]):
    """A line of text; what stands there is replaced by typing, and kept by an arrow key."""

    def __init__(self, title: str, value: str = "", placeholder: str = "", details: Sequence[str] = ()) -> None:
        super().__init__()
        self._details = details
        self._title, self._value, self._placeholder = title, value, placeholder

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(self._title))
            for detail in self._details:
                yield Static(Content(detail), classes="hint")
            field = Input(self._value, placeholder=self._placeholder, select_on_focus=True)
            field.cursor_blink = False
            yield field
            yield Static(Content("enter done   esc leave"), classes="hint")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Input))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value)
