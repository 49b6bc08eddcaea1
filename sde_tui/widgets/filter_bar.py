"""The line in which a filter is typed."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

DEBOUNCE_SECONDS = 0.15


class FilterBar(Horizontal):
    """`/` opens it; filters while typing; enter keeps the filter, esc drops it. `:row 4211` and enter jumps to a row."""

    DEFAULT_CSS = """
    FilterBar { height: 1; dock: bottom; display: none; background: $panel; }
    FilterBar Static { width: 9; color: $accent; background: $panel; }
    FilterBar Input, FilterBar Input:focus { height: 1; border: none; padding: 0; background: $panel; }
    """
    BINDINGS = [Binding("escape", "drop", show=False)]

    @dataclass
    class Changed(Message):
        """Another text is to be found."""

        text: str

    @dataclass
    class Closed(Message):
        """Typing is over; `row` is where to jump, None to stay."""

        row: int | None = None

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._timer: Timer | None = None
        self._sent = ""

    def compose(self) -> ComposeResult:
        yield Static(" filter /", markup=False)
        field = Input(placeholder="text to find; :row 4211 jumps; enter keeps, esc drops", select_on_focus=False)
        field.cursor_blink = False
        yield field

    def open(self, text: str) -> None:
        """Shows the line with the filter in force."""
        field = self.query_one(Input)
        self._sent = text
        with field.prevent(Input.Changed):
            field.value = text
        field.cursor_position = len(text)
        self.display = True
        self.screen.set_focus(field)  # at once: the next letter may be in the queue already

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE_SECONDS, self._send)

    def _send(self) -> None:
        text = self.query_one(Input).value
        if not text.startswith(":") and text != self._sent:
            self._sent = text
            self.post_message(self.Changed(text))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        word = event.value.removeprefix(":").removeprefix("row").strip().replace(",", "")
        if event.value.startswith(":") and word.isdecimal():
            self._close(int(word))
            return
        self._send()
        self._close(None)

    def action_drop(self) -> None:
        self.query_one(Input).value = ""
        self._send()
        self._close(None)

    def _close(self, row: int | None) -> None:
        if self._timer is not None:
            self._timer.stop()
        self.display = False
        self.post_message(self.Closed(row))
