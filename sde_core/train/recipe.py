"""Everything a fine-tune needs, in one file that replays."""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sde_core.errors import InputError, UsageError

if typing.TYPE_CHECKING:
    from sde_core.project import Project

DEFAULT_MAX_LENGTH = 1024
"""Tokens a sample may have where neither the recipe nor the model says otherwise."""


@dataclass(frozen=True)
class Recipe:
    """How to fine-tune.

    Attributes:
        model: A folder or a hub name; empty for the base model that comes with sde.
        max_length: Tokens a sample may have; None for as many as the model reads, at most `DEFAULT_MAX_LENGTH`.
        too_long: What happens to longer samples: "cut" off their end, "drop" them, or "split" them into samples of this length.
        truncation_side: Which end is cut off, "right" or "left".
        template: "auto" uses the tokenizer's chat template where it has one and the plain form otherwise; "plain" always uses the plain form.
        completion_only: Whether only answers carry loss; otherwise all text does.
        answers: Which assistant turns train: "all" or the "last".
        epochs: Passes over the rows; ignored where `max_steps` is set.
        max_steps: Optimizer steps, 0 for as many as `epochs` takes.
        extended_at: Steps at which the run was given more to do, separated by commas: there the learning rate rises and takes its course once more.
        batch_size: Samples per device and forward pass.
        accumulation: Forward passes per optimizer step.
        learning_rate: Peak learning rate; None for 2e-3 with the small base model that comes with sde and 2e-4 with any other.
        scheduler: Its course: "cosine", "linear" or "constant".
        warmup: Share of the steps over which it rises.
        weight_decay: AdamW's weight decay.
        max_grad_norm: Gradients are clipped to this norm.
        lora_r: Rank of the adapter.
        lora_alpha: Its scale.
        lora_dropout: Its dropout.
        lora_targets: "all-linear", or names of linear layers separated by commas.
        held_out: Share of the rows that is only evaluated on, at most 500 rows; 0 for none.
        eval_steps: Steps between evaluations, 0 for about six in a run.
        save_steps: Steps between checkpoints, 0 for about ten in a run.
        log_steps: Steps between points of the loss curve.
        sample_every: Steps between sample answers written by the model that trains, 0 for none.
        sample_prompts: How many held-out rows are asked each time (the first ones; training rows where none are held out).
        group_by_length: Whether samples of like length share a batch, which wastes less on padding; without effect where samples are packed.
        packing: Whether several samples share one sequence of at most `max_length` tokens, none of which sees another; `batch_size` then counts
            sequences.
        seed: Seed of the split, the order and the adapter's weights.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto" (bf16 on GPUs that have it, float32 elsewhere), "float32", "bf16" or "fp16".
        quantize: "none", or "4bit" for QLoRA (a CUDA GPU and bitsandbytes).
        gradient_checkpointing: Trades time for memory.
        attention: The attention kernel: "auto" (what transformers thinks best), "eager", "sdpa", "flash_attention_2" or "flex_attention".
        processes: Processes to train in, one a GPU; 0 for one per visible GPU.
        report_to: Other places that metrics go to, separated by commas: "tensorboard", "wandb", "trackio".
    """

    model: str = ""
    max_length: int | None = None
    too_long: Literal["cut", "drop", "split"] = "cut"
    truncation_side: Literal["right", "left"] = "right"
    template: Literal["auto", "plain"] = "auto"
    completion_only: bool = True
    answers: Literal["all", "last"] = "all"
    epochs: float = 1.0
    max_steps: int = 0
    extended_at: str = ""
    batch_size: int = 8
    accumulation: int = 1
    learning_rate: float | None = None
    scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    lora_targets: str = "all-linear"
    held_out: float = 0.05
    eval_steps: int = 0
    save_steps: int = 0
    log_steps: int = 1
    sample_every: int = 0
    sample_prompts: int = 3
    group_by_length: bool = True
    packing: bool = False
    seed: int = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bf16", "fp16"] = "auto"
    quantize: Literal["none", "4bit"] = "none"
    gradient_checkpointing: bool = False
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2", "flex_attention"] = "auto"
    processes: int = 0
    report_to: str = ""

    def __post_init__(self) -> None:
        for name, lowest in _LOWEST.items():
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise UsageError(f"The recipe's {name} is {value}; it must be at least {lowest}.", f"Set it with --set {name}=….")
        if not 0 <= self.held_out < 1:
            raise UsageError(f"The recipe's held_out is {self.held_out}; it is a share of the rows, below 1.", "Set it with --set held_out=0.05.")
        if not all(end.isdecimal() for end in listed(self.extended_at)):
            raise UsageError(f"The recipe's extended_at is {self.extended_at!r}; it is steps separated by commas.", "Leave it out.")
        if not self.max_steps and not self.epochs:
            raise UsageError("The recipe trains for no steps and no epochs.", "Set --set epochs=1 or --set max_steps=100.")

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate to use: the recipe's own, else the usual one for a LoRA, ten times as much for the tiny embedded model."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 2e-4 if self.model else 2e-3

    @property
    def groups_lengths(self) -> bool:
        """Whether batches are made of sequences of like length: packed ones are all about as long as each other."""
        return self.group_by_length and not self.packing

    def to_json(self) -> dict[str, Any]:
        """The recipe as its file holds it."""
        return dataclasses.asdict(self)


