"""The task that a dataset's rows look like: a first task file, to be read and corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sde_core.design.readers import READERS, UnfitError
from sde_core.design.task import Entry, Task, TaskKind
from sde_core.design.task_file import TaskFile
from sde_core.errors import UsageError

LOOKED_AT = 50_000
"""Rows that a task is guessed from."""
FEWEST_REPEATS = 3
"""A closed set of words is one whose words occur at least so often in the mean."""
_ABSENT = ("unmentioned", "not mentioned", "none", "absent", "n/a")
_INSTRUCTIONS: Mapping[TaskKind, str] = {
    "label": "Read the text and name its {said}.",
    "attributes": "Read the text and say what it thinks of each aspect.",
    "terms": "Read the text, find the terms that it judges, and say how.",
    "spans": "Read the text and find all that it says of each type.",
}


def infer_task(rows: Sequence[Any], *, name: str, text_field: str = "", said_field: str = "") -> TaskFile:
    """The task that rows look like.

    Args:
        rows: Parsed rows, some hundreds are enough; closed sets of words are those that occur in them.
        name: The task's name.
        text_field: The field with the text; the longest text by default.
        said_field: The field with what is said; by default the one that makes most of a task.

    Raises:
        UsageError: When there is no such field, or none that says something of a text.
    """
    fields = [row for row in rows if isinstance(row, Mapping)]
    names = list(dict.fromkeys(str(key) for row in fields for key in row))
    for wanted in (text_field, said_field):
        if wanted and wanted not in names:
            raise UsageError(f"The rows have no field {wanted!r}.", f"They have {', '.join(names[:20])}.")
    text_field = text_field or _text_field(fields, names)
    for candidate in [said_field] if said_field else [key for key in names if key != text_field]:
        task = _task(name, candidate, [row.get(candidate) for row in fields])
        if task is not None:
            return TaskFile(task, text_field, candidate)
    raise UsageError("No field of these rows looks like what a task asks for.", "Write a task file, or name the fields with --text and --said.")


def _text_field(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """The field with the most text in it; dates, names and numbers are no texts.

    Raises:
        UsageError: When there is none.
    """
    texts = {name: [row[name] for row in rows if isinstance(row.get(name), str)] for name in names}
    read = [name for name in names if 2 * sum(map(_reads_as_text, texts[name])) > len(texts[name])]
    if not read:
        talks = any(isinstance(row.get(name), list) for row in rows for name in ("messages", "conversations"))
        hint = "Conversations are samples already: sde design followed says in which design." if talks else "Name the field with --text."
        raise UsageError("No field of these rows holds texts.", hint)
    return max(read, key=lambda name: sum(map(len, texts[name])))


def _reads_as_text(value: str) -> bool:
    """Whether there are several words, or letters of a script that needs no blanks."""
    return any(sign.isspace() for sign in value.strip()) or any(sign > "\u2fff" for sign in value)


def _task(name: str, said: str, values: Sequence[Any]) -> Task | None:
    """The task that the values of one field make, None where they make none."""
    present = [value for value in values if value is not None]
    if not present:
        return None
    if all(isinstance(value, str | int | bool) for value in present):
        labels = Counter(str(value) for value in present)
        return _made(name, "label", (said,), labels) if _is_closed(labels) else None
    kind: TaskKind = (
        "spans" if any(isinstance(value, list) or "hopper" in value for value in present if isinstance(value, list | dict)) else "attributes"
    )
    found = [entry for value in present for entry in _entries(value, kind)]
    targets, words = Counter(entry.target for entry in found), Counter(entry.value for entry in found)
    if kind == "attributes":
        return _made(name, kind, tuple(targets), words) if found and _is_closed(words) else None
    if not found or not (_is_closed(words) or _is_closed(targets)):
        return None
    if len(words) < len(targets):
        return _made(name, "terms", (), words)
    roles = Counter(role for entry in found for role, _ in entry.details)
    spans = _made(name, "spans", tuple(sorted(targets)), Counter())
    return replace(spans, roles=tuple(role for role, _ in roles.most_common())) if roles and _is_closed(roles) else spans


def _entries(value: Any, kind: TaskKind) -> tuple[Entry, ...]:
    try:
        return READERS[kind](value, _ANY)
    except UnfitError:
        return ()


_ANY = Task("any", "terms", (), ("any",), ("any",), absent="")


def _is_closed(words: Counter[str]) -> bool:
    return words.total() >= FEWEST_REPEATS * len(words)


def _made(name: str, kind: TaskKind, targets: tuple[str, ...], words: Counter[str]) -> Task:
    absent = next((word for word in _ABSENT if word in words), "unmentioned") if kind == "attributes" else "unmentioned"
    values = tuple(word for word, _ in words.most_common() if word != absent)
    said = targets[0] if kind == "label" else ""
    return Task(name, kind, targets, values, (_INSTRUCTIONS[kind].format(said=said),), absent=_free(absent, values))


def _free(absent: str, values: tuple[str, ...]) -> str:
    return absent if absent not in values else f"{absent} here"
