"""What all recipe files are made from: a run's recipe with every value that it left open filled in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from sde_core.errors import UsageError
from sde_core.train.launched import launched_recipe
from sde_core.train.recipe import Recipe, listed

RowForm = Literal["messages", "prompt-completion", "text"]
"""How exported rows are shaped: turns for a chat template, else the plain form as text before and after the start of the answer, else plain text."""
EVALUATIONS, CHECKPOINTS = 6, 10
"""In a run, where its recipe does not say."""


@dataclass(frozen=True, slots=True)
class HandoverPlan:
    """A run, as other tools are told of it. Paths are relative to the folder that is handed over.

    Attributes:
        recipe: As the run had it.
        base: What the recipes call the base model.
        form: The shape of the exported rows.
        several_answers: Whether some row has several answers that train.
        earlier_answers: Whether some row has answers before the last that do not train; its messages say which train.
        steps: Optimizer steps that the run took.
        max_length: Tokens a sample may have.
        device: "cpu", "cuda" or "mps".
        precision: "float32", "bf16" or "fp16".
        held_out: Whether there are held-out rows.
        instruction_part: What the template puts before a user's words, "" where that cannot be told.
        response_part: What it puts between a user's words and an answer.
        eos: The end token as text.
        masks_by_template: Whether the chat template marks answers, so that TRL can tell their tokens.
        after_end: What the chat template writes after the end token of the last answer, such as a line break.
    """

    recipe: Recipe
    base: str
    form: RowForm
    several_answers: bool
    earlier_answers: bool
    steps: int
    max_length: int
    device: str = "cpu"
    precision: str = "float32"
    held_out: bool = True
    instruction_part: str = ""
    response_part: str = ""
    eos: str = ""
    masks_by_template: bool = False
    after_end: str = ""

    @property
    def warmup_steps(self) -> int:
        """Steps over which the learning rate rises."""
        return math.ceil(self.recipe.warmup * self.steps)

    @property
    def scheduler(self) -> str:
        """The course of the learning rate by transformers' name; a constant one is warmed up too."""
        return "constant_with_warmup" if self.recipe.scheduler == "constant" else self.recipe.scheduler

    @property
    def eval_steps(self) -> int:
        """Steps between evaluations."""
        return self.recipe.eval_steps or max(math.ceil(self.steps / EVALUATIONS), 1)

    @property
    def save_steps(self) -> int:
        """Steps between checkpoints."""
        return self.recipe.save_steps or max(math.ceil(self.steps / CHECKPOINTS), 1)

    @property
    def targets(self) -> list[str]:
        """Names of the adapted layers; empty for all linear ones."""
        return [] if self.recipe.lora_targets == "all-linear" else listed(self.recipe.lora_targets)

    @property
    def trl_pairs(self) -> bool:
        """Whether TRL gets prompt and completion apart: that is how it masks a prompt under a template that does not mark answers."""
        return self.form == "messages" and not self.several_answers and (self.earlier_answers or not self.masks_by_template)

    def shared_gaps(self) -> list[str]:
        """What no other tool takes over."""
        recipe = self.recipe
        gaps = ["order of the samples: every tool draws its own"]
        if recipe.extended_at:
            gaps.append(f"extended_at = {recipe.extended_at}: the learning rate takes its course once, not once more after each extension")
        if recipe.too_long == "split":
            gaps.append(f"too_long = split: samples beyond {self.max_length} tokens were split into several; here their end is lost")
        if recipe.sample_every:
            gaps.append("sample_every: no sample answers while it trains")
        if recipe.processes > 1:
            gaps.append(f"processes = {recipe.processes}: start it on as many devices, or the batch is smaller")
        return gaps


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe in another tool's own form.

    Attributes:
        tool: The tool's name.
        path: Where the file goes, relative to the folder.
        text: What stands in it.
        command: How the tool is started with it, inside the folder.
        gaps: What of the run it does not carry over, a sentence each; they stand in the file too.
    """

    tool: str
    path: str
    text: str
    command: str
    gaps: tuple[str, ...] = field(default_factory=tuple)


def finished_run(run: Path) -> tuple[Recipe, dict[str, Any], dict[str, Any]]:
    """Recipe, manifest and metrics of a run that is done.

    Raises:
        UsageError: When the run has left no result.
        InputError: When recipe or manifest are not those of the launch.
    """
    try:
        metrics = orjson.loads((run / "result" / "metrics.json").read_bytes())
        manifest = orjson.loads((run / "manifest.json").read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UsageError("This run is not done: it has left no result to hand over.", "Wait for it, or resume it with sde jobs resume ID.") from error
    return launched_recipe(run), manifest, metrics


def on_which_device(run: Path) -> tuple[str, str]:
    """(device, precision) that a run trained on, from its own events; a CPU in float32 where they do not say."""
    from sde_core.jobs import read_events

    offset, found = 0, ("cpu", "float32")
    while True:
        events, after = read_events(run / "events.jsonl", offset)
        for event in events:
            if event.get("event") == "model":
                name = str(event.get("device", ""))
                found = ("cpu" if "CPU" in name else "mps" if name == "Apple GPU" else "cuda"), str(event.get("precision", "float32"))
        if after == offset:
            return found
        offset = after
