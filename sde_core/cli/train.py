"""`sde train`: a LoRA fine-tune as a detached job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sde_core.cli.common import data_options, journal_of, json_option, parsed_rows, stderr_progress
from sde_core.cli.recipe_options import AskedRecipe, recipe_options
from sde_core.dataset import Dataset
from sde_core.errors import InputError, UsageError


@click.command(
    "train",
    epilog="""\b
Examples:
  sde train data.jsonl
  sde train data.jsonl --model ./my-model --set max_steps=200 --attach
  sde train data.jsonl --rows picks.json --recipe recipe.yaml --detach --json

Interrupting an attached run leaves it running; stop it with sde jobs stop.
While another run uses the device, this one waits for its turn: sde jobs queue.""",
)
@data_options
@recipe_options
@click.option(
    "--rows",
    "rows",
    metavar="FILE|accepted|all",
    help="Which rows: by default the accepted ones, or all but the rejected ones where none was accepted.",
)
@click.option("--attach/--detach", default=None, help="Follow the run, or return at once; follows on a terminal by default.")
@click.option("--now", is_flag=True, help="Begin at once, beside runs that use the same device; by default the run waits for its turn.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    dataset: Dataset,
    asked: AskedRecipe,
    rows: str | None,
    attach: bool | None,
    now: bool,
    as_json: bool,
) -> None:
    """Fine-tune a LoRA adapter on the rows of DATA, as a job that outlives this terminal."""
    from sde_core.cli.following import leave_or_follow
    from sde_core.project import Project
    from sde_core.train.launch import launch_training

    project = Project.of(dataset.path)
    recipe = asked.recipe(project)
    with stderr_progress("preparing") as progress:
        job = launch_training(dataset, asked_rows(dataset, rows), recipe, project.created().jobs_dir, beside=now, progress=progress)
    leave_or_follow(ctx, job, attach, as_json=as_json)


def asked_rows(dataset: Dataset, asked: str | None) -> list[int]:
    """The rows to train on; see the option's help."""
    from sde_core.decisions import training_rows

    dataset.read_all()
    if asked == "all":
        return dataset.texts()["row"].to_list()
    if asked not in (None, "accepted"):
        return rows_in_file(Path(asked), len(dataset))
    with journal_of(dataset, writing=False) as journal:
        state = journal.state
    if asked == "accepted" and not len(state.accepted_rows()):
        raise UsageError("No row was accepted.", "Accept some, or leave --rows out to train on all that were not rejected.")
    return training_rows(dataset, state).tolist()  # type: ignore[no-any-return]


def rows_in_file(path: Path, count: int) -> list[int]:
    """Row numbers from a file: JSON (a list, or what `sde select --json` prints), one JSON object with a "row" a line, or words such as 3 or 10-20.

    Raises:
        InputError: When the file cannot be read.
        UsageError: When it holds no row numbers of this dataset.
    """
    import json

    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a list of rows: {error}.", "Write row numbers into it, one a line.") from error
    try:
        found = json.loads(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines or not lines[0].lstrip().startswith("{"):
            return parsed_rows(text.replace(",", " ").split(), count)
        found = [json.loads(line) for line in lines]
    return parsed_rows([str(row) for row in _row_numbers(found, path)], count)


def _row_numbers(found: Any, path: Path) -> list[int]:
    if isinstance(found, dict):
        found = next((found[name] for name in ("rows", "picks") if name in found), None)
    listed = [item.get("row") if isinstance(item, dict) else item for item in found] if isinstance(found, list) else [found]
    numbers = [number for number in listed if isinstance(number, int) and not isinstance(number, bool)]
    if not numbers or len(numbers) < len(listed):
        raise UsageError(f"{path} holds no row numbers.", "Write row numbers into it, one a line, or use the JSON that sde select --json prints.")
    return numbers
