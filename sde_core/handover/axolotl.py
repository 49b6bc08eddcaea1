"""The recipe for Axolotl.

Written from the source of Axolotl 0.19.0's configuration classes (`AxolotlInputConfig`, `SFTDataset`). It was never run, which needs a GPU: where
Axolotl is installed, a test has its classes read the file.
"""

from __future__ import annotations

from typing import Any

from sde_core.handover.plan import HandoverPlan, RecipeFile
from sde_core.handover.yaml_text import head_comments, yaml_text
from sde_core.train.recipe import listed


def axolotl_recipe(plan: HandoverPlan) -> RecipeFile:
    """The run as Axolotl's configuration."""
    command = "axolotl train axolotl.yaml"
    gaps = (*plan.shared_gaps(), *_gaps(plan))
    values = {"base_model": plan.base, **_adapter(plan), **_data(plan), **_training(plan), "output_dir": "axolotl-output"}
    return RecipeFile("Axolotl", "axolotl.yaml", yaml_text(values, head_comments("Axolotl 0.19", command, gaps)), command, gaps)


def _adapter(plan: HandoverPlan) -> dict[str, Any]:
    recipe = plan.recipe
    return {
        "adapter": "qlora" if recipe.quantize == "4bit" else "lora",
        "load_in_4bit": recipe.quantize == "4bit",
        "lora_r": recipe.lora_r,
        "lora_alpha": recipe.lora_alpha,
        "lora_dropout": recipe.lora_dropout,
        **({"lora_target_modules": plan.targets} if plan.targets else {"lora_target_linear": True}),
    }


def _data(plan: HandoverPlan) -> dict[str, Any]:
    chat = {"chat_template": "tokenizer_default"} if plan.form == "messages" else {}
    held_out = {"test_datasets": [_dataset(plan, "data/valid.jsonl")]} if plan.held_out else {"val_set_size": 0.0}
    return {**chat, "datasets": [_dataset(plan, "data/train.jsonl")], **held_out}


def _dataset(plan: HandoverPlan, path: str) -> dict[str, Any]:
    file = {"path": path, "ds_type": "json", "split": "train"}
    if plan.form == "text":
        return {**file, "type": "completion", "field": "text"}
    if plan.form == "prompt-completion":
        written = {"format": "{instruction}", "no_input_format": "{instruction}"}
        return {**file, "type": {"field_instruction": "prompt", "field_output": "completion", **written}}
    return {
        **file,
        "type": "chat_template",
        "field_messages": "messages",
        "message_property_mappings": {"role": "role", "content": "content"},
        **_roles_to_train(plan),
    }


def _roles_to_train(plan: HandoverPlan) -> dict[str, Any]:
    if plan.earlier_answers:
        return {"roles_to_train": [], "message_field_training": "train", "train_on_eos": "turn"}
    return {"roles_to_train": ["assistant"], "train_on_eos": "turn"}


def _training(plan: HandoverPlan) -> dict[str, Any]:
    recipe = plan.recipe
    return {
        "train_on_inputs": not recipe.completion_only,
        "sequence_len": plan.max_length,
        "excess_length_strategy": "drop" if recipe.too_long == "drop" else "truncate",
        "sample_packing": recipe.packing,
        "group_by_length": recipe.group_by_length and not recipe.packing,
        "micro_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.accumulation,
        **({"max_steps": recipe.max_steps} if recipe.max_steps else {"num_epochs": recipe.epochs}),
        "optimizer": "adamw_torch_fused",
        "lr_scheduler": plan.scheduler,
        "learning_rate": recipe.peak_learning_rate,
        "warmup_steps": plan.warmup_steps,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "bf16": plan.precision == "bf16",
        "fp16": plan.precision == "fp16",
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "logging_steps": recipe.log_steps,
        **({"eval_steps": plan.eval_steps} if plan.held_out else {}),
        "save_steps": plan.save_steps,
        "seed": recipe.seed,
        **({"use_tensorboard": True} if "tensorboard" in listed(recipe.report_to) else {}),
    }


def _gaps(plan: HandoverPlan) -> list[str]:
    recipe, gaps = plan.recipe, []
    if recipe.truncation_side == "left" and recipe.too_long == "cut":
        gaps.append("truncation_side = left: Axolotl cuts off the end")
    if plan.form == "prompt-completion" and plan.several_answers:
        gaps.append("all answers train: without a chat template only the last one does here")
    if plan.device == "cpu":
        gaps.append("device: the run was on a CPU; Axolotl wants a GPU")
    if {"wandb", "trackio"} & set(listed(recipe.report_to)):
        gaps.append("report_to: set wandb_project or trackio_project_name yourself")
    return gaps
