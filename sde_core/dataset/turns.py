"""A record's normalised view: who said what, and where each text stands in the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FieldPath = tuple["str | int", ...]
"""Keys and indices that lead from the parsed record to one value."""

SYSTEM, USER, ASSISTANT, TOOL, TEXT = "system", "user", "assistant", "tool", "text"
LETTERS = {SYSTEM: "s", USER: "u", ASSISTANT: "a", TOOL: "t", TEXT: "x"}


@dataclass(frozen=True, slots=True)
class Turn:
    """One message.

    Attributes:
        role: "system", "user", "assistant", "tool", "text" (plain text without a speaker), or the file's own word where none of these fits.
        text: The message as it stands in the record.
        path: Where the text stands in the parsed record; empty where it was composed from several fields and cannot be edited in place.
        raw_role: The file's own word for the role ("human", "gpt"), empty where the role comes from the field's name.
        parts: Path and text of each piece of a composed turn (an instruction and its input); empty for a turn with a path of its own.
    """

    role: str
    text: str
    path: FieldPath = ()
    raw_role: str = ""
    parts: tuple[tuple[FieldPath, str], ...] = ()

    @property
    def editable(self) -> tuple[tuple[FieldPath, str], ...]:
        """Path and text of every piece that can be edited in place."""
        return self.parts or (((self.path, self.text),) if self.path else ())


@dataclass(frozen=True, slots=True)
class Turns:
    """All messages of a record in order, its label, and its preference pair.

    For a preference record `turns` ends with the chosen answer, and `chosen` and `rejected` hold the two continuations.
    For a classification record the label is also the last assistant turn.
    For plain text there is a single turn with the role "text".
    """

    turns: tuple[Turn, ...]
    label: str | None = None
    chosen: tuple[Turn, ...] = ()
    rejected: tuple[Turn, ...] = ()

    @property
    def system(self) -> str:
        """The system messages, joined by a blank line."""
        return "\n\n".join([turn.text for turn in self.turns if turn.role == SYSTEM])

    @property
    def answer(self) -> str:
        """What the row teaches: the last assistant turn, or the plain text."""
        for turn in reversed(self.turns):
            if turn.role in (ASSISTANT, TEXT):
                return turn.text
        return ""

    @property
    def prompt(self) -> str:
        """Everything but the system messages before the last assistant turn, joined by a blank line."""
        last = len(self.turns) - 1
        while last >= 0 and self.turns[last].role not in (ASSISTANT, TEXT):
            last -= 1
        before = self.turns if last < 0 else self.turns[:last]
        return "\n\n".join([turn.text for turn in before if turn.role != SYSTEM])

    @property
    def roles(self) -> str:
        """One letter a turn: s, u, a, t(ool), x (plain text), ? for any other."""
        return "".join([LETTERS.get(turn.role, "?") for turn in self.turns])


@dataclass(frozen=True, slots=True)
class Edit:
    """One text of one record replaced.

    Attributes:
        row: Record position.
        path: Where the text stands in the parsed record.
        before: The text as it is, so that a stale edit is noticed.
        after: The text as it should be.
    """

    row: int
    path: FieldPath
    before: str
    after: str


def value_at(value: Any, path: FieldPath) -> Any:
    """The value that `path` leads to.

    Raises:
        KeyError, IndexError, TypeError: When the path does not exist in this record.
    """
    for step in path:
        value = value[step]
    return value


def replaced_at(value: Any, path: FieldPath, new: Any) -> Any:
    """A copy of `value` with the value at `path` replaced; shares everything that did not change."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[step] = replaced_at(value[step], rest, new)  # type: ignore[index]
    return copy
