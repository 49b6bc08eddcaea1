"""Whether a model can be fine-tuned as the recipe says, read from its files: no torch, no weights, before a job exists."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sde_core.errors import ModelError, UsageError
from sde_core.train.device import ONLY_CUDA
from sde_core.train.hub_model import hub_config, hub_tensor_shapes
from sde_core.train.recipe import Recipe, listed
from sde_core.train.tokenizer import EMBEDDED_HINT, Tokenizer, hub_is_reachable, model_location
from sde_core.train.weights import check_model_folder, tensor_shapes
from sde_core.visible import visible

_WRITERS = ("CausalLM", "LMHeadModel", "ConditionalGeneration")
_READERS = frozenset(
    {"bert", "roberta", "distilbert", "xlm-roberta", "mpnet", "albert", "electra", "deberta", "deberta-v2", "camembert", "modernbert", "t5", "clip"}
)
"""Kinds of model that encode text, or turn one text into another, and cannot be trained to go on with it."""
_GPU_FILES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""What is there where a driver for CUDA (also in Windows' Linux) or ROCm is."""
_DTYPE = re.compile(r"(torch\.)?(auto|half|double|float|bfloat16|float(16|32|64)|float[48]_e\dm\d\w*|u?int(8|16|32|64))")
"""Names of torch's types for numbers, as a configuration may have them."""
_KNOWN_KINDS = ("auto_mappings.py", "configuration_auto.py")
"""Files of transformers that list all kinds of model, as text."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What a model's files say.

    Attributes:
        config: Its configuration.
        shapes: The shape of every tensor by name; empty where that is not known before it is loaded.
    """

    config: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def vocabulary(self) -> int | None:
        """Rows of the embedding, None where its files do not say."""
        sizes = [shape[0] for name, shape in self.shapes.items() if name.endswith(("embed_tokens.weight", "wte.weight", "word_embeddings.weight"))]
        told = sizes[0] if sizes else self.config.get("vocab_size")
        return told if isinstance(told, int) else None

    @property
    def linear_names(self) -> list[str]:
        """Last names of the modules that hold a matrix, but for embeddings and the head."""
        matrices = {
            name.rsplit(".", 2)[-2] for name, shape in self.shapes.items() if name.endswith(".weight") and name.count(".") and len(shape) == 2
        }
        return sorted(matrices - {"embed_tokens", "wte", "wpe", "word_embeddings", "lm_head"})


def check_model(recipe: Recipe, tokenizer: Tokenizer) -> None:
    """Refuse a model that could not be trained as the recipe says.

    Raises:
        ModelError: When its files are broken, are not a language model's, or do not fit the tokenizer.
        UsageError: When it has no layers of the names that the recipe gives.
    """
    location = model_location(recipe.model)
    files = _files_of(location)
    if files is None:
        return
    _refuse_other_kinds(files.config, location)
    _refuse_unknown_kinds(files.config, location)
    most = max(tokenizer.backend.get_vocab(with_added_tokens=True).values(), default=0)
    if files.vocabulary is not None and most >= files.vocabulary:
        raise ModelError(
            f"The tokenizer of {visible(location, 200)} has {most + 1:,} tokens, and the model has embeddings for {files.vocabulary:,}.",
            "The folder mixes files of two models; " + EMBEDDED_HINT[0].lower() + EMBEDDED_HINT[1:],
        )
    _refuse_absent_targets(recipe, files)


