"""A run's base model and its adapter, asked the same prompt. Everything here but finding the adapter loads torch."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sde_core.dataset.turns import Turn
from sde_core.errors import MissingExtraError, ModelError, UsageError
from sde_core.progress import NEVER, Cancel
from sde_core.train.checkpoints import ADAPTER, damaged_files, last_checkpoint, sound_checkpoint, step_of
from sde_core.train.generation import encode_prompt, generate_answers, stop_ids
from sde_core.train.launched import launched_recipe
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import EMBEDDED_HINT, load_tokenizer

Side = Literal["base", "adapter"]
SIDES: tuple[Side, ...] = ("base", "adapter")
MAX_NEW_TOKENS = 256


@dataclass(frozen=True, slots=True)
class TriedAnswer:
    """One side's answer.

    Attributes:
        side: "base" or "adapter".
        text: Without special tokens.
        tokens: Tokens generated, the end token among them.
        seconds: What it took.
        ended: Whether the model ended it; otherwise it had no room for more.
        cut: Tokens cut off the start of the prompt because the model reads no more.
    """

    side: Side
    text: str
    tokens: int
    seconds: float
    ended: bool
    cut: int = 0


@dataclass(frozen=True, slots=True)
class SavedAdapter:
    """The adapter that a run left, or that its last checkpoint holds.

    Attributes:
        weights: The safetensors file.
        name: In words: "final", or "step 40".
        damaged: What was passed over since it is damaged, in words; empty where nothing was.
    """

    weights: Path
    name: str
    damaged: str = ""


def saved_adapter(run: Path) -> SavedAdapter | None:
    """The latest adapter in a run's folder: its result, else its last whole checkpoint; None where it has saved none."""
    final = run / "result" / "adapter" / ADAPTER
    if final.is_file():
        return SavedAdapter(final, "final")
    checkpoint = last_checkpoint(run / "checkpoints")
    return SavedAdapter(checkpoint / ADAPTER, f"step {step_of(checkpoint):,}") if checkpoint is not None else None


def adapter_of(run: Path) -> SavedAdapter:
    """See `saved_adapter`.

    Raises:
        UsageError: When the run has saved none yet.
    """
    saved = saved_adapter(run)
    if saved is None:
        raise UsageError("This run has saved no adapter yet.", "Wait for its first checkpoint, or try another run with --run ID.")
    return saved


def sound_adapter(run: Path) -> SavedAdapter:
    """The latest adapter whose weights are as they were saved; reads them, to hash them.

    Raises:
        UsageError: When the run has saved none yet.
        ModelError: When all are damaged.
    """
    latest = adapter_of(run)
    files = damaged_files(latest.weights.parent, (ADAPTER,))
    if not files:
        return latest
    checkpoint, _ = sound_checkpoint(run / "checkpoints", (ADAPTER,))
    damaged = f"The adapter of {run.name} ({latest.name}) is damaged: {', '.join(files)} changed since it was saved"
    if checkpoint is None:
        raise ModelError(f"{damaged}, and no sound one is left.", "Train it again, or try another run with --run ID.")
    step = f"step {step_of(checkpoint):,}"
    return SavedAdapter(checkpoint / ADAPTER, step, f"{damaged}; this is the checkpoint of {step}.")


class SideBySide:
    """The base model and the adapter of one run, on one device.

    Args:
        run: The run's folder; the adapter is the one it has saved last, and the recipe says model, chat template and precision.

    Raises:
        UsageError: When the run has saved no adapter yet.
        InputError: When its recipe is not that of the launch.
        ModelError: When the model or the adapter cannot be loaded, or every adapter that it saved is damaged.
        MissingExtraError: When torch, transformers or peft is not installed.
    """

    def __init__(self, run: Path) -> None:
        self.recipe = launched_recipe(run)
        self.saved = sound_adapter(run)
        self.tokenizer = load_tokenizer(self.recipe.model)
        self._stops = stop_ids(self.tokenizer, self.recipe.template)
        self._model, self.device = _loaded(self.recipe, self.saved)

    def answer(
        self,
        turns: Sequence[Turn],
        side: Side,
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
        temperature: float = 0.0,
        seed: int = 0,
        cancel: Cancel = NEVER,
        tick: Callable[[int], None] = lambda _: None,
    ) -> TriedAnswer:
        """One side's answer to what stands before the last assistant turn, in the form that the run trained on.

        Args:
            turns: The prompt.
            side: Which model.
            max_new_tokens: Tokens that the answer may have.
            temperature: 0 for the likeliest token every time.
            seed: Of the draws.
            cancel: Looked at before every token.
            tick: Told how many tokens there are so far.

        Raises:
            TemplateError: When the chat template refuses the turns.
            CancelledError: When stopped.
        """
        started = time.perf_counter()
        prompt = encode_prompt(self.tokenizer, turns, self.recipe.template)
        (made,) = generate_answers(
            self._model, self.tokenizer, [prompt], max_new_tokens=max_new_tokens, temperature=temperature, seed=seed, adapter=side == "adapter",
            stops=self._stops, cancel=cancel, tick=tick,
        )  # fmt: skip
        return TriedAnswer(side, made.text, made.tokens, time.perf_counter() - started, made.ended, made.cut)


def _loaded(recipe: Recipe, saved: SavedAdapter) -> tuple[Any, str]:
    """The model with the saved adapter, set to answer, and its device in words."""
    try:
        from peft import set_peft_model_state_dict
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from sde_core.train.device import plan_device, use_one_gpu
        from sde_core.train.model import load_model, with_adapter

        use_one_gpu()
        plan = plan_device(recipe)
    except ImportError as error:
        raise MissingExtraError("Trying a model needs torch, transformers and peft.", "pip install 'sde[ml]'") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft's, of transformers: nothing that a user can act on
        model = with_adapter(load_model(recipe, plan), recipe, plan)
    try:
        told = set_peft_model_state_dict(model, load_file(saved.weights))
    except (OSError, SafetensorError, RuntimeError) as error:
        words = str(error).strip().split("\n")[0][:200].rstrip(".")
        raise ModelError(f"The adapter {saved.name} cannot be loaded: {words}.", "A run at work replaces its checkpoints: try again.") from error
    if told.unexpected_keys:
        raise ModelError(f"The adapter {saved.name} was made for another model than {recipe.model}.", EMBEDDED_HINT)
    if plan.quantize == "none":
        model = model.to(plan.device)
    return model.eval(), f"{plan.name}, {plan.precision}"
