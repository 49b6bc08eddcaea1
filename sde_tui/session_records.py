"""Which rows are shown, in which order; marks; and the way back from a drill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sde_core.dataset import Dataset, Edit, Turns
from sde_core.errors import BadRecordError, SdeError
from sde_core.visible import visible
from sde_tui.widgets.record_table import RowCells

if TYPE_CHECKING:
    from sde_tui.session import Session
    from sde_tui.session_record import EditableText
    from sde_tui.session_run_rows import RowCosts
    from sde_tui.widgets.record_text import RecordText

EXCERPT = 400
"""Characters of a text that a table cell may show."""

ONLY = {
    "": "all rows",
    "undecided": "undecided rows",
    "accepted": "accepted rows",
    "rejected": "rejected rows",
    "marked": "marked rows",
    "found": "rows with findings",
    "edited": "edited rows",
    "unreadable": "rows that cannot be read",
}
ORDERS = {
    "file": "file order",
    "longest": "longest first",
    "shortest": "shortest first",
    "worst": "worst findings first",
    "loss": "highest loss first, of the run shown or the latest",
    "excess": "highest loss above that of its time first, of the same run",
    "unlearned": "never learned first, of the same run",
    "quality": "best quality first",
    "poorest": "poorest quality first",
}
QUALITY_ORDERS = ("quality", "poorest")
LOSS_ORDERS = ("loss", "excess", "unlearned")


@dataclass(frozen=True)
class View:
    """Rows to show.

    Attributes:
        rows: Record positions in order.
        base: What it was made from; None for all rows of the dataset.
        title: What `base` is ("near-duplicates of row 12"); "" for all rows.
        text: Only rows that hold this; small letters match capitals too.
        only: A key of `ONLY`.
        order: A key of `ORDERS`.
        costs: What a run's losses say of the rows; None where the view is not about losses.
    """

    rows: Sequence[int] = ()
    base: Sequence[int] | None = None
    title: str = ""
    text: str = ""
    only: str = ""
    order: str = "file"
    costs: RowCosts | None = None

    @property
    def filtered(self) -> bool:
        """Whether it shows less than its base."""
        return bool(self.text or self.only)

    def describe(self) -> str:
        """What it shows, in words."""
        words = [self.title] if self.title else []
        words += [ONLY[self.only]] if self.only else []
        words += [f"“{visible(self.text, 30)}”"] if self.text else []
        words += [self._order_words()] if self.order != "file" else []
        return " · ".join(words)

    def _order_words(self) -> str:
        """The order, with the run that it is of."""
        words = ORDERS[self.order]
        return words if self.costs is None or self.order not in LOSS_ORDERS else f"{words.partition(',')[0]}, run {self.costs.run}"


@dataclass(frozen=True)
class Place:
    """Where the user was: enough to come back to the exact spot."""

    screen: str
    view: View
    cursor: int
    scroll: int


class RecordsPart:
    """The view on the Records screen, the marks, and the stack of places."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.view = View(range(len(session.dataset)))
        self.marks: set[int] = set()
        self.places: list[Place] = []
        self.cursor = 0
        self.scroll = 0
        self._wanted = self.view
        self._texts_of: Dataset | None = None

    # ---- rows

    @property
    def row(self) -> int | None:
        """The row under the cursor, None in an empty view."""
        return int(self.view.rows[self.cursor]) if 0 <= self.cursor < len(self.view.rows) else None

    def rows_were_read(self) -> None:
        """Takes newly read rows into a view of all rows."""
        if self.view.base is None and not self.view.filtered and self.view.order == "file":
            self.view = replace(self.view, rows=range(len(self._session.dataset)))
            self._session.signals.view.publish("rows")

    def targets(self) -> list[int]:
        """What a verb in lower case acts on: the marked rows if there are any, else the row under the cursor."""
        if self.marks:
            return sorted(self.marks)
        return [] if self.row is None else [self.row]

    def cells(self, row: int) -> RowCells:
        """What the table shows of a row; every text has passed `visible`."""
        session = self._session
        status, severity = session.decisions.status(row), session.findings.severity(row)
        marked, edited = row in self.marks, row in session.dataset.edits
        loss = self.view.costs.shown(row) if self.view.costs is not None else ""
        try:
            turns = session.dataset.turns(row)
        except BadRecordError as error:
            return RowCells(row, "", visible(error.message, EXCERPT), "", status, "error", marked, edited, bad=True, loss=loss)
        except SdeError as error:  # the file itself is gone or another one
            session.failed(error)
            return RowCells(row, "", "", "", status, "", marked, edited, bad=True, loss=loss)
        return RowCells(row, visible(turns.label or "", 40), *_excerpts(turns), status, severity, marked, edited, loss=loss)

    # ---- why a row of the view would be rejected

    def reasons(self, rows: Sequence[int]) -> list[str] | None:
        """What each row cost where the view is about losses, before what was found on it; None where it is not."""
        costs = self.view.costs
        if costs is None:
            return None
        found = [self._session.findings.reason(row) for row in rows]
        return [
            " · ".join(filter(None, [costs.reason(row), words if words != "by hand" else ""])) or words
            for row, words in zip(rows, found, strict=True)
        ]

    def reason_to_offer(self, rows: Sequence[int]) -> str:
        """The reason that is common to the rows, "" where there is none."""
        return next(iter(self.reasons(rows) or [""])) if len(rows) == 1 else ""

    # ---- changing the view

    def show(self, **changes: Any) -> None:
        """Shows the base with another filter or order; heavy work goes to a thread, and the last request wins."""
        wanted = replace(self._wanted if self._session.lanes.running("texts") else self.view, **changes)
        if not wanted.filtered and wanted.order == "file":
            self._session.lanes.stop("view")
            rows = range(len(self._session.dataset)) if wanted.base is None else wanted.base
            self._showing(replace(wanted, rows=rows, costs=None if wanted.base is None else wanted.costs))
            return
        self._wanted = wanted
        if (wanted.text or wanted.order in ("longest", "shortest")) and self._texts_of is not self._session.dataset:
            self._read_texts()
        else:
            self._compute()

    def _read_texts(self) -> None:
        """Reads all texts once; what is typed meanwhile changes what is wanted, and does not begin the reading anew."""
        dataset = self._session.dataset

        def read(_: Any) -> None:
            self._texts_of = dataset
            self.show(**vars(self._wanted))

        if self._session.lanes.running("texts") is None:
            self._session.lanes.thread("texts", "reading texts", lambda cancel, progress: dataset.texts(cancel=cancel, progress=progress), read)

    def _compute(self) -> None:
        wanted = self._wanted
        self._session.lanes.thread("view", "filtering", lambda cancel, progress: self._computed(wanted, cancel, progress), self._showing)

    def _computed(self, wanted: View, cancel: Any, progress: Any) -> View:
        from sde_tui.session_filter import filtered_rows

        if wanted.order in LOSS_ORDERS:
            self._session.dataset.read_all(cancel=cancel, progress=progress)
            wanted = replace(wanted, costs=self._session.part("run_rows").costs(wanted.order, cancel))
        elif wanted.base is None:
            wanted = replace(wanted, costs=None)
        return replace(wanted, rows=filtered_rows(self._session, wanted, cancel, progress))

    def _showing(self, view: View) -> None:
        row = None if view.order not in ("file", self.view.order) else self.row
        self.view = view
        self.cursor = self._position_of(row)
        self._session.signals.view.publish("rows")

    def _position_of(self, row: int | None) -> int:
        """The same row's place in the new view, the first line where it is gone."""
        rows = self.view.rows
        if row is None or not len(rows):
            return 0
        if isinstance(rows, range):
            return rows.index(row) if row in rows else 0
        import numpy as np

        found = np.flatnonzero(np.asarray(rows) == row)
        return int(found[0]) if len(found) else 0

    def next_undecided(self, step: int) -> int | None:
        """The line of the nearest undecided row below (1) or above (-1) the cursor."""
        state, rows = self._session.decisions.state, self.view.rows
        lines = range(self.cursor + step, len(rows) if step > 0 else -1, step)
        if state is None or not len(lines):
            return lines[0] if len(lines) else None
        import numpy as np

        undecided = np.flatnonzero(state.statuses[np.asarray(rows)[np.asarray(lines)]] == 0)
        return lines[int(undecided[0])] if len(undecided) else None

    # ---- marks

    def toggle_mark(self, row: int) -> None:
        """Marks a row or takes its mark off."""
        self.marks.symmetric_difference_update({row})
        self._session.signals.view.publish("marks")

    def invert_marks(self) -> None:
        """Marks what is unmarked in the view, and the other way round."""
        self.marks = set(map(int, self.view.rows)) - self.marks
        self._session.signals.view.publish("marks")

    def clear_marks(self) -> None:
        """Takes all marks off."""
        self.marks = set()
        self._session.signals.view.publish("marks")

    # ---- there and back

    def drill(self, rows: Sequence[int], title: str, *, screen: str, costs: RowCosts | None = None) -> None:
        """Shows just these rows on the Records screen; `back` returns to where the user is now.

        Args:
            rows: Record positions, in the order to show.
            title: What they are, in plain words, safe to show.
            screen: The screen that the user comes from.
            costs: What a run's losses say of them, where that is what they were chosen for.
        """
        self.places.append(Place(screen, self.view, self.cursor, self.scroll))
        self._session.lanes.stop("view")
        self.view, self.cursor, self.scroll = View(rows, rows, title, costs=costs), 0, 0
        self._session.signals.view.publish("rows")
        self._session.app.show_screen("records")

    def jump(self, row: int) -> bool:
        """Puts the cursor on a row, dropping the filter if the row is not in view; whether there is such a row."""
        if not 0 <= row < len(self._session.dataset):
            return False
        self.cursor = self._position_of(row)
        if self.row != row:
            self._session.lanes.stop("view")
            self.view = View(range(len(self._session.dataset)))
            self.cursor = row
        self._session.signals.view.publish("rows")
        return True

    def back(self) -> bool:
        """Returns to the place before the last drill; False where there was none."""
        if not self.places:
            return False
        place = self.places.pop()
        self._session.lanes.stop("view")
        self.view, self.cursor, self.scroll = place.view, place.cursor, place.scroll
        self._session.signals.view.publish("place")
        self._session.app.show_screen(place.screen)
        return True

    # ---- one record

    def text_of(self, row: int, *, source: bool = False, tokens: bool = False) -> RecordText:
        """All that is shown of one record."""
        from sde_tui.session_record import record_text

        return record_text(self._session, row, source=source, tokens=tokens)

    def source_of(self, row: int) -> str:
        """The record's own bytes as text."""
        return self._session.dataset.raw(row).decode("utf-8", "replace")

    def editable_texts(self, row: int) -> list[EditableText]:
        """The record's texts that stand in one place of it."""
        from sde_tui.session_record import editable_texts

        return editable_texts(self._session.dataset, row)

    def save_edit(self, edited: Edit | None) -> None:
        """Saves a changed text as a decision that can be undone."""
        if edited is not None:
            self._session.decisions.edit([edited])

    def why_no_tokens(self) -> str:
        """Why trained tokens cannot be shown, "" where they can."""
        training = self._session.part("training")
        if training is None:
            return "This build cannot show tokens."
        if self.row is None:
            return "There is no row here."
        return training.why_no_tokens() if hasattr(training, "why_no_tokens") else ""

    def command_line(self) -> str:
        """The command that does the same as this view, as far as there is one."""
        data, row = self._session.command_data, self.row
        if self.view.only == "found":
            return f"sde check {data}"
        if self.view.only in ("accepted", "rejected"):
            return f"sde log {data}"
        return f"sde decide {data} accept {row if row is not None else 0}"

    @property
    def breadcrumb(self) -> str:
        """The way here: "overview › empty answers › row 4211"."""
        steps = [self.places[0].screen] if self.places else []
        steps += [place.view.title for place in self.places if place.view.title]
        return " › ".join([*steps, self.view.title] if self.view.title else steps)


def _excerpts(turns: Turns) -> tuple[str, str]:
    """The beginning of what is asked and of what is answered, without copying a long row's texts as a whole."""
    asked = next((turn.text for turn in turns.turns if turn.role == "user"), "") or turns.prompt[:EXCERPT]
    answered = turns.answer
    return visible(asked[:EXCERPT].lstrip(), EXCERPT), visible(answered[:EXCERPT].lstrip(), EXCERPT)
