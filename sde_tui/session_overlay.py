"""Other runs of this dataset on the axes of the one that is shown; their curves are read in threads, and read on while they train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_tui.session_training_work import whole_curve

if TYPE_CHECKING:
    from sde_core.jobs import Job
    from sde_core.train.curve import RunCurve
    from sde_tui.session import Session

MOST_RUNS = 3
"""Runs beside the one shown: more lines than four nobody tells apart."""
_LOOKS = (("B", "good"), ("C", "warn"), ("D", "tool"))


@dataclass(slots=True)
class LaidOver:
    """A run on the chart.

    Attributes:
        id: Its job.
        letter: What stands on its line; its held-out losses have the small one.
        ink: The line's colour.
        curve: None until it is read.
        job: Its folder.
        offset: How far its events are read.
    """

    id: str
    letter: str
    ink: str
    curve: RunCurve | None = None
    job: Job | None = None
    offset: int = 0


class Overlay:
    """The runs beside the one shown.

    Args:
        session: The app's.
        changed: Called when there is more to draw.
    """

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self._session = session
        self._changed = changed
        self._all: list[LaidOver] = []
        session.signals.jobs.subscribe(session.app, self._jobs_moved)

    @property
    def runs(self) -> list[LaidOver]:
        """Those that are drawn: not the one shown, which is drawn in any case."""
        shown = self._session.training.shown
        return [run for run in self._all if shown is None or run.id != shown.id]

    def holds(self, identifier: str) -> bool:
        """Whether a run was chosen."""
        return any(run.id == identifier for run in self._all)

    def toggle(self, identifier: str) -> str:
        """Lays a run over the chart, or takes it off; returns why it cannot be, "" where it was."""
        if self.holds(identifier):
            self._all = [run for run in self._all if run.id != identifier]
        elif len(self.runs) >= MOST_RUNS:
            return f"At most {MOST_RUNS} runs beside the one shown: take one off first."
        else:
            letter, ink = next(look for look in _LOOKS if look[0] not in {run.letter for run in self.runs})
            self._all = [*self.runs, LaidOver(identifier, letter, ink)]
            self._read(self._all[-1])
        self._changed()
        return ""

    def clear(self) -> None:
        """Takes all off."""
        self._all = []
        self._changed()

    def _read(self, run: LaidOver) -> None:
        from sde_core.jobs import find_job

        run.job = self._session.attempt(find_job, self._session.project.jobs_dir, run.id)
        if run.job is None:
            return
        job = run.job
        self._session.lanes.thread(
            f"curve-{run.id}", "reading a curve", lambda cancel, _: whole_curve(job, cancel), lambda found: self._taken(run, found), quiet=True
        )

    def _taken(self, run: LaidOver, found: tuple[RunCurve, int]) -> None:
        run.curve, run.offset = found
        self._changed()

    def _jobs_moved(self, how: Any) -> None:
        active = {line.id for line in self._session.training.runs if line.active} if how == "moved" and self._all else set()
        for run in self._all:
            if run.id in active and run.job is not None and run.curve is not None:
                self._session.attempt(self._read_on, run)

    def _read_on(self, run: LaidOver) -> None:
        assert run.job is not None  # noqa: S101
        assert run.curve is not None  # noqa: S101
        events, run.offset = run.job.events(run.offset)
        run.curve.add(events)
