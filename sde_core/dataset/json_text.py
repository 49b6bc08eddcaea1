"""JSON read tolerantly and changed without touching what nobody asked to change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

import orjson

from sde_core.dataset.turns import FieldPath
from sde_core.errors import BadRecordError

_WHITESPACE = " \t\n\r"
_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+', re.DOTALL)
_DECODER = json.JSONDecoder()
_LARGEST_INTEGER = float(1 << 63)
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json(raw: bytes) -> Any:
    """The parsed value of one JSON text.

    NaN, Infinity, lone surrogates and the like are not JSON by the letter and still common, so what orjson refuses is tried once more with the
    standard library.

    Raises:
        BadRecordError: In the parser's words.
    """
    try:
        value = orjson.loads(raw)
        return _parse_leniently(raw, "") if _has_lost_digits(value) else value
    except orjson.JSONDecodeError as strict_error:
        return _parse_leniently(raw, str(strict_error))
    except RecursionError as error:
        raise BadRecordError("nested too deeply to be read") from error


def _has_lost_digits(value: Any) -> bool:
    """Whether orjson may have made a float of an integer: it does so with all that do not fit into 64 bits."""
    for item in value.values() if type(value) is dict else value if type(value) is list else (value,):
        kind = type(item)
        if (kind is float and abs(item) >= _LARGEST_INTEGER) or ((kind is dict or kind is list) and _has_lost_digits(item)):
            return True
    return False


def _parse_leniently(raw: bytes, strict_words: str) -> Any:
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRecordError(f"not UTF-8: byte 0x{raw[error.start]:02x} at byte {error.start} of the record") from error
    except RecursionError as error:
        raise BadRecordError("nested too deeply to be read") from error
    except ValueError as error:
        raise BadRecordError(strict_words) from error


def element_end(text: str, start: int) -> int:
    """Where the JSON value that begins at `start` ends.

    Raises:
        BadRecordError: When there is no whole value there.
    """
    try:
        return _DECODER.raw_decode(text, start)[1]
    except RecursionError as error:
        raise BadRecordError("nested too deeply to be read") from error
    except ValueError as error:
        raise BadRecordError(str(error)) from error


def skip_space(text: str, start: int) -> int:
    """The first position from `start` on that is not JSON white space."""
    while start < len(text) and text[start] in _WHITESPACE:
        start += 1
    return start


def minified(text: str) -> str:
    """The same JSON on one line: only white space between tokens goes, numbers and strings stay as written."""
    return _STRING_OR_SPACE.sub(lambda match: match.group(1) or "", text)


def spliced(text: str, path: FieldPath, new: str) -> str:
    """`text` with the string at `path` replaced; every other character stays.

    Raises:
        KeyError: When the path leads nowhere or not to a string.
    """
    start, end = value_span(text, skip_space(text, 0), path)
    if text[start] != '"':
        raise KeyError(path)
    return text[:start] + _written_string(new, like=text) + text[end:]


def spliced_bytes(raw: bytes, edits: Iterable[tuple[FieldPath, str]]) -> bytes:
    """`raw` with strings replaced; every other byte stays.

    Raises:
        KeyError: When a path leads nowhere or not to a string.
    """
    text = raw.decode("utf-8", "surrogateescape")
    for path, new in edits:
        text = spliced(text, path, new)
    return text.encode("utf-8", "surrogateescape")


def _written_string(new: str, *, like: str) -> str:
    """A JSON string, with characters beyond ASCII escaped where the text around does so, and where they have no UTF-8 form."""
    escapes = (like.isascii() and "\\u" in like) or any("\ud800" <= character <= "\udfff" for character in new)
    return json.dumps(new, ensure_ascii=escapes)


def dumped(value: Any) -> bytes:
    """A value as compact JSON: what orjson refuses (large integers, deep nesting, lone surrogates) is tried with the standard library.

    Raises:
        BadRecordError: When it has no JSON form at all.
    """
    try:
        return orjson.dumps(value, default=str)
    except TypeError:
        pass
    try:
        return json.dumps(value, separators=(",", ":"), default=str).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecordError(f"has no JSON form: {error}") from error


def encodable(text: str) -> str:
    """`text` with U+FFFD for lone surrogates: JSON can say them, but they have no UTF-8 form, so no file, column or tokenizer takes them."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def value_span(text: str, start: int, path: FieldPath) -> tuple[int, int]:
    """Start and end of the value at `path` inside the JSON value that begins at `start`.

    Raises:
        KeyError: When the path leads nowhere.
    """
    if not path:
        return start, element_end(text, start)
    opener = text[start : start + 1]
    if opener == "{" and isinstance(path[0], str):
        return value_span(text, _member_start(text, start + 1, path[0]), path[1:])
    if opener == "[" and isinstance(path[0], int):
        return value_span(text, _item_start(text, start + 1, path[0]), path[1:])
    raise KeyError(path)


def _member_start(text: str, at: int, wanted: str) -> int:
    found = -1
    while text[(at := skip_space(text, at))] != "}":
        key, at = scanstring(text, at + 1, False)
        value_start = skip_space(text, skip_space(text, at) + 1)
        if key == wanted:
            found = value_start  # parsers keep the last of several members of one name
        at = skip_space(text, element_end(text, value_start))
        at += text[at] == ","
    if found < 0:
        raise KeyError(wanted)
    return found


def _item_start(text: str, at: int, index: int) -> int:
    for _ in range(index):
        at = skip_space(text, element_end(text, skip_space(text, at)))
        if text[at] != ",":
            raise KeyError(index)
        at += 1
    at = skip_space(text, at)
    if text[at] == "]":
        raise KeyError(index)
    return at
