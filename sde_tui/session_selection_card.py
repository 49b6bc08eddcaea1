"""What the card says of a row: where it stands towards the proposal, and what each rule gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sde_core.select.standing import Standing
    from sde_tui.session import Session
    from sde_tui.session_selection import SelectionPart

_KEPT = 256


@dataclass(frozen=True, slots=True)
class RuleMark:
    """What one of the chosen rules gives a row.

    Attributes:
        rule: The rule's name.
        score: Of the row, 0-1.
        mean: Of all rows.
    """

    rule: str
    score: float
    mean: float


class CardPart:
    """Works out one row at a time in a thread: the one that is looked at, however fast the cursor went by the others.

    Attributes:
        changed: Called when what was asked for is known.
    """

    def __init__(self, session: Session, part: SelectionPart) -> None:
        self._session = session
        self._part = part
        self._known: dict[int, Standing | None] = {}
        self._wanted: int | None = None
        self.changed: Callable[[], None] = lambda: None

    def forget(self) -> None:
        """What was worked out holds no longer."""
        self._session.lanes.stop("selection-card")
        self._known = {}

    def standing(self, row: int) -> Standing | None:
        """Where a row stands; None while it is worked out (`changed` tells), and for rows that cannot be read."""
        if row not in self._known:
            self._wanted = row
            if self._session.lanes.running("selection-card") is None:
                self._work_out(row)
        return self._known.get(row)

    def _work_out(self, row: int) -> None:
        solution, features, clusters = self._part.solution, self._part.features, self._part.clusters
        if solution is None or features is None:
            return

        def work(_cancel: object, _progress: object) -> Standing | None:
            from sde_core.select.standing import standing_of

            return standing_of(solution, row, labels=features.labels, clusters=clusters)

        self._session.lanes.thread("selection-card", "looking at a row", work, lambda found: self._worked_out(row, found), quiet=True)

    def _worked_out(self, row: int, found: Standing | None) -> None:
        if len(self._known) >= _KEPT:
            self._known = {}
        self._known[row] = found
        if self._wanted is not None and self._wanted not in self._known:
            self._work_out(self._wanted)
        self.changed()

    def rule_marks(self, row: int) -> list[RuleMark]:
        """The score of a row by each rule that its quality is the mean of, furthest from the mean first."""
        import numpy as np

        rules = self._session.rules
        if rules.matrix is None or rules.choice is None:
            return []
        matrix = rules.matrix
        at = int(np.searchsorted(matrix.rows, row))
        if at >= len(matrix.rows) or int(matrix.rows[at]) != row:
            return []
        names = [name for name in rules.choice.chosen if name in matrix.rules and rules.weight(name) is not None]
        marks = [RuleMark(name, float(matrix.scores[at, matrix.index(name)]), matrix.summaries[matrix.index(name)].mean) for name in names]
        return sorted(marks, key=lambda mark: -abs(mark.score - mark.mean))
