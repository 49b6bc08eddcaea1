"""Starting a fine-tune: everything that can be known to be wrong is said here, before a job exists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from sde_core.dataset import Dataset, Turns
from sde_core.errors import SdeError, UsageError
from sde_core.jobs import Job, launch
from sde_core.jobs.prepared import prepared_folder
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent
from sde_core.train.device import devices_of, refuse_before_launch, refuse_missing_packages
from sde_core.train.encode import Encoder
from sde_core.train.launched import seal_launch
from sde_core.train.model_check import check_model, refuse_absent_device
from sde_core.train.nothing_trains import TRIED_ROWS, refuse_if_nothing_trains, working_settings
from sde_core.train.recipe import Recipe
from sde_core.train.reporting import refuse_reporting
from sde_core.train.row_check import RowCheck, row_check
from sde_core.train.rows import write_snapshot
from sde_core.train.tokenizer import Tokenizer, load_tokenizer, model_location
from sde_core.wording import count_of

_LOOK_ROWS = 256


def launch_training(
    dataset: Dataset,
    rows: Sequence[int],
    recipe: Recipe,
    jobs_dir: Path,
    *,
    beside: bool = False,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> Job:
    """Start a detached LoRA fine-tune of these rows.

    The job folder gets the rows themselves (`rows.jsonl`), where they come from (`manifest.json`) and the recipe; it needs the dataset no more.

    Args:
        dataset: Where the rows are; its edits are trained on.
        rows: Record positions.
        recipe: How to train.
        jobs_dir: The dataset's job folders.
        beside: Begin at once; else the run waits for its device while another one uses it.
        cancel: Looked at between batches of rows.
        progress: In rows.

    Raises:
        UsageError: When there are no rows, or nothing in them would train.
        ModelError: When the model or its tokenizer cannot be used.
        ReadOnlyError: When the job folder cannot be written.
        CancelledError: When stopped; no job was started.
    """
    rows = [int(row) for row in rows]
    check_before_launch(dataset, rows, recipe, cancel=cancel)
    title = f"LoRA of {Path(model_location(recipe.model)).name} on {count_of(len(rows), 'row')} of {dataset.name}"
    with prepared_folder(jobs_dir, "train") as folder:
        spec = prepared_run(folder, dataset, rows, recipe, jobs_dir, cancel=cancel, progress=progress)
        return launch(jobs_dir, "train", spec, title=title, folder=folder, beside=beside)


def prepared_run(
    folder: Path, dataset: Dataset, rows: Sequence[int], recipe: Recipe, jobs_dir: Path, *, cancel: Cancel = NEVER, progress: Progress = silent
) -> dict[str, Any]:
    """Write a run's rows and recipe into its job folder.

    Args:
        folder: The job's.
        dataset: Where the rows are; its edits are trained on.
        rows: Record positions.
        recipe: How to train.
        jobs_dir: The dataset's job folders.
        cancel: Looked at between batches of rows.
        progress: In rows.

    Returns:
        What its spec says.

    Raises:
        SdeError: When the rows cannot be written.
        CancelledError: When stopped.
    """
    location = model_location(recipe.model)
    manifest = write_snapshot(folder, dataset, rows, held_out=recipe.held_out, seed=recipe.seed, cancel=cancel, progress=progress)
    write_recipe(folder, recipe, location)
    seal_launch(folder)
    return {
        "dataset": manifest["dataset"]["path"],
        "rows": manifest["rows"],
        "model": recipe.model or "embedded",
        "devices": devices_of(recipe),
        "cache": str((jobs_dir.parent / "cache").absolute()),
    }


def write_recipe(folder: Path, recipe: Recipe, location: str) -> None:
    """Write a recipe where the job in a folder reads it, with what is true now in the place of what it leaves open.

    Args:
        folder: The job's.
        recipe: How to train.
        location: Where the model is, from `model_location`.
    """
    settled = {**recipe.to_json(), "model": location, "learning_rate": recipe.peak_learning_rate}
    (folder / "recipe.json").write_bytes(orjson.dumps(settled, option=orjson.OPT_INDENT_2))


def why_refused(recipe: Recipe, tokenizer: Tokenizer) -> str:
    """Why a run of this recipe would not be started, whatever its rows are, and the way out; "" where it would.

    Args:
        recipe: How to train.
        tokenizer: The model's.
    """
    try:
        _refuse_recipe(recipe)
        check_model(recipe, tokenizer)
    except SdeError as error:
        return str(error)
    return ""


def _refuse_recipe(recipe: Recipe) -> None:
    """Refuse what this machine or these packages cannot do; loads no model."""
    refuse_missing_packages("Training")
    refuse_reporting(recipe)
    refuse_absent_device(recipe)
    refuse_before_launch(recipe)


def check_before_launch(dataset: Dataset, rows: Sequence[int], recipe: Recipe, *, cancel: Cancel = NEVER) -> None:
    """Refuse a run that cannot work; looks at as many rows as it takes to find one that trains.

    Args:
        dataset: Where the rows are.
        rows: Record positions.
        recipe: How to train.
        cancel: Looked at between batches of rows.

    Raises:
        UsageError: When there are no rows, or nothing in them would train.
        ModelError: When the model or its tokenizer cannot be used.
        MissingExtraError: When a package is not installed.
    """
    _refuse_recipe(recipe)
    if not len(rows):
        raise UsageError("There are no rows to train on.", "Accept some rows, or take back some rejections.")
    tokenizer = load_tokenizer(recipe.model)
    check_model(recipe, tokenizer)
    encoder = Encoder(tokenizer, recipe)
    checks: list[RowCheck] = []
    first: list[Turns] = []
    for batch in dataset.batches(_LOOK_ROWS, rows=rows):
        raise_if_cancelled(cancel)
        encoded = encoder.encode_tokens([turns for _, _, turns in batch])
        checks += [row_check(row, sample) for (row, _, _), sample in zip(batch, encoded, strict=True)]
        if any(check.trained for check in checks):
            return
        first += [turns for _, _, turns in batch] if len(first) < TRIED_ROWS else []
    refuse_if_nothing_trains(checks, working_settings(first, encoder))
