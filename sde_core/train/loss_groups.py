"""The loss of rows by what they are: class, source, template, topic, length. Which kind costs more than the others, and is that more than chance?

A group's excess is the mean, over its rows, of the loss above the level of the time that the row was last seen (`loss_table`), less the same mean of
all other rows. Its interval is normal, at 95 % for all ranked groups together (Bonferroni), so that of thirty none stands out by chance.
Rows of one group that resemble each other make it too narrow: an interval is a reason to look, not a proof.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sde_core.checks.balance import ClassColumn, derived_column, field_columns
from sde_core.checks.balance_derived import DerivedInput, derived_named
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.features.fields import scalar_fields
from sde_core.features.sources import sources_of_rows
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.train.loss_table import LossTable

if TYPE_CHECKING:
    import polars as pl

GROUPINGS: dict[str, str] = {
    "class": "the label, or the kind of answer where there is none",
    "source": "the file or split, or the field that says where rows come from",
    "template": "the template that the prompt was made from",
    "cluster": "what the prompt is about",
    "length": "words in the answer",
}
"""What rows can be grouped by, besides every label-like field and computed class of `sde balance`."""
_DERIVED = {"class": "answer-kind", "template": "prompt-template", "cluster": "topic", "length": "answer-length"}
NONE = "(none)"
"""Rows that belong to no group."""
FEWEST_ROWS = 10
"""Groups with fewer rows are not ranked: their mean says little."""
_ERROR_RATE = 0.05
Verdict = Literal["higher", "lower", "alike", "few"]
VERDICTS: dict[Verdict, str] = {
    "higher": "costs more than the other rows",
    "alike": "no difference from the other rows that chance does not explain",
    "few": f"fewer than {FEWEST_ROWS} rows: too few to say",
    "lower": "costs less than the other rows",
}
"""What can be said of a group, in the order that groups are listed."""


@dataclass(frozen=True, slots=True)
class LossGroup:
    """The rows of one group.

    Attributes:
        name: Of the data, or of the computed class.
        rows: How many have a loss.
        tokens: Trained tokens in them.
        loss: Mean of their last losses, nats a token.
        excess: How much more they cost than all other rows; NaN where there are no others.
        low: Lower end of its interval.
        high: Upper end.
        share: Of the summed loss of all tokens, 0-1.
        early: Mean loss of what was recorded in the first third of the steps; NaN where that is nothing.
        late: The same in the last third.
        verdict: One of `VERDICTS`.
    """

    name: str
    rows: int
    tokens: int
    loss: float
    excess: float
    low: float
    high: float
    share: float
    early: float
    late: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; what is not known is None."""
        return {name: None if value != value else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class LossGroups:
    """A run's rows by group.

    Attributes:
        run: The run's id.
        by: What they are grouped by, as it was asked for.
        field: The field or computed class that this is.
        held_out: Whether these are the rows evaluated on, or those trained on.
        groups: Costlier groups first, the surest difference first among them; then those that do not differ, then those with few rows, then cheaper.
        of_row: int32[k], the place in `groups` of each line of `rows`; a row may be in several.
        rows: int64[k], record positions.
    """

    run: str
    by: str
    field: str
    held_out: bool
    groups: tuple[LossGroup, ...]
    of_row: np.ndarray
    rows: np.ndarray

    def rows_of(self, place: int) -> np.ndarray:
        """int64[m], the rows of a group."""
        rows: np.ndarray = self.rows[self.of_row == place]
        return rows


def row_groups(dataset: Dataset, by: str, *, cache_dir: Path | None = None, cancel: Cancel = NEVER, progress: Progress = silent) -> ClassColumn:
    """The group of each row.

    Args:
        dataset: Read to its end by this.
        by: One of `GROUPINGS`, or a field or computed class as `sde balance` names it.
        cache_dir: Where embeddings are kept; None keeps nothing.
        cancel: Looked at between batches.
        progress: In records.

    Raises:
        UsageError: When the data has no such groups.
        CancelledError: When stopped.
    """
    rows = DerivedInput(dataset, dataset.texts(cancel=cancel, progress=progress), cache_dir, cancel, progress)
    if by == "source":
        return _by_source(rows)
    label = dataset.layout.roles.get("label") if by == "class" else None
    fields = scalar_fields(dataset, cancel=cancel, progress=progress) if label is not None or by not in GROUPINGS else []
    name = label or _DERIVED.get(by, by)
    columns = field_columns(fields, dataset.layout, rows.texts.height, () if by in GROUPINGS else (by,)) if fields else []
    found = next((column for column in columns if column.name == name), None)
    derived = derived_named(_DERIVED["class"] if label is not None else name)
    if found is not None:
        return found
    if derived is None:
        raise UsageError(f"There are no groups named {by!r}.", f"Group by {', '.join(GROUPINGS)}, or by a field of `sde balance`.")
    return derived_column(derived, rows)


def _by_source(rows: DerivedInput) -> ClassColumn:
    sources = sources_of_rows(rows.dataset, cancel=rows.cancel, progress=rows.progress)
    if sources is None:
        raise UsageError("The data does not say where its rows come from.", "Name the field that does: --by FIELD.")
    names, codes = np.unique(np.array(sources, dtype=object), return_inverse=True)
    at = rows.texts["row"].to_numpy().astype(np.uint32)
    return ClassColumn("source", "field", (), at, codes.astype(np.int32), tuple(name or NONE for name in names.tolist()), len(at), {})


def group_losses(table: LossTable, groups: ClassColumn, *, by: str = "", held_out: bool = False) -> LossGroups:
    """How much the rows of each group cost.

    Args:
        table: What a run recorded.
        groups: The group of each row; see `row_groups`.
        by: What was asked for; the column's name where omitted.
        held_out: Look at the rows that were evaluated on, instead of those that trained.
    """
    import polars as pl

    lines = table.by_loss(held_out=held_out).filter(pl.col("last").is_finite() & pl.col("excess").is_finite())
    rows, names = _membership(lines["row"].to_numpy(), groups)
    in_row_order = np.argsort(lines["row"].to_numpy())
    lines_of = in_row_order[np.searchsorted(lines["row"].to_numpy()[in_row_order], rows)]
    present = np.unique(names).tolist()
    titles = [groups.classes[name] if name < len(groups.classes) else NONE for name in present]
    found = _groups(table, lines, [lines_of[names == name] for name in present], titles, held_out)
    order = sorted(range(len(found)), key=lambda place: _rank(found[place]))
    place_of = {present[place]: new for new, place in enumerate(order)}
    of_row = np.array([place_of[name] for name in names.tolist()], dtype=np.int32)
    return LossGroups(table.run, by or groups.name, groups.name, held_out, tuple(found[place] for place in order), of_row, rows)


def _groups(table: LossTable, lines: pl.DataFrame, members: list[np.ndarray], titles: list[str], held_out: bool) -> list[LossGroup]:
    costs, tokens = lines["last"].to_numpy(), lines["tokens"].to_numpy()
    sums = costs * tokens
    total = max(float(sums.sum()), 1e-12)
    intervals, thirds = _intervals(lines["excess"].to_numpy(), members), _thirds(table, lines, members, held_out)
    return [
        LossGroup(
            title, len(of), int(tokens[of].sum()), float(costs[of].mean()), *interval, float(sums[of].sum()) / total, *times,
            _verdict(len(of), *interval[1:]),
        )
        for title, of, interval, times in zip(titles, members, intervals, thirds, strict=True)
    ]  # fmt: skip


def _membership(rows: np.ndarray, groups: ClassColumn) -> tuple[np.ndarray, np.ndarray]:
    """Rows with a loss and the place of their group, a line for each pair; those without a group have the place behind the last."""
    inside = np.isin(groups.rows, rows)
    without = rows[~np.isin(rows, groups.rows)]
    ours = np.concatenate([groups.rows[inside].astype(np.int64), without.astype(np.int64)])
    return ours, np.concatenate([groups.codes[inside].astype(np.int64), np.full(len(without), len(groups.classes))])


def _intervals(excess: np.ndarray, members: list[np.ndarray]) -> list[tuple[float, float, float]]:
    """Excess over the other rows with the ends of its interval, for each group.

    A group whose own spread is smaller than usual within groups has that one: of few skewed values, low ones come with a low spread by chance.
    """
    ranked = sum(len(chosen) >= FEWEST_ROWS for chosen in members)
    deviate = NormalDist().inv_cdf(1 - _ERROR_RATE / 2 / max(ranked, 1))
    within = sum(float(((excess[chosen] - excess[chosen].mean()) ** 2).sum()) for chosen in members)
    usual = float(np.sqrt(within / max(sum(map(len, members)) - len(members), 1)))
    spread, total = float(excess.std()) if len(excess) else 0.0, float(excess.sum())
    found = []
    for chosen in members:
        count, others = len(chosen), len(excess) - len(chosen)
        if not others:
            found.append((float("nan"), float("nan"), float("nan")))
            continue
        own = max(float(excess[chosen].std(ddof=1)) if count > 1 else 0.0, usual)
        middle = float(excess[chosen].mean()) - (total - float(excess[chosen].sum())) / others
        margin = deviate * float(np.sqrt(own**2 / count + spread**2 / others))
        found.append((middle, middle - margin, middle + margin))
    return found


def _verdict(rows: int, low: float, high: float) -> Verdict:
    if rows < FEWEST_ROWS:
        return "few"
    return "higher" if low > 0 else "lower" if high < 0 else "alike"


def _rank(group: LossGroup) -> tuple[int, float]:
    """Sure differences by the end of the interval that is nearer to none; the rest by their rows."""
    within = {"higher": -group.low, "lower": group.high}.get(group.verdict, -float(group.rows))
    return list(VERDICTS).index(group.verdict), within


def _thirds(table: LossTable, lines: pl.DataFrame, members: list[np.ndarray], held_out: bool) -> list[tuple[float, float]]:
    """Mean loss of each group's entries in the first and in the last third of the run's steps."""
    losses = table.losses
    side = (losses.held_out == held_out) & np.isfinite(losses.losses)
    last_step = int(losses.steps.max(initial=0))
    launched = lines["launched_row"].to_numpy()
    line_of = np.full(int(launched.max(initial=0)) + 2, -1, dtype=np.int64)  # one more for rows of none of these lines
    line_of[launched] = np.arange(lines.height)
    sums = []
    for within in (side & (losses.steps * 3 <= last_step), side & (losses.steps * 3 > 2 * last_step)):
        at = line_of[np.minimum(losses.rows[within], len(line_of) - 1)]
        costs = losses.losses[within][at >= 0].astype(np.float64)
        sums.append((np.bincount(at[at >= 0], costs, lines.height), np.bincount(at[at >= 0], minlength=lines.height)))
    return [(_ratio(sums[0], chosen), _ratio(sums[1], chosen)) for chosen in members]


def _ratio(sums: tuple[np.ndarray, np.ndarray], chosen: np.ndarray) -> float:
    count = int(sums[1][chosen].sum())
    return float(sums[0][chosen].sum()) / count if count else float("nan")
