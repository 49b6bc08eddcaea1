"""From a run's loss to the rows behind it: the step under the cursor of the chart, its rows, and all rows of the run by loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from sde_core.dataset import Dataset
    from sde_tui.session import Session


class RunRowsPart:
    """Answers for the run that the training part shows."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._step: tuple[str, int] | None = None

    @property
    def step(self) -> int | None:
        """The step under the chart's cursor, None where there is no cursor on the run shown."""
        shown = self._session.training.shown
        return self._step[1] if self._step is not None and shown is not None and self._step[0] == shown.id else None

    @property
    def loss(self) -> float | None:
        """The training loss of that step."""
        curve = self._session.training.curve
        return curve.train.at(self.step) if curve is not None and self.step is not None else None

    def why_no_step(self) -> str:
        """Why there is no step to stand on, "" where there is one."""
        curve = self._session.training.curve
        return "" if curve is not None and curve.train.count else "No run with a loss curve is shown."

    def move(self, direction: int, columns: int) -> None:
        """Puts the cursor on the step that stands out most; from there to the highest loss in the next column of the chart that has one."""
        training = self._session.training
        series = training.curve.train
        last = max(training.curve.steps or 0, series.last_step, 1)
        step = series.standing_out() if self.step is None else _next_step(series, self.step, direction, columns, last)
        if step is not None:
            self._step = (training.shown.id, step)
        self._session.signals.jobs.publish("curve")

    def leave(self) -> None:
        """Takes the cursor off the chart."""
        self._step = None
        self._session.signals.jobs.publish("curve")

    def drill_step(self, screen: str) -> None:
        """Shows in Records the rows that trained in the step, the highest loss first."""
        step = self.step
        if step is not None:
            self._drill(f"rows of step {step:,}, highest loss first", lambda folder, dataset: rows_of_step(folder, dataset, step), screen)

    def drill_losses(self, screen: str) -> None:
        """Shows in Records all rows of the run, the highest loss first."""
        self._drill("rows by their last loss, highest first", rows_by_loss, screen)

    def _drill(self, title: str, find: Callable[[Path, Dataset], list[int]], screen: str) -> None:
        folder, dataset = self._session.training.shown.folder, self._session.dataset

        def found(rows: list[int]) -> None:
            if rows:
                self._session.records.drill(rows, title, screen=screen)
            else:
                self._session.flash("This run recorded no losses of rows that are still here.", "warn")

        self._session.lanes.thread("run-rows", "finding the run's rows", lambda *_: find(folder, dataset), found)


def rows_of_step(folder: Path, dataset: Dataset, step: int) -> list[int]:
    """Present positions of the rows that trained in a step, the highest loss first."""
    from sde_core.train.row_losses import read_row_losses

    return _still_here(folder, dataset, [row for row, _ in read_row_losses(folder).of_step(step)])


def rows_by_loss(folder: Path, dataset: Dataset) -> list[int]:
    """Present positions of all rows of a run by their last loss, the highest first; a loss that is no number comes first of all."""
    from sde_core.train.row_losses import read_row_losses

    latest = read_row_losses(folder).latest()
    return _still_here(folder, dataset, sorted(latest, key=lambda row: -latest[row] if latest[row] == latest[row] else -float("inf")))


def _still_here(folder: Path, dataset: Dataset, launched_rows: list[int]) -> list[int]:
    """Where rows of the time of the launch stand now, each once though it may train in parts; those that are gone are left out."""
    from sde_core.train.rows import read_key_of_rows

    keys = read_key_of_rows(folder)
    found = (dataset.row_of_key(keys[row]) for row in dict.fromkeys(launched_rows) if row in keys)
    return [row for row in found if row is not None]


def _next_step(series: Any, step: int, direction: int, columns: int, last: int) -> int | None:
    column = step * columns // (last + 1) + direction
    while 0 <= column < columns:
        first, stop = -(-column * (last + 1) // columns), -(-(column + 1) * (last + 1) // columns)
        found: int | None = series.highest_within(first, stop)
        if found is not None:
            return found
        column += direction
    return None
