"""Designs compared: the comparison that is shown, as far as it has come, and what its models answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of, duration
from sde_tui.session_shown_comparison import ShownComparison

if TYPE_CHECKING:
    from sde_core.evaluate.design_answers import AskedModel
    from sde_core.evaluate.design_results import DesignComparison, DesignRow
    from sde_core.jobs import Job

ANSWERS_LANE = "design-answers"


class DesignComparePart(ShownComparison["DesignComparison"]):
    """The comparison of designs shown."""

    LANE, KIND = "design-results", "design-compare"

    def found_in(self, job: Job) -> DesignComparison:
        from sde_core.evaluate.design_results import read_results

        return read_results(job.folder)

    @property
    def _lacks_runs(self) -> bool:
        return self.found is None or self.found.runs < self.found.wanted

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

    def command_line(self) -> str:
        """The command that tells the same; before there is a comparison, the one that starts it."""
        if self._job is None:
            return self._session.design_request.command_line()
        return f"sde design results {self._job.id[-4:]} --data {self._session.command_data}"
