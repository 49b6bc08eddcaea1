"""A comparison by a job whose runs finish one by one: the one that is shown, what it has found so far, and how it is stopped and goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_core.wording import ordinal
from sde_tui.session_followed_job import FollowedJob

if TYPE_CHECKING:
    from sde_core.jobs import Job, JobStatus
    from sde_tui.session import Session
    from sde_tui.session_jobs import JobLine

Found = TypeVar("Found")
_ENDED = {"stopped": "was stopped", "paused": "was paused", "failed": "failed", "lost": "was lost"}


class ShownComparison(FollowedJob, Generic[Found]):
    """The comparison shown: the one at work, else the latest.

    Attributes:
        found: What it has found so far, None until that is read.
        refusal: Why it cannot be read, "" where it can.
        status: Of its job, None where nothing was compared.
    """

    KIND: ClassVar[str]
    """Of the job."""
    LANE: ClassVar[str]
    """The purpose of the thread that reads what was found."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.found: Found | None = None
        self.refusal = ""
        self.status: JobStatus | None = None
        self._then: Callable[[], None] = lambda: None
        self._seen: frozenset[tuple[str, int]] = frozenset()

    def found_in(self, job: Job) -> Found:
        """What a job has found so far; called in a thread.

        Raises:
            SdeError: When that cannot be read.
        """
        raise NotImplementedError

    # ---- what is shown

    def open(self, then: Callable[[], None]) -> None:
        """Shows the comparison at work, else the latest; calls `then` whenever something is new."""
        self._then = then
        lines = self.all
        if self._job is None and lines:
            self._attach(next((line for line in lines if line.active), lines[0]).id)
        self._look(anew=True)

    def command_line(self) -> str:
        """The command that does the same."""
        raise NotImplementedError

    @property
    def all(self) -> list[JobLine]:
        """The comparisons of this dataset, the latest first."""
        return [line for line in self._session.jobs.lines if line.kind == self.KIND]

    @property
    def job(self) -> Job | None:
        """The comparison's job."""
        return self._job

    def show(self, job: Job) -> None:
        """Shows a comparison that was just started."""
        self._attach(job.id)
        self._session.jobs.watch()
        self._look(anew=True)
        place = self._session.queue.place_of(job)
        queued = f"Queued as {ordinal(place)}: it begins by itself, also when you leave." if place else ""
        self._session.flash(queued or "The comparison started. It goes on when you leave.", "good")

    def other(self, direction: int) -> None:
        """Shows the next older comparison, or the next newer one."""
        chosen = self._other(direction)
        if chosen is not None:
            self._attach(chosen)
            self._look(anew=True)

    def why_not_other(self, direction: int) -> str:
        """Why there is no other comparison to show, "" where there is."""
        return "" if self._other(direction) is not None else f"There is no {'older' if direction > 0 else 'newer'} comparison."

    def _other(self, direction: int) -> str | None:
        names = [line.id for line in self.all]
        place = names.index(self._job.id) if self._job is not None and self._job.id in names else -1
        return names[place + direction] if place >= 0 and 0 <= place + direction < len(names) else None

    def _attach(self, identifier: str) -> None:
        from sde_core.jobs import find_job

        self._session.lanes.stop(self.LANE)  # what it reads is of the comparison before
        self.found, self.refusal, self.status, self._seen = None, "", None, frozenset()
        self._job = self._session.attempt(find_job, self._session.project.jobs_dir, identifier)

    def _jobs_moved(self, how: str) -> None:
        if how != "moved":
            return
        job = self._job
        if job is not None and not job.folder.exists():  # somebody removed it
            self._job = self.found = self.status = None
            left = [line.id for line in self.all if line.id != job.id]
            if left:
                self._attach(left[0])
        self._look(anew=False)

    def _look(self, *, anew: bool) -> None:
        """Reads the status, and in a thread the runs that were finished since."""
        job = self._job
        if job is not None:
            before, self.status = self.status, job.status()
            self._say_its_end(before, self.status)
            runs = frozenset(_finished_runs(job))
            if (anew or runs != self._seen) and self._session.lanes.running(self.LANE) is None:
                self._seen = runs
                self._session.lanes.thread(self.LANE, "reading the runs", lambda *_: self._read(job), self._were_read, quiet=True)
        self._then()

    def _say_its_end(self, before: JobStatus | None, now: JobStatus) -> None:
        """Puts the end of the comparison in the place of what was said when it began."""
        if before is not None and before.active and not now.active:
            ended = "The comparison is done." if now.state == "done" else f"The comparison {_ENDED.get(now.state, now.state)}. {now.message}".strip()
            self._session.flash(visible(ended, 300), "good" if now.state == "done" else "warn")

    def _read(self, job: Job) -> Found | SdeError:
        try:
            return self.found_in(job)
        except SdeError as error:
            return error

    def _were_read(self, found: Found | SdeError) -> None:
        self.found = None if isinstance(found, SdeError) else found
        self.refusal = f"{found.message} {found.hint}".strip() if isinstance(found, SdeError) else ""
        self._look(anew=False)  # others may have finished meanwhile

    # ---- stopping and going on

    def why_not_stop(self) -> str:
        """Why the comparison cannot be stopped, "" where it can."""
        return "" if self.status is not None and self.status.active else "No comparison is at work here."

    def why_not_resume(self) -> str:
        """Why the comparison cannot go on, "" where it can."""
        if self.status is None:
            return "No comparison has begun: n begins one."
        if self.status.active:
            return f"It is {self.status.state}."
        missing: str = self._session.training.why_not_train()
        return "It is done; n begins another." if self.status.state == "done" and not self._lacks_runs else missing

    @property
    def _lacks_runs(self) -> bool:
        """Whether what a finished run left cannot be read any more, so that a comparison that is done can go on."""
        return False

    def resume(self) -> None:
        """Goes on with the comparison shown; finished runs stay."""
        job, done = self._job, self.status is not None and self.status.state == "done"
        if job is not None:
            self._session.attempt(lambda: job.resume(extended=done))
            self._session.jobs.watch()
            self._look(anew=True)


def _finished_runs(job: Job) -> list[tuple[str, int]]:
    """(name, time written) of every run that left something."""
    found = []
    for path in (job.folder / "cells").glob("*/cell.json"):
        try:
            found.append((path.parent.name, path.stat().st_mtime_ns))
        except OSError:  # taken away at this moment
            continue
    return found
