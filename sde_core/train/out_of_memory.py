"""What a run does when its memory is full: smaller batches, more of them to a step, and in the end one sentence with a recipe that may fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson

from sde_core.errors import ModelError
from sde_core.files import atomic_write
from sde_core.train.device import DevicePlan
from sde_core.train.machine import this_machine
from sde_core.train.memory_need import ModelSizes, model_sizes, needed_bytes, weight_bytes
from sde_core.train.recipe import Recipe, recipe_from
from sde_core.train.weights import Weights
from sde_core.wording import size_of

_ROOM = 0.9
"""The share of the memory that a recipe may be reckoned to need before it is said to fit."""
_SHORTEST = 32
"""Tokens of a sample below which nothing is worth training on."""
_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


class MemoryFullError(ModelError):
    """The memory of one of several processes is full; all of them must take smaller batches, so all of them are started again."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, numpy or the system ran out of memory."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _WORDS)


def refuse_if_too_big(weights: Weights, plan: DevicePlan) -> None:
    """Refuse a model whose weights alone are larger than the memory that is free, before the system kills the job for trying.

    Args:
        weights: What the model's files hold.
        plan: Where and how it is to be loaded.

    Raises:
        ModelError: With what is free, what is needed, and who holds the rest of a GPU.
    """
    machine = this_machine()
    gpu = machine.gpu if plan.device == "cuda" else None
    needed, free = weight_bytes(weights, plan.precision, plan.quantize), gpu.free if gpu else machine.free
    if needed <= free:
        return
    place = f"{plan.name} has {size_of(free)} of {size_of(gpu.total)} free" if gpu else f"this machine has {size_of(free)} of memory free"
    held = f" {', '.join(gpu.held_by)} held the rest." if gpu and gpu.held_by else ""
    smaller = " or --set quantize=4bit" if gpu and plan.quantize == "none" else ""
    message = f"The model's weights take {size_of(needed)}, and {place}.{held}"
    raise ModelError(message, f"Take a smaller model{smaller}, or end what holds the memory.")


def with_smaller_batches(recipe: Recipe) -> Recipe | None:
    """The same optimizer steps from smaller forward passes: half the batch where it is even, else the next smaller divisor; None from one sample."""
    smaller = next((size for size in range(recipe.batch_size // 2, 0, -1) if recipe.batch_size % size == 0), None)
    return None if smaller is None else replace(recipe, batch_size=smaller, accumulation=recipe.accumulation * recipe.batch_size // smaller)


def keep_fitting(folder: Path, recipe: Recipe) -> None:
    """Remember in the job's folder what fits, for when the run is resumed."""
    atomic_write(_path(folder), [orjson.dumps({"batch_size": recipe.batch_size, "accumulation": recipe.accumulation})])


def fitting_recipe(folder: Path, recipe: Recipe) -> Recipe:
    """The recipe with the batches that were found to fit before, if any were."""
    try:
        kept = orjson.loads(_path(folder).read_bytes())
        fitted = replace(recipe, batch_size=int(kept["batch_size"]), accumulation=int(kept["accumulation"]))
    except (OSError, ValueError, KeyError, TypeError):
        return recipe
    same_steps = fitted.batch_size * fitted.accumulation == recipe.batch_size * recipe.accumulation
    return fitted if same_steps else recipe


def does_not_fit(recipe: Recipe, plan: DevicePlan, longest: int) -> ModelError:
    """The error that ends a run that not even single samples fit into, with settings that fit as far as that can be reckoned.

    Args:
        recipe: The recipe that did not fit.
        plan: Where it ran.
        longest: Tokens of its longest sample.
    """
    sizes = model_sizes(recipe.model)
    free = f" ({size_of(plan.free)} were free)" if plan.free else ""
    message = f"The memory of {plan.name}{free} is too small for this model and one sample of {longest:,} tokens."
    settings = fitting_settings(sizes, recipe, plan, longest) if sizes else untried_settings(recipe, plan, longest)
    if settings is None:
        return ModelError(message, "Its weights leave no room for any sample: take a smaller model.")
    told = " ".join(f"--set {name}={value}" for name, value in settings.items())
    if sizes is None:
        return ModelError(message, f"Try {told}, or a smaller model.")
    needed = _needed(sizes, recipe, plan, longest, settings)
    return ModelError(message, f"Set {told}, which needs about {size_of(needed)}; or take a smaller model.")


def fitting_settings(sizes: ModelSizes, recipe: Recipe, plan: DevicePlan, longest: int) -> dict[str, str] | None:
    """The first settings that fit by estimate: those that lose nothing before those that cut samples; None where none do.

    Args:
        sizes: The model's.
        recipe: The recipe that did not fit, one sample at a time.
        plan: Where it ran.
        longest: Tokens of its longest sample.
    """
    failed = _needed(sizes, recipe, plan, longest, {})  # what did not fit needs more than is free, whatever the estimate says
    limit = _ROOM * min(plan.free or failed, failed)
    settings: dict[str, str] = {}
    for name, value in untried_settings(recipe, plan, longest).items():
        settings[name] = value
        if name != "max_length" and _needed(sizes, recipe, plan, longest, settings) <= limit:
            return settings
    length = longest // 2
    while length >= _SHORTEST:
        settings["max_length"] = str(length)
        if _needed(sizes, recipe, plan, longest, settings) <= limit:
            return settings
        length //= 2
    return None


def untried_settings(recipe: Recipe, plan: DevicePlan, longest: int) -> dict[str, str]:
    """What saves memory and is not set yet, what costs least first.

    Args:
        recipe: What was tried.
        plan: Where it ran.
        longest: Tokens of its longest sample.
    """
    settings = {} if recipe.gradient_checkpointing else {"gradient_checkpointing": "true"}
    if plan.device == "cuda" and recipe.quantize == "none":
        settings["quantize"] = "4bit"
    return {**settings, "max_length": str(max(longest // 2, 2))}


def _needed(sizes: ModelSizes, recipe: Recipe, plan: DevicePlan, longest: int, settings: dict[str, str]) -> int:
    changed = recipe_from({**settings, "batch_size": 1}, recipe)
    return needed_bytes(sizes, changed, plan, int(settings.get("max_length", longest)))


def _path(folder: Path) -> Path:
    return folder / "fitting_batch.json"
