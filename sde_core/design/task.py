"""What a structured task asks of a text, and what a record says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from sde_core.design.notation import TARGET_STOPS, VALUE_STOPS, written
from sde_core.errors import UsageError
from sde_core.visible import visible

TaskKind = Literal["label", "attributes", "terms", "spans"]
QUOTES = ("", "'", "`", "|")
"""What pieces of text may stand in: nothing, or a sign that no part of an answer is made of."""


class TaskError(UsageError):
    """A task that makes no sense.

    Args:
        field: Which part of it is at fault, by its name in a task file.
        message: What is wrong.
        hint: The way out.
    """

    def __init__(self, field: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.field = field


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is said of a text.

    Attributes:
        target: What it is said of: an attribute, a term of the text, the type of a span; the task's one target where there is but one label.
        value: What is said: one of the task's values, or for spans a piece of the text.
        description: Why, in words; "" where nothing was written down.
        details: For events: (role, text) of every argument.
    """

    target: str
    value: str
    description: str = ""
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A text and what is said of it.

    Attributes:
        text: The text.
        entries: What is said, in the order of `Task.ordered`.
    """

    text: str
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Task:
    """A structured task (Sample Design Engineering, arXiv 2404.13033, section 1).

    Attributes:
        name: For people and files.
        kind: "label" (one value for the text), "attributes" (fixed targets, at most one value each), "terms" (targets that the text names,
            one value each) or "spans" (fixed types, any number of pieces of the text each).
        targets: The one target of "label", the attributes, or the types of spans; empty for "terms".
        values: The values that there are; empty for spans, which are any text.
        instructions: Wordings of the instruction, the first is used unless another is asked for.
        absent: The word for a target that the text does not mention, the placeholder.
        none: The answer where nothing at all is said and absent targets are omitted.
        numbers: The number of every value, for spans of every type; the places from 1 on where it is empty. The placeholder has one too.
        keys: Names of target, value, description and details in JSON.
        roles: What the arguments of an event are to it; empty where entries have no arguments, or any.
        synonyms: Words that mean a target or a value where answers are read softly; exact reading knows none.
        quote: What pieces of text stand in, one of `QUOTES`; the published design for entities has "'".
    """

    name: str
    kind: TaskKind
    targets: tuple[str, ...]
    values: tuple[str, ...]
    instructions: tuple[str, ...]
    absent: str = "unmentioned"
    none: str = "none"
    numbers: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    keys: tuple[str, str, str, str] = ("target", "value", "description", "arguments")
    quote: str = ""
    roles: tuple[str, ...] = ()
    synonyms: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.kind not in get_args(TaskKind):
            raise TaskError("kind", f"There is no kind of task named {visible(str(self.kind), 40)!r}.", f"Kinds are {', '.join(get_args(TaskKind))}.")
        _refuse_gaps(self)
        _refuse_clashes(self)
        _refuse_unreadable(self)

    @property
    def many(self) -> bool:
        """Whether a target can have several values."""
        return self.kind == "spans"

    @property
    def numbered(self) -> tuple[str, ...]:
        """What numbers stand for: the values, or the types of spans."""
        return self.targets if self.many else self.values

    def number(self, word: str) -> int:
        """The number of a value, a type, or the placeholder."""
        if self.numbers:
            return self.numbers[word]
        return 0 if word == self.absent else 1 + self.numbered.index(word)

    def ordered(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """Entries in the order in which designs write them: by the task's targets; terms stay as they are."""
        if self.kind == "terms":
            return tuple(entries)
        place = {target: i for i, target in enumerate(self.targets)}
        return tuple(sorted(entries, key=lambda entry: place.get(entry.target, len(place))))

    def misfits(self, record: TaskRecord) -> list[str]:
        """Why a record does not fit the task, a sentence each; empty where it does."""
        entries = record.entries
        said = [] if self.kind == "terms" else [f"{_word(e.target)} is no target." for e in entries if e.target not in self.targets]
        if self.values:
            said += [f"{_word(e.value)} is no value of {_word(e.target)}." for e in entries if e.value not in self.values]
        if not self.many:
            said += _repeated([entry.target for entry in entries])
        if self.roles:
            said += [f"{_word(role)} is no role." for entry in entries for role, _ in entry.details if role not in self.roles]
        if self.kind == "label" and not entries:
            said.append("It has no label.")
        return said


def _refuse_gaps(task: Task) -> None:
    if not task.instructions:
        raise TaskError("instructions", f"The task {visible(task.name, 60)} has no instruction.", "Name at least one wording.")
    if task.kind == "label" and len(task.targets) != 1:
        raise TaskError("targets", "A task with one label has one target.", "Name the field that holds the label.")
    if task.kind in ("attributes", "spans") and not task.targets:
        raise TaskError("targets", "The task names no targets.", "Name its attributes, or the types of its spans.")
    strange = next((meant for meant in task.synonyms.values() if meant not in (*task.targets, *task.values, task.absent)), None)
    if strange is not None:
        raise TaskError("synonyms", f"{_word(strange)} is no target and no value.", "A synonym is written as word: value.")
    if task.kind != "spans" and task.roles:
        raise TaskError("roles", "Only spans have arguments with roles.", "Leave roles out, or make the kind spans.")
    if task.kind != "spans" and not task.values:
        raise TaskError("values", "The task names no values.", "Name them, such as positive, neutral, negative.")


def _refuse_clashes(task: Task) -> None:
    parts = (
        ("targets", "target", task.targets),
        ("values", "value", (*task.values, task.absent)),
        ("keys", "key in JSON", task.keys),
        ("instructions", "instruction", task.instructions),
        ("roles", "role", task.roles),
    )
    for field_name, what, words in parts:
        if (twice := _twice(words)) is not None:
            raise TaskError(field_name, f"The task has the {what} {_word(twice)} twice.", "Names must differ; the placeholder must be no value.")
    if task.numbers and (set(task.numbers) != {*task.numbered, task.absent} or _twice(tuple(map(str, task.numbers.values()))) is not None):
        raise TaskError(
            "targets" if task.many else "values",
            "The task's numbers must give each value and the placeholder a number of its own.",
            "Leave them out to number by place.",
        )


def _refuse_unreadable(task: Task) -> None:
    """Refuses words that could not be told from what stands around them in an answer."""
    if task.quote not in QUOTES:
        raise TaskError("quote", f"Texts cannot stand in {_word(task.quote)}.", f"A quote is one of {' '.join(QUOTES[1:])}, or left out.")
    bare = f"{task.quote}{task.absent}{task.quote}"
    if task.many and written(task.absent, VALUE_STOPS, quote=task.quote) != bare:
        raise TaskError("absent", f"The placeholder {_word(task.absent)} cannot be told from a piece of text.", "Choose a plain word for it.")
    if task.kind != "label" and written(task.none, TARGET_STOPS) != task.none:
        raise TaskError("none", f"The answer {_word(task.none)} cannot be told from one that says something.", "Choose a plain word for none.")


def _repeated(targets: Sequence[str]) -> list[str]:
    return [f"{_word(target)} has several values." for target in dict.fromkeys(targets) if targets.count(target) > 1]


def _twice(words: Sequence[str]) -> str | None:
    return next((word for i, word in enumerate(words) if word in words[:i]), None)


def _word(text: str) -> str:
    return f"“{visible(text, 60)}”"
