"""LoRA with transformers' Trainer and peft. Everything here loads torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from sde_core.errors import CancelledError, JobError, ReadOnlyError
from sde_core.jobs import JobContext
from sde_core.jobs.disk import give_room_back, is_unwritable, unwritable_job
from sde_core.train.batches import checkpoint_interval, evaluated_positions, evaluation_interval, steps_of
from sde_core.train.callbacks import event_callback
from sde_core.train.checkpoints import (
    UnwritableCheckpointError,
    checkpoint_bytes,
    last_checkpoint,
    pass_over_damaged,
    remove_unfinished,
    restore,
    save_result,
    step_of,
)
from sde_core.train.device import DevicePlan
from sde_core.train.exact_resume import ExactResume
from sde_core.train.model import load_model, with_adapter
from sde_core.train.order import EpochSampler
from sde_core.train.out_of_memory import (
    MemoryFullError,
    does_not_fit,
    fitting_recipe,
    is_out_of_memory,
    keep_fitting,
    with_smaller_batches,
)
from sde_core.train.packing import refuse_if_samples_leak
from sde_core.train.recipe import Recipe, listed
from sde_core.train.recipe_steps import RecipeSteps
from sde_core.train.reporting import PROJECT
from sde_core.train.row_losses import RowLossRecorder, row_losses_path
from sde_core.train.sampled_answers import sampling_callbacks
from sde_core.train.samples import Collator, Sample, Samples, blank_sample, row_count
from sde_core.train.schedule import planned_first
from sde_core.train.tokenizer import Tokenizer
from sde_core.train.trained_logits import TrainedLogits


def train_adapter(context: JobContext, recipe: Recipe, plan: DevicePlan, samples: Samples, tokenizer: Tokenizer) -> None:
    """Train, from the last complete checkpoint where there is one, and leave the adapter and the metrics in the job's result folder.

    Where memory is full, the batch is halved and twice as many make a step, so that the steps stay what they were.

    Args:
        context: The job.
        recipe: How to train.
        plan: Where to train.
        samples: What to train on.
        tokenizer: For the padding token.

    Raises:
        CancelledError: When the job was asked to stop; a checkpoint was saved first.
        ModelError: When the model cannot be loaded or adapted, or not even single samples fit into memory.
        JobError: When all its checkpoints are damaged.
    """
    if plan.processes == 1:  # else the process that starts them all has done it
        pass_over_damaged(context)
    fitting = fitting_recipe(context.folder, recipe)
    while True:
        try:
            _train_once(context, recipe, fitting, plan, samples, tokenizer)
        except (OSError, ReadOnlyError) as error:
            refusal = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(refusal, OSError) or not is_unwritable(refusal):
                raise
            give_room_back(context.folder)
            raise _unwritable_run(context, refusal) from error
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            smaller = with_smaller_batches(fitting)
            if smaller is None:
                raise does_not_fit(fitting, plan, max(map(len, samples.train))) from error
            if plan.processes > 1:
                raise MemoryFullError(f"The memory of process {plan.process} is full.", "Set a smaller batch_size.") from error
            fitting = smaller
        else:
            return
        _free_memory()
        keep_fitting(context.folder, fitting)
        context.event("memory", batch_size=fitting.batch_size, accumulation=fitting.accumulation)


def _unwritable_run(context: JobContext, error: OSError) -> JobError:
    folder = context.folder / "checkpoints"
    needed = error.needed if isinstance(error, UnwritableCheckpointError) else checkpoint_bytes(folder)
    last = last_checkpoint(folder)
    return unwritable_job(context.folder, error, needed=needed, saved=f"step {step_of(last):,}" if last else "")


def _free_memory() -> None:
    """Give back what the failed attempt held; only works once its exception is forgotten."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _train_once(context: JobContext, recipe: Recipe, fitting: Recipe, plan: DevicePlan, samples: Samples, tokenizer: Tokenizer) -> None:
    """One attempt: `recipe` says in which order the samples come, `fitting` in how many forward passes a step takes them."""
    from transformers import set_seed

    halved = f" Memory was full: {fitting.batch_size} samples at a time now." if fitting != recipe else ""
    context.say(f"Loading the model.{halved}")
    set_seed(recipe.seed)
    model = with_adapter(load_model(recipe, plan), recipe, plan)
    model.config.use_cache = False
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    context.event("model", parameters=model.num_parameters(), trainable=trainable, device=plan.name, precision=plan.precision)
    held_out = evaluated_samples(samples, recipe, plan)
    trainer = _trainer(context, recipe, fitting, plan, samples, held_out, tokenizer, model)
    if plan.process == 0:
        remove_unfinished(context.folder / "checkpoints")
    checkpoint = last_checkpoint(context.folder / "checkpoints")
    wanted = steps_of(len(samples.train), recipe, plan.processes)
    if checkpoint and step_of(checkpoint) >= wanted:
        restore(trainer, checkpoint)
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    steps = trainer.state.global_step
    if steps < wanted:
        raise CancelledError(f"{'Paused' if context.pause_asked else 'Stopped'} and saved at step {steps:,} of {wanted:,}.")
    metrics = {
        "steps": steps,
        "train_loss": _last_losses(trainer.state.log_history),
        "held_out_loss": _held_out_loss(trainer) if held_out else None,
        "tokens": trainer.state.num_input_tokens_seen,
        "training_rows": row_count(samples.train),
        "held_out_rows": row_count(held_out),
        "batch_size": fitting.batch_size,
        "accumulation": fitting.accumulation,
    }
    if trainer.is_world_process_zero():
        save_result(trainer.accelerator.unwrap_model(trainer.model), context, metrics)


