"""Likely label errors: judged in a thread; a suggestion is taken as an edit of the label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.session_work import WorkPart, found_or_error

if TYPE_CHECKING:
    from sde_core.checks.labels import LabelErrors, LabelEvidence
    from sde_core.dataset import Dataset, Edit
    from sde_tui.session import Session

_TEXT = 4_000
_PREDICTABLE = 0.8
"""Where models are right in fewer rows, that is said: the texts then say little about the label."""


class LabelsPart(WorkPart):
    """Judges the labels of a field, and decides about those that are likely wrong."""

    lane, needs = "labels", "judging labels needs"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.found: LabelErrors | None = None
        self._asked = ""
        self._judged: Dataset | None = None
        self._places: Sequence[int] = ()
        self._evidence = lru_cache(maxsize=256)(self._computed_evidence)

    # ---- computing

    def knows(self, field: str) -> bool:
        """Whether the labels of this field were judged, of these rows in this layout."""
        return (
            self.found is not None
            and field in (self._asked, self.found.labelled.field)
            and self._judged is not None
            and self._judged.layout == self._session.dataset.layout
        )

    def run(self, field: str, then: Callable[[], None]) -> None:
        """Judges the labels of a field ("" for the one that looks most like a label), and calls `then`."""
        dataset = self._session.dataset

        def work(cancel: Any, progress: Any) -> LabelErrors:
            from sde_core.checks.labels import find_label_errors, labelled_rows

            return find_label_errors(labelled_rows(dataset, field, cancel=cancel), cancel=cancel, progress=progress)

        def done(found: LabelErrors) -> None:
            self.found, self._asked, self._judged = found, field, dataset
            self._places = found.ranked().tolist()
            self._evidence.cache_clear()
            then()

        self._session.lanes.thread(self.lane, "judging labels", work, done)

    # ---- answers

    def __len__(self) -> int:
        return len(self._places)

    @property
    def field(self) -> str:
        """The field that was judged."""
        return "" if self.found is None else self.found.labelled.field

    def evidence(self, number: int) -> LabelEvidence:
        """What speaks for and against the label at a place of the list."""
        return self._evidence(number)

    def _computed_evidence(self, number: int) -> LabelEvidence:
        assert self.found is not None  # noqa: S101
        return self.found.evidence(self._places[number])

    def text(self, row: int) -> str:
        """What the label of a row is about, as it may be shown."""
        assert self.found is not None  # noqa: S101
        place = int(self.found.labelled.rows.searchsorted(row))
        return visible(" ".join(self.found.labelled.texts[place][:_TEXT].split()))

    def state(self, number: int) -> str:
        """ "edited", "rejected" or "": what became of the label at a place of the list."""
        one = self.evidence(number)
        now = self._label_now(one.row)
        if not isinstance(now, SdeError) and now not in (one.label, None):
            return "edited"
        return "rejected" if self._session.decisions.status(one.row) == "rejected" else ""

    def refusal(self, number: int) -> str:
        """Why the row at a place of the list cannot be read any more, "" where it can."""
        now = self._label_now(self.evidence(number).row)
        return str(now) if isinstance(now, SdeError) else ""

    def summary(self) -> str:
        """How many labels are likely wrong, in how many."""
        found = self.found
        if found is None:
            return ""
        judged = int(found.judged().sum())
        learned = "" if found.learned == judged else f", learned from {found.learned:,}"
        outliers = int(found.outliers.sum())
        fits = f"; {outliers:,} fit no class" if outliers else ""
        doubt = f"; models are right in {found.predictable:.0%}" if found.predictable < _PREDICTABLE else ""
        return f"{visible(self.field, 24)}: {count_of(len(self), 'likely label error')} in {judged:,} rows{learned}{fits}{doubt}"

    # ---- deciding

    def _label_now(self, row: int) -> Any:
        """The label with the user's edits, None where there is none; the error where the row cannot be read any more."""
        from sde_core.dataset.turns import value_at

        assert self.found is not None  # noqa: S101
        path = self.found.labelled.path
        try:
            return found_or_error(lambda: value_at(self._session.dataset.value(row), path))
        except (KeyError, IndexError, TypeError):
            return None

    def why_not_accept(self, number: int) -> str:
        """Why the suggestion cannot be taken, "" where it can."""
        if number >= len(self):
            return "No label is likely to be wrong."
        one = self.evidence(number)
        now = self._label_now(one.row)
        if isinstance(now, SdeError):
            return str(now)
        if not isinstance(now, str):
            return "This label is no text in the file, and only texts can be edited; x rejects the row."
        return self._session.decisions.why_not() or ("The label is the suggested one already." if now == one.suggested else "")

    def _edit(self, number: int) -> Edit:
        from sde_core.dataset import Edit

        assert self.found is not None  # noqa: S101
        one = self.evidence(number)
        return Edit(one.row, self.found.labelled.path, str(self._label_now(one.row)), one.suggested)

    def accept(self, number: int) -> bool:
        """Takes the suggested label, as an edit that can be undone."""
        one = self.evidence(number)
        return self._session.decisions.edit([self._edit(number)], f"label: {one.label} → {one.suggested} (score {one.score:.2f})")

    def reject(self, number: int) -> bool:
        """Rejects the row for its label."""
        one = self.evidence(number)
        reason = f"label {visible(one.label, 40)} is likely wrong: {visible(one.suggested, 40)} (score {one.score:.2f})"
        return self._session.decisions.reject([one.row], reason)

    def undo(self) -> None:
        """Takes the last decision back."""
        self._session.decisions.undo()

    def drill(self, number: int, *, screen: str) -> None:
        """Shows all likely errors in Records, with the cursor on this one."""
        assert self.found is not None  # noqa: S101
        rows: list[int] = self.found.labelled.rows[list(self._places)].tolist()
        self._session.records.drill(rows, f"likely errors in {visible(self.field, 40)}", screen=screen)
        self._session.records.jump(self.evidence(number).row)

    def command_line(self) -> str:
        """The command that judges the same."""
        import shlex

        return f"sde labels {self._session.command_data}" + (f" --field {shlex.quote(self.field)}" if self.field else "")
