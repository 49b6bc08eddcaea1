"""What a model makes of each answer, which the methods ifd and superfiltering go by: measured by a job, then proposed by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sde_core.visible import visible
from sde_tui.session_followed_job import FollowedJob

if TYPE_CHECKING:
    from sde_core.dataset import Dataset
    from sde_core.jobs import Job
    from sde_core.project import Project
    from sde_tui.session import Session

LANE = "losses"


class LossesPart(FollowedJob):
    """Wishes for a method once the losses that it needs are there."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._method = self._model = ""

    def choose(self, method: str, model: str) -> None:
        """Chooses rows by a method and a model: at once where all losses are known, else when a job has measured them.

        Args:
            method: One of `LOSS_METHODS`.
            model: A folder or hub name; "" for the base model that comes with sde.
        """
        if waits := self._session.still_reading("measuring needs"):
            self._session.flash(waits, "warn")
            return
        from sde_core.files import from_home

        folder = from_home(model.strip())
        wanted = str(folder.absolute()) if model.strip() and folder.is_dir() else model.strip()
        dataset, project = self._session.dataset, self._session.project
        self._session.lanes.thread(
            LANE, "looking for losses of answers", lambda cancel, _progress: _measured(dataset, project, wanted, cancel),
            lambda job: self._follow(job, method, wanted),
        )  # fmt: skip

    # ---- how it stands

    @property
    def active(self) -> bool:
        """Whether a job measures now."""
        return self._job is not None

    @property
    def words(self) -> str:
        """How far it is: "Measuring of answers by base_model: 812 of 3,000 rows, 4 min left"; "" where no job is at work."""
        if not self.active:
            return ""
        return self._counted(f"Measuring of answers by {Path(self._model).name[:30] or 'the base model'}", "rows")

    # ---- the job

    def _follow(self, job: Job | None, method: str, model: str) -> None:
        self._method, self._model = method, model
        if job is None:
            self._job = None
            self._wish()
        else:
            self._follow_job(job)

    def _jobs_moved(self, how: str) -> None:
        done = self._job_is_done("The measuring was stopped; m goes on with it.") if how == "moved" else None
        if done is None:
            return
        if done:
            self._wish()
        self._session.signals.selection.publish("changed")

    def _wish(self) -> None:
        part, name = self._session.selection, visible(Path(self._model).name, 60)
        part.wish(f"method {self._method}{f' by {name}' if name else ''}", method=self._method, model=self._model)


def _measured(dataset: Dataset, project: Project, model: str, cancel: Any) -> Job | None:
    """In a thread: the job that measures what is not known; None where all is.

    Raises:
        SdeError: When the model's tokenizer cannot be loaded, or a package is missing.
    """
    from sde_core.evaluate.answer_loss import cached_answer_losses
    from sde_core.evaluate.loss_job import launch_answer_losses, running_answer_losses

    known = cached_answer_losses(dataset, model, cache_dir=project.cache_dir, cancel=cancel)
    if known is not None and known.known.all():
        return None
    return running_answer_losses(project, model) or launch_answer_losses(dataset, project, model=model)
