"""Labels that are likely wrong: a list by suspicion, and under it the row with its nearest rows of both classes."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_core.visible import visible
from sde_tui.screens.dialogs import Dialog, NoteScreen
from sde_tui.session_labels import LabelsPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped

_MARKS = {"edited": ("✓ ", "good"), "rejected": ("✗ ", "bad"), "": ("  ", "text")}
_ROW, _LABELS, _LABELS_WIDE, _TEXT_LINES = 7, 30, 44, 3


class ErrorList(LineList):
    """The likely errors, drawn as they come into sight."""

    def __init__(self, part: LabelsPart) -> None:
        super().__init__(id="errors")
        self._part = part

    def line_count(self) -> int:
        return len(self._part)

    def line_at(self, y: int, width: int) -> Line:
        one = self._part.evidence(y)
        room = _LABELS_WIDE if width >= 100 else _LABELS
        half = (room - 3) // 2
        labels = [(fit(visible(one.label, half + 1), half), "text"), (" → ", "dim"), (fit(visible(one.suggested, half + 1), half), "accent")]
        return [
            _MARKS[self._part.state(y)], (f"{one.score:.2f}", "strong"), (f"{one.row:>{_ROW},}  ", "dim"), *labels,
            (f"  {self._part.text(one.row)[: 2 * width]}", "dim"),
        ]  # fmt: skip


class LabelsScreen(Dialog[int]):
    """The list over the evidence; left with a place of the list where its row is to be shown in Records."""

    DEFAULT_CSS = """
    LabelsScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    LabelsScreen ErrorList { height: 1fr; background: $panel; scrollbar-background: $panel; }
    LabelsScreen #evidence { height: 10; border-top: solid $accent 50%; }
    LabelsScreen .hint { height: 1; }
    """
    NAME = "labels"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: LabelsPart) -> None:
        super().__init__()
        self._part = part

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(Content(self._part.summary()))
            yield Static(Content(f"  score{'row':>{_ROW - 1}}  label → suggested"), classes="hint")
            yield ErrorList(self._part)
            yield TextLines(id="evidence")

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.call_after_refresh(self._show_evidence)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_evidence)

    @property
    def list(self) -> ErrorList:
        """The likely errors."""
        return self.query_one(ErrorList)

    # ---- the evidence

    def _show_evidence(self) -> None:
        pane = self.query_one("#evidence", ItemList)
        width = pane.scrollable_content_region.width or 74
        pane.set_items([Item(line) for line in self._evidence_lines(width)] if len(self._part) else [])
        self.refresh_frame()

    def _evidence_lines(self, width: int) -> list[Line]:
        one = self._part.evidence(self.list.cursor)
        text = list(wrapped(self._part.text(one.row), width))
        shown = [*text[: _TEXT_LINES - 1], fit(" ".join(text[_TEXT_LINES - 1 :]), width)] if len(text) > _TEXT_LINES else text
        lines: list[Line] = [[(line, "text")] for line in shown]
        given = (one.label, one.given_probability, one.given_neighbours, "text")
        sides = (given, (one.suggested, one.suggested_probability, one.suggested_neighbours, "accent"))
        for name, probability, neighbours, ink in sides:
            head = f" · probability {probability:.2f} · nearest rows" + ("" if neighbours else ": none")
            lines += [[(f"{visible(name, 40)}", ink), (head, "dim")]]
            lines += [self._neighbour_line(near.row, near.similarity, width) for near in neighbours[: 2 if len(shown) > 1 else 3]]
        return lines

    def _neighbour_line(self, row: int, similarity: float, width: int) -> Line:
        return [(f"  {similarity:.2f}{row:>{_ROW},}  ", "dim"), (fit(self._part.text(row), max(width - 15, 8)), "text")]

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
        self._show_evidence()

    # ---- keys

    def action_rows(self) -> None:
        self.dismiss(self.list.cursor)

    def why_not_rows(self) -> str:
        return "" if len(self._part) else "There is no row here."

    why_not_reject = why_not_rows

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        await self.action_do("rows")

    def action_accept(self) -> None:
        number = self.list.cursor
        if self._part.accept(number):
            one = self._part.evidence(number)
            self._decided(f"Row {one.row:,} is {one.suggested} now; u undoes it.")

    def why_not_accept(self) -> str:
        return self.why_not_rows() or self._part.why_not_accept(self.list.cursor)

    def action_reject(self) -> None:
        if self._part.reject(self.list.cursor):
            self._decided(f"Rejected row {self._part.evidence(self.list.cursor).row:,}; u undoes it.")

    def _decided(self, words: str) -> None:
        self.list.refresh()
        self.flash(words, "good")
        self.list.move_to(min(self.list.cursor + 1, len(self._part) - 1))

    def action_undo(self) -> None:
        self._part.undo()
        self.list.refresh()
        self.flash("Taken back.")

    def action_command(self) -> None:
        command = self._part.command_line()
        self.app.copy_to_clipboard(command)
        self.app.push_screen(NoteScreen("Copied", visible(f"$ {command}")))
