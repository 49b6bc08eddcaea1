"""The recipe for mlx-lm on Apple's chips: a YAML file; it reads `data/train.jsonl` and `data/valid.jsonl` by their names.

Written from the source of `mlx_lm.lora` in mlx-lm 0.32.2, read by eye. It was never run, which needs an Apple chip: where mlx-lm is installed, a test
looks whether each name is one of its options, not what it does with the value.
"""

from __future__ import annotations

from typing import Any

from sde_core.handover.plan import HandoverPlan, RecipeFile
from sde_core.handover.yaml_text import head_comments, yaml_text
from sde_core.train.recipe import listed


def mlx_recipe(plan: HandoverPlan) -> RecipeFile:
    """The run as mlx-lm's configuration."""
    command = "mlx_lm.lora --config mlx.yaml"
    gaps = (*plan.shared_gaps(), *_gaps(plan))
    recipe = plan.recipe
    values: dict[str, Any] = {
        "model": plan.base,
        "train": True,
        "fine_tune_type": "lora",
        "data": mlx_folder(plan),
        "mask_prompt": plan.form == "messages" and recipe.completion_only,
        "optimizer": "adamw",
        "optimizer_config": {"adamw": {"weight_decay": recipe.weight_decay}},
        "learning_rate": recipe.peak_learning_rate,
        "lr_schedule": _schedule(plan),
        "lora_parameters": _lora(plan),
        "num_layers": -1,
        "batch_size": recipe.batch_size,
        "grad_accumulation_steps": recipe.accumulation,
        "iters": plan.steps * recipe.accumulation,
        "max_seq_length": plan.max_length,
        "grad_checkpoint": recipe.gradient_checkpointing,
        "steps_per_report": recipe.log_steps * recipe.accumulation,
        "steps_per_eval": plan.eval_steps * recipe.accumulation,
        "val_batches": -1 if plan.held_out else 0,
        "save_every": plan.save_steps * recipe.accumulation,
        "seed": recipe.seed,
        "adapter_path": "mlx-output",
    }
    return RecipeFile("mlx-lm", "mlx.yaml", yaml_text(values, head_comments("mlx-lm 0.32", command, gaps)), command, gaps)


def mlx_folder(plan: HandoverPlan) -> str:
    """Where its rows stand: the plain form is joined text in a folder of its own, since a prompt and its completion would get a chat template."""
    return "data/mlx" if plan.form == "prompt-completion" else "data"


def _schedule(plan: HandoverPlan) -> dict[str, Any] | None:
    peak, falling = plan.recipe.peak_learning_rate, max(plan.steps - plan.warmup_steps, 1)
    if plan.recipe.scheduler == "constant":
        return {"name": "linear_schedule", "warmup": plan.warmup_steps, "arguments": [peak, peak, falling]}
    if plan.recipe.scheduler == "linear":
        return {"name": "linear_schedule", "warmup": plan.warmup_steps, "arguments": [peak, 0.0, falling]}
    return {"name": "cosine_decay", "warmup": plan.warmup_steps, "arguments": [peak, falling]}


def _lora(plan: HandoverPlan) -> dict[str, Any]:
    recipe = plan.recipe
    return {"rank": recipe.lora_r, "dropout": recipe.lora_dropout, "scale": recipe.lora_alpha / recipe.lora_r}


def _gaps(plan: HandoverPlan) -> list[str]:
    recipe, gaps = plan.recipe, []
    gaps.append(f"max_grad_norm = {recipe.max_grad_norm:g}: mlx-lm clips no gradients")
    if plan.form == "prompt-completion" and recipe.completion_only:
        gaps.append("completion_only: without a chat template mlx-lm trains on prompts too")
    if plan.form == "messages" and plan.several_answers:
        gaps.append("all answers train: mlx-lm masks all but the last")
    if plan.targets:
        gaps.append(f"lora_targets = {recipe.lora_targets}: all linear layers and embeddings in the blocks are adapted; list full names under keys")
    if recipe.quantize == "4bit":
        gaps.append("quantize = 4bit: quantise the model first with mlx_lm.convert -q")
    if plan.precision != "float32":
        gaps.append(f"precision = {plan.precision}: mlx-lm computes in the precision of the weights")
    if recipe.packing:
        gaps.append("packing: mlx-lm pads each sample")
    if recipe.report_to:
        gaps.append(f"report_to = {', '.join(listed(recipe.report_to))}: mlx-lm has its own way, report_to: wandb or swanlab")
    return gaps
