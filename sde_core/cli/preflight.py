"""`sde preflight`: what every row would train, and what the run would take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress, talk
from sde_core.cli.recipe_options import AskedRecipe, recipe_options
from sde_core.dataset import Dataset

if TYPE_CHECKING:
    from sde_core.project import Project
    from sde_core.train.estimate import RunEstimate
    from sde_core.train.preflight import Preflight
    from sde_core.train.recipe import Recipe


@click.command(
    "preflight",
    epilog="""\b
Examples:
  sde preflight data.jsonl --model ./my-model
  sde preflight data.jsonl --probe
  sde preflight data.jsonl --max-length 512 --json \\
    | jq '.rows[] | select(.verdict != "ok")'

Time and memory are measured, never guessed: --probe runs a few real steps
on this machine, and what it found is kept until something changes.""",
)
@data_options
@recipe_options
@click.option("--max-length", type=click.IntRange(2), help="Tokens a sample may have.")
@click.option(
    "--rows",
    "rows",
    metavar="FILE|accepted|all",
    help="Which rows: by default those that sde train takes: the accepted ones, or all but the rejected ones where none was accepted.",
)
@click.option("--probe", is_flag=True, help="Measure time and memory by a few real steps.")
@json_option
def command(
    dataset: Dataset,
    asked: AskedRecipe,
    max_length: int | None,
    rows: str | None,
    probe: bool,
    as_json: bool,
) -> None:
    """Encode every row of DATA as training would, and say what trains, what is cut, what is lost, and what the run takes."""
    from dataclasses import asdict, replace

    from sde_core.cli.preflight_text import print_report
    from sde_core.cli.train import asked_rows
    from sde_core.project import Project
    from sde_core.train.preflight import preflight

    project = Project.of(dataset.path)
    recipe = asked.recipe(project)
    recipe = recipe if max_length is None else replace(recipe, max_length=max_length)
    chosen = asked_rows(dataset, rows)
    with stderr_progress("encoding") as progress:
        report = preflight(dataset, recipe, rows=chosen, cache_dir=project.cache_dir, progress=progress)
    taken = _estimate(dataset, project, recipe, report, chosen, probe)
    if as_json:
        emit_json({**report.to_json(), "estimate": None if taken is None else asdict(taken)})
    else:
        print_report(report, recipe, taken)


def _estimate(dataset: Dataset, project: Project, recipe: Recipe, report: Preflight, rows: list[int], probe: bool) -> RunEstimate | None:
    """What the run will take, by a probe that was made before or is made now; None where there is none."""
    from sde_core.train.estimate import estimate, free_on
    from sde_core.train.probe_store import kept_probe, probe_name

    if not report.summary.sequences:
        return None
    name = probe_name(recipe, dataset.fingerprint)
    found = kept_probe(project.cache_dir, name)
    if probe:
        _run_probe(dataset, project, recipe, rows, name)
        found = kept_probe(project.cache_dir, name)
    return None if found is None else estimate(report, recipe, found, free=free_on(found))


def _run_probe(dataset: Dataset, project: Project, recipe: Recipe, rows: list[int], name: str) -> None:
    from sde_core.cli.following import follow
    from sde_core.errors import CancelledError, JobError
    from sde_core.train.probe import launch_probe

    talk("Measuring a few steps in a process of its own …")
    with stderr_progress("preparing") as progress:
        job = launch_probe(dataset, rows, recipe, project.created().jobs_dir, name=name, progress=progress)
    status: Any = follow(job)
    if status.active:
        raise CancelledError("The probe goes on; ask again when it is done.")
    if status.state != "done":
        raise JobError(f"The probe {status.state}: {status.message}", status.hint or "The whole story is in its log.txt.")
