"""The adapter's card: what it is, how it was made and how it is loaded, with no figure that the run did not leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sde_core.handover.exported_rows import ExportedRows
from sde_core.handover.plan import HandoverPlan, RecipeFile
from sde_core.train.recipe import Recipe
from sde_core.visible import visible
from sde_core.wording import count_of


def adapter_card(
    plan: HandoverPlan, manifest: Mapping[str, Any], metrics: Mapping[str, Any], rows: ExportedRows, files: Sequence[RecipeFile], merged: float | None
) -> str:
    """README.md of the folder.

    Args:
        plan: The run.
        manifest: Where its rows came from.
        metrics: What it left.
        rows: What was exported.
        files: The recipes beside it.
        merged: The largest difference of the merged model's logits, None where nothing was merged.
    """
    parts = [
        _front_matter(plan),
        _title(plan),
        _figures(metrics),
        _data(manifest, rows),
        _recipe(plan.recipe),
        _loading(plan, merged),
        _others(files),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(plan: HandoverPlan) -> str:
    return "\n".join(
        [
            "---",
            f'base_model: "{_in_quotes(plan.base)}"',
            "library_name: peft",
            "pipeline_tag: text-generation",
            "tags: [lora]",
            "# license: fill this in before you publish; the base model's licence and the data's both count",
            "---",
        ]
    )


def _title(plan: HandoverPlan) -> str:
    return (
        f"# LoRA adapter for `{_code(plan.base)}`\n\n"
        "What it is for, what it must not be used for, who made it: fill this in.\n\n"
        "Licence: fill this in."
    )


def _figures(metrics: Mapping[str, Any]) -> str:
    named = {
        "optimizer steps": metrics.get("steps"),
        "tokens seen": metrics.get("tokens"),
        "training loss, mean of the last ten points": metrics.get("train_loss"),
        "loss on the held-out rows at the end": metrics.get("held_out_loss"),
    }
    lines = [f"| {name} | {_number(value)} |" for name, value in named.items() if value is not None]
    return "\n".join(["## What the run left", "", "| figure | value |", "|---|---|", *lines])


def _data(manifest: Mapping[str, Any], rows: ExportedRows) -> str:
    dataset = manifest.get("dataset", {})
    left = ", ".join(f"{count:,} {reason}" for reason, count in rows.left_out.items())
    name = _code(str(dataset.get("path", "")).rstrip("/").rpartition("/")[2])
    lines = [
        f"- from `{name}`, content hash `{dataset.get('fingerprint', '')}`",
        f"- {count_of(rows.train, 'row')} to train on: `data/train.jsonl`",
        f"- {count_of(rows.held_out, 'row')} held out, never trained on" + (": `data/valid.jsonl`" if rows.held_out else ""),
        f"- hash of all rows as the run had them: `{manifest.get('rows_hash', '')}`",
        *([f"- left out because they trained on nothing or have no place in this form: {left}"] if left else []),
    ]
    return "\n".join(["## Data", "", *lines])


def _recipe(recipe: Recipe) -> str:
    defaults = Recipe().to_json()
    shown = {
        **{name: value for name, value in recipe.to_json().items() if value != defaults.get(name) and name != "model"},
        **{name: getattr(recipe, name) for name in ("lora_r", "lora_alpha", "lora_targets", "batch_size", "scheduler", "seed")},
        "learning_rate": recipe.peak_learning_rate,
    }
    lines = [f"| {name} | {_cell(value)} |" for name, value in sorted(shown.items())]
    return "\n".join(["## Recipe", "", "The whole of it is in `recipe.json`; these values differ from sde's defaults or matter most.", "",
                      "| setting | value |", "|---|---|", *lines])  # fmt: skip


def _loading(plan: HandoverPlan, merged: float | None) -> str:
    code = (
        "```python\n"
        "from peft import PeftModel\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f'base = "{_in_quotes(plan.base)}"\n'
        "tokenizer = AutoTokenizer.from_pretrained(base)\n"
        'model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), "adapter")\n'
        "```"
    )
    forms = {
        "messages": "It was trained with the tokenizer's own chat template.",
        "prompt-completion": f"It was trained without a chat template: a prompt reads {plan.instruction_part + '…' + plan.response_part!r}.",
        "text": "It was trained on plain text.",
    }
    told = (
        f"\n\n`merged/` holds the base model with the adapter added to its weights; logits differ by at most {merged:.1e}."
        if merged is not None
        else ""
    )
    return f"## Loading it\n\n{code}\n\n{forms[plan.form]}{told}"


def _others(files: Sequence[RecipeFile]) -> str:
    lines = [f"- {file.tool}: `{file.path}`, started with `{file.command}`" for file in files]
    closing = "Each file lists at its top what of the run it does not carry over."
    return "\n".join(["## The same run in other tools", "", "Inside this folder:", "", *lines, "", closing])


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _cell(value: Any) -> str:
    return visible(str(value), 200).replace("|", "\\|")


def _code(text: str) -> str:
    return visible(text, 200).replace("`", "'")


def _in_quotes(text: str) -> str:
    return visible(text, 400).replace("\\", "\\\\").replace('"', '\\"')
