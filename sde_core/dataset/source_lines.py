"""One record a line: JSON Lines, and plain text."""

from __future__ import annotations

import io
import mmap
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import orjson

from sde_core.dataset.feed import UTF8_MARK, Feed
from sde_core.dataset.json_text import parse_json, spliced_bytes
from sde_core.dataset.source import FromFeed, OneTable, RawOf, parsed_one_by_one
from sde_core.dataset.turns import FieldPath
from sde_core.errors import BadRecordError

_FIRST_SLICE = 1 << 17
"""Up to here newlines are looked for one by one, which needs no import and takes under a millisecond."""
_SPACE = 0x20
"""No character of white space is above it."""


class LineIndex:
    """Where each line that holds anything begins.

    Lines end at a line feed and nowhere else: U+0085 and U+2028 occur inside JSON strings.

    Attributes:
        starts: Byte offset of each record, as unsigned 64-bit integers.
        scanned: Bytes looked at so far; always the start of a line, or the end.
        blanks: For each blank line, how many records stand before it.
    """

    def __init__(self, first: int = 0) -> None:
        self.starts = array("Q")
        self.scanned = first
        self.blanks = array("Q")

    def scan(self, buffer: mmap.mmap | bytes, max_bytes: int, *, final: bool) -> bool:
        """Indexes about `max_bytes` more; False when nothing is left to index. `final`: the buffer will not grow."""
        stop = min(self.scanned + max_bytes, len(buffer))
        ends = self._line_ends(buffer, stop)
        if not len(ends) and stop < len(buffer):
            following = buffer.find(b"\n", stop)
            stop = following + 1 or len(buffer)
            ends = array("Q", [following] if following >= 0 else [])
        self._add(buffer, ends)
        if final and stop == len(buffer) and self.scanned < stop:
            self._add(buffer, array("Q", [stop]))
            self.scanned = stop
        return self.scanned < len(buffer)

    def line(self, row: int) -> int:
        """1-based line of the record in its file."""
        return row + 1 + bisect_right(self.blanks, row)

    def has_blanks(self, start: int, stop: int) -> bool:
        """Whether blank lines stand between or right behind these rows."""
        return bisect_right(self.blanks, stop) > bisect_right(self.blanks, start)

    def _line_ends(self, buffer: mmap.mmap | bytes, stop: int) -> array[int]:
        if stop - self.scanned > _FIRST_SLICE:
            return self._line_ends_vectorised(buffer, stop)
        ends, at = array("Q"), self.scanned - 1
        while (at := buffer.find(b"\n", at + 1, stop)) >= 0:
            ends.append(at)
        return ends

    def _line_ends_vectorised(self, buffer: mmap.mmap | bytes, stop: int) -> array[int]:
        import numpy as np

        view = np.frombuffer(buffer, dtype=np.uint8, count=stop - self.scanned, offset=self.scanned)
        ends = array("Q")
        ends.frombytes((np.flatnonzero(view == 0x0A).astype(np.uint64) + np.uint64(self.scanned)).tobytes())
        return ends

    def _add(self, buffer: mmap.mmap | bytes, ends: array[int]) -> None:
        if not len(ends):
            return
        starts = array("Q", [self.scanned])
        starts.extend(array("Q", (end + 1 for end in ends[:-1])) if len(ends) < 4096 else _shifted(ends))
        if self._may_hold_blanks(buffer, starts):
            starts = self._without_blanks(buffer, starts, ends)
        self.starts.extend(starts)
        self.scanned = ends[-1] + 1

    @staticmethod
    def _may_hold_blanks(buffer: mmap.mmap | bytes, starts: array[int]) -> bool:
        if len(starts) < 4096:
            return any(buffer[start] <= _SPACE for start in starts)
        import numpy as np

        view = np.frombuffer(buffer, dtype=np.uint8)
        return bool((view[np.frombuffer(starts, np.uint64)] <= _SPACE).any())

    def _without_blanks(self, buffer: mmap.mmap | bytes, starts: array[int], ends: array[int]) -> array[int]:
        kept = array("Q")
        for start, end in zip(starts, ends, strict=True):
            if buffer[start] <= _SPACE and not buffer[start:end].strip():
                self.blanks.append(len(self.starts) + len(kept))
            else:
                kept.append(start)
        return kept


