"""An adapter merged into its base model's weights, and the proof that the sum says what the two said. Loads torch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sde_core.errors import MissingExtraError, ModelError
from sde_core.train.recipe import Recipe

EQUAL_WITHIN = 1e-4
"""Logits of the merged model and of model and adapter may differ by this much, in float32."""
_PROBE_TOKENS = 256


def write_merged(recipe: Recipe, adapter: Path, folder: Path, probes: Sequence[Sequence[int]]) -> float:
    """Writes base model plus adapter as safetensors, with its tokenizer.

    The sum is made and checked in float32 on the CPU, and written in the precision of the base model's own weights.

    Args:
        recipe: Names the base model; a quantised one is loaded whole.
        adapter: The adapter's weights.
        folder: Where the model goes; must not exist.
        probes: Token ids of some samples to compare on.

    Returns:
        The largest difference between logits.

    Raises:
        ModelError: When the merged model says something else.
        MissingExtraError: When torch, transformers or peft is not installed.
    """
    try:
        import torch
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file
        from transformers import AutoConfig, AutoTokenizer

        from sde_core.train.device import DevicePlan
        from sde_core.train.model import load_model, with_adapter
        from sde_core.train.tokenizer import model_location
    except ImportError as error:
        raise MissingExtraError("Merging needs torch, transformers and peft.", "pip install 'sde[ml]'") from error
    whole = replace(recipe, quantize="none", gradient_checkpointing=False)
    plan = DevicePlan("cpu", "float32", "none", "CPU")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft's, of transformers: nothing that a user can act on
        model = with_adapter(load_model(whole, plan), whole, plan).eval()
    set_peft_model_state_dict(model, load_file(adapter))
    before = _logits(model, probes)
    merged = model.merge_and_unload()
    difference = max(float((first - second).abs().max()) for first, second in zip(before, _logits(merged, probes), strict=True))
    if not difference <= EQUAL_WITHIN:
        raise ModelError(
            f"The merged model's logits differ from the adapter's by {difference:.2g}, more than {EQUAL_WITHIN:g}.", "Use the adapter as it is."
        )
    location = model_location(recipe.model)
    own = getattr(AutoConfig.from_pretrained(location, trust_remote_code=False), "dtype", None)
    if own in (torch.bfloat16, torch.float16):
        merged = merged.to(own)
    merged.save_pretrained(str(folder), safe_serialization=True)
    AutoTokenizer.from_pretrained(location, trust_remote_code=False).save_pretrained(str(folder))
    return difference


def _logits(model: Any, probes: Sequence[Sequence[int]]) -> list[Any]:
    import torch

    with torch.inference_mode():
        return [model(input_ids=torch.tensor([list(ids)[:_PROBE_TOKENS]])).logits for ids in probes]
