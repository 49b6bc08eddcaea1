"""What a layout is: a name, a field for each role, and a family that reads rows of that shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sde_core.dataset.json_text import dumped
from sde_core.dataset.turns import ASSISTANT, FieldPath, Turn, Turns
from sde_core.errors import BadRecordError

LABEL_NAMES = ("label", "labels", "category", "intent", "class", "topic", "sentiment", "Quality")
ROLES = ("prompt", "input", "answer", "system", "label", "chosen", "rejected", "messages", "text", "history")
"""Roles that a field may have."""
_FEW_ROLES = {"prompt", "input", "answer", "label"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows are shaped.

    Attributes:
        name: The family's name, as shown and as `--layout` takes it.
        roles: The field that plays each role; see `ROLES`. A dotted name leads to a nested field ("meta.answer", "choices.0.text") in records that
            have no field of that very name.
    """

    name: str
    roles: Mapping[str, str]

    @property
    def nested(self) -> tuple[str, ...]:
        """Fields of roles that are written as a path: "meta.answer"."""
        return tuple(field for field in self.roles.values() if "." in field)

    def to_json(self) -> dict[str, Any]:
        """Name and roles."""
        return {"name": self.name, "roles": dict(self.roles)}


class LayoutFamily(Protocol):
    """Reads rows of one shape."""

    name: str

    def detect(self, sample: Sequence[Any]) -> Mapping[str, str] | None:
        """The roles of the fields when most of the sample has this shape, else None."""
        ...

    def turns(self, value: Any, roles: Mapping[str, str]) -> Turns:
        """The record's messages; no messages where it does not have this shape. Never raises."""
        ...


Texts = tuple[str, str, str, "str | None", str, int]
"""System, prompt, answer, label, roles (one letter a turn) and number of turns of a record."""


def plain_texts(value: Any, roles: Mapping[str, str], prompt_field: str, answer_field: str) -> Texts | None:
    """The texts of a record that is a prompt with or without an input and an answer, all of them strings; None where it is anything else.

    Most rows of most files are that, and need no turns to be made.
    """
    if type(value) is not dict or not _FEW_ROLES.issuperset(roles):
        return None
    prompt, answer = value.get(roles.get("prompt", prompt_field)), value.get(roles.get("answer", answer_field))
    added = value.get(roles["input"], "") if "input" in roles else ""
    if not (type(prompt) is type(answer) is type(added) is str):
        return None
    return "", f"{prompt}\n\n{added}" if added else prompt, answer, label_of(value, roles), "ua", 2


def share_with(sample: Sequence[Any], *fields: str) -> float:
    """Share of the sample's rows that are objects with all these fields."""
    rows = [value for value in sample if isinstance(value, dict)]
    return sum(all(field in value for field in fields) for value in rows) / max(len(sample), 1)


def most_have(sample: Sequence[Any], *fields: str) -> bool:
    """Whether more than half of the sample's rows have all these fields."""
    return share_with(sample, *fields) > 0.5


def first_present(sample: Sequence[Any], names: Sequence[str]) -> str:
    """The first of these fields that most rows have, "" if there is none."""
    return next((name for name in names if most_have(sample, name)), "")


def first_filled(sample: Sequence[Any], names: Sequence[str]) -> str:
    """The first of these fields that most rows have with something in it, else the first that most rows have."""
    filled = (name for name in names if sum(isinstance(value, dict) and value.get(name) not in (None, "", []) for value in sample) > len(sample) / 2)
    return next(filled, first_present(sample, names))


def with_nested(value: Any, fields: Sequence[str]) -> Any:
    """The record with nested fields under their dotted names too; a record that lacks them as it is."""
    if not isinstance(value, dict):
        return value
    found = {field: inner for field in fields if field not in value and (inner := nested_value(value, field)) is not None}
    return {**value, **found} if found else value


def nested_value(value: Any, field: str) -> Any:
    """What a dotted name leads to, None where it leads nowhere."""
    for step in nested_path(field):
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def nested_path(field: str) -> FieldPath:
    """The keys and positions of a dotted name."""
    return tuple(int(step) if step.isdecimal() else step for step in field.split("."))


def with_nested_paths(turns: Turns, value: Any, fields: Sequence[str]) -> Turns:
    """Turns read from `with_nested`, with paths that lead through the record itself."""
    paths = {field: _path_in(value, field) for field in fields if field not in value} if isinstance(value, dict) else {}

    def moved(path: FieldPath) -> FieldPath:
        return paths.get(str(path[0]), path[:1]) + path[1:] if path else path

    def placed(several: tuple[Turn, ...]) -> tuple[Turn, ...]:
        return tuple(replace(turn, path=moved(turn.path), parts=tuple((moved(path), text) for path, text in turn.parts)) for turn in several)

    return Turns(placed(turns.turns), turns.label, placed(turns.chosen), placed(turns.rejected))


def _path_in(value: Any, field: str) -> FieldPath:
    """The path of a nested field; digits are keys where the record has an object there."""
    path: list[str | int] = []
    for step in nested_path(field):
        key = str(step) if isinstance(value, dict) else step
        path.append(key)
        value = value.get(key) if isinstance(value, dict) else value[step] if isinstance(value, list) and isinstance(step, int) else None
    return tuple(path)


def label_role(sample: Sequence[Any], taken: Sequence[str] = ()) -> dict[str, str]:
    """The role of a field that looks like a label: it has a label's name and holds scalars."""
    for name in LABEL_NAMES:
        values = [value[name] for value in sample if isinstance(value, dict) and name in value]
        if name not in taken and len(values) > len(sample) / 2 and all(isinstance(value, str | int | float | bool | None) for value in values):
            return {"label": name}
    return {}


def text_of(value: Any) -> str:
    """A field's value as text: strings as they are, nothing for null, other scalars as JSON writes them."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    try:
        return dumped(value).decode()
    except BadRecordError:
        return "(nested too deeply to be shown)"


def label_of(value: Any, roles: Mapping[str, str]) -> str | None:
    """The record's label as text, None where it has none."""
    field = roles.get("label")
    if field is None or not isinstance(value, dict) or value.get(field) is None:
        return None
    return text_of(value[field])


def field_turn(role: str, value: Any, field: str | None) -> tuple[Turn, ...]:
    """A turn made of one field; none where the record has no such field."""
    if field is None or not isinstance(value, dict) or field not in value:
        return ()
    content = value[field]
    return (Turn(role, text_of(content), (field,) if isinstance(content, str) else ()),)


def with_label_answer(turns: tuple[Turn, ...], label: str | None, field: str) -> Turns:
    """Turns whose answer is the label itself."""
    answer = () if label is None else (Turn(ASSISTANT, label, (field,)),)
    return Turns(turns + answer, label=label)
