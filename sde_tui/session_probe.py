"""The probe that measures how long the fine-tune of screen 9 takes and what memory: a few of its own steps, by a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sde_tui.session_followed_job import FollowedJob

if TYPE_CHECKING:
    import numpy as np

    from sde_core.dataset import Dataset
    from sde_core.jobs import Job
    from sde_core.train.recipe import Recipe
    from sde_tui.session_training import TrainingPart

LANE = "probe"


class ProbePart(FollowedJob):
    """Starts the probe of the run that F would start, and lets preflight look again once it has measured."""

    @property
    def _training(self) -> TrainingPart:
        part: TrainingPart = self._session.part("training")
        return part

    @property
    def words(self) -> str:
        """How the measuring stands, "" where none is under way."""
        line = next((line for line in self._session.jobs.active if line.kind == "probe"), None)
        if self._session.lanes.running(LANE) is not None or line is not None:
            return "waits to be measured" if line is not None and line.state == "waiting" else "being measured"
        return ""

    def why_not(self) -> str:
        """Why nothing can be measured now, "" where it can."""
        found = self._training.training_set
        if self.words:
            return f"This run {'is ' if self.words.startswith('being') else ''}{self.words} already."
        if found is None:
            return self._training.why_not_fine_tune() or self._training.refusal or "p finds out first what would train."
        return self._training.why_not_fine_tune()

    def start(self) -> None:
        """Measures a few steps of the run in a process of its own; it waits for its device like a run."""
        found, recipe = self._training.training_set, self._session.attempt(lambda: self._training.recipe)
        if found is None or recipe is None:
            return
        dataset, project = self._session.dataset, self._session.project
        jobs_dir = project.created().jobs_dir
        self._session.lanes.thread(
            LANE, "starting to measure", lambda cancel, progress: _launched(dataset, found.rows, recipe, jobs_dir, cancel, progress), self._started
        )

    def _started(self, job: Job) -> None:
        self._follow_job(job)
        self._session.flash("A few steps are timed by a job; the Set line will say how long the run takes.", "good")

    def _jobs_moved(self, how: str) -> None:
        if how == "moved" and self._job_is_done("The measuring was stopped."):
            self._training.look()


def _launched(dataset: Dataset, rows: np.ndarray, recipe: Recipe, jobs_dir: Any, cancel: Any, progress: Any) -> Job:
    from sde_core.train.probe import launch_probe
    from sde_core.train.probe_store import probe_name

    name = probe_name(recipe, dataset.fingerprint)
    return launch_probe(dataset, rows.tolist(), recipe, jobs_dir, name=name, cancel=cancel, progress=progress)
