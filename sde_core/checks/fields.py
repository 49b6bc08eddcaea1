"""Where texts stand in a record, and how a field is named in a finding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sde_core.dataset import FieldPath, Turns
from sde_core.dataset.turns import ASSISTANT

UNWANTED = "rejected"
"""Role of an answer that the model is taught to avoid."""

EVIDENCE_LENGTH = 160
"""Characters of a text that a finding quotes."""


class RecordText(NamedTuple):
    """One text of a record: who says it, where it stands ((), where it cannot be edited in place), and the text."""

    role: str
    path: FieldPath
    text: str

    @property
    def field(self) -> str:
        """The field's name in findings: the path, or the role where there is none."""
        return field_name(self.path) or self.role


def field_name(path: FieldPath) -> str:
    """A path as people write it: messages[1].content."""
    name = ""
    for step in path:
        name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else step
    return name


def is_unwanted(value: Any, turns: Turns) -> bool:
    """Whether the record marks its answer as one to avoid, as files for unpaired preference training do."""
    return turns.label == "false" and isinstance(value, dict) and any(value.get(name) is False for name in ("label", "kto_tag"))


def record_texts(turns: Turns, value: Any = None) -> list[RecordText]:
    """Every text of a record, rejected answers last; answers that are to be avoided have the role `UNWANTED`."""
    found: list[RecordText] = []
    unwanted = is_unwanted(value, turns)
    for turn in turns.turns:
        pieces = turn.editable
        role = UNWANTED if unwanted and turn.role == ASSISTANT else turn.role
        found += [RecordText(role, path, text) for path, text in pieces] if pieces else [RecordText(role, (), turn.text)]
    for turn in turns.rejected:
        found += [RecordText(UNWANTED, path, text) for path, text in turn.editable]
    return found


def string_leaves(value: Any, path: FieldPath = ()) -> Iterator[tuple[FieldPath, str]]:
    """Path and text of every string in a parsed record."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from string_leaves(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from string_leaves(inner, (*path, index))


def excerpt(text: str, at: int = 0, limit: int = EVIDENCE_LENGTH) -> str:
    """The part of a text around a position, with "…" where it is cut."""
    if len(text) <= limit:
        return text
    start = max(0, min(at - limit // 3, len(text) - limit))
    return ("…" if start else "") + text[start : start + limit] + ("…" if start + limit < len(text) else "")


def ending(text: str, limit: int = EVIDENCE_LENGTH) -> str:
    """The end of a text, with "…" where it is cut."""
    return text if len(text) <= limit else "…" + text[-limit:]
