"""`sde ifd`: how much the instruction helps a model with each answer, as a detached job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import data_options, emit_json, json_option, talk
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.tables import refuse_other_suffix, write_table
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.evaluate.answer_loss import AnswerLosses
    from sde_core.project import Project


@click.command(
    "ifd",
    epilog="""\b
For every row the mean loss of the tokens of its last answer is measured in
the row as training would encode it, L(y|x), and with the answer standing
alone, L(y). Written are
  ifd_loss_ratio    L(y|x)/L(y), IFD (arXiv 2308.12032)
  perplexity_ratio  exp(L(y|x))/exp(L(y)), Superfiltering (arXiv 2402.00530)
Near 1 the instruction hardly helps the model; from 1 on it does not help, and
the methods ifd and superfiltering of sde select drop the row, as they drop
rows whose answer is empty or cut off.

\b
Examples:
  sde ifd data.jsonl --model ./small-model -o scores.parquet
  sde ifd data.jsonl --model ./large-model --compare ./small-model
  sde select data.jsonl -k 10% --method ifd --model ./small-model

Interrupting leaves the job running; what it has measured is never measured
again.""",
)
@data_options
@click.option("--model", default="", help="A model folder or hub name; the small base model that comes with sde when omitted.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the losses and both ratios here: .parquet, .jsonl or .csv.")
@click.option("--compare", metavar="MODEL", help="Also tell the rank correlation (Spearman) with what this model gave before.")
@click.option("--attach/--detach", default=None, help="Follow the job, or return at once; follows by default.")
@json_option
@click.pass_context
def command(ctx: click.Context, dataset: Dataset, model: str, output: Path | None, compare: str | None, attach: bool | None, as_json: bool) -> None:
    """Measure how much the instruction of each row of DATA helps a model.

    IFD and Superfiltering choose by it; see below.
    """
    from sde_core.cli.following import follow, job_json, name_of, say_outcome
    from sde_core.evaluate.answer_loss import cached_answer_losses
    from sde_core.evaluate.loss_job import launch_answer_losses, running_answer_losses
    from sde_core.project import Project

    if output is not None:
        refuse_other_suffix(output)
    if attach is False and compare is not None:
        raise UsageError("--compare needs the losses of both models, and --detach does not wait for them.", "Leave one of the two out.")
    project = Project.of(dataset.path)
    dataset.texts()
    losses = cached_answer_losses(dataset, model, cache_dir=project.cache_dir)
    while losses is None or not losses.known.all():
        # A job that runs already may measure the rows as they were, or under another layout: then another one measures what is left.
        running = running_answer_losses(project, model)
        job = running or launch_answer_losses(dataset, project, model=model, output=output if attach is False else None)
        talk(f"{visible(job.title)}: {job.id}")
        if attach is False:
            talk(f"Follow it with: sde jobs attach {name_of(job)}")
            if running is not None and output is not None:
                talk(f"It ran already and writes no {visible(str(output))}: say so again when it is done.")
            if as_json:
                emit_json({"job": job_json(job)})
            return
        status = follow(job)
        if status.state != "done":
            say_outcome(job, status)
            ctx.exit(3 if status.state in ("failed", "lost") else 0)
        losses = cached_answer_losses(dataset, model, cache_dir=project.cache_dir)
        if running is None:
            break
    if losses is None:
        raise UsageError("No losses were kept: the dataset's state folder cannot be written.", "Set XDG_STATE_HOME to a folder that can.")
    if output is not None:
        write_table(losses.table(), output)
    _tell(losses, _correlation(dataset, losses, compare, project), compare, output, as_json)


def _correlation(dataset: Dataset, losses: AnswerLosses, compare: str | None, project: Project) -> tuple[float, int] | None:
    from sde_core.evaluate.answer_loss import cached_answer_losses, spearman

    if compare is None:
        return None
    other = cached_answer_losses(dataset, compare, cache_dir=project.cache_dir)
    if other is None:
        raise UsageError(f"{visible(compare, 200)} was not asked about these rows yet.", f"First: sde ifd DATA --model {visible(compare, 200)}")
    return spearman(losses.ifd_loss_ratio, other.ifd_loss_ratio)


def _tell(losses: AnswerLosses, correlation: tuple[float, int] | None, compare: str | None, output: Path | None, as_json: bool) -> None:
    from sde_core.evaluate.loss_job import doubts, summary

    if as_json:
        counts: dict[str, Any] = {
            "model": losses.model or "embedded",
            "model_hash": losses.model_hash,
            "rows": len(losses.rows),
            "counts": losses.counts(),
        }
        told = None if correlation is None else {"model": compare, "spearman": correlation[0], "rows": correlation[1]}
        emit_json({**counts, "quantiles": losses.quantiles(), "doubts": doubts(losses), "compare": told, "output": output and str(output)})
        return
    if output is None:
        sys.stdout.write("row\tifd_loss_ratio\tperplexity_ratio\tloss_given_prompt\tloss_alone\tanswer_tokens\tstate\n")
        for line in losses.table().iter_rows():
            sys.stdout.write("\t".join("" if cell is None else f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in line) + "\n")
    talk(summary(losses))
    if correlation is not None:
        talk(f"Spearman's rank correlation of the IFD loss ratio with {visible(str(compare), 60)}: {correlation[0]:.3f} over {correlation[1]:,} rows")
    for doubt in doubts(losses):
        talk(doubt)
    if output is not None:
        talk(f"Written to {visible(str(output))}")
