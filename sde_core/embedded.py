"""Where the models and data that come with sde lie."""

from __future__ import annotations

from pathlib import Path

from sde_core.errors import InputError

_NAMES = {"base_model": "base_model", "static_embedder": "static_embedder", "dataset": "support.jsonl", "general_texts": "general_texts.jsonl"}


def embedded_path(name: str) -> Path:
    """The folder or file of an embedded default: "base_model", "static_embedder", "dataset" or "general_texts".

    An installed package carries them inside itself; a checkout has them in `sample_data`.

    Raises:
        InputError: When this installation lacks it.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "sample_data", package.parent / "sample_data"):
        if (folder / _NAMES[name]).exists():
            return folder / _NAMES[name]
    raise InputError(f"The embedded {name.replace('_', ' ')} is missing from this installation.", "Install sde again, or run from a checkout.")