def refuse_absent_device(recipe: Recipe) -> None:
    """Refuse a GPU on a machine without the driver of one, and what only a GPU can do; found without torch.

    Raises:
        UsageError: When there is none.
    """
    if any(Path(path).exists() for path in _GPU_FILES):
        return
    if recipe.device == "cuda":
        raise UsageError("The recipe asks for cuda, and this machine has no driver of a GPU.", "Set --set device=auto.")
    if recipe.device == "mps" and sys.platform != "darwin":
        raise UsageError("The recipe asks for mps, which is the GPU of a Mac, and this machine is none.", "Set --set device=auto.")
    if recipe.device != "auto":
        return
    if recipe.precision == "fp16":
        raise UsageError("fp16 training needs a CUDA GPU, and this machine has none.", "Set --set precision=auto.")
    if recipe.quantize == "4bit":
        raise UsageError("4-bit training needs a CUDA GPU, and this machine has none.", "Set --set quantize=none.")
    if recipe.attention in ONLY_CUDA:
        raise UsageError(f"The attention kernel {recipe.attention} needs a CUDA GPU, and this machine has none.", "Set --set attention=auto.")


def _files_of(location: str) -> ModelFiles | None:
    """What can be read about a model; None where only loading it will tell."""
    folder = Path(location)
    if folder.is_dir():
        check_model_folder(folder)
        config = json.loads((folder / "config.json").read_text("utf-8"))
        if not config.get("model_type"):
            raise ModelError(f"{folder} is not a model: its config.json names no model_type.", EMBEDDED_HINT)
        return ModelFiles(config, tensor_shapes(folder))
    if not hub_is_reachable():
        return None
    return ModelFiles(hub_config(location), hub_tensor_shapes(location))


def _refuse_other_kinds(config: Mapping[str, Any], location: str) -> None:
    names = [str(name) for name in config.get("architectures") or []]
    kind = str(config.get("model_type"))
    if any(writer in name for name in names for writer in _WRITERS) and kind not in ("t5", "clip"):
        return
    if kind in _READERS:
        shown = visible(names[0] if names else kind, 60)
        raise ModelError(f"{visible(location, 200)} is a {shown}, which does not write text by itself and cannot be fine-tuned so.", EMBEDDED_HINT)


def _refuse_unknown_kinds(config: Mapping[str, Any], location: str) -> None:
    """Kinds of model that transformers does not know, and numbers that torch does not; told from transformers' own lists, without loading it."""
    kind, shown = str(config.get("model_type")), visible(location, 200)
    if not _is_known(kind):
        if config.get("auto_map"):
            raise ModelError(f"{shown} needs program code of its own (auto_map in its config.json), which is never run here.", EMBEDDED_HINT)
        hint = f"If it is a new kind, pip install -U transformers may know it. {EMBEDDED_HINT}"
        raise ModelError(f"{shown} is a model of the kind {visible(kind, 60)}, which the installed transformers does not know.", hint)
    dtype = config.get("dtype") or config.get("torch_dtype")
    if isinstance(dtype, str) and not _DTYPE.fullmatch(dtype):
        words = f"{shown}/config.json names the type of numbers {visible(dtype, 60)}, which torch does not know."
        raise ModelError(words, "Correct its dtype, such as to bfloat16, or download the model again.")


def _is_known(kind: str) -> bool:
    """Whether transformers lists this kind of model; also where its lists are not where they used to be."""
    found = importlib.util.find_spec("transformers")
    if found is None or not found.origin:
        return True
    lists = [path for name in _KNOWN_KINDS if (path := Path(found.origin).parent / "models" / "auto" / name).is_file()]
    texts = [path.read_text("utf-8") for path in lists]
    return not any('"llama"' in text for text in texts) or any(f'"{kind}"' in text for text in texts)


def _refuse_absent_targets(recipe: Recipe, files: ModelFiles) -> None:
    if recipe.lora_targets == "all-linear" or not files.shapes:
        return
    wanted = listed(recipe.lora_targets)
    modules = [name.removesuffix(".weight") for name, shape in files.shapes.items() if name.endswith(".weight") and len(shape) == 2]
    if not any(module == target or module.endswith(f".{target}") for module in modules for target in wanted):
        raise UsageError(
            f"The model has no layers named {visible(recipe.lora_targets, 100)} to put an adapter on.",
            f"Its linear layers are {visible(', '.join(files.linear_names), 300)}; or set --set lora_targets=all-linear.",
        )
