"""Probes that were made, by model, device, shape of the recipe and machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import xxhash

from sde_core.errors import ReadOnlyError
from sde_core.files import atomic_write
from sde_core.train.device import devices_of
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import model_location

if TYPE_CHECKING:
    from sde_core.train.probe import Probe

_SHAPE = (
    "batch_size", "lora_r", "lora_targets", "lora_dropout", "device", "precision", "quantize", "gradient_checkpointing", "attention", "packing",
    "completion_only", "answers", "max_length",
)  # fmt: skip
"""What of a recipe decides how long a batch of so many tokens takes."""


def probe_name(recipe: Recipe, fingerprint: str) -> str:
    """The name that a probe is kept under: what it measured depends on the model's files, the recipe's shape, the machine and the rows.

    Args:
        recipe: The run's.
        fingerprint: The dataset's; its longest batch is what memory depends on.
    """
    folder = Path(model_location(recipe.model))
    files = [(path.name, path.stat().st_size) for path in sorted(folder.glob("*.safetensors"))] if folder.is_dir() else []
    versions = [_version(package) for package in ("torch", "transformers", "peft")]
    machine = (platform.node(), os.cpu_count(), devices_of(recipe), os.environ.get("OMP_NUM_THREADS", ""), versions)
    shape = [getattr(recipe, name) for name in _SHAPE]
    return xxhash.xxh3_64_hexdigest(repr((str(folder), files, machine, shape, fingerprint)).encode())


def keep_probe(cache_dir: Path, name: str, probe: Probe) -> None:
    """Keep what was measured; nothing happens where that is impossible.

    Args:
        cache_dir: The dataset's cache.
        name: From `probe_name`.
        probe: What was measured.
    """
    folder = cache_dir / "probes"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / f"{name}.json", [orjson.dumps(asdict(probe), option=orjson.OPT_INDENT_2)])
    except (OSError, ReadOnlyError):
        return


def kept_probe(cache_dir: Path, name: str) -> Probe | None:
    """What was measured before under this name, None where nothing sound is kept."""
    from sde_core.train.probe import Probe

    try:
        values: dict[str, Any] = orjson.loads((cache_dir / "probes" / f"{name}.json").read_bytes())
        known = {field.name: values[field.name] for field in fields(Probe)}
        probe = Probe(**{**known, "areas": tuple(known["areas"]), "step_seconds": tuple(known["step_seconds"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return probe if _is_sound(probe) else None


def _is_sound(probe: Probe) -> bool:
    """Whether numbers stand where the probe wrote numbers."""
    numbers = [getattr(probe, field.name) for field in fields(probe) if field.type in ("int", "float")]
    return all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in (*numbers, *probe.areas, *probe.step_seconds))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
