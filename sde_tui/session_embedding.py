"""The encoder that proposals are made with: which one, and the job that embeds by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sde_core.dataset import Dataset
    from sde_core.jobs import Job
    from sde_core.project import Project
    from sde_tui.session import Session
    from sde_tui.session_jobs import JobLine

STATIC = "static"


class EmbeddingPart:
    """Chooses an encoder and sees to its vectors being in the cache; `embed_rows` finds them there.

    Attributes:
        encoder: "static", which needs no job, or a sentence-transformers model by name or folder.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.encoder = STATIC
        self._job: Job | None = None
        self._ended = ""
        session.signals.jobs.subscribe(session.app, self._jobs_moved)

    def choose(self, encoder: str) -> None:
        """Embeds by another encoder: at once where that is "static", else by a job that is started, or followed where it runs already."""
        self.encoder, self._job, self._ended = encoder.strip() or STATIC, None, ""
        if self.encoder == STATIC:
            self._session.signals.jobs.publish("embedded")
            return
        dataset, project, name = self._session.dataset, self._session.project, self.encoder
        self._session.lanes.thread("embedding-job", "starting the embedding", lambda *_: _started(dataset, name, project), self._follow)

    @property
    def ready(self) -> bool:
        """Whether all vectors of the encoder are in the cache, as far as this session knows."""
        return self.encoder == STATIC or self._ended == "done"

    def why_not_ready(self) -> str:
        """What is still to be waited for, or what went wrong; "" where nothing is."""
        if self.ready:
            return ""
        if self._job is None:
            return "Starting the embedding."
        status = self._job.status()
        return f"{status.message} {status.hint}".strip()

    @property
    def line(self) -> JobLine | None:
        """The job as the job list shows it, with its progress; None where there is none."""
        wanted = self._job.id if self._job is not None else ""
        return next((line for line in self._session.jobs.lines if line.id == wanted), None)

    def stop(self) -> None:
        """Stops the job; what it has embedded stays."""
        if self._job is not None:
            self._session.attempt(self._job.stop)
            self._session.jobs.watch()

    def resume(self) -> None:
        """Goes on with a job that was stopped or died."""
        if self._job is not None:
            self._ended = ""
            self._session.attempt(self._job.resume)
            self._session.jobs.watch()

    def _follow(self, job: Job) -> None:
        self._job = job
        self._session.jobs.watch()
        self._jobs_moved("moved")

    def _jobs_moved(self, how: str) -> None:
        if how != "moved" or self._job is None or self._ended:
            return
        status = self._job.status()
        if not status.active:
            self._ended = status.state
            self._session.signals.jobs.publish("embedded")


def _started(dataset: Dataset, encoder: str, project: Project) -> Job:
    from sde_core.features.embedding_job import launch_embedding, running_embedding

    made = project.created()
    running = running_embedding(made.jobs_dir, encoder)
    return running or launch_embedding(dataset.name, dataset.texts(), encoder, jobs_dir=made.jobs_dir, cache_dir=made.cache_dir)
