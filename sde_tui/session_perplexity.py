"""How the base model takes the designs that are shown: measured by a job, kept, and found again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_tui.session_design_work import launched_perplexity
from sde_tui.session_followed_job import FollowedJob

if TYPE_CHECKING:
    from sde_core.jobs import Job
    from sde_tui.session import Session
    from sde_tui.session_design import DesignPart

LANE, KIND = "perplexity", "design-perplexity"


class PerplexityPart(FollowedJob):
    """Perplexity of prompts and answers of the shown designs."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)

    @property
    def design(self) -> DesignPart:
        """The designs."""
        part: DesignPart = self._session.part("design")
        return part

    @property
    def active(self) -> bool:
        """Whether a job measures now."""
        return self._job is not None

    @property
    def words(self) -> str:
        """How far it is and how it is stopped; "" where no job is at work."""
        if self._session.lanes.running(LANE) is not None:
            return "Starting to measure…"
        if self._stops:
            return "The measuring ends with the batch at hand…"
        return f"{self._counted('Measuring perplexity', 'samples')}; m stops." if self.active else ""

    @property
    def _stops(self) -> bool:
        return self.active and self._line is not None and self._line.state == "stopping"

    def attach(self) -> None:
        """Follows a job that runs already, such as one that an earlier session started."""
        if self._job is None and any(line.active and line.kind == KIND for line in self._session.jobs.lines):
            from sde_core.evaluate.design_perplexity_job import running_design_perplexity

            job = running_design_perplexity(self._session.project)
            if job is not None:
                self._follow_job(job)

    def measure(self) -> None:
        """Starts the job that measures what is shown."""
        part, found = self.design, self.design.found
        if found is None or part.recipe is None:
            return
        wanted = {part.design_words(side): part.key(side) for side in range(part.sides) if not isinstance(part.sample(side), str)}
        records, task, project, dataset = part.measured_records(), found.file.task, self._session.project, self._session.dataset.path
        self._session.lanes.thread(LANE, "starting", lambda *_: launched_perplexity(records, task, wanted, project, dataset), self._follow)

    def why_not_measure(self) -> str:
        """Why nothing can be measured now, "" where something can."""
        part = self.design
        if self._stops or self._session.lanes.running(LANE) is not None:
            return self.words
        if self.active:
            return ""
        if part.row is None or part.recipe is None:
            return part.uncounted or "There are no records of a task."
        shown = range(part.sides)
        if all(part.perplexity(side) is not None or isinstance(part.sample(side), str) for side in shown):
            return "All that is shown is measured."
        return ""

    def _follow(self, job: Job) -> None:
        self._follow_job(job)
        self._session.signals.jobs.publish("perplexity")

    def _jobs_moved(self, how: str) -> None:
        done = self._job_is_done("The measuring was stopped; m goes on with it.") if how == "moved" else None
        if done is not None:
            self.design.look_what_was_measured()
