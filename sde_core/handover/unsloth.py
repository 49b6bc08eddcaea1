"""The recipe for Unsloth: a script, since Unsloth has no recipe files. All values stand in it as literals.

Written from the source of Unsloth 2026.10.9 and of TRL 1.16, read by eye. The script was never run, which needs a GPU: tests only parse it as Python
(`ast.parse`), and look whether TRL's `SFTConfig` has what it is given.
"""

from __future__ import annotations

from typing import Any

from sde_core.handover.plan import HandoverPlan, RecipeFile
from sde_core.handover.trl import training_values
from sde_core.handover.yaml_text import head_comments

_NOT_TAKEN = ("completion_only_loss", "assistant_only_loss", "use_cpu")
_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def unsloth_recipe(plan: HandoverPlan) -> RecipeFile:
    """The run as a script for Unsloth."""
    command = "python unsloth_train.py"
    gaps = (*plan.shared_gaps(), *_gaps(plan))
    head = "".join(f"# {line}".rstrip() + "\n" for line in head_comments("Unsloth", command, gaps))
    return RecipeFile("Unsloth", "unsloth_train.py", f"{head}\n{_script(plan)}", command, gaps)


def _script(plan: HandoverPlan) -> str:
    recipe = plan.recipe
    values = {name: value for name, value in training_values(plan).items() if name not in _NOT_TAKEN}
    loaded = {"model_name": plan.base, "max_seq_length": plan.max_length, "load_in_4bit": recipe.quantize == "4bit", "trust_remote_code": False}
    adapter = {
        "r": recipe.lora_r, "lora_alpha": recipe.lora_alpha, "lora_dropout": recipe.lora_dropout, "target_modules": plan.targets or _LINEAR,
        "use_gradient_checkpointing": recipe.gradient_checkpointing, "random_state": recipe.seed,
    }  # fmt: skip
    files = {"train": "data/train.jsonl", **({"valid": "data/valid.jsonl"} if plan.held_out else {})}
    evaluated = 'rows["valid"]' if plan.held_out else "None"
    return (
        "from unsloth import FastLanguageModel  # first: it changes what comes after\n"
        f"{'from unsloth.chat_templates import train_on_responses_only' + chr(10) if _masked(plan) else ''}"
        "from datasets import load_dataset\n"
        "from trl import SFTConfig, SFTTrainer\n\n"
        f"model, tokenizer = FastLanguageModel.from_pretrained({_arguments(loaded)})\n"
        f"model = FastLanguageModel.get_peft_model(model, {_arguments(adapter)})\n\n"
        f'rows = load_dataset("json", data_files={files!r})\n'
        f"{_text_of_rows(plan)}"
        f'settings = SFTConfig(dataset_text_field="text", output_dir="unsloth-output", {_arguments(values)})\n'
        "trainer = SFTTrainer(\n"
        f'    model=model, processing_class=tokenizer, train_dataset=rows["train"], eval_dataset={evaluated}, args=settings\n'
        ")\n"
        f"{_masking(plan)}"
        "trainer.train()\n"
        'model.save_pretrained("unsloth-output")\n'
        'tokenizer.save_pretrained("unsloth-output")\n'
    )


def _arguments(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _text_of_rows(plan: HandoverPlan) -> str:
    """The rows as the text that trains."""
    if plan.form == "text":
        return ""
    written = {
        "messages": 'tokenizer.apply_chat_template(row["messages"], tokenize=False)',
        "prompt-completion": 'row["prompt"] + row["completion"] + tokenizer.eos_token',
    }[plan.form]
    return f'rows = rows.map(lambda row: {{"text": {written}}}, remove_columns=rows["train"].column_names)\n'


def _masked(plan: HandoverPlan) -> bool:
    return plan.recipe.completion_only and plan.form != "text" and bool(plan.response_part)


def _masking(plan: HandoverPlan) -> str:
    if not _masked(plan):
        return ""
    last = ", last_response_only=True" if plan.recipe.answers == "last" or plan.form == "prompt-completion" else ""
    return f"trainer = train_on_responses_only(trainer, instruction_part={plan.instruction_part!r}, response_part={plan.response_part!r}{last})\n"


def _gaps(plan: HandoverPlan) -> list[str]:
    recipe, gaps = plan.recipe, []
    if recipe.completion_only and plan.form != "text" and not plan.response_part:
        gaps.append("completion_only: what the chat template puts before an answer cannot be told, so prompts train too")
    if not plan.targets:
        gaps.append("lora_targets = all-linear: the seven linear layers of Llama-like models are named")
    if recipe.truncation_side == "left" and recipe.too_long == "cut":
        gaps.append("truncation_side = left: the end is cut off")
    if plan.device == "cpu":
        gaps.append("device: the run was on a CPU; Unsloth needs a GPU")
    return gaps
