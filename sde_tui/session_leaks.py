"""Leaks: rows of the dataset that a held-out or benchmark file holds too, found in a thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_tui.session_work import WorkPart, found_or_error

if TYPE_CHECKING:
    from sde_core.checks.duplicates.leakage import Leak, LeakReport
    from sde_core.checks.duplicates.word_diff import WordDiff
    from sde_core.dataset import Dataset
    from sde_tui.session import Session

_TEXT = 40_000


class LeaksPart(WorkPart):
    """Compares the dataset with another file, and rejects what leaks."""

    lane, needs = "leaks", "comparing needs"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.report: LeakReport | None = None
        self.leaks: tuple[Leak, ...] = ()
        """The leaks found, surest kind first, then by similarity."""
        self.path = ""
        self._compared: Dataset | None = None
        self._other: Dataset | None = None
        self._diff = lru_cache(maxsize=32)(self._computed_diff)

    def knows(self, path: str) -> bool:
        """Whether the report in force is of this file and of the texts as they are now."""
        return self.report is not None and path == self.path and self._compared is self._session.dataset

    def run(self, path: str, then: Callable[[], None]) -> None:
        """Compares with a file, and calls `then` when the report is there."""
        dataset = self._session.dataset

        def work(cancel: Any, progress: Any) -> tuple[Dataset, LeakReport, tuple[Leak, ...]]:
            from sde_core.checks.duplicates.leakage import find_leaks
            from sde_core.dataset import open_dataset
            from sde_core.files import from_home

            other = open_dataset(from_home(path))
            report = find_leaks(dataset, [other], cancel=cancel, progress=progress)
            return other, report, _ranked(report)

        def found(known: tuple[Dataset, LeakReport, tuple[Leak, ...]]) -> None:
            self.path, self._compared, (self._other, self.report, self.leaks) = path, dataset, known
            self._diff.cache_clear()
            then()

        self._session.lanes.thread(self.lane, f"comparing with {visible(Path(path).name, 30)}", work, found)

    # ---- answers

    def status(self, leak: Leak) -> str:
        """What was decided about a leaking row."""
        return self._session.decisions.status(leak.row)

    def diff(self, leak: Leak) -> WordDiff | str:
        """What differs between the two rows, from the other file's to the dataset's; every text in it has passed `visible`.

        Where one of them cannot be read any more, why.
        """
        found = found_or_error(lambda: self._diff(leak.row, leak.other_row))
        return visible(str(found), 600) if isinstance(found, SdeError) else found

    def _computed_diff(self, row: int, other_row: int) -> WordDiff:
        from sde_core.checks.duplicates.word_diff import word_diff

        return word_diff(_shown(self._other, other_row), _shown(self._session.dataset, row))

    # ---- deciding

    def reject(self, leaks: tuple[Leak, ...]) -> bool:
        """Rejects leaking rows as one decision; each reason names the other row."""
        left = [leak for leak in leaks if self.status(leak) != "rejected"]
        name = Path(self.path).name
        reasons = [f"leak ({leak.kind}): row {leak.other_row} of {name}" for leak in left]
        return bool(left) and self._session.decisions.reject([leak.row for leak in left], reasons)

    def undo(self) -> None:
        """Takes the last decision back."""
        self._session.decisions.undo()

    def drill(self, *, screen: str) -> None:
        """Shows all leaking rows in Records."""
        self._session.records.drill([leak.row for leak in self.leaks], f"rows that {visible(Path(self.path).name, 40)} holds too", screen=screen)


def _ranked(report: LeakReport) -> tuple[Leak, ...]:
    from sde_core.checks.duplicates.leakage import LEAK_KINDS

    return tuple(sorted(report.leaks, key=lambda leak: (LEAK_KINDS.index(leak.kind), -leak.score, leak.row)))


def _shown(dataset: Dataset | None, row: int) -> str:
    """Prompt and answer of a row, as they may be shown."""
    if dataset is None:
        return ""
    texts = "\n".join(turn.text for turn in dataset.turns(row).turns if turn.role != "system")
    return visible(texts[:_TEXT], keep_newlines=True)