def _held_out_loss(trainer: Any) -> float:
    """The held-out loss at the end of the run, evaluated again only where the last step was not followed by an evaluation."""
    last = next((entry for entry in reversed(trainer.state.log_history) if "eval_loss" in entry), None)
    loss: float = last["eval_loss"] if last and last["step"] == trainer.state.global_step else trainer.evaluate()["eval_loss"]
    return loss


def evaluated_samples(samples: Samples, recipe: Recipe, plan: DevicePlan) -> list[Sample]:
    """The held-out samples that the run evaluates on: all of them, or evenly spaced ones by length where they would cost more than they tell.

    Args:
        samples: Of the run.
        recipe: Says how much is trained.
        plan: How many processes share every batch.
    """
    return [samples.held_out[i] for i in evaluated_positions(len(samples.held_out), len(samples.train), recipe, plan.processes)]


def _trainer(
    context: JobContext,
    recipe: Recipe,
    fitting: Recipe,
    plan: DevicePlan,
    samples: Samples,
    held_out: list[Sample],
    tokenizer: Tokenizer,
    model: Any,
) -> Any:
    from transformers import PrinterCallback, ProgressCallback, Trainer

    class RecipeTrainer(RecipeSteps, ExactResume, Trainer):  # type: ignore[misc]
        pass

    flat = "flash" in (getattr(model.config, "_attn_implementation", None) or "")
    if recipe.packing:
        refuse_if_samples_leak(model, flat=flat)
    recorder, logits = RowLossRecorder(row_losses_path(context.folder, plan.process), plan.processes), TrainedLogits(model)
    # Several processes take batches of one size: what is missing in the last one carries no loss, so that no row counts twice.
    blank = [blank_sample(tokenizer.pad_id)] if plan.processes > 1 else []
    missing = -len(held_out) % (fitting.batch_size * plan.processes)
    trainer = RecipeTrainer(
        model=model,
        args=_arguments(context, fitting, plan, steps_of(len(samples.train), recipe, plan.processes), evaluates=bool(held_out)),
        train_dataset=[*samples.train, *blank],
        eval_dataset=[*held_out, *blank * missing] or None,
        data_collator=Collator(tokenizer.pad_id, 8 if plan.device == "cuda" else 1, flat=flat),
        compute_loss_func=recorder.loss,
        callbacks=[event_callback(context, plan.device, recorder), *sampling_callbacks(context, recipe, tokenizer)],
    )
    trainer.recipe, trainer.row_losses, trainer.logits = recipe, recorder, logits
    trainer.order = _order(recipe, plan, samples)
    trainer.synced_logs = (context.folder / "events.jsonl", row_losses_path(context.folder, plan.process))
    for printing in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(printing)
    return trainer


def _order(recipe: Recipe, plan: DevicePlan, samples: Samples) -> EpochSampler:
    lengths = np.array([len(sequence) for sequence in samples.train])
    batch = recipe.batch_size * plan.processes
    shuffled, filled = not samples.in_order, plan.processes > 1
    return EpochSampler(lengths, batch, seed=recipe.seed, grouped=recipe.groups_lengths, shuffled=shuffled, filled=filled)


def _arguments(context: JobContext, recipe: Recipe, plan: DevicePlan, steps: int, *, evaluates: bool) -> Any:
    from transformers import TrainingArguments

    planned = planned_first(recipe, steps)
    return TrainingArguments(
        output_dir=str(context.folder / "checkpoints"),
        num_train_epochs=recipe.epochs,
        max_steps=recipe.max_steps or -1,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.peak_learning_rate,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        logging_steps=recipe.log_steps,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=evaluation_interval(recipe, planned),
        save_steps=checkpoint_interval(recipe, planned),
        seed=recipe.seed,
        data_seed=recipe.seed,
        use_cpu=plan.device == "cpu",
        bf16=plan.precision == "bf16",
        fp16=plan.precision == "fp16",
        dataloader_pin_memory=plan.device == "cuda",
        remove_unused_columns=False,
        include_num_input_tokens_seen="non_padding",
        label_names=["labels"],
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        report_to=listed(recipe.report_to) or "none",
        run_name=context.folder.name,
        project=PROJECT,
    )


def _last_losses(history: list[dict[str, Any]]) -> float | None:
    """Mean training loss of the last ten points."""
    losses = [entry["loss"] for entry in history if "loss" in entry][-10:]
    return sum(losses) / len(losses) if losses else None
