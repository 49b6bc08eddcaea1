"""Where a run computes, and in which precision; refused with a reason where the machine cannot."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass

from sde_core.errors import MissingExtraError, UsageError
from sde_core.train.recipe import Recipe


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
    """

    device: str
    precision: str
    quantize: str
    name: str
    processes: int = 1
    process: int = 0


def missing_packages() -> list[str]:
    """Packages that training needs and that are not installed; found without loading them."""
    return [name for name in ("torch", "transformers", "peft", "accelerate") if importlib.util.find_spec(name) is None]


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
    """Hide all GPUs but the first: the Trainer would otherwise split every batch over all of them in one process, which is slower."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    os.environ["CUDA_VISIBLE_DEVICES"] = first


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
        MissingExtraError: When 4-bit loading needs bitsandbytes.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    device = recipe.device if recipe.device != "auto" else "cuda" if cuda else "mps" if mps else "cpu"
    if (device == "cuda" and not cuda) or (device == "mps" and not mps):
        raise UsageError(f"The recipe asks for {device}, and this machine has none that torch can use.", "Set --set device=auto.")
    _refuse_quantize(recipe, device)
    name = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} CPU threads" if device == "cpu" else "Apple GPU"
    return DevicePlan(
        device, _precision(recipe, device), recipe.quantize, name, int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    )


def _precision(recipe: Recipe, device: str) -> str:
    import torch

    if recipe.precision == "auto":
        return "bf16" if device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if recipe.precision == "fp16" and device != "cuda":
        raise UsageError(f"fp16 training needs a CUDA GPU, and this run is on the {device}.", "Set --set precision=auto.")
    if recipe.precision == "bf16" and device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise UsageError("This GPU has no bf16.", "Set --set precision=fp16 or --set precision=auto.")
    return recipe.precision


def _refuse_quantize(recipe: Recipe, device: str) -> None:
    if recipe.quantize == "none":
        return
    if device != "cuda":
        raise UsageError(f"4-bit training needs a CUDA GPU, and this run is on the {device}.", "Set --set quantize=none.")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtraError("4-bit training needs bitsandbytes.", "pip install bitsandbytes, or set --set quantize=none.")
