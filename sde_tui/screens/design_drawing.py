"""The lines of screen 8: the task, the options of the designs, and a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.session_design import option_values
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, Span, fit
from sde_tui.widgets.wrapping import wrapped, wrapped_spans

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
_INKS = {"trained": "good", "masked": "text", "cut": "bad"}
NARROWEST = 28
"""Cells that a design needs beside others."""


def room_for(width: int) -> int:
    """How many designs stand beside each other."""
    return max(2, (width - 1 - _NAME) // NARROWEST)


def task_line(part: DesignPart) -> Line:
    """The task and how many rows fit it; why there is none."""
    if part.found is None:
        return [(" There is no task that the rows could be read by." if part.refusal else "", "header")]
    task, found = part.found.file.task, part.found
    how = "" if found.named else " (guessed)"
    said = f" {visible(task.name, 30)}: {task.kind}{how}"
    said += f", {count_of(len(task.targets), 'target')}" if task.targets else ""
    said += f", {count_of(len(task.values), 'value')}" if task.values else ""
    rows = "samples read back" if found.samples is not None else "rows fit"
    fits = f" · {len(found.records):,} {rows}" + (f", {len(found.misfits):,} not" if found.misfits else "")
    return [(said, "header"), (fits, "warn" if found.misfits else "text")]


def option_items(part: DesignPart, side: int, width: int) -> list[Item]:
    """A line an option with the value of each design, under their names; the side that the keys change is marked."""
    if part.found is None:
        return [Item([(f" {line}", "bad")]) for line in wrapped(visible(part.refusal, 900), width - 2)]
    room = (width - 1 - _NAME) // part.sides
    sides = range(part.sides)
    names = [(fit(("▸ " if at == side else "  ") + visible(part.design_words(at), 200), room), "header" if at == side else "dim") for at in sides]
    head = [(fit(f" row {part.row:,}" if part.row is not None else "", _NAME), "strong"), *names]
    figures = {"tokens a row": [_mean_words(part, at) for at in sides], "an epoch": [_epoch_words(part, at) for at in sides]}
    if any(part.perplexity(at) is not None for at in sides):
        figures["perplexity"] = [_perplexity_words(part, at) for at in sides]
    lines = [[(fit(f" {name}", _NAME), "dim"), *((fit(f"  {cell}", room), "text") for cell in cells)] for name, cells in figures.items()]
    return [Item(head), *(Item(_option_line(part, option, side, room), option) for option in _OPTIONS), *map(Item, lines)]


def _option_line(part: DesignPart, option: str, side: int, room: int) -> Line:
    values = [getattr(part.design(at), option) for at in range(part.sides)]
    differ = len(set(values)) > 1
    spans: list[Span] = [(fit(f" {_OPTIONS[option]}", _NAME), "text" if differ else "dim")]
    for at, value in enumerate(values):
        dots = "".join("●" if choice == value else "·" for choice in option_values(option))
        ink = "dim" if not differ else "accent" if at == side else "text"
        spans.append((fit(f"  {_WORDS.get((option, value), str(value)):<12} {dots}", room), ink))
    return spans


def sample_lines(part: DesignPart, side: int, width: int) -> list[Line]:
    """The shown record in one design, as the model is given it: tokens that carry loss have an ink, and their lines a mark."""
    if part.row is None:
        return []
    sample = part.sample(side)
    if isinstance(sample, str):
        return [[(line, "warn")] for line in wrapped(visible(sample, 600), width)]
    view = part.token_view(side)
    if view is None or not view.tokens:
        note = view.note if view is not None else part.uncounted
        told: list[Line] = [[(line, "warn")] for line in wrapped(visible(note, 400), width)] if note else []
        return _marked([(sample.prompt[:_LONGEST] + sample.answer[:_LONGEST], "text")], width) + told
    spans: list[Span] = []
    for text, state in view.tokens:
        ink = _INKS[state]
        spans = [*spans[:-1], (spans[-1][0] + text, ink)] if spans and spans[-1][1] == ink else [*spans, (text, ink)]
    return _marked(spans, width)


def _marked(spans: list[Span], width: int) -> list[Line]:
    shown = [(visible(text, keep_newlines=True), ink) for text, ink in spans]
    return [[_mark(line), *line] for line in wrapped_spans(shown, max(width - 1, 1))]


def _mark(line: Line) -> Span:
    """What tells without colours that tokens of a line carry loss, or are cut off."""
    inks = {ink for _, ink in line}
    return ("▸", "good") if "good" in inks else ("«", "bad") if "bad" in inks else (" ", "text")


def sample_title(part: DesignPart, side: int) -> str:
    """What stands over a sample: its tokens."""
    view = part.token_view(side) if part.row is not None else None
    if view is None or not view.tokens:
        return ""
    trained, cut = (sum(state == wanted for _, state in view.tokens) for wanted in ("trained", "cut"))
    return f"{len(view.tokens):,} tokens, {trained:,} carry loss" + (f", {cut:,} cut" if cut else "")


def _mean_words(part: DesignPart, side: int) -> str:
    counted = part.tokens(side)
    if counted is None or not counted.samples:
        return "" if part.row is None else "counting…" if part.counting else "not counted"
    long = f", {counted.too_long:,} cut" if counted.too_long else f", longest {counted.longest:,}"
    return f"mean {counted.tokens / counted.samples:,.1f}{long}"


def _epoch_words(part: DesignPart, side: int) -> str:
    counted = part.tokens(side)
    if counted is None or not counted.samples or part.found is None:
        return ""
    all_rows = len(part.found.rows)
    about = "" if counted.samples == all_rows else "≈ "
    return f"{about}{counted.tokens * all_rows // counted.samples:,}, {counted.trained / counted.tokens:.0%} loss"


def _perplexity_words(part: DesignPart, side: int) -> str:
    found = part.perplexity(side)
    return "not measured" if found is None else f"prompt {_figure(found.prompt)}, answer {_figure(found.output)}"


def _figure(value: float) -> str:
    """Not a number where the answers of all samples are cut off."""
    return "–" if value != value else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
