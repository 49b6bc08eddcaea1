"""What the Hugging Face hub says of a model before it is fetched, and its refusals in one sentence each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sde_core.errors import MissingExtraError, ModelError, SdeError
from sde_core.visible import visible

_HINT = "Leave --model out to use the base model that comes with sde."


def hub_config(name: str) -> Mapping[str, Any]:
    """The configuration of a model on the hub, fetched or from the cache.

    Raises:
        ModelError: When there is no such model, it is gated or private, or it is no transformers model.
        MissingExtraError: When huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError as error:
        raise MissingExtraError(f"Fetching {name} needs huggingface_hub.", "pip install 'sde[ml]'") from error
    try:
        path = hf_hub_download(name, "config.json")
        config = json.loads(Path(path).read_text("utf-8"))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        raise refusal_in_words(name, error) from error
    return config if isinstance(config, dict) else {}


def hub_tensor_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of a model on the hub, from the headers of its safetensors files; empty where the hub does not say now.

    Raises:
        ModelError: When it has no weights in safetensors form.
    """
    from huggingface_hub import get_safetensors_metadata
    from huggingface_hub.errors import HfHubHTTPError, NotASafetensorsRepoError, SafetensorsParsingError

    try:
        files = get_safetensors_metadata(name).files_metadata.values()
    except NotASafetensorsRepoError as error:
        raise ModelError(
            f"{visible(name, 200)} has no weights in safetensors form; other forms are not loaded, because they can run code.", _HINT
        ) from error
    except (HfHubHTTPError, SafetensorsParsingError, OSError, ValueError):
        return {}
    return {tensor: tuple(info.shape) for file in files for tensor, info in file.tensors.items()}


def refusal_in_words(name: str, error: Exception) -> SdeError:
    """Why the hub does not give a model away, and what helps.

    Args:
        name: As the recipe names it.
        error: What huggingface_hub raised.
    """
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    shown = visible(name, 200)
    told = error.__cause__ if isinstance(error, LocalEntryNotFoundError) and error.__cause__ else error
    status = getattr(getattr(told, "response", None), "status_code", None)
    if isinstance(error, GatedRepoError):
        return ModelError(
            f"{shown} is gated: its owners let in only whom they know.",
            f"Ask for access on its page, https://huggingface.co/{shown}, then log in with hf auth login.",
        )
    if isinstance(error, RepositoryNotFoundError):
        return ModelError(f"The hub has no model {shown}, or it is private.", f"Check the name; a private one needs hf auth login. {_HINT}")
    if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
        return ModelError(f"{shown} has no config.json on the hub: it is not a model that transformers loads.", _HINT)
    if isinstance(error, HFValidationError):
        return ModelError(f"{shown} is neither a model folder nor a name on the hub.", _HINT)
    if status in (401, 403):
        return ModelError(f"The hub does not let you read {shown} ({status}).", "Log in with hf auth login, with a token that may read it.")
    words = visible(str(error).strip().split("\n")[0], 200).rstrip(".")
    return ModelError(f"The hub did not give {shown}: {words}.", f"Try again later. {_HINT}")
