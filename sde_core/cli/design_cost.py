"""`sde design cost` and `sde design perplexity`: what designs cost in tokens, and how a base model takes them before any tuning."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import emit_json, json_option, stderr_progress, talk
from sde_core.cli.design_records import COMPARED, designs_in, records_of, refuse_senseless, task_of, with_task
from sde_core.cli.recipe_options import AskedRecipe, recipe_options
from sde_core.errors import UsageError
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.design.task import TaskRecord
    from sde_core.design.task_file import TaskFile
    from sde_core.evaluate.design_perplexity_job import MeasuredPerplexity
    from sde_core.train.recipe import Recipe

_design_options = (
    click.option("--design", "designs", metavar="DESIGN", multiple=True, default=COMPARED, show_default=True, help="Repeatable, or a list."),
    click.option("--wording", default=0, show_default=True, help="Which of the task's instructions, from 0."),
)


def _with_designs(function: Any) -> Any:
    """Adds --design and --wording, and what says how samples would train."""
    for option in (recipe_options, *reversed(_design_options)):
        function = option(function)
    return function


@click.command("cost")
@with_task
@_with_designs
@click.option("--rows", default=0, type=click.IntRange(min=0), help="Records to count, from the first; all when omitted.")
@json_option
def cost_command(
    data: str, task_path: Path | None, text_field: str, said_field: str, designs: tuple[str, ...], wording: int, asked: AskedRecipe,
    rows: int, as_json: bool,
) -> None:  # fmt: skip
    """Count the tokens of DATA in several designs: a sample, and an epoch over all."""
    from sde_core.design.options import design_named
    from sde_core.design.sample import render_sample
    from sde_core.evaluate.design_cost import design_encoder, design_tokens

    file, records, recipe = _asked(data, task_path, text_field, said_field, rows or None, asked)
    told: dict[str, dict[str, Any]] = {}
    for name in designs_in(designs):
        refuse_senseless(name, file.task, records.values())
        design = design_named(name)
        samples = [render_sample(record, file.task, design, wording=wording) for record in records.values()]
        encoder = design_encoder(recipe.model, loss_on_input=design.loss_on_input, recipe=recipe)
        with stderr_progress(f"counting {name}") as progress:
            told[name] = dataclasses.asdict(design_tokens(samples, encoder, progress=progress))
    if as_json:
        emit_json({"records": len(records), "designs": told})
        return
    click.echo(f"{count_of(len(records), 'record'):<22} {'an epoch':>12} {'a sample':>9} {'longest':>8} {'carry loss':>11}")
    for name, said in told.items():
        mean, share = said["tokens"] / said["samples"], said["trained"] / said["tokens"]
        long = f"  {said['too_long']:,} too long" if said["too_long"] else ""
        click.echo(f"{visible(name, 22):<22} {said['tokens']:>12,} {mean:>9.1f} {said['longest']:>8,} {share:>11.0%}{long}")


@click.command(
    "perplexity",
    epilog="""\b
exp of the mean negative log-likelihood of the tokens of prompts, and of those
of answers, under the untuned model. The job outlives this terminal; what it
has measured is kept, so that asking again costs nothing.

\b
Examples:
  sde design perplexity reviews.jsonl --task task.yaml
  sde design perplexity reviews.jsonl --design es-sde --rows 500""",
)
@with_task
@_with_designs
@click.option(
    "--rows",
    default=200,
    type=click.IntRange(min=1),
    show_default=True,
    help="Records to measure, drawn with a fixed seed; the same for all designs.",
)
@click.option("--attach/--detach", default=None, help="Follow the job, or return at once; follows on a terminal by default.")
@json_option
@click.pass_context
def perplexity_command(
    ctx: click.Context, data: str, task_path: Path | None, text_field: str, said_field: str, designs: tuple[str, ...], wording: int,
    asked: AskedRecipe, rows: int, attach: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure how a base model takes DATA in several designs before any tuning, as a job."""
    from sde_core.cli.following import leave_or_follow
    from sde_core.design.options import design_named
    from sde_core.design.sample import render_sample
    from sde_core.evaluate.design_perplexity_job import drawn_records, kept_perplexity, launch_design_perplexity, read_perplexity
    from sde_core.project import Project

    file, records, recipe = _asked(data, task_path, text_field, said_field, None, asked)
    chosen, project = drawn_records(records, rows), Project.of(data)
    for name in designs_in(designs):
        refuse_senseless(name, file.task, chosen)
    samples = {name: [render_sample(record, file.task, design_named(name), wording=wording) for record in chosen] for name in designs_in(designs)}
    kept = {name: kept_perplexity(project, of, recipe) for name, of in samples.items()}
    measured = {name: found for name, found in kept.items() if found is not None}
    if len(measured) < len(samples):
        job = launch_design_perplexity(project, samples, recipe, dataset=data)
        leave_or_follow(ctx, job, attach, as_json=as_json)
        if as_json or job.status().state != "done":
            return
        measured = read_perplexity(job.folder)
    if as_json:
        emit_json({"records": len(chosen), "designs": {name: dataclasses.asdict(found) for name, found in measured.items()}})
    else:
        _print(measured)


def _print(measured: Mapping[str, MeasuredPerplexity]) -> None:
    records = max((found.samples for found in measured.values()), default=0)
    click.echo(f"{'perplexity, ' + count_of(records, 'record'):<26} {'of prompts':>12} {'of answers':>12}")
    for name, found in measured.items():
        click.echo(f"{visible(name, 26):<26} {found.prompt:>12.1f} {found.output:>12.2f}")
    if doubt := next((found.doubt for found in measured.values() if found.doubt), ""):
        talk(doubt)


def _asked(
    data: str, task_path: Path | None, text_field: str, said_field: str, rows: int | None, asked: AskedRecipe
) -> tuple[TaskFile, dict[int, TaskRecord], Recipe]:
    from sde_core.project import Project

    file = task_of(data, task_path, text_field, said_field)
    records, misfits = records_of(data, file, limit=rows)
    if not records:
        raise UsageError("No row fits the task.", misfits[0].reason if misfits else "The file has no rows.")
    return file, records, asked.recipe(Project.of(data))
