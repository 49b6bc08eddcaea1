"""Giving a run more to do: it goes on from its last checkpoint, with its optimizer's moments, for more steps or epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from sde_core.errors import JobError, UsageError
from sde_core.files import atomic_write
from sde_core.jobs import Job
from sde_core.jobs.event_log import append_event, close_torn_line
from sde_core.train.checkpoints import sound_checkpoint_or_refusal, step_of, trainer_facts
from sde_core.train.launched import launched_recipe, replace_recipe
from sde_core.train.recipe import Recipe, listed
from sde_core.train.schedule import LearningRateCourse
from sde_core.wording import count_of

_MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Extension:
    """What a run was given to do.

    Attributes:
        saved: The step of the checkpoint that it goes on from.
        planned: Steps that it was to make before.
        steps: Steps that it is to make now.
        warmup: Steps over which the learning rate rises again, from step `planned` on.
        risen_from: The learning rate that it rises from.
        peak: The learning rate that it rises to.
    """

    saved: int
    planned: int
    steps: int
    warmup: int
    risen_from: float
    peak: float

    def words(self) -> str:
        """What happens now, in one sentence for the owner of the run."""
        rise = f"begins at {self.peak:.3g}"
        if self.warmup:
            rise = f"rises from {self.risen_from:.3g} to {self.peak:.3g} over {count_of(self.warmup, 'step')}"
        return (
            f"It goes on from step {self.saved:,} to step {self.steps:,}, {self.steps - self.planned:,} more than planned. "
            f"At step {self.planned:,} the learning rate {rise} and takes its course once more."
        )

    def short_words(self) -> str:
        """The same within a line of a terminal."""
        return f"To step {self.steps:,}; from step {self.planned:,} the learning rate takes its course anew."


def extend_training(job: Job, *, steps: int = 0, epochs: float = 0.0) -> Extension:
    """Let a fine-tune that is not at work make more steps than were planned.

    The learning rate finishes its course as planned; then it rises again and takes the recipe's course over the new steps, since after most courses
    it is zero (see `LearningRateCourse`). The same recipe run from its start makes the same steps, to the bit on a CPU. Former recipes stay in the
    job's folder as `recipe-1.json` and so on.

    Args:
        job: A run that is done, stopped, paused, failed or lost.
        steps: Optimizer steps to add.
        epochs: Passes over the rows to add, in place of steps.

    Returns:
        What it will do.

    Raises:
        UsageError: When neither or both are given, or the job is no fine-tune.
        JobError: When it is at work, or has no sound checkpoint to go on from.
        InputError: When its recipe is not that of the launch.
        ReadOnlyError: When its folder cannot be written.
    """
    with job.changing():
        extension = write_extension(job, steps=steps, epochs=epochs)
        job.resume(extended=True)
    return extension


def write_extension(job: Job, *, steps: int = 0, epochs: float = 0.0) -> Extension:
    """Change what a run is to do without starting it; see `extend_training`.

    Args:
        job: A run that is not at work.
        steps: Optimizer steps to add.
        epochs: Passes over the rows to add, in place of steps.
    """
    if job.kind != "train":
        raise UsageError(f"Job {job.id} is no fine-tune.", "Only fine-tunes can be extended.")
    if (steps > 0) == (epochs > 0) or min(steps, epochs) < 0 or max(steps, epochs) > _MOST:
        raise UsageError(f"Say by how much: either steps or epochs, more than none and at most {_MOST:,}.", "For example --steps 100 or --epochs 1.")
    status = job.status()
    if status.active:
        raise JobError(f"Job {job.id} is still {status.state}.", "Stop or pause it first, then extend it.")
    checkpoint, _ = sound_checkpoint_or_refusal(job.folder / "checkpoints", "It cannot go on; start a new run with more steps.")
    if checkpoint is None:
        raise JobError(f"Job {job.id} has no checkpoint to go on from.", "Resume it, or start a new one with more steps.")
    recipe, facts = launched_recipe(job.folder), trainer_facts(checkpoint)
    planned: int = recipe.max_steps or facts["max_steps"]
    added = steps or math.ceil(epochs * facts["epoch_steps"])
    longer = replace(recipe, max_steps=planned + added, extended_at=",".join([*listed(recipe.extended_at), str(planned)]))
    _replace_recipe(job.folder, longer)
    close_torn_line(job.folder / "events.jsonl")
    append_event(job.folder / "events.jsonl", {"event": "extended", "step": planned, "steps": longer.max_steps})
    return _extension(longer, step_of(checkpoint), planned)


def _extension(recipe: Recipe, saved: int, planned: int) -> Extension:
    course, peak = LearningRateCourse(recipe, recipe.max_steps), recipe.peak_learning_rate
    last = course.stretches[-1]
    return Extension(saved, planned, recipe.max_steps, last.warmup, last.risen_from * peak, peak)


def _replace_recipe(folder: Path, recipe: Recipe) -> None:
    former = folder / "recipe.json"
    number = 1 + sum(1 for _ in folder.glob("recipe-*.json"))
    atomic_write(folder / f"recipe-{number}.json", [former.read_bytes()])
    values: dict[str, Any] = recipe.to_json()
    replace_recipe(folder, orjson.dumps(values, option=orjson.OPT_INDENT_2))
