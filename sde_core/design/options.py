"""The options of a sample design, its presets, and which of them make no sense."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args, get_type_hints

from sde_core.design.task import Task
from sde_core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Design:
    """How a record becomes a sample (arXiv 2404.13033, section 3).

    Attributes:
        instruction: Where the instruction stands: "first", "last", or "none".
        output: "natural" (one sentence), "lines" (a line for each target), "json" (an object a line) or "pairs" (the heuristic's
            `["target", "value"]` a line).
        placeholder: Whether targets that the text does not mention are written, with the task's word for it, or omitted.
        labels: "text" or "number".
        reasoning: "none", "cot" (the description before the value) or "r-cot" (after it).
        loss_on_input: Whether the prompt carries loss too ("modeling input").
    """

    instruction: Literal["first", "last", "none"] = "last"
    output: Literal["natural", "lines", "json", "pairs"] = "natural"
    placeholder: bool = True
    labels: Literal["text", "number"] = "text"
    reasoning: Literal["none", "cot", "r-cot"] = "none"
    loss_on_input: bool = False

    def __post_init__(self) -> None:
        kinds = get_type_hints(Design)
        for name in kinds:
            choices = get_args(kinds[name])
            if choices and getattr(self, name) not in choices:
                raise UsageError(f"A design's {name} cannot be {getattr(self, name)!r}.", f"It can be {', '.join(choices)}.")


PRESETS: Mapping[str, Design] = MappingProxyType(
    {
        "es-sde": Design(instruction="first", output="lines"),
        "ew-sde": Design(instruction="last", output="natural", placeholder=False),
        "heuristic": Design(instruction="last", output="pairs", placeholder=False),
        "baseline": Design(),
    }
)
"""The paper's empirically strong and weak designs, the prompt that most people write, and the baseline of its one-option experiments."""


def names_in(text: str) -> tuple[str, ...]:
    """Names of designs in a list, "es-sde,ew-sde,output=json" being two: a preset begins a new one, options belong to what stands before."""
    found: list[list[str]] = []
    for part in (part.strip() for part in text.split(",")):
        if part.lower() in PRESETS or not found:
            found.append([])
        found[-1].append(part)
    return tuple(",".join(parts) for parts in found)


def design_named(text: str) -> Design:
    """The design that a text names: a preset, then options that change it, as in "es-sde,output=json".

    Raises:
        UsageError: When there is no such preset, option or choice.
    """
    first, *rest = [part.strip() for part in text.split(",") if part.strip()] or [""]
    base = PRESETS.get(first.lower())
    if base is None and "=" not in first:
        raise UsageError(f"There is no design named {first!r}.", f"Presets are {', '.join(PRESETS)}; options are written output=json.")
    settings = rest if base is not None else [first, *rest]
    changes: dict[str, Any] = dict(_setting(setting) for setting in settings)
    return dataclasses.replace(base or Design(), **changes)


def design_words(design: Design) -> str:
    """A design as `design_named` reads it: the preset that is nearest, and what differs from it."""

    def changes(preset: Design) -> list[str]:
        values = zip(dataclasses.asdict(design).items(), dataclasses.asdict(preset).values(), strict=True)
        return [f"{name}={_word(value)}" for (name, value), of_preset in values if value != of_preset]

    name, preset = min(PRESETS.items(), key=lambda item: len(changes(item[1])))
    return ",".join([name, *changes(preset)])


def _word(value: str | bool) -> str:
    return value if isinstance(value, str) else "yes" if value else "no"


def _setting(setting: str) -> tuple[str, str | bool]:
    name, _, value = (part.strip() for part in setting.partition("="))
    if name.lower() in PRESETS:
        raise UsageError(f"A design has one preset, and {name!r} is a second one.", "Name it in a --design of its own, or put it first.")
    if name not in Design.__dataclass_fields__ or not value:
        raise UsageError(f"{setting!r} is no option of a design.", f"Options are {', '.join(Design.__dataclass_fields__)}.")
    if name not in ("placeholder", "loss_on_input"):
        return name, value
    if value not in ("yes", "no"):
        raise UsageError(f"A design's {name} is yes or no, not {value!r}.")
    return name, value == "yes"


def why_not(design: Design, task: Task, *, other_domain: bool = False) -> str:
    """Why a design makes no sense for a task, "" where it does.

    Args:
        design: The options.
        task: What is asked.
        other_domain: Whether the tuned model is to be tried on another domain's targets.
    """
    if other_domain and design.instruction == "none" and task.kind != "terms":
        return "Without an instruction a model cannot be told the other domain's targets."
    if design.output == "pairs" and design.reasoning != "none":
        return "The pairs of the heuristic design have no place for a description."
    return ""
