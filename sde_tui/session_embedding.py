"""The encoder that proposals are made with: which one, and the job that embeds by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sde_core.errors import MissingExtraError, SdeError
from sde_core.visible import visible
from sde_tui.session_followed_job import FollowedJob
from sde_tui.session_selection_wishes import STATIC

if TYPE_CHECKING:
    from sde_core.dataset import Dataset
    from sde_core.jobs import Job
    from sde_core.project import Project
    from sde_tui.session import Session

LANE = "embedding-job"


class EmbeddingPart(FollowedJob):
    """Sees to the vectors of an encoder being in the cache, where `embed_rows` finds them.

    `signals.jobs` says "embedded" when they are there, and when it is known that they will not be.

    Attributes:
        encoder: "static", which needs no job, or a sentence-transformers model by name or folder.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.encoder = STATIC
        self._ended = ""
        self._refusal = ""

    @staticmethod
    def named(text: str) -> str:
        """The encoder that a person names: folders by their absolute path, since a job works elsewhere."""
        from sde_core.features.embedding_job import absolute_encoder

        name = text.strip() or STATIC
        return name if name == STATIC else absolute_encoder(name)

    def follow(self, encoder: str) -> None:
        """Embeds by another encoder: at once where that is "static", else by a job that is started, or followed where it runs already."""
        if encoder == self.encoder:
            return
        self.forget()
        self.encoder = encoder
        if encoder == STATIC:
            self._session.signals.jobs.publish("embedded")
            return
        dataset, project = self._session.dataset, self._session.project
        self._session.lanes.thread(LANE, "starting the embedding", lambda *_: _started(dataset, encoder, project), self._follow)

    def forget(self) -> None:
        """The texts are other ones: whatever was embedded, is to be embedded again. A job goes on."""
        self._session.lanes.stop(LANE)
        self.encoder, self._job, self._ended, self._refusal = STATIC, None, "", ""

    # ---- how it stands

    @property
    def ready(self) -> bool:
        """Whether all vectors of the encoder are in the cache, as far as this session knows."""
        return self.encoder == STATIC or self._ended == "done"

    @property
    def active(self) -> bool:
        """Whether a job embeds now, or is about to."""
        return self.encoder != STATIC and not self._ended

    def why_not_ready(self) -> str:
        """What went wrong, in words; "" where nothing did."""
        if self.ready or self.active:
            return ""
        if self._refusal or self._job is None:
            return self._refusal
        status = self._job.status()
        return visible(f"{status.message} {status.hint}".strip() if status.state != "stopped" else "The embedding was stopped.", 600)

    @property
    def words(self) -> str:
        """How far it is: "Embedding by all-MiniLM-L6-v2: 812 of 3,000 texts, 4 min left"; "" where no job is at work."""
        if not self.active:
            return ""
        return self._counted(f"Embedding by {Path(self.encoder).name[:30]}", "texts")

    # ---- the job

    def _follow(self, found: Job | SdeError) -> None:
        if isinstance(found, SdeError):
            self._refusal, self._ended = f"{found.message} {found.hint}".strip(), "failed"
            self._session.signals.jobs.publish("embedded")
            return
        self._follow_job(found)

    def _jobs_moved(self, how: str) -> None:
        if how != "moved" or self._job is None or self._ended:
            return
        status = self._job.status()
        if not status.active:
            self._ended = status.state
            self._session.signals.jobs.publish("embedded")


def _started(dataset: Dataset, encoder: str, project: Project) -> Job | SdeError:
    """In a thread: the job that embeds these texts or has embedded them, or why there is none."""
    from importlib.util import find_spec

    from sde_core.features.embedding_job import finished_embedding, launch_embedding, running_embedding

    try:
        if find_spec("sentence_transformers") is None:
            raise MissingExtraError(f"The encoder {visible(encoder, 100)} needs sentence-transformers.", "pip install 'sde[ml]', or name static.")
        made, texts = project.created(), dataset.texts()
        known = running_embedding(made.jobs_dir, encoder) or finished_embedding(made.jobs_dir, texts, encoder)
        return known or launch_embedding(dataset.name, texts, encoder, jobs_dir=made.jobs_dir, cache_dir=made.cache_dir)
    except SdeError as error:
        return error
