"""Handing the shown run over, in a thread; merging needs torch and is left to the command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.handover.hand_over import Handover
    from sde_tui.session import Session


class HandoverPart:
    """Writes a finished run's folder for other hands and other tools."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def why_not(self) -> str:
        """Why the shown run cannot be handed over, "" where it can."""
        training = self._session.training
        if training.shown is None:
            return "There is no run here."
        if self._session.lanes.running("handover") is not None:
            return "A run is being handed over already."
        done = training.shown_status is not None and training.shown_status.state == "done"
        return "" if done else "Only a run that is done can be handed over; r resumes this one."

    def suggested(self) -> str:
        """A folder beside the data."""
        path = Path(self._session.dataset.path)
        return str(path.with_name(f"{path.name.partition('.')[0]}-adapter-{self._session.training.shown.id[-4:]}"))

    def write(self, folder: str) -> None:
        """Writes the folder, and says what came of it."""
        run = self._session.training.shown.folder

        def work(*_: Any) -> Handover:
            from sde_core.handover.hand_over import hand_over

            return hand_over(run, Path(folder))

        def done(told: Handover) -> None:
            rows = count_of(told.rows.train + told.rows.held_out, "row")
            name = visible(Path(told.folder).name, 40)
            self._session.flash(f"{name}: adapter, card, {rows}, {len(told.recipes)} recipes; fill in its licence.", "good")

        self._session.lanes.thread("handover", "handing the run over", work, done)

    def command_line(self) -> str:
        """The command that does the same, and can merge too."""
        return f"sde handover {self._session.training.shown.id[-4:]} --data {self._session.command_data} -o FOLDER --merge"
