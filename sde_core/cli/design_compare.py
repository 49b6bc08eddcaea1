"""`sde design compare`: which design tunes best, measured on one's own records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sde_core.cli.common import json_option, stderr_progress, talk
from sde_core.cli.design_records import COMPARED, designs_in, records_of, task_of, with_task
from sde_core.cli.recipe_options import AskedRecipe, recipe_options
from sde_core.errors import UsageError
from sde_core.wording import count_of, duration

if TYPE_CHECKING:
    from sde_core.design.task_file import TaskFile
    from sde_core.evaluate.design_grid import DesignRequest
    from sde_core.evaluate.design_records import ComparedRecords
    from sde_core.train.recipe import Recipe


@click.command(
    "compare",
    epilog="""\b
Every design is trained on the same records, in the same order, for the same
number of steps, then asked for the records it has not seen. The untuned model
is asked first, in every design, with no example and with two: Kendall's tau
says whether what prompts well also tunes well. The job can be stopped and
resumed; sde design results reads it any time.

\b
Examples:
  sde design compare reviews.jsonl --task task.yaml
  sde design compare reviews.jsonl --designs es-sde,ew-sde,heuristic \\
      --sizes 500,1000 --seeds 3 --test test.jsonl --ood other.jsonl
  sde design results""",
)
@with_task
@click.option("--design", "--designs", "designs", metavar="DESIGN,…", multiple=True, default=COMPARED, show_default=True,
              help="Repeatable; or several after commas, where a preset begins a new one.")  # fmt: skip
@click.option("--sizes", default="500", show_default=True, help="Training records of a run, separated by commas.")
@click.option("--seeds", default=3, show_default=True, help="Runs of each design and size.")
@click.option("--wordings", default="0", show_default=True, help="Which of the task's instructions, from 0, separated by commas.")
@click.option("--test", "test_path", metavar="FILE", help="Records to test on; a fifth of DATA, at most 200, when omitted.")
@click.option("--ood", "ood_path", metavar="FILE", help="Records of another domain to test on too.")
@click.option("--ood-task", "ood_task_path", metavar="FILE", type=click.Path(path_type=Path), help="Their task, where it is another.")
@recipe_options
@click.option("--temperature", default=0.0, show_default=True, help="0 for the likeliest token every time.")
@click.option("--before/--no-before", default=True, show_default=True, help="Ask the untuned model too.")
@click.option("--attach/--detach", default=None, help="Follow the job, or return at once; follows on a terminal by default.")
@json_option
@click.pass_context
def compare_command(
    ctx: click.Context, data: str, task_path: Path | None, text_field: str, said_field: str, designs: tuple[str, ...], sizes: str, seeds: int,
    wordings: str, test_path: str | None, ood_path: str | None, ood_task_path: Path | None, asked: AskedRecipe,
    temperature: float, before: bool, attach: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Train DATA in several designs and score what each answers, as a job that outlives this terminal."""
    from sde_core.cli.design_results import print_results
    from sde_core.cli.following import leave_or_follow
    from sde_core.evaluate.design_grid import DesignRequest, launch_design_compare
    from sde_core.evaluate.design_records import compared_records
    from sde_core.project import Project

    file = task_of(data, task_path, text_field, said_field)
    project = Project.of(data)
    recipe = asked.recipe(project)
    request = DesignRequest(
        designs_in(designs),
        _numbers(sizes, "--sizes"),
        seeds,
        _numbers(wordings, "--wordings"),
        temperature=temperature,
        before=before,
    )
    found, misfits = records_of(data, file)
    records = list(found.values())
    if misfits:
        talk(f"{count_of(len(misfits), 'row')} of {len(found) + len(misfits):,} are left out because they do not fit; sde design render lists them.")
    with stderr_progress("reading") as progress:
        sides = compared_records(
            records, file, recipe.seed, test=test_path or "", ood=ood_path or "", ood_task=str(ood_task_path or ""), progress=progress
        )
    job = launch_design_compare(project.created().jobs_dir, request, recipe, file, sides.train, sides.test, ood=sides.ood, dataset=data)
    if not as_json:
        _talk_of_cost(request, recipe, file, sides, project.jobs_dir)
    leave_or_follow(ctx, job, attach, as_json=as_json)
    if job.status().state == "done" and not as_json:
        print_results(job.folder)


def _talk_of_cost(request: DesignRequest, recipe: Recipe, file: TaskFile, sides: ComparedRecords, jobs_dir: Path) -> None:
    """Says what the comparison will take, in time too where another one tells the pace."""
    from sde_core.design.options import design_named
    from sde_core.evaluate.design_estimate import comparison_cost, cost_words, latest_pace, seconds_of, tokens_of_designs
    from sde_core.train.tokenizer import model_location

    wanted = [(design_named(name), wording) for name in request.designs for wording in dict.fromkeys(request.wordings)]
    tokens = tokens_of_designs(sides.train, file.task, wanted, recipe.model)
    cost = comparison_cost(request, recipe, tokens, test=len(sides.test), ood=len(sides.ood[1]) if sides.ood else 0)
    paced = latest_pace(jobs_dir, model_location(recipe.model))
    time = f" About {duration(seconds_of(cost, paced[1]), units=1)} at the pace of {paced[0]}." if paced is not None else ""
    talk(f"{count_of(cost.runs, 'run')}. {cost_words(cost)}{time}")


def _numbers(text: str, option: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise UsageError(f"{option} takes whole numbers separated by commas, not {text!r}.", f"For example {option} 500,1000.")
    return tuple(map(int, parts))
