"""The fine-tuning job: reads its folder, trains, and leaves the adapter; in one process, or in one a GPU."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from sde_core.errors import UsageError
from sde_core.jobs import JobContext
from sde_core.train.checkpoints import pass_over_damaged
from sde_core.train.device import process_count, use_one_gpu
from sde_core.train.encode import Encoder
from sde_core.train.imports import import_ahead, imported
from sde_core.train.launched import launched_recipe
from sde_core.train.preflight import refuse_if_nothing_trains
from sde_core.train.processes import run_processes
from sde_core.train.recipe import Recipe
from sde_core.train.reporting import refuse_reporting, use_reporting
from sde_core.train.rows import read_snapshot, row_total
from sde_core.train.samples import Samples, encode_rows, row_count
from sde_core.train.tokenizer import Tokenizer, load_tokenizer
from sde_core.wording import count_of


def run_training(context: JobContext) -> None:
    """Do the job in the context's folder.

    Raises:
        SdeError: When it cannot train, before it starts to.
        CancelledError: When it was asked to stop; it can be resumed.
    """
    recipe = launched_recipe(context.folder)
    refuse_reporting(recipe)
    use_reporting(recipe, context.folder)
    processes = process_count(recipe)
    if processes > 1:
        pass_over_damaged(context)
        run_processes(context, recipe, processes)
    else:
        use_one_gpu()
        import_ahead(lean=not recipe.report_to)
        train_in_this_process(context, recipe)
    context.say(_last_word(context))


def train_in_this_process(context: JobContext, recipe: Recipe) -> None:
    """Encode the rows, train on them, and write the result."""
    context.say("Reading the rows.", unit="rows")
    tokenizer = load_tokenizer(recipe.model)
    samples = run_samples(context, recipe, tokenizer)
    context.say("Loading torch.", unit="steps")
    imported()
    from sde_core.train.device import plan_device
    from sde_core.train.lora import train_adapter

    train_adapter(context, recipe, plan_device(recipe), samples, tokenizer)


def run_samples(context: JobContext, recipe: Recipe, tokenizer: Tokenizer) -> Samples:
    """The run's rows, encoded.

    Args:
        context: The job.
        recipe: How they are encoded.
        tokenizer: The model's.

    Raises:
        UsageError: When nothing in them would train.
        InputError: When the rows are not those that the run was launched with.
        CancelledError: When stopped.
    """
    cache = context.spec.get("cache")
    encoder = Encoder(tokenizer, recipe, cache_dir=Path(cache) if cache else None)
    samples = encode_rows(read_snapshot(context.folder), encoder, total=row_total(context.folder), cancel=context, progress=context.report)
    refuse_if_nothing_trains(samples.checks)
    if not samples.train:
        raise UsageError("Only held-out rows would train.", "Set --set held_out=0, or accept more rows.")
    verdicts = Counter(check.verdict for check in samples.checks)
    context.event("rows", training=row_count(samples.train), held_out=row_count(samples.held_out), verdicts=dict(verdicts))
    return samples


def _last_word(context: JobContext) -> str:
    metrics: dict[str, Any] = orjson.loads((context.result_dir / "metrics.json").read_bytes())
    losses = {"loss": metrics["train_loss"], **({"held-out": metrics["held_out_loss"]} if metrics["held_out_rows"] else {})}
    told = ", ".join(f"{name} {'not a number' if loss is None else format(loss, '.3f')}" for name, loss in losses.items())
    return f"Trained {count_of(metrics['steps'], 'step')} on {count_of(metrics['training_rows'], 'row')}; {told}."
