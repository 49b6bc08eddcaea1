"""Editing one text of a record."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static, TextArea

from sde_core.dataset import Edit
from sde_core.visible import visible
from sde_tui.screens.dialogs import Dialog
from sde_tui.session_record import EditableText
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.shown_controls import hidden_again, shown_controls
from sde_tui.widgets.spans import Line


class EditTurnScreen(Dialog[Edit]):
    """The text in an editor. What cannot be seen is shown by symbols, and is there again when it is saved."""

    DEFAULT_CSS = """
    EditTurnScreen > Vertical { width: 100%; max-width: 120; height: 100%; }
    EditTurnScreen TextArea, EditTurnScreen TextArea:focus { height: 1fr; border: none; padding: 0; background: $background; }
    """
    NAME = "edit_turn"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, text: EditableText) -> None:
        super().__init__()
        self._text = text
        self._warned = False
        self._shown, self._symbols = shown_controls(text.text)

    def compose_content(self) -> Iterable[Widget]:
        where = " › ".join(str(step) for step in self._text.path)
        with Vertical():
            yield Static(Content(f"row {self._text.row:,} · {visible(self._text.role, 30)} · {visible(where, 60)}"))
            if self._symbols:
                yield Static(Content(f"Hidden characters are shown as symbols: {' '.join(sorted(self._symbols))}"), classes="hint")
            area = TextArea(self._shown, soft_wrap=True, show_line_numbers=False, tab_behavior="indent")
            area.cursor_blink = False
            yield area

    def on_mount(self) -> None:
        self.set_focus(self.query_one(TextArea))

    @property
    def _after(self) -> str:
        return hidden_again(self.query_one(TextArea).text, self._symbols)

    def what_now(self) -> Line:
        if self._warned:
            return [("The text is changed: ctrl+s saves it, esc once more drops the change", "warn")]
        return [("Saved as a decision that u undoes; the file stays as it is", "dim")]

    def action_leave(self) -> None:
        """Leaves; a changed text only when asked again."""
        if self._warned or self._after == self._text.text:
            super().action_leave()
            return
        self._warned = True
        self.refresh_frame()

    def on_text_area_changed(self) -> None:
        if self._warned:
            self._warned = False
            self.refresh_frame()

    def action_save(self) -> None:
        after = self._after
        self.dismiss(None if after == self._text.text else Edit(self._text.row, self._text.path, self._text.text, after))
