"""The answer of a sample in every output form, and the groups that it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sde_core.design.notation import DESCRIPTION_STOPS, DETAIL_STOPS, ROLE_STOPS, TARGET_STOPS, VALUE_STOPS, json_text, written
from sde_core.design.options import Design, why_not
from sde_core.design.task import Entry, Task, TaskRecord
from sde_core.errors import UsageError
from sde_core.visible import visible

NOTHING = "[]"
"""What stands for no entry in JSON and in pairs."""
Group = tuple[str, tuple[Entry, ...]]


def entries_shown(record: TaskRecord, task: Task, design: Design) -> tuple[Entry, ...]:
    """The entries as far as the design writes them, which is what can be read back: without descriptions unless it reasons."""
    entries = task.ordered(record.entries)
    return entries if design.reasoning != "none" else tuple(replace(entry, description="") for entry in entries)


def render_answer(record: TaskRecord, task: Task, design: Design) -> str:
    """What the model is to answer.

    Raises:
        UsageError: When the record does not fit the task, or the design makes no sense for it.
    """
    if fault := why_not(design, task) or next(iter(task.misfits(record)), ""):
        raise UsageError(f"A record cannot be written: {fault}", f"Its text begins {visible(record.text, 60)!r}.")
    groups = list(_groups(entries_shown(record, task, design), task, design))
    if not groups:
        return NOTHING if design.output in ("json", "pairs") else _sentence([task.none], task, design)
    if design.output == "json":
        return "\n".join(json_text(_json_object(group, task, design)) for group in groups)
    if design.output == "pairs":
        return "\n".join(json_text(pair) for group in groups for pair in _pairs(group, task, design))
    return _sentence([_group_words(group, task, design) for group in groups], task, design)


def separator(task: Task, design: Design) -> str:
    """What stands between groups."""
    return "\n" if design.output == "lines" else "; " if task.many else ", "


def full_stop(task: Task, design: Design) -> str:
    """What ends the answer: a sentence's full stop, but not after pieces of text."""
    return "." if design.output == "natural" and not task.many else ""


def _sentence(parts: list[str], task: Task, design: Design) -> str:
    return separator(task, design).join(parts) + full_stop(task, design)


def _groups(entries: tuple[Entry, ...], task: Task, design: Design) -> Iterator[Group]:
    """(target, its entries) in order; those without entries only where the design writes placeholders."""
    if task.kind == "terms":
        yield from ((entry.target, (entry,)) for entry in entries)
        return
    for target in task.targets:
        here = tuple(entry for entry in entries if entry.target == target)
        if here or design.placeholder:
            yield target, here


# ---- natural and lines


def _group_words(group: Group, task: Task, design: Design) -> str:
    target, entries = group
    words = ", ".join(_entry_words(entry, task, design) for entry in entries) if entries else absent_words(task, design)
    return words if task.kind == "label" else f"{_target_words(target, task, design)}: {words}"


def _target_words(target: str, task: Task, design: Design) -> str:
    if task.many and design.labels == "number":
        return str(task.number(target))
    return written(target, TARGET_STOPS, quote=task.quote)


def absent_words(task: Task, design: Design) -> str:
    """What stands for a target that the text does not mention, in natural answers and lines."""
    number = not task.many and design.labels == "number"
    return str(task.number(task.absent)) if number else written(task.absent, VALUE_STOPS, quote=task.quote)


def _entry_words(entry: Entry, task: Task, design: Design) -> str:
    number = not task.many and design.labels == "number"
    value = (
        str(task.number(entry.value)) if number else written(entry.value, VALUE_STOPS, quote=task.quote, reserved=(task.absent,) if task.many else ())
    )
    why = f"({written(entry.description, DESCRIPTION_STOPS)})"
    words = {"none": value, "cot": f"{why} {value}", "r-cot": f"{value} {why}"}[design.reasoning]
    if not entry.details:
        return words
    said = (f"{written(role, ROLE_STOPS)}: {written(text, DETAIL_STOPS)}" for role, text in entry.details)
    return f"{words} [{', '.join(said)}]"


# ---- JSON and pairs


def _json_object(group: Group, task: Task, design: Design) -> dict[str, object]:
    target, entries = group
    target_key, value_key, *_ = task.keys
    if task.many:
        return {target_key: _json_target(target, task, design), value_key: [_json_span(entry, task, design) for entry in entries]}
    head: dict[str, object] = {} if task.kind == "label" else {target_key: target}
    entry = entries[0] if entries else Entry(target, task.absent)
    return head | _json_fields(entry, _json_value(entry, task, design), task, design)


def _json_fields(entry: Entry, value: object, task: Task, design: Design) -> dict[str, object]:
    """Value, description and details under their keys, in the design's order."""
    _, value_key, description_key, details_key = task.keys
    said: dict[str, object] = {value_key: value}
    if design.reasoning != "none":
        why: dict[str, object] = {description_key: entry.description}
        said = why | said if design.reasoning == "cot" else said | why
    return said | ({details_key: [list(detail) for detail in entry.details]} if entry.details else {})


def _json_span(entry: Entry, task: Task, design: Design) -> object:
    plain = design.reasoning == "none" and not entry.details
    return entry.value if plain else _json_fields(entry, entry.value, task, design)


def _json_target(target: str, task: Task, design: Design) -> str | int:
    return task.number(target) if task.many and design.labels == "number" else target


def _json_value(entry: Entry, task: Task, design: Design) -> str | int:
    return task.number(entry.value) if not task.many and design.labels == "number" else entry.value


def _pairs(group: Group, task: Task, design: Design) -> Iterator[list[object]]:
    target, entries = group
    head: list[object] = [] if task.kind == "label" else [_json_target(target, task, design)]
    if not entries:
        yield [*head, None if task.many else _json_value(Entry(target, task.absent), task, design)]
    for entry in entries:
        yield [*head, _json_value(entry, task, design), *([[list(detail) for detail in entry.details]] if entry.details else [])]
