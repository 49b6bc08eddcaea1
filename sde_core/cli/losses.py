"""`sde losses`: what each row of a fine-tune cost, and which kinds of rows cost most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sde_core.cli.common import cache_folder, data_options, emit_json, json_option, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.tables import refuse_other_suffix, write_table
from sde_core.visible import visible
from sde_core.wording import count_of, quoted_if_padded

if TYPE_CHECKING:
    import polars as pl

    from sde_core.train.loss_groups import LossGroup, LossGroups
    from sde_core.train.loss_table import LossTable

_NAME, _TEXT = 28, 40
_ORDERS = {"last": "the highest last loss", "excess": "the highest loss above that of its time", "course": "what was never learned"}
_COLUMNS = ("row", "held_out", "tokens", "seen", "first", "last", "drop", "excess", "confidence", "variability", "course", "last_step", "since")


@click.command(
    "losses",
    epilog="""\b
A row's loss is the mean negative log-likelihood (nats) of its trained tokens
at the step that trained it. Per row: first and last loss, excess (the last
loss over what other rows cost around the same step), confidence and
variability (dataset cartography: mean and standard deviation, over the times
the row was seen, of exp(-loss)), and its course: never learned, forgotten,
learned in part, learned, at once.
A high loss says that the model finds an answer unlikely, not that it is
wrong: read the rows before you drop them.

\b
--by: class (the label, else the kind of answer), source, template, cluster
(topic), length (words of the answer), or any field of sde balance.
excess: mean over the group less that of all other rows, with an interval that
holds at 95 % for all groups together; groups under 10 rows are not ranked.

\b
JSON: {"run","rows":[{"row","last",...}],"groups":[{"name","rows","loss",
"excess","low","high","share","early","late","verdict"}]}

