"""CSV and TSV, with each record's own bytes kept: quoting comes back as it was."""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sde_core.dataset.feed import UTF8_MARK, Feed
from sde_core.dataset.source import RawOf
from sde_core.dataset.turns import FieldPath
from sde_core.errors import BadRecordError, InputError

_COLUMN_NAME = re.compile(r"(?=.*[^\W\d])[#\w][\w .#/()-]{0,39}$")
_SAMPLE_LINES = 200


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited file is written.

    Attributes:
        delimiter: "," or a tab, ";" or "|".
        quoted: Whether double quotes enclose fields; files without a convention use them as plain characters.
        columns: Names of the fields.
        header: Whether the first record holds those names.
    """

    delimiter: str
    quoted: bool
    columns: tuple[str, ...]
    header: bool


class DelimitedSource:
    """Records of a delimited file; a quoted field may run over several lines."""

    def __init__(self, feed: Feed, delimiter: str) -> None:
        csv.field_size_limit(1 << 30)
        self.format = "tsv" if delimiter == "\t" else "csv"
        self._feed = feed
        self._first = len(UTF8_MARK) if feed.buffer[:3] == UTF8_MARK else 0
        self._starts, self._ends, self._lines = array("Q"), array("Q"), array("Q")
        self._at, self._line = self._first, 1
        self.dialect = sniff_dialect(bytes(feed.buffer[self._first : self._first + (1 << 18)]), delimiter)
        self._header = self._take_header() if self.dialect.header else b""

    @property
    def complete(self) -> bool:
        """Whether the end of the file has been reached."""
        return self._feed.complete and self._at >= len(self._feed.buffer)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._feed.size

    @property
    def position(self) -> int:
        """Bytes on disk read so far."""
        return self._feed.position if self._feed.size != len(self._feed.buffer) else self._at

    def __len__(self) -> int:
        return len(self._starts)

    def read_more(self, max_bytes: int) -> bool:
        """Finds the records of about `max_bytes` more."""
        if not self._feed.complete:
            self._feed.grow(max_bytes)
        stop = self._at + max_bytes
        while self._at < min(stop, len(self._feed.buffer)) and self._take_record():
            pass
        return not self.complete

    def _take_header(self) -> bytes:
        self._take_record()
        if not self._starts:
            return b""
        start = self._starts.pop()
        self._ends.pop()
        self._lines.pop()
        return bytes(self._feed.buffer[start : self._at])

    def _take_record(self) -> bool:
        """Takes the next record; False when its end has not been fed yet."""
        buffer, start, line = self._feed.buffer, self._at, self._line
        open_quote, end = False, start
        while True:
            newline = buffer.find(b"\n", end)
            if newline < 0 and not self._feed.complete:
                return False
            next_end = newline + 1 if newline >= 0 else len(buffer)
            if self.dialect.quoted:
                open_quote ^= buffer[end:next_end].count(b'"') % 2 == 1
            end, line = next_end, line + 1
            if not open_quote or end >= len(buffer):
                break
        if buffer[start:end].strip(b"\r\n"):
            self._starts.append(start)
            self._ends.append(end)
            self._lines.append(self._line)
        self._at, self._line = end, line
        return True

    def raw(self, row: int) -> bytes:
        """The record as it is written, without the line end."""
        return self._feed.buffer[self._starts[row] : self._ends[row]].rstrip(b"\r\n")

    def parse(self, row: int, raw: bytes) -> Any:
        """The fields by name; all values are strings."""
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadRecordError(f"not UTF-8: byte 0x{raw[error.start]:02x} at byte {error.start} of the record") from error
        cells = split_cells(text, self.dialect)
        if len(cells) != len(self.dialect.columns):
            raise BadRecordError(f"{len(cells)} fields where the header has {len(self.dialect.columns)}")
        return dict(zip(self.dialect.columns, cells, strict=True))

    def line(self, row: int) -> int:
        """The 1-based line on which the record begins."""
        return self._lines[row]

    def offset(self, row: int) -> int:
        """The byte on which the record begins, after unpacking."""
        return self._starts[row]

    def split(self, row: int) -> str:
        """There are no splits in a delimited file."""
        return ""

    def edited(self, raw: bytes, value: Any, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """The record with the changed fields written anew and the others as they were."""
        cells = raw_cells(raw.decode("utf-8"), self.dialect)
        for path, new in edits:
            cells[self.dialect.columns.index(str(path[0]))] = written_cell(new, self.dialect)
        return self.dialect.delimiter.join(cells).encode("utf-8", "surrogatepass")

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """The header as it was, then each record with its own line end."""
        yield bytes(self._feed.buffer[: self._first]) + self._header
        for i, row in enumerate(rows):
            written = self._feed.buffer[self._starts[row] : self._ends[row]]
            line_end = written[len(written.rstrip(b"\r\n")) :]
            yield raw_of(row) + (line_end or (b"\n" if i + 1 < len(rows) else b""))


def split_cells(text: str, dialect: Dialect) -> list[str]:
    """The values of one record.

    Raises:
        BadRecordError: When the quoting is broken.
    """
    if not dialect.quoted:
        return text.split(dialect.delimiter)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, strict=True))
    except csv.Error as error:
        raise BadRecordError(str(error)) from error
    return rows[0] if len(rows) == 1 else [cell for row in rows for cell in row]


def raw_cells(text: str, dialect: Dialect) -> list[str]:
    """The fields of one record as they are written, quotes and all."""
    if not dialect.quoted:
        return text.split(dialect.delimiter)
    cells, start, inside = [], 0, False
    for at, character in enumerate(text):
        if character == '"':
            inside = not inside
        elif character == dialect.delimiter and not inside:
            cells.append(text[start:at])
            start = at + 1
    return [*cells, text[start:]]


def written_cell(value: str, dialect: Dialect) -> str:
    """A value as a field of the file.

    Raises:
        InputError: When the file's convention has no way to write it.
    """
    special = any(character in value for character in (dialect.delimiter, "\n", "\r"))
    if not dialect.quoted:
        if special:
            raise InputError("This file has no quoting, so a field cannot hold a tab or a line end.", "Export it as JSON Lines instead.")
        return value
    return '"' + value.replace('"', '""') + '"' if special or '"' in value else value


def sniff_dialect(head: bytes, delimiter: str) -> Dialect:
    """Finds out about quoting and header from the beginning of a file.

    Raises:
        InputError: When the first record cannot be read.
    """
    text = head.decode("utf-8", "replace")
    quoted = _is_quoted(text, delimiter)
    lines = text.split("\n")[:_SAMPLE_LINES]
    rows = (
        list(csv.reader(io.StringIO(text[: 1 << 17], newline=""), delimiter=delimiter))[:_SAMPLE_LINES]
        if quoted
        else [x.rstrip("\r").split(delimiter) for x in lines]
    )
    rows = [row for row in rows if any(row)]
    if not rows:
        raise InputError("The file holds no records.", "Check that it was written to the end.")
    header = _is_header(rows)
    columns = tuple(_distinct(rows[0])) if header else tuple(f"column_{i + 1}" for i in range(len(rows[0])))
    return Dialect(delimiter, quoted, columns, header)


def _is_quoted(text: str, delimiter: str) -> bool:
    if delimiter != "\t":
        return True
    opening, closing = re.compile(r'(^|\t)"', re.MULTILINE), re.compile(r'"(\r?$|\t)', re.MULTILINE)
    lines = text.split("\n")[:_SAMPLE_LINES]
    odd = sum(line.count('"') % 2 for line in lines)
    return odd == 0 and bool(opening.search(text)) and bool(closing.search(text))


def _is_header(rows: list[list[str]]) -> bool:
    first = [cell.strip() for cell in rows[0]]
    if len(set(first)) != len(first) or not all(_COLUMN_NAME.match(cell) for cell in first):
        return False
    return not any(cell in {row[i].strip() for row in rows[1:] if i < len(row)} for i, cell in enumerate(first))


def _distinct(names: list[str]) -> list[str]:
    return [name.strip() or f"column_{i + 1}" for i, name in enumerate(names)]
