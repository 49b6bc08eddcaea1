"""What the owner does with the run that is shown, beside stopping and resuming it: pausing it, and giving it more to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sde_core.errors import UsageError

if TYPE_CHECKING:
    from sde_core.jobs import Job
    from sde_tui.session import Session
    from sde_tui.session_training import TrainingPart

_AMOUNT = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*(steps?|epochs?|)\s*", re.IGNORECASE)


class RunControlPart:
    """Pausing and extending the run that screen 9 shows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def _training(self) -> TrainingPart:
        part: TrainingPart = self._session.part("training")
        return part

    def why_not_pause(self) -> str:
        """Why the shown run cannot be paused, "" where it can."""
        status = self._training.shown_status
        if status is None or not status.active:
            return "No run is at work here."
        return "It stops already." if status.state == "stopping" else ""

    def pause(self) -> None:
        """Lets the shown run save at its next step and leave its device; r goes on with it."""
        if self._training.shown is not None:
            self._session.attempt(self._training.shown.pause)
            self._session.jobs.watch()

    def why_not_extend(self) -> str:
        """Why the shown run cannot be given more to do, "" where it can."""
        status = self._training.shown_status
        if status is None:
            return "There is no run here."
        return "This run is at work; pause it first." if status.active else self._training.why_not_train()

    def extend(self, amount: str) -> str:
        """Lets the shown run go on for "200 steps" or "1 epoch" more; gives what is wrong with these words, "" where nothing is."""
        try:
            steps, epochs = amount_of(amount)
        except UsageError as error:
            return f"{error.message} {error.hint}"
        job = self._training.shown
        if job is not None:
            self._session.attempt(self._extend, job, steps, epochs)
            self._session.jobs.watch()
        return ""

    def _extend(self, job: Job, steps: int, epochs: float) -> None:
        from sde_core.train.extend import extend_training

        extension = extend_training(job, steps=steps, epochs=epochs)
        self._session.flash(extension.short_words(), "good")


def amount_of(words: str) -> tuple[int, float]:
    """(steps, epochs) of "200", "200 steps" or "1.5 epochs", one of them 0.

    Raises:
        UsageError: When the words say neither.
    """
    said = _AMOUNT.fullmatch(words)
    if said is None or (not said[2].lower().startswith("epoch") and not said[1].isdecimal()):
        raise UsageError(f"{words.strip()!r} is no amount.", "Write 200 steps, or 1 epoch.")
    if said[2].lower().startswith("epoch"):
        return 0, float(said[1].replace(",", "."))
    return int(said[1]), 0.0
