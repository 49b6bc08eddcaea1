"""Decisions of the user: made through the journal, on the disk before they are on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sde_core.errors import BadRecordError, SdeError
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.dataset import Edit
    from sde_core.decisions import Decision, DecisionState, Journal
    from sde_tui.session import Session


class DecisionsPart:
    """Accept, reject, clear, edit; undo and redo."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._journal: Journal | None = None
        self._failure = ""
        self._counts: tuple[int, int] | None = None

    # ---- the journal

    def open(self) -> None:
        """Opens the journal in a thread: it needs the keys of all records."""
        self._session.lanes.thread("journal", "reading decisions", self._open, self._opened)

    def _open(self, cancel: Any, progress: Any) -> Journal:
        try:
            dataset = self._session.dataset
            dataset.keys(cancel=cancel, progress=progress)
            return self._session.project.open_journal(dataset)
        except SdeError as error:
            self._failure = f"{error.message} {error.hint}".strip()
            raise

    def _opened(self, journal: Journal) -> None:
        self._journal, self._failure = journal, ""
        if journal.read_only:
            self._session.flash("Read-only: another sde has this dataset open, so decisions cannot be made here.", "warn")
        elif journal.torn:
            self._session.flash("The last decision had not been written whole; it was set aside, the others stand.", "warn")
        self._changed("opened", edits=bool(journal.state.edits))
        self._session.findings.start()

    def close(self) -> None:
        """Lets another process write."""
        if self._journal is not None:
            self._journal.close()

    # ---- what stands

    @property
    def state(self) -> DecisionState | None:
        """What all decisions add up to, None until the journal is open."""
        return None if self._journal is None else self._journal.state

    @property
    def log(self) -> Sequence[Decision]:
        """All decisions, oldest first."""
        return () if self._journal is None else self._journal.decisions

    @property
    def last_at(self) -> float:
        """When the decision was made that undo takes back, in seconds since the epoch; 0 where there is none."""
        return self._journal.standing[-1].time if self._journal is not None and self._journal.standing else 0.0

    @property
    def undone(self) -> bool:
        """Whether redo has a decision to restore."""
        return self._journal is not None and self._journal.undone

    @property
    def read_only(self) -> bool:
        """Whether another process holds the journal."""
        return self._journal is not None and self._journal.read_only

    def why_not(self) -> str:
        """Why nothing can be decided now, "" where it can."""
        if self._journal is None:
            return self._failure or "Decisions open once the whole file has been read."
        return "Read-only: another sde has this dataset open." if self._journal.read_only else ""

    def status(self, row: int) -> str:
        """ "accepted", "rejected" or ""."""
        return "" if self.state is None or row >= len(self.state.statuses) else self.state.status(row)

    def reason(self, row: int) -> str:
        """Why the row has its status."""
        return "" if self.state is None or row >= len(self.state.statuses) else self.state.reason(row)

    @property
    def counts(self) -> tuple[int, int]:
        """How many rows are accepted and rejected."""
        if self.state is None:
            return 0, 0
        if self._counts is None:
            self._counts = len(self.state.accepted_rows()), len(self.state.rejected_rows())
        return self._counts

    # ---- verbs

    def accept(self, rows: Iterable[int], reason: str = "by hand") -> bool:
        """Accepts rows for the training set; False where that failed and was said."""
        wanted = list(rows)
        accepted = self.readable(wanted)
        if wanted and not accepted:
            which = f"Row {wanted[0]:,}" if len(wanted) == 1 else "None of these rows"
            self._session.flash(f"{which} can{'' if len(wanted) > 1 else 'not'} be read, so there is nothing to accept; x rejects.", "warn")
            return False
        return self._decide(lambda journal: journal.accept(accepted, reason))

    def readable(self, rows: Sequence[int]) -> Sequence[int]:
        """Those of the rows that can be read, as far as that is known: no other row can train."""
        dataset = self._session.dataset
        for row in () if dataset.bad_known else rows[:_PARSED_AT_ONCE]:
            with suppress(BadRecordError):
                dataset.value(row)
        unreadable = {record.row for record in dataset.bad}
        return [row for row in rows if row not in unreadable] if unreadable else rows

    def reject(self, rows: Iterable[int], reason: str | Sequence[str] | None = None) -> bool:
        """Rejects rows; without a reason, what was found on each row is its reason."""
        rows = list(rows)
        reasons = [self._session.findings.reason(row) for row in rows] if reason is None else reason
        return self._decide(lambda journal: journal.reject(rows, reasons))

    def clear(self, rows: Iterable[int], reason: str = "by hand") -> bool:
        """Makes rows undecided again."""
        return self._decide(lambda journal: journal.clear(rows, reason))

    def edit(self, edits: Sequence[Edit], reason: str = "edited by hand") -> bool:
        """Replaces texts; False where that failed and was said."""
        return self._decide(lambda journal: journal.edit(edits, reason), edits=True)

    def undo(self) -> None:
        """Takes the last decision back and says which."""
        self._step(lambda journal: journal.undo(), "Undone", "There is nothing to undo.")

    def redo(self) -> None:
        """Restores what was undone last and says which."""
        self._step(lambda journal: journal.redo(), "Redone", "There is nothing to redo.")

    def _decide(self, act: Callable[[Journal], Decision | None], *, edits: bool = False) -> bool:
        reason = self.why_not()
        if reason or self._journal is None:
            self._session.flash(reason, "warn")
            return False
        decision = self._session.attempt(act, self._journal)
        if decision is not None:
            self._changed("decided", edits=edits)
            self._session.flash(f"{_past(decision, self._session.app.size.width - len(_UNDO) - 1)}{_UNDO}", "good")
        return decision is not None

    def _step(self, act: Callable[[Journal], Decision | None], done: str, nothing: str) -> None:
        reason = self.why_not()
        if reason or self._journal is None:
            self._session.flash(reason, "warn")
            return
        decision = self._session.attempt(act, self._journal)
        if decision is None:
            self._session.flash(nothing)
            return
        self._changed("decided", edits=bool(decision.edits))
        self._session.flash(f"{done}: {decision.summary()}", "good")

    def _changed(self, how: str, *, edits: bool) -> None:
        self._counts = None
        if edits and self._journal is not None:
            # the journal writes on in its own mapping; what a dataset was opened with stays
            edits = {row: dict(texts) for row, texts in self._journal.state.edits.items()}
            self._session.replace_dataset(self._session.dataset.with_edits(edits), "edits")
            self._session.findings.texts_changed()
        self._session.signals.decisions.publish(how)


_PARSED_AT_ONCE = 1_000
_UNDO = "   u undoes it."
_PAST = {"accept": "Accepted", "reject": "Rejected", "clear": "Undecided again:", "edit": "Edited"}
_UNSAID = ("", "by hand", "edited by hand")


def _past(decision: Decision, room: int) -> str:
    """ "Rejected 12 rows: empty answer.", cut to `room` characters."""
    from sde_core.visible import visible

    said = f"{_PAST[decision.op]} {count_of(decision.count, 'row')}"
    reasons = [reason for reason in decision.reasons if reason not in _UNSAID]
    if len(reasons) == 1:
        said = visible(f"{said}: {reasons[0].rstrip('.')}", max(room - 1, 20))
    elif reasons:
        said += f", for {len(reasons):,} reasons"
    return said if said.endswith("…") else f"{said}."
