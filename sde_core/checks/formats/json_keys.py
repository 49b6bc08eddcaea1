"""The top-level keys of a JSON object in a text: where each member stands, and the same text with keys renamed and put in another order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

_FENCE = re.compile(r"\s*```(?:json|JSON)?[ \t]*\n")
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(strict=False)

STARTS_AS_OBJECT = r"^\s*(?:```(?:json|JSON)?[ \t]*\r?\n\s*)?\{"
"""What a text that `json_object` reads begins with."""


class Member(NamedTuple):
    """One key with its value, as they stand in the text: `key_end` is where the key's quotes end, `end` where the value does."""

    key: str
    start: int
    key_end: int
    end: int


def json_object(text: str) -> dict[str, Any] | None:
    """The object that the text is, alone or in a code block; None where it is something else."""
    start, end = _bounds(text)
    if text[start : start + 1] != "{":
        return None
    try:
        value = orjson.loads(text[start:end])
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _bounds(text: str) -> tuple[int, int]:
    """Where the JSON begins and ends, without a code block's marks and white space."""
    fence = _FENCE.match(text)
    end = len(text.rstrip())
    if fence and text.endswith("```", 0, end):
        return _space(text, fence.end()), len(text[: end - 3].rstrip())
    return _space(text, 0), end


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def members(text: str) -> list[Member]:
    """The members of the object that the text is, in order; empty where it is none, has a key twice or is nested too deep to take apart."""
    if not json_object(text):
        return []
    try:
        found = list(_members(text))
    except RecursionError:
        return []
    return found if len({member.key for member in found}) == len(found) else []


def _members(text: str) -> Iterator[Member]:
    at = _space(text, _bounds(text)[0] + 1)
    while text[at] == '"':
        start = at
        key, key_end = _DECODER.raw_decode(text, at)
        _, end = _DECODER.raw_decode(text, _space(text, _space(text, key_end) + 1))
        yield Member(key, start, key_end, end)
        at = _space(text, end)
        at = _space(text, at + 1) if text[at] == "," else at


def with_keys(text: str, renamed: Mapping[str, str], order: Sequence[str]) -> str:
    """The text with keys renamed, and with its members in the order of `order` where that names all of them.

    Values stay as they are written, and so do the white space and the commas between members.
    """
    found = members(text)
    names = [renamed.get(member.key, member.key) for member in found]
    if not found or len(set(names)) < len(names):
        return text
    pieces = {name: _piece(text, member, name) for name, member in zip(names, found, strict=True)}
    new_order = [name for name in order if name in pieces]
    if len(new_order) < len(pieces):
        new_order = names
    result, at = [], 0
    for member, name in zip(found, new_order, strict=True):
        result += [text[at : member.start], pieces[name]]
        at = member.end
    return "".join([*result, text[at:]])


def _piece(text: str, member: Member, name: str) -> str:
    """A member under a name, as it is written where that is its own."""
    key = text[member.start : member.key_end] if name == member.key else json.dumps(name, ensure_ascii=False)
    return key + text[member.key_end : member.end]
