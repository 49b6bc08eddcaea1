"""Labels that are likely wrong: a list by suspicion, and under it the row with its nearest rows of both classes."""

from __future__ import annotations

from collections.abc import Sequence

from sde_core.visible import visible
from sde_tui.screens.list_dialog import ListDialog
from sde_tui.session_labels import LabelsPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import LineList
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped

_MARKS = {"edited": ("✓ ", "good"), "rejected": ("✗ ", "bad"), "": ("  ", "text")}
_ROW, _LABELS, _LABELS_WIDE, _TEXT_LINES = 7, 30, 44, 3


class ErrorList(LineList):
    """The likely errors, drawn as they come into sight."""

    def __init__(self, part: LabelsPart) -> None:
        super().__init__()
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


class LabelsScreen(ListDialog[int]):
    """The list over the evidence; left with a place of the list where its row is to be shown in Records."""

    DEFAULT_CSS = "LabelsScreen .pane { height: 10; }"
    NAME = "labels"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: LabelsPart) -> None:
        super().__init__()
        self._part = part

    def new_list(self) -> LineList:
        return ErrorList(self._part)

    def title_words(self) -> str:
        return self._part.summary()

    def column_words(self, width: int) -> str:
        return f"  score{'row':>{_ROW - 1}}  label → suggested"

    # ---- the evidence

    def pane_lines(self, width: int, height: int) -> Sequence[Line]:
        if not len(self._part):
            return []
        one, refusal = self._part.evidence(self.list.cursor), self._part.refusal(self.list.cursor)
        lines: list[Line] = [[(line, "bad")] for line in wrapped(visible(refusal, 600), width)] if refusal else []
        text, most = list(wrapped(self._part.text(one.row), width)), max(_TEXT_LINES - len(lines), 1)
        shown = [*text[: most - 1], fit(" ".join(text[most - 1 :]), width)] if len(text) > most else text
        lines += [[(line, "text")] for line in shown]
        given = (one.label, one.given_probability, one.given_neighbours, "text")
        sides = (given, (one.suggested, one.suggested_probability, one.suggested_neighbours, "accent"))
        for name, probability, neighbours, ink in sides:
            head = f" · probability {probability:.2f} · nearest rows" + ("" if neighbours else ": none")
            lines += [[(f"{visible(name, 40)}", ink), (head, "dim")]]
            lines += [self._neighbour_line(near.row, near.similarity, width) for near in neighbours[: 2 if len(shown) > 1 else 3]]
        return lines

    def _neighbour_line(self, row: int, similarity: float, width: int) -> Line:
        return [(f"  {similarity:.2f}{row:>{_ROW},}  ", "dim"), (fit(self._part.text(row), max(width - 15, 8)), "text")]

    # ---- keys

    def action_rows(self) -> None:
        self.dismiss(self.list.cursor)

    def why_not_rows(self) -> str:
        return "" if len(self._part) else "There is no row here."

    why_not_reject = why_not_rows

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
        self.copy_command(self._part.command_line())