\b
Examples:
  sde losses data.jsonl
  sde losses data.jsonl --by template
  sde losses data.jsonl --run ab12 -o losses.parquet""",
)
@data_options
@click.option("--run", metavar="ID", help="The run, by its id or the end of it; the latest that recorded losses when omitted.")
@click.option("--by", metavar="GROUPS", help="Tell the loss of groups of rows instead of rows.")
@click.option(
    "--sort",
    type=click.Choice(["excess", "last", "course"]),
    default="excess",
    show_default=True,
    help="Order of the rows; last: by their last loss, which in one epoch lists the first steps first; course: never learned first.",
)
@click.option("--rows", "also_rows", is_flag=True, help="With --by, list the rows too, each with its group.")
@click.option("--held-out", is_flag=True, help="Look at the rows that were evaluated on, instead of those that trained.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write every row of the run to .parquet, .jsonl or .csv.")
@click.option("--show", default=20, show_default=True, metavar="N", help="Rows or groups to print; --json and -o have all.")
@json_option
def command(
    dataset: Dataset, run: str | None, by: str | None, sort: str, also_rows: bool, held_out: bool, output: Path | None, show: int, as_json: bool
) -> None:
    """What each row of a fine-tune on DATA cost, the highest loss above that of its time first."""
    if output is not None:
        refuse_other_suffix(output, "losses")
    folder = _run_folder(dataset, run)
    table, groups = _computed(dataset, folder, by, held_out)
    rows = _with_group(_sorted(table, sort, None if output is not None and not held_out else held_out), groups)
    if output is not None:
        write_table(rows, output)
        talk(f"{count_of(rows.height, 'row')} of run {folder.name[-4:]} written to {visible(str(output))}.")
    if as_json:
        listed = rows.fill_nan(None).to_dicts() if groups is None or also_rows else []
        emit_json({"run": folder.name, "rows": listed, "groups": [one.to_json() for one in groups.groups] if groups is not None else []})
    elif output is None or by is not None:
        if groups is not None:
            _print_groups(groups, show)
        if groups is None or also_rows:
            _print_rows(dataset, table, rows, _ORDERS[sort], held_out, show)


def _computed(dataset: Dataset, folder: Path, by: str | None, held_out: bool) -> tuple[LossTable, LossGroups | None]:
    from sde_core.train.loss_groups import group_losses, row_groups
    from sde_core.train.loss_table import loss_table

    with stderr_progress("reading") as progress:
        dataset.read_all(progress=progress)
        table = loss_table(folder, dataset)
    if table.by_loss(held_out=held_out).is_empty():
        raise UsageError(f"Run {folder.name[-4:]} recorded no losses of {'held-out ' if held_out else ''}rows that are still here.", "")
    if by is None:
        return table, None
    with stderr_progress("grouping") as progress:
        cached = cache_folder(dataset) if by == "cluster" else None
        return table, group_losses(table, row_groups(dataset, by, cache_dir=cached, progress=progress), by=by, held_out=held_out)


def _run_folder(dataset: Dataset, run: str | None) -> Path:
    """The run's folder; by default the latest that recorded losses.

    Raises:
        UsageError: When there is none.
    """
    from sde_core.jobs import find_job, list_jobs
    from sde_core.project import Project
    from sde_core.train.row_loss_log import row_losses_path

    folders = Project.jobs_dirs_of(dataset.path)
    if run is not None:
        return find_job(folders[0], run, also=folders).folder
    runs = (job for job in list_jobs(*folders) if job.kind == "train")  # a probe trains a few rows too
    trained = sorted((job for job in runs if row_losses_path(job.folder).exists()), key=lambda job: job.id)
    if not trained:
        raise UsageError("No fine-tune of this dataset has recorded losses of its rows.", "Start one with sde train DATA.")
    return trained[-1].folder


def _with_group(rows: pl.DataFrame, groups: LossGroups | None) -> pl.DataFrame:
    import polars as pl

    rows = rows.select(_COLUMNS)
    if groups is None:
        return rows
    names = [groups.groups[place].name for place in groups.of_row.tolist()]
    of_row = pl.DataFrame({"row": groups.rows, "group": names}, schema={"row": pl.Int64, "group": pl.String}).unique("row", maintain_order=True)
    return rows.join(of_row, on="row", how="left", maintain_order="left")


# ---- text


def _sorted(table: LossTable, sort: str, held_out: bool | None) -> pl.DataFrame:
    import polars as pl

    if sort == "course":
        rows = table.by_course()
        return rows if held_out is None else rows.filter(pl.col("held_out") == held_out)
    return table.by_excess(held_out=held_out) if sort == "excess" else table.by_loss(held_out=held_out)


def _print_rows(dataset: Dataset, table: LossTable, rows: pl.DataFrame, order: str, held_out: bool, show: int) -> None:
    edited, gone = (int((table.frame["since"] == since).sum()) for since in ("edited", "gone"))
    click.echo(f"Run {table.run[-4:]}: {count_of(rows.height, 'held-out row' if held_out else 'trained row')}, {order} first.")
    click.echo(f"{'row':>8} {'last':>7} {'first':>7} {'excess':>7} {'seen':>4}  {'course':<9} answer")
    for line in rows.head(show).iter_rows(named=True):
        changed = "✎ " if line["since"] == "edited" else ""
        figures = f"{line['last']:>7.3f} {line['first']:>7.3f} {line['excess']:>+7.2f} {line['seen']:>4,}"
        click.echo(f"{line['row']:>8,} {figures}  {line['course']:<9} {changed}{_answer(dataset, line['row'])}"[:80].rstrip())
    if rows.height > show:
        talk(f"{count_of(rows.height - show, 'more row')}: --show {rows.height} prints all, -o writes them.")
    if gone or edited:
        talk(f"Since the launch {count_of(gone, 'row')} left the file and {edited:,} {'was' if edited == 1 else 'were'} edited (✎).")


def _answer(dataset: Dataset, row: int) -> str:
    from sde_core.errors import BadRecordError

    try:
        return visible(" ".join(dataset.turns(row).answer[: 4 * _TEXT].split()), _TEXT)
    except BadRecordError:
        return "(cannot be read)"


def _print_groups(groups: LossGroups, show: int) -> None:
    from sde_core.train.loss_groups import VERDICTS

    side = "held-out" if groups.held_out else "trained"
    click.echo(
        f"Run {groups.run[-4:]}: loss of {side} rows by {visible(groups.by, 30)}" + (f" ({visible(groups.field, 30)})" * (groups.field != groups.by))
    )
    click.echo(f"{'rows':>7} {'loss':>6} {'excess':>7} {'95 % interval':>15} {'share':>5} {'over time':>13}  group")
    verdict = ""
    for group in groups.groups[: max(show, 0)]:
        if group.verdict != verdict:
            verdict = group.verdict
            click.echo(f"- {VERDICTS[group.verdict]}")
        click.echo(_group_line(group))
    hidden = len(groups.groups) - show
    if hidden > 0:
        talk(f"{count_of(hidden, 'more group')}: --show {len(groups.groups)} prints all.")


def _group_line(group: LossGroup) -> str:
    interval = "" if group.excess != group.excess else f"{group.low:+.2f} to {group.high:+.2f}"
    excess = "" if group.excess != group.excess else f"{group.excess:+.2f}"
    times = "" if group.early != group.early or group.late != group.late else f"{group.early:.2f} → {group.late:.2f}"
    name = visible(quoted_if_padded(" ".join(group.name.split()) if "\n" in group.name else group.name), _NAME)
    return f"{group.rows:>7,} {group.loss:>6.3f} {excess:>7} {interval:>15} {group.share:>5.0%} {times:>13}  {name}"
