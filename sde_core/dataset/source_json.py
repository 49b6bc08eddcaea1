"""JSON documents: a list of records, a dict of splits, or several values one after the other."""

from __future__ import annotations

import itertools
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from sde_core.dataset.feed import UTF8_MARK, Feed
from sde_core.dataset.json_scan import LONGEST, skip_space, value_end
from sde_core.dataset.json_text import minified, parse_json, spliced_bytes
from sde_core.dataset.source import FromFeed, RawOf
from sde_core.dataset.turns import FieldPath
from sde_core.errors import BadRecordError, InputError

_NEXT_RECORD = re.compile(rb"(?<!\s)\s*,\s*(?=[{\[])")
"""Looked for at the beginning of a run of white space alone: from each place in a long one the search would take the square of its length."""
_JUNK_END = re.compile(rb"[,{\[\]}]")
_LIST_NAMES = {b"data", b"rows", b"records", b"examples", b"items", b"instances", b"train", b"test", b"validation", b"valid", b"dev", b"val"}
"""Members that hold records even where members of other kinds stand beside them."""
_VALUES, _LIST, _MEMBERS, _SPLIT = range(4)
"""Where the reader is: among bare values, in a list of records, between the members of a dict of splits, in the list of a split."""
_ELEMENT_START = re.compile(rb'\{\s*"[^"\\]{1,64}"|\[')
_LONGEST_BETWEEN = 64
_MOST_WRONG_GUESSES = 8
_WINDOW = 1 << 20
"""Bytes in which most elements end; where one does not, it is looked for a record behind a malformed one before the rest is searched."""


