"""The run in the words of transformers' `TrainingArguments`, which TRL, Unsloth and LLaMA-Factory take too."""

from __future__ import annotations

from typing import Any

from sde_core.handover.plan import HandoverPlan
from sde_core.train.recipe import listed


def trainer_arguments(plan: HandoverPlan) -> dict[str, Any]:
    """The arguments that all of these tools call alike."""
    recipe = plan.recipe
    return {
        **({"max_steps": recipe.max_steps} if recipe.max_steps else {"num_train_epochs": recipe.epochs}),
        "per_device_train_batch_size": recipe.batch_size,
        "per_device_eval_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.accumulation,
        "learning_rate": recipe.peak_learning_rate,
        "lr_scheduler_type": plan.scheduler,
        "warmup_steps": plan.warmup_steps,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "bf16": plan.precision == "bf16",
        "fp16": plan.precision == "fp16",
        "logging_steps": recipe.log_steps,
        "eval_strategy": "steps" if plan.held_out else "no",
        **({"eval_steps": plan.eval_steps} if plan.held_out else {}),
        "save_steps": plan.save_steps,
        "seed": recipe.seed,
        "report_to": listed(recipe.report_to) or "none",
    }