_LOWEST: dict[str, float] = {
    "max_length": 2, "epochs": 0, "max_steps": 0, "batch_size": 1, "accumulation": 1, "learning_rate": 0, "warmup": 0, "weight_decay": 0,
    "max_grad_norm": 0, "lora_r": 1, "lora_alpha": 1, "lora_dropout": 0, "eval_steps": 0, "save_steps": 0, "log_steps": 1, "seed": 0, "processes": 0,
    "sample_every": 0, "sample_prompts": 1,
}  # fmt: skip


def recipe_from(values: Mapping[str, Any], base: Recipe | None = None) -> Recipe:
    """A recipe from parsed JSON or YAML; unknown keys are ignored with a warning.

    Args:
        values: Values by field name.
        base: Where the other values come from; the defaults when omitted.

    Raises:
        UsageError: When a value is not of the field's kind.
    """
    kinds = typing.get_type_hints(Recipe)
    unknown = sorted(set(values) - set(kinds))
    if unknown:
        warnings.warn(f"The recipe's {', '.join(unknown)} is not known to this version and is ignored.", UserWarning, stacklevel=2)
    known = {name: _converted(name, value, kinds[name]) for name, value in values.items() if name in kinds}
    return dataclasses.replace(base or Recipe(), **known)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a JSON or YAML file.

    Raises:
        InputError: When the file cannot be read as a recipe.
        UsageError: When a value is not of the field's kind.
    """
    try:
        text = path.read_text("utf-8")
        values = _parsed_yaml(text) if path.suffix in (".yaml", ".yml") else json.loads(text)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a recipe: {error}.", "A recipe is a JSON or YAML file of names and values.") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no recipe.", "A recipe is a JSON or YAML file of names and values.")
    return recipe_from(values)


def project_recipe(project: Project) -> Recipe:
    """The recipe that one key launches: the project's own, or the defaults where it has none.

    Raises:
        InputError: When the project's recipe cannot be read.
    """
    return read_recipe(project.recipe_path) if project.recipe_path.exists() else Recipe()


def _nearest(name: str) -> str:
    """The settings that a wrong name may mean, as a sentence; "" where none is like it."""
    known = list(Recipe.__dataclass_fields__)
    initials = [field for field in known if name == "".join(word[0] for word in field.split("_"))]
    parts = [field for field in known if name and name in field.split("_")]
    found = list(dict.fromkeys([*initials, *parts, *difflib.get_close_matches(name, known, n=2)]))[:3]
    return f"Did you mean {' or '.join(found)}?" if found else ""


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with `key=value` settings from the command line.

    Raises:
        UsageError: When a setting is malformed or its key is unknown.
    """
    values = {}
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not sign:
            raise UsageError(f"{setting!r} is not a setting.", "Write name=value, for example max_steps=100.")
        if name not in Recipe.__dataclass_fields__:
            raise UsageError(f"A recipe has no {name!r}.", _nearest(name) or f"It has {', '.join(Recipe.__dataclass_fields__)}.")
        values[name] = value
    return recipe_from(values, recipe)


def listed(names: str) -> list[str]:
    """The names in a value such as "q_proj, v_proj"."""
    return [name.strip() for name in names.split(",") if name.strip()]


def _parsed_yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise InputError("Reading YAML needs the package PyYAML.", "Install it, or write the recipe as JSON.") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from error


def _converted(name: str, value: Any, kind: Any) -> Any:
    """The value as the field's type, from its own type or from text."""
    if isinstance(kind, types.UnionType):
        if value is None or value in ("", "none", "auto"):
            return None
        kind = typing.get_args(kind)[0]
    choices = typing.get_args(kind)
    if choices:
        if value not in choices:
            raise UsageError(f"The recipe's {name} is {value!r}.", f"It can be {', '.join(choices)}.")
        return value
    try:
        return _CONVERTERS[kind](value)
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"The recipe's {name} is {value!r}, which is not {_KIND_WORDS[kind]}.", f"Set it with --set {name}=….") from error


def _whole(value: Any) -> int:
    number = float(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[str(value).lower()]


def _words(value: Any) -> str:
    return value if isinstance(value, str) else ",".join(map(str, value))


_CONVERTERS: dict[Any, typing.Callable[[Any], Any]] = {int: _whole, float: float, bool: _truth, str: _words}
_KIND_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
