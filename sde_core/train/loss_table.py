"""What a run's losses say of each row: first and last loss, how far it fell, how steadily, and how it compares with the rows trained beside it.

A high loss says that the model finds the answer unlikely, not that it is wrong. Shuffled answers, broken text and other languages cost much; so do
rare facts, short answers with many right wordings, and whatever is simply hard. A model that is large against the data learns wrong rows by heart too
when it sees them often. So losses order rows for reading; they are no verdict. Measured by `benchmarks/row_losses.py` on the sample data with the
base model that comes with sde (a million parameters, two epochs): average precision of the last loss is 0.75 for empty answers (chance 0.003), 0.08
for answers of an odd shape (0.021), but 0.12 for answers shuffled among rows (0.096): a model so small hardly knows which answer belongs to which
prompt. Duplicates and wrong labels are not found at all; the checks find these.

Confidence and variability are those of dataset cartography (Swayamdipta et al. 2020, section 2): mean and standard deviation, over the times that a
row was seen, of the probability that the model gave its answer; here the geometric mean over its tokens, exp(-loss). A row that is learned and costs
much again later is forgotten (Toneva et al. 2019, section 3, speak of right and wrong; here the levels below stand for these).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sde_core.dataset import Dataset
from sde_core.progress import NEVER, Cancel, raise_if_cancelled
from sde_core.train.row_loss_log import RowLosses, read_row_losses

if TYPE_CHECKING:
    import polars as pl

COURSES = {
    "never": "never learned: ended costlier than most rows began",
    "forgotten": "forgotten: was as cheap as rows end, and costs much again",
    "partly": "learned in part",
    "learned": "learned: ended no costlier than most rows",
    "at once": "learned at once: began as cheap as most rows end",
    "once": "seen once, so nothing is known of its course",
    "": "not told: rows in general did not get cheaper in this run",
}
"""How the loss of a row went, what deserves a look first."""
_LEAST, _MOST, _LEVELS = 16, 128, 16
"""Visits whose median is the level of their time: fewer in short runs, so that the first steps' fall is followed."""


@dataclass(frozen=True)
class LossTable:
    """The rows of a run.

    Attributes:
        run: The run's id.
        frame: A line for each row and side of the split: `row` (where it stands now, null where it is gone), `launched_row`, `held_out`, `tokens`
            (that carry loss), `seen` (how often), `first`, `last` and `drop` (mean NLL of its tokens, nats), `excess` (`last` over the median of what
            was trained, or evaluated, around the same step), `confidence`, `variability` (null where seen once), `course` (one of `COURSES`),
            `last_step`, and `since` ("", "moved", "edited" or "gone": what became of the row since the launch).
        losses: All that was recorded.
    """

    run: str
    frame: pl.DataFrame
    losses: RowLosses

    def by_loss(self, *, held_out: bool | None = None) -> pl.DataFrame:
        """The rows that are still here, the highest last loss first; what is no number comes first of all."""
        import polars as pl

        kept = self.frame.filter(pl.col("row").is_not_null() & (pl.lit(True) if held_out is None else pl.col("held_out") == held_out))
        return kept.sort(pl.col("last").fill_nan(float("inf")), descending=True, maintain_order=True)

    def by_excess(self, *, held_out: bool | None = None) -> pl.DataFrame:
        """The same, what costs most above the level of its time first: where rows are seen once or twice, the first steps alone make losses high."""
        import polars as pl

        return self.by_loss(held_out=held_out).sort(pl.col("excess").fill_nan(float("inf")), descending=True, maintain_order=True)

    def by_course(self) -> pl.DataFrame:
        """The same, what was never learned first, then by loss."""
        import polars as pl

        rank = pl.col("course").replace_strict(list(COURSES), range(len(COURSES)), return_dtype=pl.Int8)
        return self.by_loss().sort(rank, maintain_order=True)


def loss_table(folder: Path, dataset: Dataset, *, cancel: Cancel = NEVER) -> LossTable:
    """The losses of a run's rows, joined with the rows of a dataset by their keys.

    Args:
        folder: The run's folder.
        dataset: Where the rows may have moved meanwhile.
        cancel: Looked at between the steps of the work.

    Raises:
        CancelledError: When stopped.
    """
    losses = read_row_losses(folder)
    raise_if_cancelled(cancel)
    courses = row_courses(losses)
    raise_if_cancelled(cancel)
    return LossTable(folder.name, courses.join(_rows_now(folder, dataset, cancel), on="launched_row", how="left", maintain_order="left"), losses)


def row_courses(losses: RowLosses) -> pl.DataFrame:
    """The columns of `LossTable.frame` that the losses alone give.

    A row that trains in parts costs the mean over the tokens of all its parts; where a run stops amid an epoch, the parts of a row that were not all
    seen do not count as a visit.
    """
    visits = _visits(losses)
    return _with_course(_by_row(visits))


