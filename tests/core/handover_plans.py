"""Runs of every kind that recipes for other tools are made from."""

from __future__ import annotations

from dataclasses import replace

from sde_core.handover.plan import HandoverPlan
from sde_core.train.recipe import Recipe

CHAT = HandoverPlan(
    Recipe(model="m", learning_rate=3e-4, warmup=0.1, lora_r=8, lora_alpha=16, seed=7, batch_size=4, accumulation=2),
    "base_model", "messages", False, False, 120, 512, instruction_part="<|im_start|>user\n", response_part="<|im_start|>assistant\n", eos="<|im_end|>",
    masks_by_template=True,
)  # fmt: skip
GPU = Recipe(
    quantize="4bit", packing=True, max_steps=50, accumulation=4, learning_rate=1e-5, scheduler="constant", lora_targets="q_proj,v_proj",
    gradient_checkpointing=True, too_long="drop", report_to="tensorboard",
)  # fmt: skip
PLANS = {
    "chat": CHAT,
    "unmarked": replace(CHAT, masks_by_template=False, after_end="\n"),
    "all answers": replace(CHAT, several_answers=True),
    "last answer": replace(CHAT, recipe=Recipe(answers="last"), earlier_answers=True),
    "plain": replace(CHAT, form="prompt-completion", instruction_part="User:\n", response_part="Assistant:\n"),
    "text": replace(CHAT, form="text", instruction_part="", response_part=""),
    "gpu": replace(CHAT, device="cuda", precision="bf16", recipe=GPU),
    "no held-out": replace(CHAT, held_out=False, recipe=Recipe(scheduler="linear", completion_only=False, truncation_side="left")),
}
