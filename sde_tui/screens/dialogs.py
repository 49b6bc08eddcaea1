"""Small questions over a screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, Generic, TypeVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from sde_core.visible import visible
from sde_tui.key import types_a_character
from sde_tui.keys import Key, footer_keys
from sde_tui.screens.keyed import Keyed
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.chrome import FlashLine, KeyFooter
from sde_tui.widgets.lines import Item, ItemList, LineList

_ALL_KEYS = 99
Answer = TypeVar("Answer")


class Dialog(Keyed, ModalScreen[Answer], Generic[Answer]):
    """A box over a screen, with a message line and its own keys at the foot of the terminal; esc, q and backspace leave it.

    A dialog has a `NAME`, its keys in `sde_tui.dialog_keys`, `BINDINGS = dialog_bindings(NAME)`, `compose_content`, and a method `action_NAME` for
    each key, with a `why_not_NAME` where the key may have nothing to do.
    """

    SHARED_SCOPE = "dialog"
    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 50%; }
    Dialog > Vertical {
        width: 76; max-width: 96%; height: auto; max-height: 100%; margin: 1 0 0 0; background: $panel; border: round $accent; padding: 0 1;
    }
    Dialog > #foot { dock: bottom; height: auto; background: $background; }
    Dialog Static { height: auto; background: $panel; }
    Dialog .hint { color: $foreground 70%; }
    Dialog ItemList { height: auto; max-height: 16; background: $panel; scrollbar-background: $panel; }
    Dialog Input, Dialog Input:focus { height: 1; border: none; padding: 0; background: $background; }
    """
    BINDINGS = dialog_bindings("dialog")

    def compose(self) -> ComposeResult:
        yield from self.compose_content()
        with Container(id="foot"):
            yield FlashLine(id="flash")
            yield KeyFooter(id="keys")

    def compose_content(self) -> Iterable[Widget]:
        """The box."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.refresh_frame()

    def on_resize(self) -> None:
        self.call_after_refresh(self.refresh_frame)

    def on_screen_resume(self) -> None:
        self.refresh_frame()

    def on_descendant_focus(self) -> None:
        self.refresh_frame()

    def refresh_frame(self) -> None:
        """Message and keys; each is repainted only where it changed."""
        if not self.is_attached or not self.query("#foot"):
            return
        self.refresh_message()
        self.query_one("#keys", KeyFooter).show_keys([(key, not self.why_not(key)) for key in self.footer()])

    def footer(self) -> list[Key]:
        """The keys at the foot, in the table's order: where there is not room for all, the main one and those that do something now.

        Where a field has the focus, they are those that act all the same.
        """
        keys: Iterable[Key] = footer_keys(self.NAME, _ALL_KEYS, everywhere=self.SHARED_SCOPE)
        if isinstance(self.focused, (Input, TextArea)):
            taken = _TAKEN_BY_TEXT if isinstance(self.focused, TextArea) else _TAKEN_BY_INPUT
            keys = [one for key in keys if (one := _above_fields(key, taken))]
        help_key, *own, leave = keys
        room = self.size.width - _cells(help_key) - _cells(leave)
        wanted = sorted(own[1:], key=lambda key: bool(self.why_not(key)))
        fitting = _fitting([*own[:1], *wanted], room)
        return [help_key, *(key for key in own if key in fitting), leave]

    def action_leave(self) -> None:
        self.dismiss(None)

    def copy_command(self, command: str) -> None:
        """Puts a command on the clipboard, and shows it."""
        self.app.copy_to_clipboard(command)
        self.app.push_screen(NoteScreen("Copied", visible(f"$ {command}", 600)))


def _cells(key: Key) -> int:
    """How wide a key is in the footer where it can do nothing now, which is when it is widest."""
    return cell_len(f" ({key.shown} {key.label}) ")


def _fitting(keys: Sequence[Key], room: int) -> list[Key]:
    """The first keys, as many as there is room for."""
    return [key for key, end in zip(keys, accumulate(_cells(key) for key in keys), strict=True) if end <= room]


_TAKEN_BY_INPUT = frozenset(("backspace", "delete", "left", "right", "home", "end"))
_TAKEN_BY_TEXT = _TAKEN_BY_INPUT | {"enter", "up", "down", "pageup", "pagedown"}


def _above_fields(key: Key, taken: frozenset[str]) -> Key | None:
    """The key as it is pressed while a field has the focus, None where the field takes it."""
    names = [name for name in key.key.split(",") if not types_a_character(name) and name not in taken]
    return replace(key, key=",".join(names)) if names else None


class ConfirmScreen(Dialog[bool]):
    """A question with yes and no."""

    NAME = "question"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, question: str, details: Sequence[str] = ()) -> None:
        super().__init__()
        self._question, self._details = question, details

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(Content(self._question), id="question")
            for detail in self._details:
                yield Static(Content(detail), classes="hint")
            yield Static(Content("y yes   n no"), classes="hint")

    def action_yes(self) -> None:
        self.dismiss(True)


class NoteScreen(Dialog[None]):
    """Something to read that is too long for the message line."""

    NAME = "note"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(Content(self._title), classes="hint")
            yield Static(Content(self._text))
            yield Static(Content("esc leaves"), classes="hint")


class ChooseScreen(Dialog[Any]):
    """A list to choose one from."""

    NAME = "choice"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, title: str, options: Sequence[tuple[Any, str]], current: Any = None) -> None:
        super().__init__()
        self._title, self._options, self._current = title, options, current

    def compose_content(self) -> Iterable[Widget]:
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

    NAME = "line_of_text"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, title: str, value: str = "", placeholder: str = "", details: Sequence[str] = ()) -> None:
        super().__init__()
        self._details = details
        self._title, self._value, self._placeholder = title, value, placeholder

    def compose_content(self) -> Iterable[Widget]:
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
        self.action_done()

    def action_done(self) -> None:
        self.dismiss(self.query_one(Input).value)
