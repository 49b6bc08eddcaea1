"""Where the values of a JSON document end, found in its bytes without parsing them: by quotes and brackets alone."""

from __future__ import annotations

import mmap
import re

_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(rb'[^"{}\[\]]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^"{}\[\]]*)*([{}\[\]])', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,:{}\[\]\"]+")
_OPENING = b"{["


LONGEST = 1 << 28
"""Bytes after which a value that is still open is taken for one that is never closed."""


def skip_space(buffer: mmap.mmap | bytes, at: int) -> int:
    """The first byte from `at` on that is not JSON white space."""
    found = _SPACE.match(buffer, at)
    return found.end() if found else at


def value_end(buffer: mmap.mmap | bytes, at: int, stop: int) -> int | None:
    """Where the value that begins at `at` ends, as far as brackets and quotes tell; None where that is not before `stop`.

    What stands between the brackets may be no JSON all the same.
    """
    first = buffer[at]
    if first == 0x22:
        string = _STRING.match(buffer, at, stop)
        return string.end() if string else None
    if first not in _OPENING:
        scalar = _SCALAR.match(buffer, at, stop)
        return scalar.end() if scalar else at + 1
    depth, at = 1, at + 1
    while depth:
        bracket = _BRACKET.match(buffer, at, stop)
        if bracket is None:
            return None
        at = bracket.end()
        depth += 1 if buffer[at - 1] in _OPENING else -1
    return at
