"""The verbs of the Records screen: lower case on this row or the marks, upper case on all rows of the view, after asking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_tui.screens.base import SdeScreen

    _Base = SdeScreen
else:
    _Base = object


class RecordVerbs(_Base):
    """Accept, reject, undecide, edit, mark."""

    _last_reason = ""

    def _decided(self, acted_on_marks: bool) -> None:
        """After a verb: marks are used up, a single row makes way for the next."""
        if acted_on_marks:
            self.session.records.clear_marks()
        else:
            self.table.action_cursor_down()  # type: ignore[attr-defined]

    def why_not_accept(self) -> str:
        if not len(self.session.records.view.rows) and not self.session.records.marks:
            return "There is no row here."
        return self.session.decisions.why_not()

    why_not_reject = why_not_reject_because = why_not_clear = why_not_accept_all = why_not_reject_all = why_not_clear_all = why_not_accept

    def action_accept(self) -> None:
        self._verb(lambda rows: self.session.decisions.accept(rows))

    def action_reject(self) -> None:
        self._verb(lambda rows: self.session.decisions.reject(rows, self.session.records.reasons(rows)))

    def action_clear(self) -> None:
        self._verb(lambda rows: self.session.decisions.clear(rows))

    def _verb(self, decide: Callable[[list[int]], bool]) -> None:
        marked = bool(self.session.records.marks)
        if decide(self.session.records.targets()):
            self._decided(marked)

    def action_reject_because(self) -> None:
        rows = self.session.records.targets()

        def because(reason: str) -> None:
            marked = bool(self.session.records.marks)
            self._last_reason = reason
            if self.session.decisions.reject(rows, reason or "by hand"):
                self._decided(marked)

        self.prompt(f"Reject {_count(rows)} because", because, value=self.session.records.reason_to_offer(rows) or self._last_reason)

    def _all(self) -> list[int]:
        """The rows of the view."""
        return [int(row) for row in self.session.records.view.rows]

    def action_accept_all(self) -> None:
        shown = self._all()
        rows = self.session.decisions.readable(shown)
        if not rows:
            self.session.decisions.accept(shown)
            return
        lost = len(shown) - len(rows)
        left_out = [f"{count_of(lost, 'row')} that cannot be read {'is' if lost == 1 else 'are'} left out."] if lost else []
        details = [*self._what_view(), *left_out]
        self.ask(f"Accept {_count(rows)}?", lambda: self.session.decisions.accept(rows, self._reason_of_view()), details=details)

    def action_clear_all(self) -> None:
        rows = self._all()
        self.ask(f"Make {_count(rows)} undecided?", lambda: self.session.decisions.clear(rows), details=self._what_view())

    def action_reject_all(self) -> None:
        rows = self._all()
        title = f"Reject {_count(rows)}? The reason, then enter; esc leaves."
        self.prompt(title, lambda reason: self.session.decisions.reject(rows, reason or "by hand") and None, value=self._reason_of_view())

    def _what_view(self) -> list[str]:
        return [self.session.records.view.describe() or "All rows of the dataset.", "u undoes it."]

    def _reason_of_view(self) -> str:
        described = self.session.records.view.describe()
        return visible(described, 100) or "by hand"

    # ---- marks

    def action_mark(self) -> None:
        row = self.session.records.row
        if row is not None:
            self.session.records.toggle_mark(row)
            self.table.action_cursor_down()  # type: ignore[attr-defined]

    def action_invert_marks(self) -> None:
        self.session.records.invert_marks()

    # ---- moving among the undecided

    def action_next_undecided(self) -> None:
        self._to_undecided(1)

    def action_previous_undecided(self) -> None:
        self._to_undecided(-1)

    def _to_undecided(self, step: int) -> None:
        line = self.session.records.next_undecided(step)
        if line is None:
            self.flash("No undecided row " + ("below." if step > 0 else "above."))
        else:
            self.table.move_to(line)  # type: ignore[attr-defined]

    # ---- editing

    def action_edit(self) -> None:
        from sde_tui.screens.edit_turn import EditTurnScreen

        row = self.session.records.row
        if row is None:
            return
        texts = self.session.records.editable_texts(row)
        if len(texts) == 1:
            self.app.push_screen(EditTurnScreen(texts[0]), self.session.records.save_edit)
            return
        options = [(number, f"{text.role}: {visible(text.text, 60)}") for number, text in enumerate(texts)]
        self.choose(
            f"Edit which text of row {row:,}?",
            options,
            lambda number: self.app.push_screen(EditTurnScreen(texts[number]), self.session.records.save_edit),
        )

    def why_not_edit(self) -> str:
        row = self.session.records.row
        if row is None:
            return "There is no row here."
        return self.session.decisions.why_not() or (
            "" if self.session.records.editable_texts(row) else "This record has no text that can be edited in place."
        )


def _count(rows: Sequence[int]) -> str:
    return f"row {rows[0]:,}" if len(rows) == 1 else f"{len(rows):,} rows"
