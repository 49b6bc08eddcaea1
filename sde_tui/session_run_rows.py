"""From a run's loss to the rows behind it: the step under the cursor of the chart, its rows, and all rows of the run by loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from sde_core.dataset import Dataset
    from sde_core.train.loss_table import LossTable
    from sde_tui.session import Session

Cancel = Any


@dataclass(frozen=True)
class RowCosts:
    """What the rows of a view cost in a run; rows are those of the dataset as it is now.

    Attributes:
        run: The last letters of its id.
        order: int64[n], the rows that have a loss, in the order to show them.
        place: int64[m], where in `order` each row of the dataset stands; n and more for rows without a loss.
        losses: float64[n], the loss of each row of `order`.
        steps: int64[n], the step of that loss.
        courses: A sequence of what is known of each row besides, a few words; "" for nothing.
    """

    run: str
    order: Any
    place: Any
    losses: Any
    steps: Any
    courses: Any

    def at(self, row: int) -> int | None:
        """The row's place, None where the run has no loss of it."""
        place = int(self.place[row]) if row < len(self.place) else len(self.order)
        return place if place < len(self.order) else None

    def shown(self, row: int) -> str:
        """The row's loss, "" where it has none."""
        place = self.at(row)
        return "" if place is None else shown_loss(float(self.losses[place]))

    def reason(self, row: int) -> str:
        """ "loss 7.30 at step 112 of run ab12", "" where the run has no loss of the row."""
        place = self.at(row)
        return "" if place is None else f"loss {shown_loss(float(self.losses[place]))} at step {int(self.steps[place]):,} of run {self.run}"

    def words(self, row: int) -> str:
        """The same, and how the row's loss went."""
        place = self.at(row)
        return "" if place is None else " · ".join(filter(None, [self.reason(row), self.courses[place]]))


