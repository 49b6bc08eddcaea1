"""Encoders from sentence-transformers, by hub name or local folder."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.errors import MissingExtraError, ModelError

_EMBEDDED_HINT = 'Name a folder with the model, or use the embedded encoder "static", which needs no network.'
_SAFE_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
_WEIGHTS = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


class SentenceEncoder:
    """A sentence-transformers model; its own tokenizer cuts long texts (all-MiniLM-L6-v2: after 256 word pieces).

    Attributes:
        id: Name and revision, or folder name and a hash of its files' sizes and times.
        dimensions: Length of a vector.
        batch: Texts encoded between two looks at the cancel flag.
        saved_every: Texts to a file of the cache.
    """

    batch = 64
    saved_every = 2048

    def __init__(self, name: str) -> None:
        """Finds and loads the model; code that comes with a model never runs, and weights load from safetensors only.

        Raises:
            MissingExtraError: Without the extra `ml`.
            ModelError: When the model is not found, not a sentence-transformers model, or without safetensors weights.
        """
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingExtraError(f"The encoder {name!r} needs sentence-transformers.", "pip install 'sde[ml]', or use the encoder \"static\".")
        folder, self.id = _local_folder(name)
        _refuse_unsafe(folder, name)
        self._model = _loaded(folder, name)
        self.dimensions = int(self._model.encode([""]).shape[1])

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32[n, dimensions] of unit length."""
        vectors = self._model.encode(list(texts), batch_size=32, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
        return np.ascontiguousarray(vectors, dtype=np.float32)


def _local_folder(name: str) -> tuple[Path, str]:
    """Where the model's files lie, and what identifies them; fetches a hub model's safe files into the hub's cache."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder, f"{folder.resolve().name}-{_folder_hash(folder)}"
    if name.startswith((".", "/", "~")):
        raise ModelError(f"The encoder folder {name} does not exist.", _EMBEDDED_HINT)
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    repository = name if "/" in name else f"sentence-transformers/{name}"
    try:
        snapshot = Path(snapshot_download(repository, allow_patterns=list(_SAFE_FILES)))
    except (OSError, ValueError) as error:
        raise ModelError(f"The encoder {name!r} is neither a folder nor reachable on the hub: {_reason(error)}", _EMBEDDED_HINT) from error
    return snapshot, f"{repository.replace('/', '--')}-{snapshot.name[:12]}"


def _folder_hash(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in {".json", ".txt", ".model", ".safetensors"})
    listing = [(path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr(listing).encode()).hexdigest()[:12]


def _refuse_unsafe(folder: Path, name: str) -> None:
    """Old sentence-transformers run the code and unpickle the weights of a local folder unasked."""
    modules = folder / "modules.json"
    if not modules.is_file() and not (folder / "config.json").is_file():
        raise ModelError(f"{name} is not a model folder: it has neither modules.json nor config.json.", _EMBEDDED_HINT)
    for module in _modules(modules):
        if not str(module.get("type", "")).startswith("sentence_transformers."):
            raise ModelError(f"The encoder {name!r} brings code of its own ({module.get('type')}), which sde never runs.", _EMBEDDED_HINT)
    for weights in folder.rglob("*"):
        if weights.suffix in _WEIGHTS and not any(weights.parent.glob("*.safetensors")):
            raise ModelError(f"The encoder {name!r} has pickled weights only ({weights.name}); sde loads safetensors.", _EMBEDDED_HINT)
    if not any(folder.rglob("*.safetensors")):
        raise ModelError(f"The encoder {name!r} has no weights in safetensors form.", _EMBEDDED_HINT)


def _modules(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}.", _EMBEDDED_HINT) from error
    return [module for module in modules if isinstance(module, dict)]


def _loaded(folder: Path, name: str) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        return SentenceTransformer(str(folder), trust_remote_code=False, local_files_only=True, model_kwargs={"use_safetensors": True})
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise ModelError(f"The encoder {name!r} does not load: {_reason(error)}", _EMBEDDED_HINT) from error


def _reason(error: Exception) -> str:
    """The first line of what a library says, as a sentence."""
    return str(error).strip().partition("\n")[0].rstrip(".") + "."
