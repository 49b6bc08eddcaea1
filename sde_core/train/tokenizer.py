"""Loading the tokenizer that a model was made with, without torch wherever its files say all."""

from __future__ import annotations

import json
import os
import socket
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sde_core.embedded import embedded_path
from sde_core.errors import MissingExtraError, ModelError
from sde_core.files import from_home
from sde_core.train.chat_template import ChatTemplate, TemplateError
from sde_core.train.hub_model import hub_config
from sde_core.train.imports import imported
from sde_core.visible import visible

_LONGEST_FILE = 500_000_000
"""Bytes; the longest tokenizers that are in use have a tenth of it."""
_GENERIC_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes that add nothing to `tokenizer.json`; all others change it while loading and need transformers."""
_UNLIMITED = 1 << 20
"""Context lengths above this are a tokenizer's way to say that it has none."""
_PATIENCE_SECONDS = 3.0
_TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model", "tekken.json", "tokenizer_config.json",
)  # fmt: skip
EMBEDDED_HINT = "Leave --model out to use the base model that comes with sde."


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer, its chat template and its special tokens.

    Attributes:
        name: Where it came from.
        backend: The `tokenizers.Tokenizer`; cuts and pads nothing.
        special_tokens: "bos_token", "eos_token", "pad_token", … as text.
        template_source: Its chat template, empty where it has none.
        context: Tokens that the model reads, None where its files do not say.
    """

    name: str
    backend: Any = field(repr=False)
    special_tokens: dict[str, str]
    template_source: str
    context: int | None

    @cached_property
    def chat_template(self) -> ChatTemplate | None:
        """The compiled chat template, None where there is none.

        Raises:
            TemplateError: When it is broken.
        """
        return ChatTemplate(self.template_source, self.special_tokens) if self.template_source else None

    @property
    def eos_token(self) -> str:
        """The end token as text, empty where there is none."""
        return self.special_tokens.get("eos_token", "")

    @cached_property
    def eos_id(self) -> int | None:
        """The end token, None where there is none."""
        return self._id_of("eos_token")

    @cached_property
    def pad_id(self) -> int:
        """What fills up a batch: the pad token, or the end token where there is none. Padding never carries loss either way."""
        pad = self._id_of("pad_token")
        return pad if pad is not None else self.eos_id or 0

    @cached_property
    def prefix_ids(self) -> tuple[int, ...]:
        """What the tokenizer puts before every text by itself, such as the BOS token."""
        encoded = self.backend.encode("x", add_special_tokens=True)
        start = next((i for i, special in enumerate(encoded.special_tokens_mask) if not special), 0)
        return tuple(encoded.ids[:start])

    @cached_property
    def special_texts(self) -> tuple[str, ...]:
        """Texts that are special tokens wherever they stand, also inside a row."""
        return tuple(token.content for token in self.backend.get_added_tokens_decoder().values() if token.special)

    def _id_of(self, name: str) -> int | None:
        text = self.special_tokens.get(name, "")
        found: int | None = self.backend.token_to_id(text) if text else None
        return found


def model_location(model: str) -> str:
    """The folder or hub name to load: the embedded base model where `model` is empty, an absolute path where it is a folder.

    Raises:
        ModelError: When it looks like a path and is no model folder.
    """
    if not model:
        return str(embedded_path("base_model"))
    folder = from_home(model)
    if folder.is_dir():
        if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
            raise ModelError(f"{model} is a LoRA adapter and not a model.", "Name the model that it was made on.")
        if not (folder / "config.json").is_file():
            raise ModelError(f"{model} is not a model folder: it has no config.json.", EMBEDDED_HINT)
        return str(folder.resolve())
    if folder.exists() or model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise ModelError(f"There is no model folder at {model}.", f"Put it there, or name another. {EMBEDDED_HINT}")
    return model


def hub_is_reachable() -> bool:
    """Whether models can be fetched; asked before the hub's own client, which tries for most of a minute."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return False
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    answers: list[bool] = []

    def ask() -> None:
        answers.append(_answers(address.hostname or "huggingface.co", address.port or 443))

    # Looking a name up has no limit of its own, and takes half a minute where the name server is silent.
    asking = threading.Thread(target=ask, name="ask-hub", daemon=True)
    asking.start()
    asking.join(_PATIENCE_SECONDS)
    return answers == [True]


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def _out_of_reach(model: str) -> ModelError:
    """What to say of a name that is only known to a hub that cannot be asked."""
    host = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co").hostname
    forbidden = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    why = "HF_HUB_OFFLINE forbids asking the hub" if forbidden else f"the hub ({visible(str(host), 60)}) cannot be reached"
    return ModelError(
        f"{visible(model, 200)} is no folder and not in this machine's cache, and {why}.",
        f"Name a folder that holds the model, copied from where there is a network. {EMBEDDED_HINT}",
    )