class JsonSource(FromFeed):
    """The elements of a JSON document as records, each with its own bytes and the text between them kept for export.

    The document is never held as a whole: elements are found by their brackets, one by one, and each is parsed once when it is found, so that a
    malformed one costs no more than itself.
    """

    format = "json"

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._first = len(UTF8_MARK) if bytes(feed.buffer[:3]) == UTF8_MARK else 0
        self._starts, self._ends, self._lines = array("Q"), array("Q"), array("Q")
        self._splits: list[tuple[int, str]] = []
        self._at, self._where = self._first, _VALUES
        self._line_known = (self._first, 1)
        self._usual: Any = None
        self._between, self._wrong_guesses = b"", 0
        self._unclosed = ""
        self.complete = False

    @property
    def position(self) -> int:
        """Bytes on disk read so far."""
        return self.size if self.complete else self._feed.position(self._at)

    def __len__(self) -> int:
        return len(self._starts)

    def read_more(self, max_bytes: int) -> bool:
        """Finds the elements of about `max_bytes` more."""
        begin, stop = self._at, self._at + max_bytes
        while not self.complete and self._at < stop:
            self._at = self._after_next(self._skip_space(self._at))
        self._feed.release(begin, self._at)
        return not self.complete

    def _skip_space(self, at: int) -> int:
        while (at := skip_space(self._feed.buffer, at)) >= len(self._feed.buffer) and not self._feed.complete:
            self._feed.grow(_WINDOW)
        return at

    def _after_next(self, at: int) -> int:
        """Takes the mark or the element at `at`; returns where it ends."""
        mark = self._mark_at(at)
        if not mark:
            self._finish()
        elif mark == b",":
            pass
        elif self._where == _VALUES and mark == b"[":
            self._where = _LIST
        elif self._where == _VALUES and mark == b"{" and self._is_dict_of_splits(at):
            self._where = _MEMBERS
        elif (self._where, mark) in ((_LIST, b"]"), (_MEMBERS, b"}")):
            self._where = _VALUES
        elif (self._where, mark) == (_SPLIT, b"]"):
            self._where = _MEMBERS
        elif self._where == _MEMBERS and mark == b'"':
            return self._after_member_name(at)
        else:
            return self._after_element(at)
        return at + 1

    def _finish(self) -> None:
        self.complete = True
        if self._where != _VALUES:
            self._unclosed = "the list of records is never closed"

    def _after_member_name(self, at: int) -> int:
        """Enters the list of a split; a member of another kind is passed over."""
        name_end = self._value_end(at)
        if name_end is None:
            return self._after_element(at)
        value = self._skip_space(self._skip_space(name_end) + 1)
        if self._mark_at(value) != b"[":
            return (self._value_end(value) if value < len(self._feed.buffer) else None) or self._after_element(at)
        try:
            name = str(parse_json(self._feed.buffer[at:name_end]))
        except BadRecordError:
            name = self._feed.buffer[at + 1 : name_end - 1].decode("utf-8", "replace")
        self._splits.append((len(self._starts), name))
        self._where = _SPLIT
        return value + 1

    def _value_end(self, at: int, longest: int = LONGEST) -> int | None:
        """Where the value ends by its brackets; the feed grows as far as that takes."""
        window = _WINDOW
        while True:
            while len(self._feed.buffer) < at + window and not self._feed.complete:
                self._feed.grow(window)
            end = value_end(self._feed.buffer, at, min(at + window, len(self._feed.buffer)))
            if window >= longest or at + window >= len(self._feed.buffer) or (end is not None and end < at + window):
                return end
            window *= 16

    def _after_element(self, at: int) -> int:
        end = self._guessed_end(at)
        if end is None:
            end = self._value_end(at, _WINDOW)
            if end is None or not self._is_whole(at, end):
                end = self._end_of_malformed(at, end)
        self._starts.append(at)
        self._ends.append(end)
        self._lines.append(self._line_at(at))
        return end

    def _guessed_end(self, at: int) -> int | None:
        """Where the element ends if the next one begins as the last ones did; what can be parsed up to there is the element.

        That saves looking at every bracket. A guess that fails is made anew from the elements that follow, some times.
        """
        buffer = self._feed.buffer
        if self._wrong_guesses >= _MOST_WRONG_GUESSES:
            return None
        if not self._between:
            start = _ELEMENT_START.match(buffer, at)
            close = self._ends[-1] - 1 if len(self._ends) else at
            self._between = buffer[close:at] + start.group() if start and 0 < at - close <= _LONGEST_BETWEEN else b""
        place = buffer.find(self._between, at + 1, at + _WINDOW) if self._between else -1
        try:
            if place >= 0:
                self._usual = _outline(orjson.loads(buffer[at : place + 1]))
                self._wrong_guesses = 0
                return place + 1
        except orjson.JSONDecodeError:
            pass
        self._wrong_guesses += bool(self._between)
        self._between = b""
        return None

    def _is_whole(self, at: int, end: int) -> bool:
        raw = self._feed.buffer[at:end]
        try:
            self._usual = _outline(orjson.loads(raw))
        except orjson.JSONDecodeError:
            try:
                parse_json(raw)
            except BadRecordError as error:
                return "nested too deeply" in error.message
        return True

    def _end_of_malformed(self, at: int, end: int | None) -> int:
        """Where an element that is malformed or very long probably ends: before the next record that is like the others, or by its brackets."""
        if self._feed.buffer[at] not in b"{[":
            mark = _JUNK_END.search(self._feed.buffer, at + 1)
            return mark.start() if mark else len(self._feed.buffer)
        if self._usual is None and end is not None and self._mark_at(self._skip_space(end)) in (b",", b"]"):
            return end
        following = self._next_record(at, min(end or at + _WINDOW, len(self._feed.buffer)))
        if following is None and end is None:
            end = self._value_end(at)
            following = self._next_record(at, end or len(self._feed.buffer)) if end is None or not self._is_whole(at, end) else None
        return following or end or len(self._feed.buffer)

    def _mark_at(self, at: int) -> bytes:
        return self._feed.buffer[at : at + 1]

    def _next_record(self, at: int, stop: int) -> int | None:
        """The end of what stands before the first element in a region that can be read and looks like the records before."""
        usual = self._usual
        for gap in _NEXT_RECORD.finditer(self._feed.buffer, at + 1, stop):
            end = value_end(self._feed.buffer, gap.end(), min(gap.end() + _WINDOW, len(self._feed.buffer)))
            if end is None or not self._is_whole(gap.end(), end):
                continue
            found, self._usual = self._usual, usual
            if _alike(found, usual):
                return gap.start()
        return None

    def _line_at(self, at: int) -> int:
        """The 1-based line of a place behind the last one asked for."""
        known, line = self._line_known
        while known < at:
            step = min(at, known + _WINDOW)
            line += self._feed.buffer[known:step].count(b"\n")
            known = step
        self._line_known = (at, line)
        return line

    def _is_dict_of_splits(self, at: int) -> bool:
        """Whether the object that begins at `at` holds lists of records rather than being one record.

        Its first list of records decides; empty lists may stand before it, and members of other kinds where its name tells what it holds.
        """
        at, among_others = at + 1, False
        while True:
            at = self._skip_space(at)
            name_end = self._value_end(at) if self._mark_at(at) == b'"' else None
            if name_end is None:
                return False
            name = self._feed.buffer[at + 1 : name_end - 1]
            value = self._skip_space(self._skip_space(name_end) + 1)
            first = self._skip_space(value + 1)
            is_list = self._mark_at(value) == b"["
            if is_list and self._mark_at(first) in (b"{", b"["):
                return not self._is_message(first) and (not among_others or name in _LIST_NAMES)
            among_others |= not (is_list and self._mark_at(first) == b"]")
            end = self._value_end(value) if value < len(self._feed.buffer) else None
            if end is None:
                return False
            at = self._skip_space(end)
            at += self._mark_at(at) == b","

    def _is_message(self, at: int) -> bool:
        """Whether the list holds the messages of one conversation rather than records."""
        end = self._value_end(at)
        try:
            value = parse_json(self._feed.buffer[at:end]) if end else None
        except BadRecordError:
            return False
        return isinstance(value, dict) and bool({"role", "from"} & value.keys())

    def damages(self) -> Sequence[tuple[int, str]]:
        """The last record, when the document breaks off behind it."""
        damage = self._feed.damage or self._unclosed
        return [(len(self) - 1, damage)] if damage and len(self) else []

    def raw(self, row: int) -> bytes:
        """The element as it is written."""
        return self._feed.read(self._starts[row], self._ends[row])

    def parse(self, row: int, raw: bytes) -> Any:
        """The parsed element."""
        return parse_json(raw)

    def raws(self, start: int, stop: int) -> Iterator[bytes]:
        """The elements as they are written."""
        first = self._starts[start]
        chunk = self._feed.read(first, self._ends[stop - 1])
        return (chunk[self._starts[row] - first : self._ends[row] - first] for row in range(start, stop))

    def values(self, start: int, stop: int) -> Iterator[Any]:
        """The parsed elements."""
        return map(orjson.loads, self.raws(start, stop))

    def splits(self) -> Sequence[tuple[int, str]]:
        """The lists of a dict of splits."""
        return self._splits

    def line(self, row: int) -> int:
        """The 1-based line on which the element begins."""
        return self._lines[row]

    def offset(self, row: int) -> int:
        """The byte on which the element begins, after unpacking."""
        return self._starts[row]

    def split(self, row: int) -> str:
        """The key of the list that holds the element."""
        at = bisect_right(self._splits, row, key=_first_row) - 1
        return self._splits[at][1] if at >= 0 else ""

    def saved_index(self) -> tuple[dict[str, Any], list[array[int]]] | None:
        """Starts, ends and lines of the elements, and the splits."""
        values = {"at": self._at, "unclosed": self._unclosed, "splits": self._splits}
        return (values, [self._starts, self._ends, self._lines]) if self._feed.is_file else None

    def restore_index(self, values: Mapping[str, Any], arrays: Sequence[array[int]]) -> None:
        """The elements of all of the document."""
        self._starts, self._ends, self._lines = arrays
        self._at, self._unclosed = values["at"], values["unclosed"]
        self._splits = [(first, name) for first, name in values["splits"]]
        self.complete = True

    def edited(self, row: int, raw: bytes, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """The element with its strings spliced."""
        return spliced_bytes(raw, edits)

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """The document with the elements that are not wanted left out, and the text around the others as it was."""
        yield self._bytes(0, self._first)
        if any(second <= first for first, second in itertools.pairwise(rows)):
            yield from self._reordered(rows, raw_of)
            return
        wanted, at = set(rows), self._first
        for first, last in self._blocks():
            yield self._bytes(at, self._starts[first])
            kept = [row for row in range(first, last) if row in wanted]
            for row in kept:
                yield raw_of(row)
                if row != kept[-1]:
                    yield self._bytes(self._ends[row], self._starts[row + 1])
            at = self._ends[last - 1]
        yield self._bytes(at, len(self._feed.buffer))

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
        return self._feed.buffer[start:end]


def _first_row(split: tuple[int, str]) -> int:
    return split[0]


def _outline(value: Any) -> Any:
    """What tells records of one list from values inside them: the fields of an object, the length of a list."""
    return frozenset(value) if isinstance(value, dict) else len(value) if isinstance(value, list) else None


def _alike(found: Any, usual: Any) -> bool:
    """Whether an element has the outline of the records; anything has where none is known."""
    if usual is None or not isinstance(found, frozenset) or not isinstance(usual, frozenset):
        return usual is None or found == usual
    return 2 * len(found & usual) >= max(len(found), 1)


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
