"""The recipe for LLaMA-Factory: a YAML file, and `dataset_info.json` beside the rows.

Written from the source of LLaMA-Factory 0.9.5's argument classes. It was never run: where LLaMA-Factory is installed, tests have its parsers read the
files.
"""

from __future__ import annotations

import json
from typing import Any

from sde_core.handover.plan import HandoverPlan, RecipeFile
from sde_core.handover.trainer_arguments import trainer_arguments
from sde_core.handover.yaml_text import head_comments, yaml_text

_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "function_tag": "function_call",
    "system_tag": "system",
}


def llama_factory_recipe(plan: HandoverPlan) -> RecipeFile:
    """The run as LLaMA-Factory's configuration."""
    command = "llamafactory-cli train llamafactory.yaml"
    gaps = (*plan.shared_gaps(), *_gaps(plan))
    values = {
        **_model(plan),
        **_data(plan),
        **trainer_arguments(plan),
        "disable_gradient_checkpointing": not plan.recipe.gradient_checkpointing,
        "output_dir": "llamafactory-output",
    }
    return RecipeFile("LLaMA-Factory", "llamafactory.yaml", yaml_text(values, head_comments("LLaMA-Factory 0.9.5", command, gaps)), command, gaps)


def dataset_info(plan: HandoverPlan) -> str:
    """What `data/dataset_info.json` says of the rows beside it."""
    files = {"train": "train.jsonl", **({"valid": "valid.jsonl"} if plan.held_out else {})}
    return json.dumps({name: {"file_name": file, **_columns(plan)} for name, file in files.items()}, indent=2) + "\n"


def _columns(plan: HandoverPlan) -> dict[str, Any]:
    if plan.form == "messages":
        return {"formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": _TAGS}
    if plan.form == "prompt-completion":
        return {"formatting": "alpaca", "columns": {"prompt": "prompt", "response": "completion"}}
    return {"formatting": "alpaca", "columns": {"prompt": "text"}}


def _model(plan: HandoverPlan) -> dict[str, Any]:
    recipe = plan.recipe
    return {
        "model_name_or_path": plan.base,
        "stage": "pt" if plan.form == "text" else "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": recipe.lora_r,
        "lora_alpha": recipe.lora_alpha,
        "lora_dropout": recipe.lora_dropout,
        "lora_target": ",".join(plan.targets) or "all",
        **({"quantization_bit": 4, "quantization_method": "bnb"} if recipe.quantize == "4bit" else {}),
    }


def _data(plan: HandoverPlan) -> dict[str, Any]:
    recipe = plan.recipe
    return {
        "dataset_dir": "data",
        "dataset": "train",
        **({"eval_dataset": "valid"} if plan.held_out else {}),
        # Without a name it takes the tokenizer's own chat template.
        **({} if plan.form == "messages" else {"template": "empty"}),
        "cutoff_len": plan.max_length,
        "packing": recipe.packing,
        **({"neat_packing": True} if recipe.packing else {}),
        **({} if plan.form == "text" else {"train_on_prompt": not recipe.completion_only, "mask_history": recipe.answers == "last"}),
    }


def _gaps(plan: HandoverPlan) -> list[str]:
    recipe, gaps = plan.recipe, []
    gaps.append(f"truncation: LLaMA-Factory shortens prompt and answer in proportion, where the run cut off the {_cut_end(plan)}")
    if recipe.group_by_length and not recipe.packing:
        gaps.append("group_by_length: batches are drawn at random")
    if plan.form == "prompt-completion":
        gaps.append(f"end token: without a chat template it is not added to answers; the run trained on {plan.eos or 'none'}")
        if plan.several_answers:
            gaps.append("all answers train: without a chat template only the last one does here")
    if plan.form == "messages" and recipe.template == "auto":
        gaps.append("chat template: it is parsed from the tokenizer's; where that fails, name one of LLaMA-Factory's with template: NAME")
    return gaps


def _cut_end(plan: HandoverPlan) -> str:
    return "end" if plan.recipe.truncation_side == "right" else "start"
