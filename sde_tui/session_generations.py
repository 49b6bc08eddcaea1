"""What the model of the run shown answers to a few prompts, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sde_core.train.sampled_answers import SampledAnswers
    from sde_tui.session import Session


class GenerationsPart:
    """The sample answers of the run shown; read in a thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.samples: tuple[SampledAnswers, ...] = ()

    def why_not(self) -> str:
        """Why there is nothing to read, "" where there is."""
        from sde_core.train.sampled_answers import samples_path

        shown = self._session.training.shown
        if shown is None:
            return "There is no run here."
        if samples_path(shown.folder).exists():
            return ""
        return "This run keeps no answers; e, then sample_every=50: the next one will."

    def read(self, then: Callable[[], object]) -> None:
        """Reads what was answered so far."""
        from sde_core.train.sampled_answers import read_samples

        folder = self._session.training.shown.folder

        def found(samples: tuple[SampledAnswers, ...]) -> None:
            self.samples = samples
            then()

        self._session.lanes.thread("samples", "reading sample answers", lambda *_: read_samples(folder), found, quiet=True)

    def row_now(self, prompt: int) -> int | None:
        """Where the row of a prompt stands in the dataset today, None where it is gone."""
        from sde_core.train.rows import read_key_of_rows

        keys = read_key_of_rows(self._session.training.shown.folder)
        row = self.samples[-1].answers[prompt].row
        return self._session.dataset.row_of_key(keys[row]) if row in keys else None
