"""Saying what is wrong with an answer: a tag, free words, and the answer that it should have been."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from sde_core.visible import visible
from sde_tui.screens.dialogs import Dialog
from sde_tui.widgets.bindings import dialog_bindings

Told = tuple[str, str]
"""The user's own words, and the wanted answer."""


class FailureScreen(Dialog[Told]):
    """Two fields, both of which may stay empty."""

    DEFAULT_CSS = """
    FailureScreen > Vertical { width: 100%; max-width: 100; }
    FailureScreen TextArea, FailureScreen TextArea:focus { height: 8; border: none; padding: 0; background: $background; }
    """
    NAME = "failure"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, tag: str, question: str) -> None:
        super().__init__()
        self._tag, self._question = tag, question

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(Content(f"{self._tag}: {visible(self._question, 60)}"))
            yield Static(Content("What is wrong, in your own words:"), classes="hint")
            note = Input(id="note")
            note.cursor_blink = False
            yield note
            yield Static(Content("What it should have answered; empty where that is still to be collected:"), classes="hint")
            area = TextArea(soft_wrap=True, show_line_numbers=False)
            area.cursor_blink = False
            yield area

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Input))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_focus(self.query_one(TextArea))

    def action_next_field(self) -> None:
        self.focus_next()

    def action_save(self) -> None:
        self.dismiss((self.query_one(Input).value, self.query_one(TextArea).text))
