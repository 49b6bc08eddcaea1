"""CSV and TSV, with each record's own bytes kept: quoting comes back as it was."""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sde_core.dataset.feed import UTF8_MARK, Feed
from sde_core.dataset.source import FromFeed, OneTable, RawOf
from sde_core.dataset.turns import FieldPath
from sde_core.errors import BadRecordError, InputError

_COLUMN_NAME = re.compile(r"(?=.*[^\W\d])[#\w](?:[\w .#/()-]{0,39}|[\w .#/()\[\]?!,:;%&'’\"-]{0,199})$")
_SHORT_NAME = 40
_RARELY = 0.02
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_USUAL_NAMES = {
    "text", "label", "labels", "prompt", "completion", "instruction", "input", "output", "response", "answer", "question", "query", "context",
    "category", "class", "intent", "sentence", "review", "message", "content", "title", "id", "score", "rating", "target", "source", "summary",
    "chosen", "rejected", "system",
}  # fmt: skip
_QUOTED_FIELD = re.compile(rb'"[^"]*(?:""[^"]*)*"')
_SAMPLE_LINES = 200
_LONGEST_FIELD = 16 << 20
"""Bytes after which a quote that stays open is taken for a stray one."""


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


class DelimitedSource(FromFeed, OneTable):
    """Records of a delimited file; a quoted field may run over several lines."""

    def __init__(self, feed: Feed, delimiter: str) -> None:
        csv.field_size_limit(1 << 30)
        self._field_end = re.compile(b"[\n%s]" % delimiter.encode())
        self.format = "tsv" if delimiter == "\t" else "csv"
        self._feed = feed
        self._first = len(UTF8_MARK) if feed.buffer[:3] == UTF8_MARK else 0
        self._starts, self._ends, self._lines = array("Q"), array("Q"), array("Q")
        self._at, self._line = self._first, 1
        self.dialect = sniff_dialect(bytes(feed.buffer[self._first : self._first + (1 << 18)]), delimiter)
        if self.dialect.header:
            self._take_header()

    @property
    def complete(self) -> bool:
        """Whether the end of the file has been reached."""
        return self._feed.complete and self._at >= len(self._feed.buffer)

    @property
    def position(self) -> int:
        """Bytes on disk read so far."""
        return self._feed.position(self._at)

    def __len__(self) -> int:
        return len(self._starts)

    def read_more(self, max_bytes: int) -> bool:
        """Finds the records of about `max_bytes` more."""
        if not self._feed.complete:
            self._feed.grow(max_bytes)
        begin, stop = self._at, self._at + max_bytes
        while self._at < min(stop, len(self._feed.buffer)) and self._take_record():
            pass
        self._feed.release(begin, self._at)
        return not self.complete

    def _take_header(self) -> None:
        while not self._starts and self._at < len(self._feed.buffer) and self._take_record():
            pass
        for found in (self._starts, self._ends, self._lines):
            del found[:]

    def _take_record(self) -> bool:
        """Takes the next record; False when its end has not been fed yet."""
        start = self._at
        end = self._record_end(start)
        if end is None:
            return False
        written = self._feed.buffer[start:end]
        if written.strip(b"\r\n"):
            self._starts.append(start)
            self._ends.append(end)
            self._lines.append(self._line)
        self._at, self._line = end, self._line + max(written.count(b"\n"), 1)
        return True

    def _record_end(self, start: int) -> int | None:
        """Where the record that begins at `start` ends, None when that has not been fed yet.

        A quoted field may run over several lines. Where that does not make a whole record, a stray quote is at fault: it costs its own line,
        not all that follow.
        """
        buffer, complete = self._feed.buffer, self._feed.complete
        newline = buffer.find(b"\n", start)
        if newline < 0 and not complete:
            return None
        line_end = newline + 1 if newline >= 0 else len(buffer)
        if not self.dialect.quoted or buffer.find(b'"', start, line_end) < 0:
            return line_end
        end = self._quoted_end(start)
        if end is None:
            return line_end if complete or len(buffer) - start > _LONGEST_FIELD else None
        return end if end <= line_end or self._is_whole(buffer[start:end]) else line_end

    def _quoted_end(self, start: int) -> int | None:
        """Where the record ends when line ends inside quotes are part of it; None where a quote stays open."""
        buffer, at = self._feed.buffer, start
        while True:
            if buffer[at : at + 1] == b'"':
                field = _QUOTED_FIELD.match(buffer, at, min(at + _LONGEST_FIELD, len(buffer)))
                if field is None:
                    return None
                at = field.end()
            mark = self._field_end.search(buffer, at)
            if mark is None:
                return len(buffer) if self._feed.complete else None
            at = mark.end()
            if mark.group() == b"\n":
                return at

    def _is_whole(self, raw: bytes) -> bool:
        try:
            return len(split_cells(raw.rstrip(b"\r\n").decode("utf-8", "replace"), self.dialect)) == len(self.dialect.columns)
        except BadRecordError:
            return False

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

    def saved_index(self) -> tuple[dict[str, Any], list[array[int]]] | None:
        """Starts, ends and lines of the records."""
        values = {"at": self._at, "line": self._line}
        return (values, [self._starts, self._ends, self._lines]) if self._feed.is_file else None

    def restore_index(self, values: Mapping[str, Any], arrays: Sequence[array[int]]) -> None:
        """The records of all of the file."""
        self._starts, self._ends, self._lines = arrays
        self._at, self._line = values["at"], values["line"]

    def edited(self, row: int, raw: bytes, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """The record with the changed fields written anew and the others as they were."""
        cells = raw_cells(raw.decode("utf-8"), self.dialect)
        for path, new in edits:
            cells[self.dialect.columns.index(str(path[0]))] = written_cell(new, self.dialect)
        return self.dialect.delimiter.join(cells).encode("utf-8", "replace")

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """The header as it was, then each record with its own line end and the blank lines behind it."""
        starts, end = self._starts, len(self._feed.buffer)
        yield self._feed.buffer[: starts[0] if len(starts) else end]
        for i, row in enumerate(rows):
            span = self._feed.buffer[starts[row] : starts[row + 1] if row + 1 < len(starts) else end]
            behind = span[len(self.raw(row)) :]
            yield raw_of(row) + (behind if b"\n" in behind or i + 1 == len(rows) else behind + b"\n")


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
    delimiter = re.escape(dialect.delimiter)
    field = re.compile(rf'((?:"[^"]*(?:""[^"]*)*")?[^{delimiter}]*)(?:{delimiter}|$)', re.DOTALL)
    cells: list[str] = []
    at = 0
    while at <= len(text):
        match = field.match(text, at)
        if match is None:
            return [*cells, text[at:]]
        cells.append(match.group(1))
        at = match.end() if match.end() > match.end(1) else len(text) + 1
    return cells


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
    rows = _quoted_rows(text[: 1 << 17], delimiter) if quoted else [line.rstrip("\r").split(delimiter) for line in lines]
    rows = [row for row in rows if any(row)]
    if not rows:
        raise InputError("The file holds no records.", "Check that it was written to the end.")
    header = _is_header(rows)
    columns = tuple(_distinct(rows[0])) if header else tuple(f"column_{i + 1}" for i in range(len(rows[0])))
    return Dialect(delimiter, quoted, columns, header)


def _quoted_rows(text: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) >= _SAMPLE_LINES:
                break
    except csv.Error:  # what could be read says enough
        pass
    return rows


def _is_quoted(text: str, delimiter: str) -> bool:
    if delimiter != "\t":
        return True
    opening, closing = re.compile(r'(^|\t)"', re.MULTILINE), re.compile(r'"(\r?$|\t)', re.MULTILINE)
    lines = text.split("\n")[:_SAMPLE_LINES]
    odd = sum(line.count('"') % 2 for line in lines)
    return odd == 0 and bool(opening.search(text)) and bool(closing.search(text))


def _is_header(rows: list[list[str]]) -> bool:
    """Whether the first record names the fields.

    Short names that no record holds as a value do. Where a name is long or occurs as a value too, more must speak for it: a word that fields are
    usually called by, a column of numbers under a word, or a name longer than every value below it.
    """
    first = [cell.strip() for cell in rows[0]]
    if not all(_COLUMN_NAME.match(cell) for cell in first):
        return False
    columns = [[row[i].strip() for row in rows[1:] if i < len(row) and row[i].strip()] for i in range(len(first))]
    recurring = [column.count(cell) for cell, column in zip(first, columns, strict=True)]
    if max(map(len, first)) <= _SHORT_NAME and not any(recurring):
        return True
    if any(count > max(len(rows) * _RARELY, 1) for count in recurring):
        return False
    evident = [_is_evident(cell, column) for cell, column in zip(first, columns, strict=True)]
    return any(evident) and all(name or len(cell) <= _SHORT_NAME for name, cell in zip(evident, first, strict=True))


def _is_evident(cell: str, column: Sequence[str]) -> bool:
    """Whether a cell can hardly be a value of the column below it."""
    if cell.casefold() in _USUAL_NAMES or (column and all(map(_NUMBER.fullmatch, column)) and not _NUMBER.fullmatch(cell)):
        return True
    return len(cell) > _SHORT_NAME and bool(column) and len(cell) > max(map(len, column))


def _distinct(names: list[str]) -> list[str]:
    """The names, with a number where one occurs again: two columns of one name would be one field."""
    distinct: list[str] = []
    for i, name in enumerate(names):
        plain = unique = name.strip() or f"column_{i + 1}"
        number = 2
        while unique in distinct:
            unique, number = f"{plain}_{number}", number + 1
        distinct.append(unique)
    return distinct
