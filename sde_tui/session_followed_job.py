"""A job that a session part waits for: how far it is in words, and how it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import duration

if TYPE_CHECKING:
    from sde_core.jobs import Job
    from sde_tui.session import Session
    from sde_tui.session_jobs import JobLine


class FollowedJob:
    """What the session's parts that start one job share."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._job: Job | None = None
        session.signals.jobs.subscribe(session.app, self._jobs_moved)

    def stop(self) -> None:
        """Stops the job; what it has done stays."""
        if self._job is not None:
            self._session.attempt(self._job.stop)
            self._session.jobs.watch()

    def _counted(self, doing: str, unit: str) -> str:
        """How far the job is: "Embedding by all-MiniLM-L6-v2: 812 of 3,000 texts, 4 min left"."""
        line = self._line
        done = f": {line.done:,} of {line.total:,} {unit}" if line is not None and line.total else ""
        left = f", {duration(line.eta_s, units=1)} left" if line is not None and line.eta_s is not None else ""
        return f"{visible(doing, 80)}{done}{left}"

    @property
    def _line(self) -> JobLine | None:
        wanted = self._job.id if self._job is not None else ""
        return next((line for line in self._session.jobs.lines if line.id == wanted), None)

    def _follow_job(self, job: Job) -> None:
        self._job = job
        self._session.jobs.watch()
        self._jobs_moved("moved")

    def _job_is_done(self, stopped: str) -> bool | None:
        """Whether the job did what it was for, None while it works or where there is none; says why not, and lets go of it.

        Args:
            stopped: What is said where somebody stopped it.
        """
        status = self._job.status() if self._job is not None else None
        if status is None or status.active:
            return None
        self._job = None
        if status.state != "done":
            was_stopped = status.state == "stopped"
            said = stopped if was_stopped else f"{status.message} {status.hint}".strip()
            self._session.flash(visible(said, 600), "warn" if was_stopped else "bad")
        return status.state == "done"

    def _jobs_moved(self, how: str) -> None:
        raise NotImplementedError
