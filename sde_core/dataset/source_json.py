"""JSON documents: a list of records, a dict of splits, or several values one after the other."""

from __future__ import annotations

import itertools
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from sde_core.dataset.feed import UTF8_MARK, Feed
from sde_core.dataset.json_text import element_end, minified, parse_json, skip_space, spliced_bytes
from sde_core.dataset.source import RawOf
from sde_core.dataset.turns import FieldPath
from sde_core.errors import BadRecordError, InputError

_NEXT_RECORD = re.compile(r"[}\]]\s*,\s*(?=[{\[])")
_JUNK_END = re.compile(r"[,{\[\]}]")
_LIST_NAMES = {"data", "rows", "records", "examples", "items", "instances", "train", "test", "validation", "valid", "dev", "val"}
"""Members that hold records even where members of other kinds stand beside them."""
_VALUES, _LIST, _MEMBERS, _SPLIT = range(4)
"""Where the reader is: among bare values, in a list of records, between the members of a dict of splits, in the list of a split."""


class JsonSource:
    """The elements of a JSON document as records, each with its own bytes and the text between them kept for export."""

    format = "json"

    def __init__(self, feed: Feed) -> None:
        while not feed.complete:
            feed.grow(64 << 20)
        self._feed = feed
        self._marked = bytes(feed.buffer[:3]) == UTF8_MARK
        self._text = str(memoryview(feed.buffer)[3 * self._marked :], "utf-8", "surrogateescape")
        self._starts, self._ends = array("Q"), array("Q")
        self._splits: list[tuple[int, str]] = []
        self._at, self._where = 0, _VALUES
        self._damage = feed.damage
        self._known_place = (0, 1, 3 * self._marked)
        self.complete = False
        self.size = feed.size

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
            self._at = self._after_next(skip_space(self._text, self._at))
        return not self.complete

    def _after_next(self, at: int) -> int:
        """Takes the mark or the element at `at`; returns where it ends."""
        mark = self._text[at : at + 1]
        if not mark:
            self._finish()
        elif mark == ",":
            pass
        elif self._where == _VALUES and mark == "[":
            self._where = _LIST
        elif self._where == _VALUES and mark == "{" and _is_dict_of_splits(self._text, at):
            self._where = _MEMBERS
        elif (self._where, mark) in ((_LIST, "]"), (_MEMBERS, "}")):
            self._where = _VALUES
        elif (self._where, mark) == (_SPLIT, "]"):
            self._where = _MEMBERS
        elif self._where == _MEMBERS and mark == '"':
            return self._after_member_name(at)
        else:
            return self._after_element(at)
        return at + 1

    def _finish(self) -> None:
        self.complete = True
        if self._where != _VALUES and not self._damage:
            self._damage = "the list of records is never closed"

    def _after_member_name(self, at: int) -> int:
        """Enters the list of a split; a member of another kind is passed over."""
        try:
            name_end = element_end(self._text, at)
            value = skip_space(self._text, skip_space(self._text, name_end) + 1)
            if self._text[value : value + 1] != "[":
                return element_end(self._text, value)
        except BadRecordError:
            return self._after_element(at)
        self._splits.append((len(self._starts), parse_json(self._text[at:name_end].encode("utf-8", "surrogateescape"))))
        self._where = _SPLIT
        return value + 1

    def _after_element(self, at: int) -> int:
        try:
            end = element_end(self._text, at)
        except BadRecordError:
            end = self._resume_after(at)
        self._starts.append(at)
        self._ends.append(end)
        return end

    def _resume_after(self, at: int) -> int:
        """Where a malformed element probably ends: before the next "}, {", and stray words before the next mark."""
        if self._text[at] in "{[":
            following = _NEXT_RECORD.search(self._text, at)
            return following.start() + 1 if following else len(self._text)
        mark = _JUNK_END.search(self._text, at + 1)
        return mark.start() if mark else len(self._text)

    def damages(self) -> Sequence[tuple[int, str]]:
        """The last record, when the document breaks off behind it."""
        return [(len(self) - 1, self._damage)] if self._damage and len(self) else []

    def ensure_whole(self) -> None:
        """Nothing can happen: the text is in memory."""

    def raw(self, row: int) -> bytes:
        """The element as it is written."""
        return self._bytes(self._starts[row], self._ends[row])

    def parse(self, row: int, raw: bytes) -> Any:
        """The parsed element."""
        return parse_json(raw)

    def raws(self, start: int, stop: int) -> Iterator[bytes]:
        """The elements as they are written."""
        return map(self.raw, range(start, stop))

    def values(self, start: int, stop: int) -> Iterator[Any]:
        """The parsed elements."""
        return map(orjson.loads, self.raws(start, stop))

    def splits(self) -> Sequence[tuple[int, str]]:
        """The lists of a dict of splits."""
        return self._splits

    def line(self, row: int) -> int:
        """The 1-based line on which the element begins."""
        return self._place(self._starts[row])[1]

    def offset(self, row: int) -> int:
        """The byte on which the element begins, after unpacking."""
        return self._place(self._starts[row])[2]

    def _place(self, at: int) -> tuple[int, int, int]:
        """Character, line and byte of a position; counted on from the one asked for last where that is possible."""
        known, line, byte = self._known_place if self._known_place[0] <= at else (0, 1, 3 * self._marked)
        between = self._text[known:at]
        self._known_place = (at, line + between.count("\n"), byte + len(between.encode("utf-8", "surrogateescape")))
        return self._known_place

    def split(self, row: int) -> str:
        """The key of the list that holds the element."""
        at = bisect_right(self._splits, row, key=_first_row) - 1
        return self._splits[at][1] if at >= 0 else ""

    def edited(self, row: int, raw: bytes, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """The element with its strings spliced."""
        return spliced_bytes(raw, edits)

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """The document with the elements that are not wanted left out, and the text around the others as it was."""
        yield UTF8_MARK if self._marked else b""
        if any(second <= first for first, second in itertools.pairwise(rows)):
            yield from self._reordered(rows, raw_of)
            return
        wanted, at = set(rows), 0
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
        yield b"\n]\n"

    def _blocks(self) -> list[tuple[int, int]]:
        firsts = [first for first, _ in self._splits] or [0]
        blocks = list(zip(firsts, [*firsts[1:], len(self._starts)], strict=True))
        return [block for block in blocks if block[0] < block[1]]

    def _bytes(self, start: int, end: int) -> bytes:
        return self._text[start:end].encode("utf-8", "surrogateescape")


def _first_row(split: tuple[int, str]) -> int:
    return split[0]


def _is_dict_of_splits(text: str, at: int) -> bool:
    """Whether the object that begins at `at` holds lists of records rather than being one record.

    Its first list of records decides; empty lists may stand before it, and members of other kinds where its name tells what it holds.
    """
    at, among_others = at + 1, False
    try:
        while text[at := skip_space(text, at)] != "}":
            name_end = element_end(text, at)
            name = text[at + 1 : name_end - 1]
            value = skip_space(text, skip_space(text, name_end) + 1)
            first = skip_space(text, value + 1)
            is_list = text[value] == "["
            if is_list and text[first] in "{[":
                return not _is_message(text, first) and (not among_others or name in _LIST_NAMES)
            among_others |= not (is_list and text[first] == "]")
            at = skip_space(text, element_end(text, value))
            at += text[at] == ","
    except (BadRecordError, IndexError):
        return False
    return False


def _is_message(text: str, at: int) -> bool:
    """Whether the list holds the messages of one conversation rather than records."""
    try:
        value = parse_json(text[at : element_end(text, at)].encode("utf-8", "surrogateescape"))
    except BadRecordError:
        return False
    return isinstance(value, dict) and bool({"role", "from"} & value.keys())


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