def _shifted(ends: array[int]) -> array[int]:
    import numpy as np

    shifted = array("Q")
    shifted.frombytes((np.frombuffer(ends, np.uint64)[:-1] + np.uint64(1)).tobytes())
    return shifted


class LineSource(FromFeed, OneTable):
    """JSON Lines, mapped and parsed only where it is looked at."""

    format = "jsonl"

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        first = len(UTF8_MARK) if feed.buffer[:3] == UTF8_MARK else 0
        self._index = LineIndex(first)

    @property
    def complete(self) -> bool:
        """Whether the end of the file has been reached."""
        return self._feed.complete and self._index.scanned >= len(self._feed.buffer)

    @property
    def position(self) -> int:
        """Bytes on disk read so far."""
        return self._feed.position(self._index.scanned)

    def __len__(self) -> int:
        return len(self._index.starts)

    def read_more(self, max_bytes: int) -> bool:
        """Indexes about `max_bytes` more."""
        if not self._feed.complete:
            self._feed.grow(max_bytes)
        begin = self._index.scanned
        self._index.scan(self._feed.buffer, max_bytes, final=self._feed.complete)
        self._feed.release(begin, self._index.scanned)
        return not self.complete

    def raw(self, row: int) -> bytes:
        """The line without its end."""
        starts = self._index.starts
        lines = self._feed.read(starts[row], starts[row + 1] if row + 1 < len(starts) else self._index.scanned)
        return lines.partition(b"\n")[0].rstrip(b"\r")

    def parse(self, row: int, raw: bytes) -> Any:
        """The parsed JSON of the line."""
        return parse_json(raw)

    def raws(self, start: int, stop: int) -> Iterator[bytes]:
        """The lines without their ends."""
        return map(bytes.rstrip, self._lines(start, stop), repeat(b"\r\n"))

    def values(self, start: int, stop: int) -> Iterator[Any]:
        """The parsed lines."""
        return map(orjson.loads, self._lines(start, stop))

    def _lines(self, start: int, stop: int) -> Iterator[bytes]:
        """The lines with their ends; each is made when it is asked for and gone before the next, which is what makes it fast."""
        starts = self._index.starts
        lines = io.BytesIO(self._feed.read(starts[start], starts[stop] if stop < len(starts) else self._index.scanned))
        return filter(bytes.strip, lines) if self._index.has_blanks(start, stop) else lines

    def line(self, row: int) -> int:
        """The 1-based line."""
        return self._index.line(row)

    def offset(self, row: int) -> int:
        """The byte on which the line begins, after unpacking."""
        return self._index.starts[row]

    def saved_index(self) -> tuple[dict[str, Any], list[array[int]]] | None:
        """Starts of the lines and places of the blank ones."""
        return ({"scanned": self._index.scanned}, [self._index.starts, self._index.blanks]) if self._feed.is_file else None

    def restore_index(self, values: Mapping[str, Any], arrays: Sequence[array[int]]) -> None:
        """The lines of all of the file."""
        self._index.starts, self._index.blanks = arrays
        self._index.scanned = values["scanned"]

    def edited(self, row: int, raw: bytes, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """The line with its strings spliced."""
        return spliced_bytes(raw, edits)

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """What stands before the first record, then each record with its own line end and the blank lines behind it."""
        starts, end = self._index.starts, len(self._feed.buffer)
        yield self._feed.buffer[: starts[0] if len(starts) else end]
        for i, row in enumerate(rows):
            span = self._feed.buffer[starts[row] : starts[row + 1] if row + 1 < len(starts) else end]
            behind = span[len(self.raw(row)) :]
            yield raw_of(row) + (behind if b"\n" in behind or i + 1 == len(rows) else behind + b"\n")


class TextSource(LineSource):
    """Plain text: every line that holds anything is a record with one field, `text`."""

    format = "text"

    def parse(self, row: int, raw: bytes) -> Any:
        """The line as the field `text`."""
        try:
            return {"text": raw.decode("utf-8")}
        except UnicodeDecodeError as error:
            raise BadRecordError(f"not UTF-8: byte 0x{raw[error.start]:02x} at byte {error.start} of the line") from error

    def values(self, start: int, stop: int) -> Iterator[Any]:
        """The lines as the field `text`."""
        return parsed_one_by_one(self, start, stop)

    def edited(self, row: int, raw: bytes, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """The new line; line ends in it would make two records and become spaces."""
        return " ".join(edits[-1][1].splitlines()).encode("utf-8", "replace")
