"""Designs compared: the comparison that is shown, as far as it has come, and what its models answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_core.wording import count_of, duration
from sde_tui.session_followed_job import FollowedJob

if TYPE_CHECKING:
    from sde_core.evaluate.design_answers import AskedModel
    from sde_core.evaluate.design_results import DesignComparison, DesignRow
    from sde_core.jobs import Job, JobStatus
    from sde_tui.session import Session
    from sde_tui.session_jobs import JobLine

LANE, ANSWERS_LANE, KIND = "design-results", "design-answers", "design-compare"


class DesignComparePart(FollowedJob):
    """The comparison shown: the one at work, else the latest.

    Attributes:
        found: What it has found so far, None until that is read.
        refusal: Why it cannot be read, "" where it can.
        status: Of its job, None where no designs were compared.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.found: DesignComparison | None = None
        self.refusal = ""
        self.status: JobStatus | None = None
        self._then: Callable[[], None] = lambda: None
        self._seen: frozenset[tuple[str, int]] = frozenset()

    # ---- what is shown

    def open(self, then: Callable[[], None]) -> None:
        """Shows the comparison at work, else the latest; calls `then` whenever something is new."""
        self._then = then
        lines = self.all
        if self._job is None and lines:
            self._attach(next((line for line in lines if line.active), lines[0]).id)
        self._look(anew=True)

    @property
    def all(self) -> list[JobLine]:
        """The comparisons of this dataset, the latest first."""
        return [line for line in self._session.jobs.lines if line.kind == KIND]

    def show(self, job: Job) -> None:
        """Shows a comparison that was just started."""
        self._attach(job.id)
        self._session.jobs.watch()
        self._look(anew=True)

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

        self.found, self.refusal, self.status, self._seen = None, "", None, frozenset()
        self._job = self._session.attempt(find_job, self._session.project.jobs_dir, identifier)

    def _jobs_moved(self, how: str) -> None:
        if how == "moved" and self._job is not None and self._job.id not in {line.id for line in self.all}:
            self._job = self.found = self.status = None  # somebody removed it
        if how == "moved":
            self._look(anew=False)

    def _look(self, *, anew: bool) -> None:
        """Reads the status, and in a thread the runs that were finished since."""
        job = self._job
        if job is not None:
            self.status = job.status()
            cells = frozenset(_finished_runs(job))
            if (anew or cells != self._seen) and self._session.lanes.running(LANE) is None:
                self._seen = cells
                self._session.lanes.thread(LANE, "reading the runs", lambda *_: _results_of(job), lambda found: self._read(job, found), quiet=True)
        self._then()

    def _read(self, job: Job, found: DesignComparison | SdeError) -> None:
        if job is not self._job:
            self._look(anew=True)
            return
        self.found = None if isinstance(found, SdeError) else found
        self.refusal = f"{found.message} {found.hint}".strip() if isinstance(found, SdeError) else ""
        self._look(anew=False)

    # ---- how far it is

    def progress_words(self) -> str:
        """How the comparison stands, in one line."""
        status = self.status
        if self._job is None or status is None:
            return "No designs were compared yet."
        runs = f" · {self.found.runs} of {count_of(self.found.wanted, 'run')}" if self.found is not None else ""
        left = self._seconds_left()
        return f"{self._job.id[-4:]} {status.state}{runs}" + (f" · about {duration(left, units=1)} left" if left is not None else "")

    def doing_words(self) -> tuple[str, str]:
        """(what the job does now or why it ended, the ink)."""
        status = self.status
        if status is None:
            return "", "dim"
        counted = f"{status.done:,} of {status.total:,} {status.unit}" if status.active and status.total else ""
        rate = f", {status.rate:,.1f} a second" if counted and status.rate >= 0.05 else ""
        said = " · ".join(part for part in (counted + rate, status.message) if part) if status.active else f"{status.message} {status.hint}".strip()
        return visible(said, 400), "bad" if status.state in ("failed", "lost") else "dim"

    def _seconds_left(self) -> float | None:
        """By the pace of finished runs, less what the one at hand has had."""
        status = self.status
        if self.found is None or self.found.seconds_left is None or status is None or not status.active or status.state == "waiting":
            return None
        unfinished = max(self.found.wanted - self.found.runs, 1)
        began = max([status.started or 0.0, *(stamp / 1e9 for _, stamp in self._seen)])
        spent = min(max(time.time() - began, 0.0), self.found.seconds_left / unfinished)
        return self.found.seconds_left - spent if self.found.runs < self.found.wanted else None

    # ---- what the models answered

    def answers(self, row: DesignRow, then: Callable[[list[AskedModel]], None]) -> None:
        """Reads in a thread what the models of a line answered."""
        job = self._job
        if job is None:
            return

        def work(*_: object) -> list[AskedModel]:
            from sde_core.evaluate.design_answers import asked_models

            return asked_models(job.folder, row.design, row.size, row.wording)

        self._session.lanes.thread(ANSWERS_LANE, "reading the answers", work, then)

    # ---- stopping and going on

    def why_not_stop(self) -> str:
        """Why the comparison cannot be stopped, "" where it can."""
        return "" if self.status is not None and self.status.active else "No comparison is at work here."

    def why_not_resume(self) -> str:
        """Why the comparison cannot go on, "" where it can."""
        if self.status is None:
            return "No comparison has begun: n begins one."
        finished = self.found is not None and self.found.runs >= self.found.wanted
        if self.status.active:
            return f"It is {self.status.state}."
        return "It is done; n begins another." if self.status.state == "done" and finished else ""

    def resume(self) -> None:
        """Goes on with the comparison shown; finished runs stay. One that is done goes on where the result of a run was damaged since."""
        job, done = self._job, self.status is not None and self.status.state == "done"
        if job is not None:
            self._session.attempt(lambda: job.resume(extended=done))
            self._session.jobs.watch()
            self._look(anew=True)

    def command_line(self) -> str:
        """The command that tells the same; before there is a comparison, the one that starts it."""
        if self._job is None:
            return self._session.design_request.command_line()
        return f"sde design results {self._job.id[-4:]} --data {self._session.command_data}"


def _finished_runs(job: Job) -> list[tuple[str, int]]:
    """(name, time written) of every run that left something."""
    found = []
    for path in (job.folder / "cells").glob("*/cell.json"):
        try:
            found.append((path.parent.name, path.stat().st_mtime_ns))
        except OSError:  # taken away at this moment
            continue
    return found


def _results_of(job: Job) -> DesignComparison | SdeError:
    from sde_core.evaluate.design_results import read_results

    try:
        return read_results(job.folder)
    except SdeError as error:
        return error
