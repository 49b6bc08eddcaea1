"""Where a run computes, and in which precision; refused with a reason where the machine cannot."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass, field

from sde_core.errors import MissingExtraError, UsageError
from sde_core.train.machine import OPTIONAL_PACKAGES, Machine, freest_gpu, this_machine
from sde_core.train.recipe import Recipe
from sde_core.wording import count_of

ONLY_CUDA = ("flash_attention_2", "flex_attention")
"""Attention kernels that train on CUDA GPUs only: torch has no way back through flex attention elsewhere."""
_FLASH_CAPABILITY = (8, 0)


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """Where and how.

    Attributes:
        device: "cpu", "cuda" or "mps".
        precision: "float32", "bf16" or "fp16".
        quantize: "none" or "4bit".
        name: The device in words.
        processes: Processes that train together.
        process: Which of them this one is, from 0.
        attention: The attention kernel as transformers names it; "auto" leaves the choice to transformers.
        free: Bytes of the device's memory that were free when this was planned; 0 where that is not known.
    """

    device: str
    precision: str
    quantize: str
    name: str
    processes: int = 1
    process: int = 0
    attention: str = "auto"
    free: int = field(default=0, compare=False)


def missing_packages() -> list[str]:
    """Packages that training needs and that are not installed; found without loading them."""
    return [name for name in ("torch", "transformers", "peft", "accelerate") if importlib.util.find_spec(name) is None]


def refuse_missing_packages(work: str, *names: str) -> None:
    """Refuse work for which a package is missing.

    Args:
        work: What needs them, as the beginning of a sentence: "Training".
        names: The packages; all that training needs by default.

    Raises:
        MissingExtraError: When one is not installed.
    """
    missing = [name for name in missing_packages() if not names or name in names]
    if missing:
        raise MissingExtraError(f"{work} needs {', '.join(missing)}.", "pip install 'sde[ml]'")


def visible_gpus() -> int:
    """NVIDIA GPUs that this process may use, found without loading torch."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is not None:
        return len([name for name in listed.split(",") if name.strip() not in ("", "-1")])
    try:
        import pynvml
    except ImportError:
        return 0
    try:
        pynvml.nvmlInit()
        count: int = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return 0
    return count


def use_one_gpu() -> None:
    """Hide all GPUs but the first that the environment lists, or the one with the most free memory.

    The Trainer would otherwise split every batch over all of them in one process, which is slower.
    """
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = listed.split(",")[0] if listed is not None else freest_gpu() or "0"


def process_count(recipe: Recipe) -> int:
    """Processes to train in: what the recipe says, or one per visible GPU."""
    if recipe.processes:
        return recipe.processes
    return max(visible_gpus(), 1) if recipe.device in ("auto", "cuda") else 1


def devices_of(recipe: Recipe) -> tuple[str, ...]:
    """The devices that a run of this recipe takes for itself, such as ("cpu",) or ("gpu0", "gpu1"); found without loading torch."""
    if recipe.device in ("cpu", "mps"):
        return (recipe.device,)
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in listed.split(",")] if listed else [str(i) for i in range(visible_gpus())]
    if visible_gpus():
        return tuple(f"gpu{name}" for name in names[: process_count(recipe)])
    return ("mps",) if sys.platform == "darwin" else ("cpu",)


