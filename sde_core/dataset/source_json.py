"""JSON documents: a list of records, a dict of splits, or several values one after the other."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from sde_core.dataset.feed import Feed
from sde_core.dataset.json_text import element_end, minified, parse_json, skip_space, spliced
from sde_core.dataset.source import RawOf
from sde_core.dataset.turns import FieldPath
from sde_core.errors import BadRecordError, InputError

_NEXT_RECORD = re.compile(r"[}\]]\s*,\s*(?=[{\[])")


class JsonSource:
    """The elements of a JSON document as records, each with its own bytes and the text between them kept for export."""

    format = "json"

    def __init__(self, feed: Feed) -> None:
        while not feed.complete:
            feed.grow(64 << 20)
        self._feed = feed
        self._text = bytes(feed.buffer).decode("utf-8-sig", "surrogateescape")
        self._marked = bytes(feed.buffer[:3]) == b"\xef\xbb\xbf"
        self._starts, self._ends = array("Q"), array("Q")
        self._splits: list[tuple[int, str]] = []
        self._at = skip_space(self._text, 0)
        self._depth = self._enter()
        self.complete = False
        self.size = feed.size
        self._lines_known = (0, 1)
        self._between_splits = True

    def _enter(self) -> int:
        """0 for bare values, 1 inside a list, 2 inside a dict of splits."""
        opener = self._text[self._at : self._at + 1]
        if opener == "[":
            self._at += 1
            return 1
        if opener == "{" and _is_dict_of_splits(self._text, self._at):
            self._at += 1
            return 2
        return 0

    @property
    def position(self) -> int:
        """Bytes read so far, in proportion."""
        return self.size if self.complete else int(self.size * self._at / max(len(self._text), 1))

    def __len__(self) -> int:
        return len(self._starts)

    def read_more(self, max_bytes: int) -> bool:
        """Finds the elements of about `max_bytes` more."""
        stop = self._at + max_bytes
        while not self.complete and self._at < stop:
            self._next_element()
        return not self.complete

    def _next_element(self) -> None:
        at = skip_space(self._text, self._at)
        if at >= len(self._text):
            self.complete = True
        elif self._depth == 2 and self._between_splits:
            self._enter_split(at)
        elif self._text[at] in "]}" and self._depth:
            self._close(at)
        elif self._text[at] == ",":
            self._at = at + 1
        else:
            self._add_element(at)

    def _enter_split(self, at: int) -> None:
        if self._text[at] == "}":
            self.complete = True
            return
        if self._text[at] == ",":
            at = skip_space(self._text, at + 1)
        name_end = element_end(self._text, at)
        name = parse_json(self._text[at:name_end].encode())
        after_colon = skip_space(self._text, skip_space(self._text, name_end) + 1)
        self._splits.append((len(self._starts), name))
        self._between_splits = False
        self._at = after_colon + 1

    def _close(self, at: int) -> None:
        if self._depth == 2:
            self._between_splits = True
            self._at = at + 1
        else:
            self.complete = True
            self._at = len(self._text)

    def _add_element(self, at: int) -> None:
        try:
            end = element_end(self._text, at)
        except BadRecordError:
            end = self._resume_after(at)
        self._starts.append(at)
        self._ends.append(end)
        self._at = end

    def _resume_after(self, at: int) -> int:
        """Where a malformed element probably ends: before the next "}, {"."""
        following = _NEXT_RECORD.search(self._text, at)
        if following is None:
            return len(self._text)
        return following.start() + 1

    def raw(self, row: int) -> bytes:
        """The element as it is written."""
        return self._element(row).encode("utf-8", "surrogateescape")

    def _element(self, row: int) -> str:
        return self._text[self._starts[row] : self._ends[row]]

    def parse(self, row: int, raw: bytes) -> Any:
        """The parsed element."""
        return parse_json(raw)

    def line(self, row: int) -> int:
        """The 1-based line on which the element begins."""
        start = self._starts[row]
        known_at, known_line = self._lines_known if self._lines_known[0] <= start else (0, 1)
        line = known_line + self._text.count("\n", known_at, start)
        self._lines_known = (start, line)
        return line

    def offset(self, row: int) -> int:
        """The byte on which the element begins."""
        return len(self._text[: self._starts[row]].encode("utf-8", "surrogateescape")) + 3 * self._marked

    def split(self, row: int) -> str:
        """The key of the list that holds the element."""
        name = ""
        for first, split in self._splits:
            if first > row:
                break
            name = split
        return name

    def edited(self, raw: bytes, value: Any, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """The element with its strings spliced."""
        text = raw.decode("utf-8", "surrogateescape")
        for path, new in edits:
            text = spliced(text, path, new)
        return text.encode("utf-8", "surrogateescape")

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """The document with the elements that are not wanted left out, and the text around the others as it was."""
        wanted = set(rows)
        yield b"\xef\xbb\xbf" if self._marked else b""
        if sorted(rows) != list(rows):
            yield from self._reordered(rows, raw_of)
            return
        at = 0
        for first, last in self._blocks():
            yield self._bytes(at, self._starts[first])
            kept = [row for row in range(first, last) if row in wanted]
            for row in kept:
                yield raw_of(row)
                if row != kept[-1]:
                    yield self._bytes(self._ends[row], self._starts[row + 1])
            at = self._ends[last - 1]
        yield self._bytes(at, len(self._text))

    def _reordered(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        for i, row in enumerate(rows):
            yield b",\n" if i else b"[\n"
            yield raw_of(row)
        yield b"\n]\n" if len(rows) else b"[]\n"

    def _blocks(self) -> list[tuple[int, int]]:
        firsts = [first for first, _ in self._splits] or [0]
        blocks = list(zip(firsts, [*firsts[1:], len(self._starts)], strict=True))
        return [block for block in blocks if block[0] < block[1]]

    def _bytes(self, start: int, end: int) -> bytes:
        return self._text[start:end].encode("utf-8", "surrogateescape")


def _is_dict_of_splits(text: str, at: int) -> bool:
    """Whether the first member of the object is a list of records, so that the object is a dict of splits rather than one record."""
    after_brace = skip_space(text, at + 1)
    if text[after_brace : after_brace + 1] != '"':
        return False
    try:
        colon = skip_space(text, element_end(text, after_brace))
    except BadRecordError:
        return False
    opener = skip_space(text, colon + 1)
    if text[opener : opener + 1] != "[":
        return False
    first = skip_space(text, opener + 1)
    return text[first : first + 1] in ("{", "[") and not _is_message(text, first) and not _is_followed(text, at)


def _is_message(text: str, at: int) -> bool:
    """Whether the list holds the messages of one conversation rather than records."""
    try:
        value = parse_json(text[at : element_end(text, at)].encode("utf-8", "surrogateescape"))
    except BadRecordError:
        return False
    return isinstance(value, dict) and bool({"role", "from"} & value.keys())


def _is_followed(text: str, at: int) -> bool:
    """Whether another value follows the object: then it is a row of JSON Lines that happens to begin with a list."""
    try:
        end = element_end(text, at)
    except BadRecordError:
        return False
    return skip_space(text, end) < len(text)


def one_line(raw: bytes) -> bytes:
    """The element on one line, for JSON Lines.

    Raises:
        InputError: When the element is not UTF-8.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("The record is not UTF-8 and cannot be written as JSON.") from error
    return minified(text).encode("utf-8", "surrogatepass") if "\n" in text or "\r" in text else raw
