"""The task as a YAML file that people write and read.

name: reviews
kind: attributes                # label, attributes, terms or spans
text: review                    # the field with the text
said: aspects                   # the field with what is said of it
description: reasons            # the field that says why, for designs that reason
targets: [Food, Drinks, Wait]
values: {positive: 1, neutral: 0, negative: -1}     # or a list
absent: {unmentioned: -2}                           # or the word alone: said of what the text does not mention
none: nothing                                       # the answer where absent targets are omitted and none is left
instructions:                                       # several are wordings of one
- Read the review and say what it thinks of each aspect.
keys: {target: aspect, value: sentiment}            # the names in JSON; of description and arguments too
synonyms: {great: positive, poor: negative}         # where answers are read softly

Entities and events are spans. Where events have arguments, their roles can be named:

name: incidents
kind: spans
text: report
said: events
targets: [Attack, Patch]
roles: [Attacker, Victim, Time]
quote: "'"                                          # what pieces of text stand in; nothing without it
instructions:
- Find the events of the report, with their arguments.

Only kind, text, said and instructions are needed of every task; values of all but spans, targets of all but terms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sde_core.design.task import Task, TaskError
from sde_core.errors import InputError
from sde_core.files import atomic_write, from_home
from sde_core.visible import visible
from sde_core.yaml_nodes import LARGEST_BYTES, Node, ReadingError, composed, dumped, entries, is_list, is_text, items, line_of, scalar

_KEYS = ("target", "value", "description", "arguments")
"""What `Task.keys` names, and how it calls them by default."""
_TOP = ("name", "kind", "text", "said", "description", "targets", "values", "absent", "none", "instructions", "keys", "quote", "roles", "synonyms")
_NUMBER = re.compile(r"-?\d{1,9}")


@dataclass(frozen=True)
class TaskFile:
    """A task and where a dataset says what it asks for.

    Attributes:
        task: What is asked.
        text_field: The field with the text.
        said_field: The field with the label, the mapping or the list.
        description_field: The field that says why, see `read_records`; "" for none, or for the usual name.
    """

    task: Task
    text_field: str
    said_field: str
    description_field: str = ""


def path_beside(data: str) -> Path | None:
    """Where the task of a data file is kept: "reviews.jsonl.task.yaml" beside "reviews.jsonl"; None for what is no file here."""
    path = from_home(data)
    return path.with_name(f"{path.name}.task.yaml") if path.is_file() else None


def beside(data: str) -> Path | None:
    """The task file beside a data file, None where there is none."""
    path = path_beside(data)
    return path if path is not None and path.is_file() else None


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
        return task_in(content)
    except ReadingError as error:
        raise InputError(f"{shown}, line {error.line}: {error.message}", error.hint) from error


def task_in(content: bytes) -> TaskFile:
    """The task that a file's bytes say.

    Raises:
        ReadingError: When they say none; it names the line of the part that is at fault.
    """
    return _task_file(composed(content))


def write_task(path: Path, content: bytes) -> TaskFile:
    """Writes a task file, whole or not at all.

    Args:
        path: The file.
        content: What it is to hold, with the comments of whoever wrote it.

    Raises:
        ReadingError: When it says no task; nothing is written.
        UsageError: When a dataset was read from that file.
        ReadOnlyError: When it cannot be written.
    """
    file = task_in(content)
    atomic_write(path, [content])
    return file


def task_text(file: TaskFile) -> str:
    """The file's text, as `read_task` reads it."""
    task = file.task
    numbers = dict(task.numbers)
    said: dict[str, Any] = {"name": task.name, "kind": task.kind, "text": file.text_field, "said": file.said_field}
    said |= {"description": file.description_field} if file.description_field else {}
    if task.targets:
        said["targets"] = {target: numbers[target] for target in task.targets} if numbers and task.many else list(task.targets)
    if task.values:
        said["values"] = {value: numbers[value] for value in task.values} if numbers else list(task.values)
    said["absent"] = {task.absent: numbers[task.absent]} if numbers else task.absent
    said |= {"none": task.none, "instructions": list(task.instructions), "keys": dict(zip(_KEYS, task.keys, strict=True))}
    said |= {"quote": task.quote} if task.quote else {}
    said |= {"roles": list(task.roles)} if task.roles else {}
    return dumped(said | ({"synonyms": dict(task.synonyms)} if task.synonyms else {}))


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
    synonyms = {word: scalar(node, word) for word, node in entries(top["synonyms"], "synonyms").items()} if "synonyms" in top else {}
    roles = tuple(scalar(item, "a role") for item in items(top["roles"], "roles")) if "roles" in top else ()
    keys = {name: scalar(node, name) for name, node in entries(top["keys"], "keys").items()} if "keys" in top else {}
    texts = {name: scalar(top[name], name) for name in ("none", "quote") if name in top}
    instructions = tuple(scalar(item, "an instruction") for item in items(top["instructions"], "instructions"))
    try:
        task = Task(
            scalar(top["name"], "name") if "name" in top else "task",
            scalar(top["kind"], "kind"),  # type: ignore[arg-type]
            targets,
            values,
            instructions,
            absent=absent[0] if absent else "unmentioned",
            numbers=target_numbers | value_numbers | absent_numbers,
            keys=tuple(keys.get(name, name) for name in _KEYS),  # type: ignore[arg-type]
            roles=roles,
            synonyms=synonyms,
            **texts,
        )
    except TaskError as error:
        raise ReadingError(_where(root, error.field), f"{error.message[:1].lower()}{error.message[1:]}", error.hint) from error
    description = scalar(top["description"], "description") if "description" in top else ""
    return TaskFile(task, scalar(top["text"], "text"), scalar(top["said"], "said"), description)


def _where(root: Node, field: str) -> int:
    """The line of a part of the task; the first where it is not there."""
    return next((line_of(key) for key, _ in root.value if key.value == field), 1)


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
