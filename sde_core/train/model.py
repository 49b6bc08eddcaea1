"""The base model in the plan's precision, and an adapter on it. Everything here loads torch."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sde_core.errors import MissingExtraError, ModelError
from sde_core.train.device import DevicePlan
from sde_core.train.out_of_memory import is_out_of_memory, refuse_if_too_big
from sde_core.train.recipe import Recipe, listed
from sde_core.train.tokenizer import EMBEDDED_HINT, hub_is_reachable, model_location
from sde_core.train.weights import check_model_folder
from sde_core.visible import visible
from sde_core.wording import count_of


def load_model(recipe: Recipe, plan: DevicePlan) -> Any:
    """The base model, in the plan's precision.

    Raises:
        ModelError: When it cannot be loaded, or its files lack some of its weights.
        MissingExtraError: When transformers is not installed.
    """
    try:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise MissingExtraError("Training needs torch and transformers.", "pip install 'sde[ml]'") from error
    disable_progress_bar()
    location = model_location(recipe.model)
    # LoRA's own weights stay in float32 (peft casts them up); the frozen base may be as small as the device computes with.
    dtype = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[plan.precision]
    options: dict[str, Any] = {"local_files_only": not Path(location).is_dir() and not hub_is_reachable()}
    if plan.quantize == "4bit":
        options |= {"quantization_config": _four_bit(dtype), "device_map": {"": int(os.environ.get("LOCAL_RANK", "0"))}}
    if plan.attention != "auto":
        options["attn_implementation"] = plan.attention
    if Path(location).is_dir():
        refuse_if_too_big(check_model_folder(Path(location)), plan)
    try:
        options |= {"dtype": dtype, "use_safetensors": True, "trust_remote_code": False}
        model, told = AutoModelForCausalLM.from_pretrained(location, output_loading_info=True, **options)
    except (OSError, ValueError, KeyError, ImportError, SafetensorError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        words = str(error).strip().split("\n")[0][:300].rstrip(".")
        raise ModelError(f"The model {recipe.model or location} cannot be loaded: {words}.", EMBEDDED_HINT) from error
    _refuse_missing_weights(model, told["missing_keys"], recipe.model or location)
    return model


def _refuse_missing_weights(model: Any, missing: Collection[str], name: str) -> None:
    """Refuse a model whose files lack weights: transformers fills them with chance, and warns where nobody reads it."""
    lacking = sorted(set(missing) & {name for name, _ in model.named_parameters()})
    if lacking:
        words = f"{visible(name, 200)} lacks {count_of(len(lacking), 'tensor')} of its own kind of model, such as {visible(lacking[0], 80)}."
        raise ModelError(words, "Random ones would take their place: download it again, or name the language model that it is part of.")


def _four_bit(dtype: Any) -> Any:
    """QLoRA's own setting: 4-bit NormalFloat with double quantisation (Dettmers et al. 2023, section 3)."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype)


def with_adapter(model: Any, recipe: Recipe, plan: DevicePlan) -> Any:
    """The model with a fresh adapter on the layers that the recipe names.

    Args:
        model: As it was loaded.
        recipe: The adapter's layers, rank and dropout.
        plan: Where and in which precision it trains.

    Raises:
        ModelError: When the model has no such layers.
    """
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if plan.quantize == "4bit":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    targets = recipe.lora_targets if recipe.lora_targets == "all-linear" else listed(recipe.lora_targets)
    config = LoraConfig(
        task_type="CAUSAL_LM", r=recipe.lora_r, lora_alpha=recipe.lora_alpha, lora_dropout=recipe.lora_dropout, target_modules=targets
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise ModelError(
            f"The model has no layers named {recipe.lora_targets!r} to put an adapter on.",
            f"Its linear layers are {', '.join(_linear_names(model))}; or set --set lora_targets=all-linear.",
        ) from error


def _linear_names(model: Any) -> list[str]:
    import torch

    return sorted({name.rsplit(".", 1)[-1] for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)})
