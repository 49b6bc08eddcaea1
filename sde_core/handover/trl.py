"""The recipe for TRL's own command, `trl sft --config trl.yaml`.

Run with TRL 1.16: on the same batches every step's loss is the run's own (tests/core/test_handover_trl.py, benchmarks/handover_trl.py). Its own
shuffling takes the rows in another order, and its held-out loss is a mean over batches, the run's one over tokens.
"""

from __future__ import annotations

from typing import Any

from sde_core.handover.plan import HandoverPlan, RecipeFile
from sde_core.handover.trainer_arguments import trainer_arguments
from sde_core.handover.yaml_text import head_comments, yaml_text

TRL_FOLDER = "data/trl"


def trl_recipe(plan: HandoverPlan) -> RecipeFile:
    """The run as TRL's configuration."""
    command = "trl sft --config trl.yaml"
    gaps = (*plan.shared_gaps(), *_gaps(plan))
    values = {**_data(plan), **_model(plan), **training_values(plan), "output_dir": "trl-output"}
    return RecipeFile("TRL", "trl.yaml", yaml_text(values, head_comments("TRL 1.16", command, gaps)), command, gaps)


def _data(plan: HandoverPlan) -> dict[str, Any]:
    """A folder of its own: TRL takes every file below it whose name says train or valid."""
    return {"dataset_name": TRL_FOLDER, "dataset_train_split": "train", **({"dataset_test_split": "validation"} if plan.held_out else {})}


def _model(plan: HandoverPlan) -> dict[str, Any]:
    recipe = plan.recipe
    return {
        "model_name_or_path": plan.base,
        "dtype": {"bf16": "bfloat16", "fp16": "float16"}.get(plan.precision, "float32"),
        "use_peft": True,
        "lora_r": recipe.lora_r,
        "lora_alpha": recipe.lora_alpha,
        "lora_dropout": recipe.lora_dropout,
        "lora_target_modules": plan.targets or ["all-linear"],
        **({"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "use_bnb_nested_quant": True} if recipe.quantize == "4bit" else {}),
    }


def training_values(plan: HandoverPlan) -> dict[str, Any]:
    """What goes into TRL's SFTConfig; Unsloth's script uses it too."""
    recipe = plan.recipe
    return {
        **trainer_arguments(plan),
        "max_length": plan.max_length,
        "packing": recipe.packing,
        **_masks(plan),
        **({"train_sampling_strategy": "group_by_length"} if recipe.group_by_length and not recipe.packing else {}),
        "gradient_checkpointing": recipe.gradient_checkpointing,
        **({"use_cpu": True} if plan.device == "cpu" else {}),
    }


def _masks(plan: HandoverPlan) -> dict[str, bool]:
    if plan.form == "text":
        return {}
    if plan.form == "messages" and not plan.trl_pairs:
        return {"assistant_only_loss": plan.recipe.completion_only}
    return {"completion_only_loss": plan.recipe.completion_only}


def _gaps(plan: HandoverPlan) -> list[str]:
    recipe, gaps = plan.recipe, []
    if recipe.truncation_side == "left" and recipe.too_long == "cut":
        gaps.append("truncation_side = left: TRL cuts off the end")
    if plan.trl_pairs and plan.after_end and recipe.completion_only:
        gaps.append(f"loss: TRL trains on what the chat template writes after the end token too ({plan.after_end!r}), the run did not")
    if plan.form == "messages" and plan.several_answers and recipe.completion_only and not plan.masks_by_template:
        gaps.append("all answers train: the chat template does not mark answers, and TRL knows only some families' templates without marks")
    if plan.form == "prompt-completion" and plan.several_answers:
        gaps.append("all answers train: without a chat template only the last one does here")
    return gaps
