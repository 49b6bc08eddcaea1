"""Structured records from the shapes that they come in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Any, TypeGuard

from sde_core.design.task import Entry, Task, TaskRecord
from sde_core.visible import visible


class UnfitError(Exception):
    """A value is not of the shape that the task's records have; the message says why, without capital and full stop."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A row that says nothing that the task knows.

    Attributes:
        row: Its position.
        reason: Why, in a sentence.
    """

    row: int
    reason: str


def label_entries(value: Any, task: Task) -> tuple[Entry, ...]:
    """One label as text."""
    return (Entry(task.targets[0], _text(value, "label")),)


def attribute_entries(value: Any, task: Task) -> tuple[Entry, ...]:
    """`{target: value}`; the placeholder and null say nothing."""
    if not isinstance(value, Mapping):
        raise UnfitError("it holds no mapping of targets to values")
    return tuple(Entry(str(target), _text(said, "value")) for target, said in value.items() if said not in (None, task.absent))


def listed_entries(value: Any, _task: Task) -> tuple[Entry, ...]:
    """`[{term, polarity}]` or `[{type, span}]` under any of their usual names, or events in groups of one topic; twice the same is once."""
    if isinstance(value, Mapping) and isinstance(value.get("hopper"), list):
        value = [event for group in value["hopper"] if isinstance(group, Mapping) for event in group.get("events", [])]
    if not isinstance(value, list):
        raise UnfitError("it holds no list")
    return tuple(dict.fromkeys(_listed_entry(item) for item in value))


def _listed_entry(item: Any) -> Entry:
    if not isinstance(item, Mapping):
        raise UnfitError(f"{_shown(item)} is no object")
    found = [next((item[name] for name in names if name in item), None) for names in _LISTED_NAMES]
    if found[0] is None or found[1] is None:
        raise UnfitError(f"{_shown(item)} has no target and value")
    value = found[1].get("text") if isinstance(found[1], Mapping) else found[1]
    details = _details(item.get("arguments") or item.get("argument") or [])
    return Entry(_text(found[0], "target"), _text(value, "value"), str(found[2] or ""), details)


_LISTED_NAMES = (
    ("term", "aspect", "target", "type", "entity_type", "event_type", "subtype", "label"),
    ("polarity", "sentiment", "value", "span", "text", "trigger", "entity_name", "name", "nugget"),
    ("description", "reason", "explanation"),
)


def _details(arguments: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(arguments, Mapping):
        return tuple((str(role), str(text)) for role, text in arguments.items())
    pairs = []
    for argument in arguments if isinstance(arguments, list) else []:
        role = argument.get("role", argument.get("type")) if isinstance(argument, Mapping) else None
        role = role.get("type") if isinstance(role, Mapping) else role
        if role is None or not isinstance(argument.get("text"), str):
            raise UnfitError(f"the argument {_shown(argument)} has no role and text")
        pairs.append((str(role), argument["text"]))
    return tuple(pairs)


EntriesReader = Callable[[Any, Task], tuple[Entry, ...]]
READERS: Mapping[str, EntriesReader] = MappingProxyType(
    {"label": label_entries, "attributes": attribute_entries, "terms": listed_entries, "spans": listed_entries}
)
"""How the field that holds what is said is read, by the task's kind."""


def read_records(
    rows: Iterable[tuple[int, Any]], task: Task, *, text_field: str, said_field: str, description_field: str = ""
) -> tuple[dict[int, TaskRecord], list[Misfit]]:
    """Records of parsed rows, by position, and the rows that do not fit with the reason.

    Args:
        rows: Position and parsed row.
        task: What they are rows of.
        text_field: The field with the text.
        said_field: The field with the label, the mapping or the list.
        description_field: The field that says why: a text for a label, a mapping of targets to texts for attributes, and the name that a list's
            objects have it under; "" for the usual names of these, and none for the others.
    """
    records, misfits = {}, []
    for row, value in rows:
        try:
            record = _record(value, task, text_field, said_field, description_field)
            faults = task.misfits(record)
        except UnfitError as error:
            faults = [f"{str(error)[:1].upper()}{str(error)[1:]}."]
        if faults:
            misfits.append(Misfit(row, faults[0]))
        else:
            records[row] = record
    return records, misfits


