"""What a model's folder says of its weights, by the headers of its safetensors files: without torch, before anything is loaded or launched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from sde_core.errors import ModelError
from sde_core.train.tokenizer import EMBEDDED_HINT

_HEADER_BYTES = 100_000_000
"""The longest header that the safetensors format allows."""
_CONFIG_BYTES = 10_000_000
_LOADABLE = ("bitsandbytes",)
"""Ways of storing weights in fewer bits that adapters can be trained on here."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's weights.

    Attributes:
        parameters: How many there are.
        bytes: How much the files hold.
    """

    parameters: int
    bytes: int


def check_model_folder(folder: Path) -> Weights:
    """Refuse a folder that no model can be loaded from safely; opens no weights.

    Raises:
        ModelError: When its weights are missing, broken or stored in a form that is not trained on, or it wants code of its own to be run.
    """
    config = _config(folder)
    stored = config.get("quantization_config")
    method = stored.get("quant_method", "an unknown form") if isinstance(stored, dict) else None
    if method is not None and method not in _LOADABLE:
        raise ModelError(f"The weights in {folder} are stored as {method}, which adapters are not trained on here.", "Take the model in 16 bits.")
    if config.get("auto_map") and not config.get("model_type"):
        raise ModelError(f"The model in {folder} brings its own code, and that is never run.", EMBEDDED_HINT)
    return weights_in(folder)


def weights_in(folder: Path) -> Weights:
    """The weights in a folder.

    Raises:
        ModelError: When there are none in safetensors form, or a file's header is broken.
    """
    files = _weight_files(folder)
    if not files:
        raise ModelError(f"{folder} has no weights in safetensors form; other forms are not loaded, because they can run code.", EMBEDDED_HINT)
    tensors = [tensor for file in files for tensor in _tensors(file).values()]
    return Weights(sum(math.prod(shape) for shape, _ in tensors), sum(size for _, size in tensors))


def _weight_files(folder: Path) -> list[Path]:
    """The files that transformers loads; other copies of the weights may lie beside them."""
    try:
        index = orjson.loads((folder / "model.safetensors.index.json").read_bytes())
        return sorted({folder / Path(str(name)).name for name in index["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [path for path in [folder / "model.safetensors"] if path.is_file()]


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        if path.stat().st_size > _CONFIG_BYTES:
            raise ModelError(f"{path} is too long for a model's configuration.", EMBEDDED_HINT)
        config = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is not a model: it has no readable config.json.", EMBEDDED_HINT) from error
    if not isinstance(config, dict):
        raise ModelError(f"{folder} is not a model: its config.json holds no settings.", EMBEDDED_HINT)
    return config


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor by name.

    Raises:
        ModelError: When a file's header is broken.
    """
    return {name: tuple(shape) for file in sorted(folder.glob("*.safetensors")) for name, (shape, _) in _tensors(file).items()}


def _tensors(file: Path) -> dict[str, tuple[list[int], int]]:
    """Shape and bytes of each tensor by name; the header must describe the file to its end."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > _HEADER_BYTES:
                raise ValueError
            header = orjson.loads(opened.read(length))
            size = opened.seek(0, 2)
        tensors = {name: (list(map(int, tensor["shape"])), tensor["data_offsets"]) for name, tensor in header.items() if name != "__metadata__"}
        end = max((int(offsets[1]) for _, offsets in tensors.values()), default=0)
        if end + 8 + length != size:
            raise ValueError
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}.", EMBEDDED_HINT) from error
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise ModelError(f"{file} is broken or was not copied whole.", "Copy or download the model again.") from error
    return {name: (shape, int(offsets[1]) - int(offsets[0])) for name, (shape, offsets) in tensors.items()}
