"""Detached jobs of this dataset, watched by their folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError

if TYPE_CHECKING:
    from textual.timer import Timer

    from sde_tui.session import Session

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class JobLine:
    """What the status line and a list show of a job."""

    id: str
    kind: str
    title: str
    state: str
    done: int
    total: int | None
    eta_s: float | None
    message: str

    @property
    def active(self) -> bool:
        """Whether its process lives, or soon will."""
        return self.state in ("queued", "running", "stopping")

    def shown(self) -> str:
        """ "train 812/3,000"."""
        count = f" {self.done:,}/{self.total:,}" if self.total else ""
        return f"{self.kind}{count}" + ("" if self.state == "running" else f" {self.state}")


class JobsPart:
    """Polls job folders while a job is active; nothing is polled else."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lines: tuple[JobLine, ...] = ()
        self._timer: Timer | None = None

    def start(self) -> None:
        """Looks for jobs of earlier sessions and attaches to those that run."""
        self._session.lanes.thread("jobs", "looking for jobs", lambda *_: self._read(), self._attached, quiet=True)

    def watch(self) -> None:
        """Call after launching, stopping or resuming a job."""
        self._show(self._read())

    @property
    def lines(self) -> tuple[JobLine, ...]:
        """All jobs, the latest first."""
        return self._lines

    @property
    def active(self) -> list[JobLine]:
        """Jobs whose process lives."""
        return [line for line in self._lines if line.active]

    def _attached(self, lines: tuple[JobLine, ...]) -> None:
        self._show(lines)
        if self.active:
            self._session.flash("Attached again: " + ", ".join(line.shown() for line in self.active), "good")

    def _read(self) -> tuple[JobLine, ...]:
        if not self._session.project.jobs_dir.is_dir():
            return ()
        from sde_core.jobs import list_jobs

        return tuple(line for job in list_jobs(self._session.project.jobs_dir) if (line := _line_of(job)) is not None)

    def _show(self, lines: tuple[JobLine, ...]) -> None:
        changed, self._lines = lines != self._lines, lines
        if self.active and self._timer is None:
            self._timer = self._session.app.set_interval(POLL_SECONDS, self._poll)
        elif not self.active and self._timer is not None:
            self._timer.stop()
            self._timer = None
        if changed:
            self._session.signals.jobs.publish("moved")

    def _poll(self) -> None:
        self._session.attempt(lambda: self._show(self._read()))


def _line_of(job: Any) -> JobLine | None:
    try:
        status = job.status()
    except SdeError:
        return None
    return JobLine(job.id, job.kind, job.title, status.state, status.done, status.total, status.eta_s, status.message)