def _record(value: Any, task: Task, text_field: str, said_field: str, description_field: str) -> TaskRecord:
    if not isinstance(value, Mapping):
        raise UnfitError("the row is no object")
    for name in (text_field, said_field):
        if name not in value:
            raise UnfitError(f"the row has no field {_shown(name)}")
    entries = READERS[task.kind](value[said_field], task)
    if description_field:
        entries = tuple(_described(entries, value, value[said_field], task, description_field))
    return TaskRecord(_text(value[text_field], "text"), task.ordered(entries))


def _described(entries: Sequence[Entry], row: Mapping[Any, Any], said: Any, task: Task, name: str) -> Iterator[Entry]:
    """The entries with what the description field says of each."""
    if task.kind in ("terms", "spans"):
        # The same objects as `listed_entries` read, of which those that say the same twice were taken once.
        texts = {replace(_listed_entry(item), description=""): item.get(name) for item in said} if isinstance(said, list) else {}
    else:
        here = row.get(name)
        texts = {replace(entry, description=""): here.get(entry.target) if isinstance(here, Mapping) else here for entry in entries}
    for entry in entries:
        text = texts.get(replace(entry, description=""))
        yield entry if text is None else replace(entry, description=_text(text, "description"))


def iob2_rows(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Sentences of a file in IOB2 columns, nested spans in further columns, as {"text", "spans": [{"type", "span"}]}.

    Args:
        lines: A token and its tags with tabs between, an empty line after each sentence.
    """
    sentence: list[Sequence[str]] = []
    for line in chain(lines, [""]):
        fields = line.rstrip("\r\n").split("\t")
        if fields[0]:
            sentence.append(fields)
        elif sentence:
            yield {"text": " ".join(token for token, *_ in sentence), "spans": _spans(sentence)}
            sentence = []


def with_tagged_spans(row: dict[str, Any]) -> dict[str, Any]:
    """A row of tokens beside columns of IOB2 tags, {"tokens", "tags_1", …}, with what they tag as "spans"; any other row as it is."""
    columns = [row.get("tokens"), *(tags for name, tags in row.items() if _TAG_COLUMN.fullmatch(name))]
    texts = [column for column in columns if _are_texts(column)]
    if "spans" in row or len(texts) < max(len(columns), 2) or len(set(map(len, texts))) > 1:
        return row
    return {"text": " ".join(texts[0]), **row, "spans": _spans(list(zip(*texts, strict=True)))} if texts[0] else row


_TAG_COLUMN = re.compile(r"tags(_\d+)?")


def _are_texts(part: Any) -> TypeGuard[list[str]]:
    return isinstance(part, list) and all(isinstance(text, str) for text in part)


def _spans(sentence: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """Spans by their first token, the longest first."""
    found = [span for column in range(1, max(map(len, sentence))) for span in _column_spans(sentence, column)]
    ordered = sorted(found, key=lambda span: (span[0], -span[1]))
    return [{"type": kind, "span": " ".join(token for token, *_ in sentence[begin:end])} for begin, end, kind in ordered]


def _column_spans(sentence: Sequence[Sequence[str]], column: int) -> Iterator[tuple[int, int, str]]:
    """(first token, one past the last, type) of one column of tags."""
    tags = [fields[column] if column < len(fields) else "O" for fields in sentence]
    for begin, tag in enumerate(tags):
        if tag.startswith("B-"):
            end = begin + 1
            while end < len(tags) and tags[end] == f"I-{tag[2:]}":
                end += 1
            yield begin, end, tag[2:]


def _text(value: Any, what: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and (what in ("label", "value") or not isinstance(value, bool)):
        return str(value)
    raise UnfitError(f"its {what} {_shown(value)} is no text")


def _shown(value: Any) -> str:
    return f"“{visible(str(value), 60)}”"