def plan_device(recipe: Recipe) -> DevicePlan:
    """Where this machine can run the recipe. Loads torch.

    Raises:
        UsageError: When the machine lacks what the recipe asks for.
        MissingExtraError: When a package is missing for it.
    """
    return plan_on(recipe, this_machine(), int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0")))


def plan_on(recipe: Recipe, machine: Machine, processes: int = 1, process: int = 0) -> DevicePlan:
    """Where a machine can run the recipe.

    Args:
        recipe: How to train.
        machine: What there is to compute on.
        processes: Processes that train together.
        process: Which of them this one is, from 0.

    Raises:
        UsageError: When the machine lacks what the recipe asks for.
        MissingExtraError: When a package is missing for it.
    """
    device = _device(recipe, machine)
    if device == "mps" and processes > 1:
        raise UsageError(f"The recipe asks for {processes} processes, and there is one Apple GPU.", "Set --set processes=1.")
    precision = _precision(recipe, device, machine)
    refuse_packages(recipe, device, machine.packages)
    _refuse_attention(recipe, device, precision, machine)
    name = machine.gpu.name if device == "cuda" and machine.gpu else count_of(machine.threads, "CPU thread") if device == "cpu" else "Apple GPU"
    free = machine.gpu.free if device == "cuda" and machine.gpu else machine.free
    return DevicePlan(device, precision, recipe.quantize, name, processes, process, recipe.attention, free)


def refuse_before_launch(recipe: Recipe) -> None:
    """Refuse what no machine can do with the device that the recipe names, or without a package that is not installed. Loads nothing.

    Raises:
        UsageError: When the recipe contradicts itself.
        MissingExtraError: When a package is missing for it.
    """
    packages = frozenset(name for name in OPTIONAL_PACKAGES if importlib.util.find_spec(name))
    refuse_packages(recipe, recipe.device if recipe.device in ("cpu", "mps") else "cuda", packages)
    if recipe.device in ("cpu", "mps"):
        _precision(recipe, recipe.device, Machine())
    gpus = visible_gpus()
    if recipe.device == "cuda" and recipe.processes > gpus > 0:
        raise UsageError(
            f"The recipe asks for {recipe.processes} processes, one a GPU, and {gpus} can be used.", "Set --set processes=0 for all of them."
        )


def _device(recipe: Recipe, machine: Machine) -> str:
    if recipe.device == "auto":
        return "cuda" if machine.gpu else "mps" if machine.mps else "cpu"
    if recipe.device == "cuda" and not machine.gpu:
        raise UsageError(f"The recipe asks for cuda, and there is no GPU that torch can use: {machine.no_gpu}.", "Set --set device=auto.")
    if recipe.device == "mps" and not machine.mps:
        raise UsageError("The recipe asks for mps, and this machine has no Apple GPU that torch can use.", "Set --set device=auto.")
    return recipe.device


def _precision(recipe: Recipe, device: str, machine: Machine) -> str:
    gpu = machine.gpu if device == "cuda" else None
    if recipe.precision == "auto":
        return "bf16" if gpu and gpu.bf16 else "float32"
    if recipe.precision == "fp16" and device != "cuda":
        raise UsageError(f"fp16 training needs a CUDA GPU, and this run is on the {device}.", "Set --set precision=auto.")
    if recipe.precision == "bf16" and gpu and not gpu.bf16:
        raise UsageError(f"The {gpu.name} has no bf16.", "Set --set precision=fp16 or --set precision=auto.")
    return recipe.precision


def refuse_packages(recipe: Recipe, device: str, packages: frozenset[str]) -> None:
    """Refuse 4-bit loading and flash attention where the device or a package is not there for it.

    Args:
        recipe: How to train.
        device: "cpu", "cuda" or "mps".
        packages: Names of optional packages that are installed.

    Raises:
        UsageError: When the device cannot do it.
        MissingExtraError: When the package is not installed.
    """
    if recipe.quantize == "4bit" and device != "cuda":
        raise UsageError(f"4-bit training needs a CUDA GPU, and this run is on the {device}.", "Set --set quantize=none.")
    if recipe.quantize == "4bit" and "bitsandbytes" not in packages:
        raise MissingExtraError("4-bit training needs bitsandbytes.", "pip install bitsandbytes, or set --set quantize=none.")
    if recipe.attention in ONLY_CUDA and device != "cuda":
        raise UsageError(f"The attention kernel {recipe.attention} needs a CUDA GPU, and this run is on the {device}.", "Set --set attention=auto.")
    if recipe.attention == "flash_attention_2" and "flash_attn" not in packages:
        raise MissingExtraError("The attention kernel flash_attention_2 needs flash-attn.", "pip install flash-attn, or set --set attention=sdpa.")


def _refuse_attention(recipe: Recipe, device: str, precision: str, machine: Machine) -> None:
    if recipe.attention != "flash_attention_2" or device != "cuda":
        return
    if precision == "float32":
        raise UsageError("The attention kernel flash_attention_2 computes in 16 bits, and this run is in float32.", "Set --set precision=bf16.")
    if machine.gpu and machine.gpu.capability < _FLASH_CAPABILITY:
        raise UsageError(f"The {machine.gpu.name} is too old for flash_attention_2, which needs an Ampere GPU or newer.", "Set --set attention=sdpa.")
