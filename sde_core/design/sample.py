"""A record as a training sample: where the instruction stands, what it says of the form, and the answer."""

from __future__ import annotations

from dataclasses import dataclass

from sde_core.design.answer import NOTHING, absent_words, full_stop, render_answer, separator
from sde_core.design.notation import json_text, written
from sde_core.design.options import Design
from sde_core.design.task import Task, TaskRecord
from sde_core.errors import UsageError

SEPARATOR = "\n---\n"
"""What stands between instruction and text (arXiv 2404.13033's released code)."""
CUE = "\nOutput:"
"""What ends a prompt."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A record in one design.

    Attributes:
        prompt: What the model is given; ends with the cue.
        answer: What it is to answer; no blank stands before it.
    """

    prompt: str
    answer: str


def render_sample(record: TaskRecord, task: Task, design: Design, *, wording: int = 0) -> Sample:
    """A record in one design.

    Args:
        record: What is said of which text.
        task: What is asked.
        design: How.
        wording: Which of the task's instructions, from 0.

    Raises:
        UsageError: When the record does not fit the task, the design makes no sense for it, or there is no such wording.
    """
    before, after = around_text(task, design, wording=wording)
    return Sample(f"{before}{record.text}{after}", render_answer(record, task, design))


def around_text(task: Task, design: Design, *, wording: int = 0) -> tuple[str, str]:
    """What a prompt has before and after the text.

    Raises:
        UsageError: When there is no such wording.
    """
    if not 0 <= wording < len(task.instructions):
        raise UsageError(f"There is no wording {wording} of the instruction.", f"The task has {len(task.instructions)}, from 0.")
    instruction = f"{task.instructions[wording]} {form_words(task, design)}"
    if design.instruction == "first":
        return f"{instruction}{SEPARATOR}", CUE
    return ("", f"{SEPARATOR}{instruction}{CUE}") if design.instruction == "last" else ("", CUE)


def text_in(prompt: str, task: Task, design: Design) -> tuple[str, int] | None:
    """The text and the number of the wording in a prompt of this design; None where the prompt is of no wording."""
    for wording in range(len(task.instructions)):
        before, after = around_text(task, design, wording=wording)
        if len(prompt) >= len(before) + len(after) and prompt.startswith(before) and prompt.endswith(after):
            return prompt[len(before) : len(prompt) - len(after)], wording
    return None


def form_words(task: Task, design: Design) -> str:
    """The sentences of an instruction that say in which form to answer."""
    said = [_targets_words(task), _values_words(task, design), f"Answer in the format {_form(task, design)}"]
    said += [_roles_words(task, design), _absent_words(task, design)]
    return " ".join(sentence for sentence in said if sentence)


def _targets_words(task: Task) -> str:
    if task.kind == "label" or not task.targets:
        return ""
    return f"{'Types' if task.many else 'Aspects'}: {', '.join(task.targets)}."


def _values_words(task: Task, design: Design) -> str:
    if design.labels == "number":
        words = ", ".join(f"{task.number(word)} = {word}" for word in task.numbered)
        return f"Write {'types' if task.many else 'values'} as numbers: {words}."
    return f"Values: {', '.join(task.values)}." if task.values else ""


def _form(task: Task, design: Design) -> str:
    target, value, description, _ = task.keys
    if design.output == "pairs":
        return f"[{json_text(value)}], one a line." if task.kind == "label" else f"[{json_text(target)}, {json_text(value)}], one a line."
    if design.output == "json":
        names = [value] if design.reasoning == "none" else [description, value] if design.reasoning == "cot" else [value, description]
        names = names if task.kind == "label" else [target, *names] if not task.many else [target, value]
        body = ", ".join(f"{json_text(name)}: {_place(name, task, design)}" for name in names)
        return f"{{{body}}}, one object a line."
    shown = {"none": value, "cot": f"({description}) {value}", "r-cot": f"{value} ({description})"}[design.reasoning]
    if task.kind == "label":
        return f"{shown}{full_stop(task, design)}"
    shown = f"{task.quote}{shown}{task.quote}" if design.reasoning == "none" else shown
    one = [f"{task.quote}{target} {i}{task.quote}: {shown}" for i in (1, 2)]
    return f"{separator(task, design).join(one)} …" if design.output == "natural" else f"{one[0]}, one {target} a line."


def _place(name: str, task: Task, design: Design) -> str:
    """What stands for a value of JSON in the description of the form."""
    target, value, description, _ = task.keys
    if task.many and name == value:
        parts = {"none": [], "cot": [description, value], "r-cot": [value, description]}[design.reasoning]
        span = ", ".join(f'{json_text(part)}: "…"' for part in parts)
        return f"[{{{span}}}, …]" if parts else "[…]"
    number = design.labels == "number" and name == (target if task.many else value)
    return "…" if number else '"…"'


def _roles_words(task: Task, design: Design) -> str:
    """How the arguments of events are written, where the task names their roles."""
    if not task.roles:
        return ""
    _, value, _, arguments = task.keys
    form = {
        "json": f'Where one has arguments, write {{{json_text(value)}: "…", {json_text(arguments)}: [["role", "…"], …]}}.',
        "pairs": 'Where one has arguments, they are a third part, [["role", "…"], …].',
    }.get(design.output, "Where one has arguments, they stand behind it, [role: …, role: …].")
    return f"{form} Roles: {', '.join(task.roles)}."


def _absent_words(task: Task, design: Design) -> str:
    if task.kind == "label":
        return ""
    nothing = NOTHING if design.output in ("json", "pairs") else f"{task.none}{full_stop(task, design)}"
    if task.kind == "terms":
        return f"If there is none, answer {nothing}"
    if not design.placeholder:
        return f"Leave out what the text does not mention; if that is all, answer {nothing}"
    if task.many and design.output in ("json", "pairs"):
        return f"Where the text has none, write {'an empty list' if design.output == 'json' else 'null'}."
    return f"Where the text does not mention it, write {_absent_value(task, design)}."


def _absent_value(task: Task, design: Design) -> str:
    if design.output not in ("json", "pairs"):
        return absent_words(task, design)
    return str(task.number(task.absent)) if design.labels == "number" else written(task.absent, ())
