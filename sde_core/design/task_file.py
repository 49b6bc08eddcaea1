"""The task as a YAML file that people write and read.

name: reviews
kind: attributes                # label, attributes, terms or spans
text: review                    # the field with the text
said: aspects                   # the field with what is said of it
targets: [Food, Drinks, Wait]
values: {positive: 1, neutral: 0, negative: -1}     # or a list
absent: {unmentioned: -2}                           # or the word alone
instructions:
- Read the review and say what it thinks of each aspect.
keys: {target: aspect, value: sentiment}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sde_core.design.task import Task
from sde_core.errors import InputError, UsageError
from sde_core.visible import visible
from sde_core.yaml_nodes import LARGEST_BYTES, Node, ReadingError, composed, dumped, entries, is_list, is_text, items, scalar

_KEYS = ("target", "value", "description", "arguments")
"""What `Task.keys` names, and how it calls them by default."""
_TOP = ("name", "kind", "text", "said", "targets", "values", "absent", "none", "instructions", "keys", "quote")
_NUMBER = re.compile(r"-?\d{1,9}")


@dataclass(frozen=True)
class TaskFile:
    """A task and where a dataset says what it asks for.

    Attributes:
        task: What is asked.
        text_field: The field with the text.
        said_field: The field with the label, the mapping or the list.
    """

    task: Task
    text_field: str
    said_field: str


def read_task(path: Path) -> TaskFile:
    """The task in a file.

    Raises:
        InputError: When it cannot be read or says no task; the message names file and line.
    """
    shown = visible(str(path), 200)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror or error}.", "Name a task file in YAML.") from error
    try:
        return _task_file(composed(content))
    except ReadingError as error:
        raise InputError(f"{shown}, line {error.line}: {error.message}", error.hint) from error
    except UsageError as error:
        raise InputError(f"{shown}: {error.message}", error.hint) from error


def task_text(file: TaskFile) -> str:
    """The file's text, as `read_task` reads it."""
    task = file.task
    numbers = dict(task.numbers)
    said: dict[str, Any] = {"name": task.name, "kind": task.kind, "text": file.text_field, "said": file.said_field}
    if task.targets:
        said["targets"] = {target: numbers[target] for target in task.targets} if numbers and task.many else list(task.targets)
    if task.values:
        said["values"] = {value: numbers[value] for value in task.values} if numbers else list(task.values)
    said["absent"] = {task.absent: numbers[task.absent]} if numbers else task.absent
    said |= {"none": task.none, "instructions": list(task.instructions), "keys": dict(zip(_KEYS, task.keys, strict=True))}
    return dumped(said | ({"quote": task.quote} if task.quote else {}))


def _task_file(root: Node) -> TaskFile:
    if root is None:
        raise ReadingError(1, "it is empty.", "It needs name, kind, text, said, values and instructions.")
    top = entries(root, "a task")
    for key in top:
        if key not in _TOP:
            raise ReadingError(top[key], f"a task has no {visible(key, 40)!r}.", f"It has {', '.join(_TOP)}.")
    for key in ("kind", "text", "said", "instructions"):
        if key not in top:
            raise ReadingError(root, f"the task does not say its {key}.", "It needs kind, text, said and instructions.")
    targets, target_numbers = _words(top.get("targets"), "targets")
    values, value_numbers = _words(top.get("values"), "values")
    absent, absent_numbers = _words(top.get("absent"), "absent")
    keys = {name: scalar(node, name) for name, node in entries(top["keys"], "keys").items()} if "keys" in top else {}
    texts = {name: scalar(top[name], name) for name in ("none", "quote") if name in top}
    task = Task(
        scalar(top["name"], "name") if "name" in top else "task",
        scalar(top["kind"], "kind"),  # type: ignore[arg-type]
        targets,
        values,
        tuple(scalar(item, "an instruction") for item in items(top["instructions"], "instructions")),
        absent=absent[0] if absent else "unmentioned",
        numbers=target_numbers | value_numbers | absent_numbers,
        keys=tuple(keys.get(name, name) for name in _KEYS),  # type: ignore[arg-type]
        **texts,
    )
    return TaskFile(task, scalar(top["text"], "text"), scalar(top["said"], "said"))


def _words(node: Node | None, what: str) -> tuple[tuple[str, ...], dict[str, int]]:
    """Words in order, and their numbers where each has one."""
    if node is None:
        return (), {}
    if is_text(node):
        return (scalar(node, what),), {}
    if is_list(node):
        return tuple(scalar(item, what) for item in items(node, what)), {}
    numbers = {word: _number(value, word) for word, value in entries(node, what).items()}
    return tuple(numbers), numbers


def _number(node: Node, word: str) -> int:
    text = scalar(node, "a number")
    if not _NUMBER.fullmatch(text):
        raise ReadingError(node, f"the number of {visible(word, 40)!r} is {visible(text, 40)!r}.", "Write a whole number.")
    return int(text)
