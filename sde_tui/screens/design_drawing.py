"""The lines of screen 8: the task, the options of two designs, and a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.session_design import option_values
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, Span, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_tui.session_design import DesignPart

_OPTIONS = {
    "instruction": "instruction", "output": "answer", "placeholder": "absent targets", "labels": "values", "reasoning": "reasoning",
    "loss_on_input": "loss on input",
}  # fmt: skip
"""What the options are called on the screen."""
_WORDS = {("placeholder", True): "placeholder", ("placeholder", False): "omitted", ("loss_on_input", True): "yes", ("loss_on_input", False): "no"}
_NAME = 16
_LONGEST = 20_000


def task_line(part: DesignPart, width: int) -> Line:
    """The task and how many rows fit it; why there is none."""
    if part.found is None:
        return [(fit(f" {visible(part.refusal, 600)}", width).rstrip(), "bad" if part.refusal else "dim")]
    task, found = part.found.file.task, part.found
    said = f" {visible(task.name, 30)}: {task.kind}{'' if found.named else ' (guessed)'}"
    said += f", {count_of(len(task.targets), 'target')}" if task.targets else ""
    said += f", {count_of(len(task.values), 'value')}" if task.values else ""
    fits = f" · {len(found.records):,} rows fit" + (f", {len(found.misfits):,} not" if found.misfits else "")
    return [(said, "header"), (fits, "warn" if found.misfits else "text")]


def option_items(part: DesignPart, side: int, width: int) -> list[Item]:
    """A line an option with the value of both designs, under their names; the side that the keys change is marked."""
    if part.found is None:
        return []
    room = (width - 1 - _NAME) // 2
    names = [(fit(("▸ " if at == side else "  ") + visible(part.design_words(at), 200), room), "header" if at == side else "dim") for at in (0, 1)]
    head = [(fit(f" row {part.row:,}" if part.row is not None else "", _NAME), "strong"), *names]
    cost = [(fit(" tokens", _NAME), "dim"), *((fit(f"  {_cost_words(part, at)}", room), "text") for at in (0, 1))]
    return [Item(head), *(Item(_option_line(part, option, side, room), option) for option in _OPTIONS), Item(cost)]


def _option_line(part: DesignPart, option: str, side: int, room: int) -> Line:
    values = [getattr(part.design(at), option) for at in (0, 1)]
    differ = values[0] != values[1]
    spans: list[Span] = [(fit(f" {_OPTIONS[option]}", _NAME), "text" if differ else "dim")]
    for at, value in enumerate(values):
        dots = "".join("●" if choice == value else "·" for choice in option_values(option))
        ink = "dim" if not differ else "accent" if at == side else "text"
        spans.append((fit(f"  {_WORDS.get((option, value), str(value)):<12} {dots}", room), ink))
    return spans


def sample_lines(part: DesignPart, side: int, width: int) -> list[Line]:
    """The shown record in one design: the prompt and the answer; lines that train have a mark and an ink."""
    if part.row is None:
        return []
    sample = part.sample(side)
    if isinstance(sample, str):
        return [[(line, "warn")] for line in wrapped(visible(sample, 600), width)]
    lines: list[Line] = []
    for text, trains in ((sample.prompt, part.design(side).loss_on_input), (sample.answer, True)):
        mark = "▸" if trains else " "
        shown = visible(text[:_LONGEST], keep_newlines=True)
        lines += [[(mark, "good"), (line, "good" if trains else "text")] for line in wrapped(shown, max(width - 1, 1))]
    return lines


def _cost_words(part: DesignPart, side: int) -> str:
    counted: Any = part.tokens(side)
    if counted is None or not counted.samples:
        return "" if part.row is None else "counting…" if part.counting else "not counted"
    return f"mean {counted.tokens / counted.samples:,.0f}, {counted.trained / counted.tokens:.0%} carry loss"
