"""Rating by a judge: starts, follows and stops the job, and keeps what its sample said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sde_core.visible import visible
from sde_core.wording import duration

if TYPE_CHECKING:
    from sde_core.jobs import Job
    from sde_core.rules.judge_settings import JudgeSettings
    from sde_core.rules.plain_rule import PlainRule
    from sde_core.rules.rating.plan import RatingParams
    from sde_core.rules.rating.report import RatingReport
    from sde_tui.session import Session
    from sde_tui.session_jobs import JobLine

LANE = "rating"


class RatingPart:
    """The latest rating job of this dataset.

    `signals.jobs` says "rating" whenever something about it changed; `signals.rules` says "rated" when it ended and scores may be other ones.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shown: JobLine | None = None
        self._awaited = False
        self._report: RatingReport | None = None
        session.signals.jobs.subscribe(session.app, self._jobs_moved)
        self._jobs_moved("moved")

    # ---- how it stands

    @property
    def job(self) -> JobLine | None:
        """The latest rating job, None where there was none."""
        return self._shown

    @property
    def running(self) -> bool:
        """Whether a judge is at work, or about to be."""
        return self._session.lanes.running(LANE) is not None or (self._shown is not None and self._shown.active)

    @property
    def progress(self) -> str:
        """How far it is, in words: "Rating the sample: 120 of 800 calls, 4 min left"; why it ended; "" where there was none."""
        if (task := self._session.lanes.running(LANE)) is not None:
            return task.shown()
        line = self._shown
        if line is None:
            return ""
        message = visible(line.message, 300)
        if not line.active:
            return f"{message} ({line.state})" if line.state in ("stopped", "lost", "failed") else message
        counted = f": {line.done:,} of {line.total:,} calls" if line.total else ""
        left = f", {duration(line.eta_s, units=1)} left" if line.eta_s is not None else ""
        return f"{message.rstrip('.')}{counted}{left}"

    @property
    def sample_report(self) -> RatingReport | None:
        """What the latest job said last: of its sample, or of all rows; None where it has said nothing yet."""
        return self._report

    # ---- verbs

    def why_not_start(self, rules: Sequence[PlainRule], settings: JudgeSettings) -> str:
        """Why nothing can be rated now, "" where it can."""
        if waits := self._session.still_reading("rating needs"):
            return waits
        if not settings.named:
            return "No judge is named yet: a server's address or a model folder."
        return "There is no plain rule to rate by." if not rules else "A judge is at work already." if self.running else ""

    def start(self, rules: Sequence[PlainRule], settings: JudgeSettings, params: RatingParams) -> None:
        """Starts a job; `params.everything` says whether it stops after the sample."""
        dataset, project = self._session.dataset, self._session.project

        def work(cancel: Any, progress: Any) -> Job:
            from sde_core.rules.rating.job import launch_rating

            texts = dataset.texts(cancel=cancel, progress=progress)
            home = project.created()
            return launch_rating(dataset.name, texts, rules, settings, params, jobs_dir=home.jobs_dir, ratings_dir=home.ratings_dir)

        self._session.lanes.thread(LANE, "reaching the judge", work, self._started, ended=self._changed)
        self._changed()

    def stop(self) -> None:
        """Stops the job at its next answer; all ratings so far are kept, and starting again goes on from them."""
        self._session.lanes.stop(LANE)
        self._act("stop")

    def resume(self) -> None:
        """Goes on with a job that was stopped or lost."""
        self._act("resume")

    def _act(self, verb: str) -> None:
        from sde_core.jobs import find_job

        if self._shown is not None and (self._shown.active or verb == "resume"):
            job = self._session.attempt(find_job, self._session.project.jobs_dir, self._shown.id)
            if job is not None:
                self._session.attempt(getattr(job, verb))
        self._session.jobs.watch()
        self._changed()

    # ---- following

    def _started(self, job: Job) -> None:
        self._report, self._awaited = None, True
        self._session.jobs.watch()
        self._session.flash("The judge is at work. It goes on when you leave.", "good")

    def _jobs_moved(self, how: str) -> None:
        line = next((line for line in self._session.jobs.lines if line.kind == "rate"), None)
        if how != "moved" or line == self._shown:
            return
        ended = line is not None and not line.active
        self._shown = line
        self._report = self._session.attempt(self._read_report, line) if line is not None else None
        self._changed()
        if ended:
            if self._awaited:
                self._session.flash(self.progress, "good" if line is not None and line.state == "done" else "warn")
            self._awaited = False
            self._session.signals.rules.publish("rated")

    def _read_report(self, line: JobLine) -> RatingReport | None:
        from sde_core.jobs import find_job
        from sde_core.rules.rating.job import latest_report

        return latest_report(find_job(self._session.project.jobs_dir, line.id))

    def _changed(self) -> None:
        self._session.signals.jobs.publish("rating")