def _is_cached(model: str) -> bool:
    """Whether the hub's own cache has at least a model's configuration; asked before transformers is loaded, which takes seconds."""
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return True
    try:
        return isinstance(try_to_load_from_cache(model, "config.json"), str)
    except HFValidationError:
        return False


def load_tokenizer(model: str) -> Tokenizer:
    """The tokenizer of a model.

    Args:
        model: A folder, a hub name, or empty for the embedded base model.

    Raises:
        ModelError: When there is none that can be loaded.
        MissingExtraError: When it needs transformers and that is not installed.
    """
    location = model_location(model)
    folder = Path(location)
    _refuse_monsters(folder)
    if folder.is_dir() and not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise ModelError(f"{visible(str(folder), 200)} has no tokenizer: no tokenizer.json, tokenizer.model or vocab.json.", _COPY_IT)
    tokenizer = (_from_files(folder) if folder.is_dir() else None) or _from_transformers(location)
    tokenizer.backend.no_truncation()
    tokenizer.backend.no_padding()
    return tokenizer


_COPY_IT = "Copy it there from where the model came from: the tokenizer must be the one that the model was made with."


def _refuse_monsters(folder: Path) -> None:
    """Files that are read whole must not fill the memory."""
    for path in (folder / name for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "tokenizer.model")):
        if path.is_file() and path.stat().st_size > _LONGEST_FILE:
            raise ModelError(f"{path} is too long for a tokenizer.", EMBEDDED_HINT)


def _from_files(folder: Path) -> Tokenizer | None:
    """The tokenizer from its own files, None where only transformers knows what they mean."""
    config = _json_object(folder / "tokenizer_config.json")
    if config.get("tokenizer_class") not in _GENERIC_CLASSES or "add_bos_token" in config or "add_eos_token" in config:
        return None
    if not (folder / "tokenizer.json").is_file():
        return None
    import tokenizers

    try:
        backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises nothing narrower
        raise ModelError(f"The tokenizer in {folder} is broken: {str(error)[:200]}.", EMBEDDED_HINT) from error
    special = {name: _token_text(config[name]) for name in config if name.endswith("_token") and config[name]}
    context = _shortest(config.get("model_max_length"), _json_object(folder / "config.json").get("max_position_embeddings"))
    return Tokenizer(str(folder), backend, special, _template_in(folder, config), context)


def _from_transformers(location: str) -> Tokenizer:
    on_hub = not Path(location).is_dir()
    reachable = not on_hub or hub_is_reachable()
    if not reachable and not _is_cached(location):
        raise _out_of_reach(location)
    imported()
    try:
        from transformers import AutoConfig, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError(f"Loading the tokenizer of {location} needs transformers.", "pip install 'sde[ml]'") from error
    options = {"trust_remote_code": False, "local_files_only": not reachable}
    if on_hub and reachable:
        hub_config(location)
    try:
        loaded = AutoTokenizer.from_pretrained(location, **options)
        positions = getattr(AutoConfig.from_pretrained(location, **options), "max_position_embeddings", None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if not reachable:
            raise _out_of_reach(location) from error
        if not on_hub and not any((Path(location) / name).is_file() for name in _TOKENIZER_FILES[:-1]):
            raise ModelError(f"{visible(location, 200)} has no vocabulary beside its tokenizer_config.json.", _COPY_IT) from error
        raise ModelError(f"The tokenizer of {location} cannot be loaded: {_first_sentence(error)}.", EMBEDDED_HINT) from error
    backend = getattr(loaded, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(f"The tokenizer of {location} has no fast version (tokenizer.json).", EMBEDDED_HINT)
    special = {name: str(text) for name, text in loaded.special_tokens_map.items() if isinstance(text, str)}
    template = loaded.chat_template
    if isinstance(template, dict):
        template = template.get("default", "")
    return Tokenizer(location, backend, special, template or "", _shortest(loaded.model_max_length, positions))


def _template_in(folder: Path, config: dict[str, Any]) -> str:
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    template = config.get("chat_template") or _json_object(folder / "chat_template.json").get("chat_template") or ""
    if isinstance(template, list):
        template = next((named["template"] for named in template if named.get("name") == "default"), "")
    return str(template)


def _shortest(*limits: Any) -> int | None:
    """The smallest of the limits that really are limits."""
    return min((int(limit) for limit in limits if isinstance(limit, int | float) and limit < _UNLIMITED), default=None)


def _token_text(token: Any) -> str:
    return str(token["content"]) if isinstance(token, dict) else str(token)


def _json_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}.", EMBEDDED_HINT) from error
    return value if isinstance(value, dict) else {}


def _first_sentence(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")[:200]


__all__ = ["EMBEDDED_HINT", "TemplateError", "Tokenizer", "load_tokenizer", "model_location"]
