"""How much memory a LoRA run needs, about: to name a recipe that fits where one did not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from sde_core.train.device import DevicePlan
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import model_location
from sde_core.train.weights import Weights, weights_in

_WEIGHT_BYTES = {"float32": 4.0, "bf16": 2.0, "fp16": 2.0}
_FOUR_BIT_BYTES = 0.6
"""A 4-bit weight with its scales; embeddings, which stay in 16 bits, are spread over all."""
_TRAINED_BYTES = 16
"""A weight of the adapter, its gradient and AdamW's two moments, in float32."""
_PASSING_LAYERS = {"cpu": 9.0}
"""What is in use for a moment on the way back, in what one layer keeps for it: measured. A CPU's allocator leaves many holes."""
_PASSING_LAYERS_ELSEWHERE = 2.0
_KERNELS = 120_000_000
"""What kernels take for themselves."""


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """What of a decoder decides how much memory it trains in.

    Attributes:
        weights: Its weights.
        hidden: Width of its residual stream.
        inner: Width of its feed-forward layers.
        layers: How many layers it has.
        heads: Attention heads of each.
        vocabulary: Tokens that it knows.
    """

    weights: Weights
    hidden: int
    inner: int
    layers: int
    heads: int
    vocabulary: int


def model_sizes(model: str) -> ModelSizes | None:
    """The sizes of a model in a folder, None where its configuration does not tell them.

    Raises:
        ModelError: When the folder holds no weights that can be read.
    """
    folder = Path(model_location(model))
    try:
        config: dict[str, Any] = orjson.loads((folder / "config.json").read_bytes())
        config = config.get("text_config") or config
        hidden, layers = int(config["hidden_size"]), int(config["num_hidden_layers"])
        inner = int(config.get("intermediate_size") or 4 * hidden)
        return ModelSizes(weights_in(folder), hidden, inner, layers, int(config.get("num_attention_heads") or 1), int(config["vocab_size"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def weight_bytes(weights: Weights, precision: str, quantize: str) -> int:
    """Bytes that a model's weights take once they are loaded.

    Args:
        weights: How many the model has.
        precision: Of what computes: "float32", "bf16" or "fp16".
        quantize: "none" or "4bit".
    """
    return round(weights.parameters * (_FOUR_BIT_BYTES if quantize == "4bit" else _WEIGHT_BYTES[precision]))


def needed_bytes(sizes: ModelSizes, recipe: Recipe, plan: DevicePlan, length: int) -> int:
    """Memory that model, adapter and a step at its fullest take, about: within a third for decoders of the Llama kind.

    For each token and layer the way back needs 9 values of the hidden width, 4 of the inner width, and the attention's mask (sdpa) or probabilities
    (eager); with checkpointing one of the hidden width, and all of it for one layer at a time. The loss keeps logits and their slopes.

    Args:
        sizes: The model's.
        recipe: `batch_size`, `gradient_checkpointing`, `attention`, `quantize` and `lora_r` are looked at.
        plan: Where and in which precision.
        length: Tokens of the longest sample, all of which train.
    """
    width = _WEIGHT_BYTES[plan.precision]
    tokens = recipe.batch_size * length
    layer = 9 * sizes.hidden + 4 * sizes.inner + length * (sizes.heads if recipe.attention == "eager" else 1)
    kept = sizes.hidden * sizes.layers if recipe.gradient_checkpointing else layer * sizes.layers
    passing = layer * _PASSING_LAYERS.get(plan.device, _PASSING_LAYERS_ELSEWHERE)
    adapter = sizes.layers * recipe.lora_r * (8 * sizes.hidden + 3 * (sizes.hidden + sizes.inner))
    logits = 2 * sizes.vocabulary
    weights = weight_bytes(sizes.weights, plan.precision, recipe.quantize)
    return round(_KERNELS + weights + adapter * _TRAINED_BYTES + tokens * (kept + passing + logits) * width)
