"""Encoders from sentence-transformers, by hub name or local folder."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.errors import MissingExtraError, ModelError
from sde_core.files import from_home

_EMBEDDED_HINT = 'Name a folder with the model, or use the embedded encoder "static", which needs no network.'
_SAFE_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
_WEIGHTS = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


PROBES = (
    "yes", "How do I reset my password?", "The invoice is due at the end of the month, please pay it before the 30th.",
    "def area(radius):\n    return 3.14159 * radius ** 2", "2 + 2 = 4, and 17 is a prime number.",
    "Ein Kätzchen schläft auf dem Sofa, während draußen der Regen gegen die Scheiben schlägt.",
    "Take the tablet twice a day after meals and see a doctor if the fever lasts for more than three days. " * 4,
)  # fmt: skip
"""Texts on which single and half precision are compared before half precision is trusted."""
LEAST_AGREEMENT = 0.9995
"""Lowest cosine between vectors of the two precisions."""
TOKENS_TOGETHER = 4096
"""Tokens in one batch, padding counted: large enough to fill the processor, small enough for its cache."""


class SentenceEncoder:
    """A sentence-transformers model; its own tokenizer cuts long texts (all-MiniLM-L6-v2: after 256 word pieces).

    Texts are encoded in batches of like length that hold about `TOKENS_TOGETHER` tokens, and in bfloat16 where the processor computes in it and
    the vectors agree; pooling stays in single precision.

    Attributes:
        id: Name and revision, or folder name and a hash of its files' sizes and times; "-bf16" behind it where that precision is used.
        dimensions: Length of a vector.
        saved_every: Texts to a file of the cache; they are sorted by length together.
    """

    saved_every = 8192

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
        if self._agrees_in_half_precision():
            self.id += "-bf16"

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32[n, dimensions] of unit length."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for places, encoded in self.batches(texts):
            vectors[places] = encoded
        return vectors

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """Batch by batch, the longest texts first: int64[b], where its texts stand, and float32[b, d], their vectors."""
        lengths = self._token_counts(texts)
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            size = max(1, TOKENS_TOGETHER // max(1, int(lengths[order[start]])))
            places = order[start : start + size]
            yield places, self._forward([texts[place] for place in places])
            start += size

    def _token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        tokenizer, longest = getattr(self._model, "tokenizer", None), getattr(self._model, "max_seq_length", None)
        if not callable(tokenizer):
            return np.asarray([len(text) // 4 + 2 for text in texts], dtype=np.int64)
        counted = [len(ids) for ids in tokenizer(list(texts), truncation=longest is not None, max_length=longest)["input_ids"]] if texts else []
        return np.asarray(counted, dtype=np.int64)

    def _forward(self, texts: list[str]) -> npt.NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            features = {
                name: value.to(self._model.device) if isinstance(value, torch.Tensor) else value
                for name, value in self._model.preprocess(texts).items()
            }
            for module in self._model:
                features = module(features)
                features = {
                    name: value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
                    for name, value in features.items()
                }
            vectors = torch.nn.functional.normalize(features["sentence_embedding"], dim=1).cpu().numpy()
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def _agrees_in_half_precision(self) -> bool:
        """Brings the model to bfloat16 where the processor computes in it, and back where the vectors of the probes then differ."""
        import torch

        if self._model.device.type != "cpu" or not _computes_in_bfloat16():
            return False
        full, whole = self.encode(PROBES), copy.deepcopy(self._model[0])
        self._model[0].to(torch.bfloat16)
        half = self.encode(PROBES)
        agrees = bool(np.isfinite(half).all()) and float((full * half).sum(axis=1).min()) >= LEAST_AGREEMENT
        if not agrees:
            self._model[0] = whole
        return agrees


def _computes_in_bfloat16() -> bool:
    import torch

    asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(supported() for supported in asked if supported is not None)


def _local_folder(name: str) -> tuple[Path, str]:
    """Where the model's files lie, and what identifies them; fetches a hub model's safe files into the hub's cache."""
    folder = from_home(name)
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