class RunRowsPart:
    """Answers for the run that the training part shows, or else for the latest that recorded losses."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._step: tuple[str, int] | None = None
        self._table: tuple[tuple[Any, ...], LossTable] | None = None

    # ---- the step under the chart's cursor

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

    def stand_on(self, step: int) -> None:
        """Puts the cursor on a step."""
        self._step = (self._session.training.shown.id, step)
        self._session.signals.jobs.publish("curve")

    def leave(self) -> None:
        """Takes the cursor off the chart."""
        self._step = None
        self._session.signals.jobs.publish("curve")

    # ---- rows in Records

    def drill_step(self, screen: str) -> None:
        """Shows in Records the rows that trained in the step under the cursor, the highest loss first."""
        if self.step is not None:
            self.show_step(self.step, screen)

    def show_step(self, step: int, screen: str) -> None:
        """Shows in Records the rows that trained in a step, the highest loss first."""
        folder, dataset = self._run_folder(), self._session.dataset
        title = f"rows of step {step:,}, highest loss first"
        self.drill(title, lambda _cancel: costs_of_step(folder, dataset, step), screen)

    def last_step(self) -> int:
        """The last step of the run that recorded losses, found quickly; 0 where none did."""
        from sde_core.train.row_losses import last_step_of

        return last_step_of(self._run_folder())

    def drill_losses(self, screen: str) -> None:
        """Shows in Records all rows of the run, the highest loss above that of its time first: in one epoch, losses alone list the first steps."""
        self.drill("rows by loss above that of their time, highest first", lambda cancel: self.costs("excess", cancel), screen)

    def drill(self, title: str, find: Callable[[Cancel], RowCosts], screen: str) -> None:
        """Shows in Records the rows that a thread finds, with what they cost.

        Args:
            title: What they are, safe to show.
            find: Finds them; gets what to look at for a wish to stop.
            screen: The screen that the user comes from.
        """

        def found(costs: RowCosts) -> None:
            if len(costs.order):
                self._session.records.drill(costs.order.tolist(), title, screen=screen, costs=costs)
            else:
                self._session.flash("This run recorded no losses of rows that are still here.", "warn")

        self._session.lanes.thread("run-rows", "finding the run's rows", lambda cancel, _progress: find(cancel), found)

    # ---- the table, for threads

    def costs(self, order: str, cancel: Cancel) -> RowCosts:
        """The last loss of every row of the run, in the order "loss", "excess" or "unlearned".

        Raises:
            UsageError: When no run recorded losses.
        """
        table = self.table(cancel)
        ordered = {"loss": table.by_loss, "excess": table.by_excess, "unlearned": table.by_course}[order]()
        return costs_of_table(table, ordered, len(self._session.dataset))

    def table(self, cancel: Cancel) -> LossTable:
        """What the run recorded of each row; kept until it records more.

        Raises:
            UsageError: When no run recorded losses.
        """
        from sde_core.train.loss_table import loss_table

        folder, dataset = self._run_folder(), self._session.dataset
        known = (folder, dataset, sum(path.stat().st_size for path in folder.glob("row_losses-*")))
        if self._table is None or self._table[0] != known:
            self._table = known, loss_table(folder, dataset, cancel=cancel)
        return self._table[1]

    def _run_folder(self) -> Path:
        """The run shown, else the latest one that recorded losses.

        Raises:
            UsageError: When there is none.
        """
        from sde_core.train.row_losses import row_losses_path

        training = self._session.training
        if training.shown is not None:
            folder: Path = training.shown.folder
            return folder
        folders = (self._session.project.jobs_dir / line.id for line in training.runs)
        recorded = next((folder for folder in folders if row_losses_path(folder).exists()), None)
        if recorded is None:
            raise UsageError("No fine-tune of this dataset has recorded losses of its rows.", "F starts one.")
        return recorded


def costs_of_step(folder: Path, dataset: Dataset, step: int) -> RowCosts:
    """Rows that trained in a step, the highest loss first; those that are gone are left out."""
    from sde_core.train.row_losses import read_row_losses
    from sde_core.train.rows import read_key_of_rows

    keys = read_key_of_rows(folder)
    found = [(dataset.row_of_key(keys[row]), loss) for row, loss in read_row_losses(folder).of_step(step) if row in keys]
    here = [(row, loss) for row, loss in found if row is not None]
    return _row_costs(folder.name, [row for row, _ in here], [loss for _, loss in here], [step] * len(here), [""] * len(here), len(dataset))


def costs_of_table(table: LossTable, rows: pl.DataFrame, count: int) -> RowCosts:
    """Rows of the table in the order given.

    Args:
        table: The run's.
        rows: Lines of its frame whose rows are still here.
        count: Rows of the dataset.
    """
    import polars as pl

    from sde_core.train.loss_table import COURSES

    rows = rows.unique("row", keep="first", maintain_order=True)
    words = {name: "seen once" if name == "once" else meaning.partition(":")[0] for name, meaning in COURSES.items()}
    shown = pl.concat_str(
        pl.when("held_out").then(pl.lit("held out, ")).otherwise(pl.lit("")),
        pl.col("course").replace_strict(words, return_dtype=pl.String),
        pl.when(pl.col("since") != "").then(pl.format(" · row {} since", "since")).otherwise(pl.lit("")),
    )
    known = rows.select(shown.alias("words"))["words"]
    return _row_costs(table.run, rows["row"].to_numpy(), rows["last"].to_numpy(), rows["last_step"].to_numpy(), known, count)


def _row_costs(run: str, rows: Any, losses: Any, steps: Any, courses: Any, count: int) -> RowCosts:
    import numpy as np

    order = np.asarray(rows, dtype=np.int64)
    place = np.full(count, len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return RowCosts(run[-4:], order, place, np.asarray(losses, dtype=np.float64), np.asarray(steps, dtype=np.int64), courses)


def shown_loss(loss: float) -> str:
    """A loss in at most six cells."""
    return "nan" if loss != loss else f"{loss:.2f}" if loss < 1000 else f"{loss:.0e}"


def _next_step(series: Any, step: int, direction: int, columns: int, last: int) -> int | None:
    column = step * columns // (last + 1) + direction
    while 0 <= column < columns:
        first, stop = -(-column * (last + 1) // columns), -(-(column + 1) * (last + 1) // columns)
        found: int | None = series.highest_within(first, stop)
        if found is not None:
            return found
        column += direction
    return None