def _visits(losses: RowLosses) -> pl.DataFrame:
    """A line for each time that a row was seen whole, in the order of the steps."""
    import polars as pl

    columns = {"launched_row": losses.rows, "held_out": losses.held_out, "step": losses.steps, "epoch": losses.epochs, "tokens": losses.tokens}
    entries = pl.DataFrame(columns).with_columns(nll=pl.Series(losses.losses) * pl.col("tokens"))
    entries = entries.with_columns(visit=pl.when("held_out").then("step").otherwise("epoch"))
    summed = entries.group_by("launched_row", "held_out", "visit").agg(pl.col("nll", "tokens").sum(), pl.col("step").max())
    fewest_before = pl.col("tokens").filter(pl.col("visit") < pl.col("visit").max()).min().over("launched_row", "held_out")
    last_epoch = ~pl.col("held_out") & (pl.col("visit") == pl.col("visit").filter(~pl.col("held_out")).max())
    whole = summed.filter(~(last_epoch & (pl.col("tokens") < fewest_before)).fill_null(False))
    visits = whole.with_columns(loss=pl.col("nll") / pl.col("tokens")).sort("step", "launched_row", maintain_order=True)
    return visits.with_columns(level=pl.Series(_levels(visits), dtype=pl.Float64))


def _levels(visits: pl.DataFrame) -> np.ndarray:
    """float64[m], what rows cost at the time of each visit: the median of the evaluation, or of the visits trained around it."""
    held_out, losses = visits["held_out"].to_numpy(), visits["loss"].to_numpy()
    levels = np.full(len(losses), np.nan)
    trained = np.flatnonzero(~held_out)
    if len(trained):
        size = min(max(len(trained) // _LEVELS, _LEAST), _MOST)
        parts = np.array_split(trained, max(len(trained) // size, 1))
        middles = [float(part.mean()) for part in parts]
        levels[trained] = np.interp(trained, middles, [_median(losses[part]) for part in parts])
    steps = visits["step"].to_numpy()
    for step in np.unique(steps[held_out]):
        of_step = held_out & (steps == step)
        levels[of_step] = _median(losses[of_step])
    return levels


def _median(losses: np.ndarray) -> float:
    known = losses[~np.isnan(losses)]
    return float(np.median(known)) if len(known) else float("nan")


def _by_row(visits: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    loss, certainty = pl.col("loss"), (-pl.col("loss")).exp()
    return visits.group_by("launched_row", "held_out", maintain_order=True).agg(
        tokens=pl.col("tokens").last(), seen=pl.len().cast(pl.Int32), first=loss.first(), last=loss.last(), lowest=loss.min(),
        excess=(loss - pl.col("level")).last(), confidence=certainty.mean(),
        variability=pl.when(pl.len() > 1).then(certainty.std(ddof=0)), last_step=pl.col("step").last(),
    )  # fmt: skip


def _with_course(rows: pl.DataFrame) -> pl.DataFrame:
    """Held against the median first and last loss of the rows on the same side of the split."""
    import polars as pl

    first, last = pl.col("first"), pl.col("last")
    begins, ends = (column.fill_nan(None).median().over("held_out") for column in (first, last))
    course = (
        pl.when(pl.col("seen") < 2).then(pl.lit("once"))
        .when(begins <= ends).then(pl.lit(""))
        .when(last.is_nan()).then(pl.lit("never"))
        .when((pl.col("lowest") <= ends) & (last > (begins + ends) / 2)).then(pl.lit("forgotten"))
        .when(first <= ends).then(pl.lit("at once"))
        .when(last <= ends).then(pl.lit("learned"))
        .when(last > begins).then(pl.lit("never"))
        .otherwise(pl.lit("partly"))
    )  # fmt: skip
    return rows.with_columns(drop=first - last, course=course).select(
        "launched_row", "held_out", "tokens", "seen", "first", "last", "drop", "excess", "confidence", "variability", "course", "last_step"
    )


def _rows_now(folder: Path, dataset: Dataset, cancel: Cancel) -> pl.DataFrame:
    """Where each row of the launch stands now, and what became of it."""
    import polars as pl

    from sde_core.train.rows import read_kept_rows

    dataset.keys(cancel=cancel)
    launched: list[int] = []
    now: list[int | None] = []
    since: list[str] = []
    for position, key, record in read_kept_rows(folder):
        if not len(launched) % 4096:
            raise_if_cancelled(cancel)
        row = dataset.row_of_key(key)
        launched.append(position)
        now.append(row)
        since.append(_since(dataset, position, row, record))
    schema = {"launched_row": pl.Int32, "row": pl.Int64, "since": pl.String}
    frame = pl.DataFrame({"launched_row": launched, "row": now, "since": since}, schema=schema)
    return frame.unique("launched_row", keep="last", maintain_order=True)


def _since(dataset: Dataset, position: int, row: int | None, record: object) -> str:
    if row is None:
        return "gone"
    if row in dataset.edits and dataset.value(row) != record:
        return "edited"
    return "moved" if row != position else ""
