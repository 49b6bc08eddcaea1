"""What a file of records offers, whatever its format."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sde_core.errors import InputError
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.dataset.feed import Feed


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that could not be read; the others could.

    Attributes:
        row: Its position among the records, counted from 0.
        line: The 1-based line on which it begins.
        offset: The byte on which it begins.
        message: The parser's words.
        excerpt: The beginning of its bytes, decoded as far as possible.
    """

    row: int
    line: int
    offset: int
    message: str
    excerpt: str


Identity = list[list[int]]
"""Inode, size and the times of the last change of content and of status, for each file."""


def identity_of(files: Sequence[Path]) -> Identity:
    """What tells at once that files have not changed.

    Raises:
        OSError: When one is gone.
    """
    stats = [path.stat() for path in files]
    return [[stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns] for stat in stats]


def changed_error(path: str) -> InputError:
    """The error to raise where a file holds other records than were found in it."""
    return InputError(f"{visible(path, 200)} has changed since it was opened.", "Open it again.")


def numbered(path: str, rows: Sequence[int], raws: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The rows with their bytes.

    Raises:
        InputError: When there are more or fewer records than rows.
    """
    try:
        yield from zip(rows, raws, strict=True)
    except ValueError as error:
        raise changed_error(path) from error


RawOf = Callable[[int], bytes]
"""The bytes to write for a record: its own, or its edited ones."""


def parsed_one_by_one(source: Source, start: int, stop: int) -> Iterator[Any]:
    """`Source.values` for formats that have no faster way; a generator would end with the first record that raises."""

    def parsed(row: int) -> Any:
        return source.parse(row, source.raw(row))

    return map(parsed, range(start, stop))


class FromFeed(Sized):
    """What a source knows by the feed that it looks at."""

    _feed: Feed

    @property
    def encoding(self) -> str:
        """What the file is written in, "" for UTF-8."""
        return self._feed.encoding

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._feed.size

    def damages(self) -> Sequence[tuple[int, str]]:
        """The last record, when the file is damaged behind it."""
        return [(len(self) - 1, self._feed.damage)] if self._feed.damage and len(self) else []

    def ensure_whole(self) -> None:
        """Raises InputError when the file has been cut since it was opened."""
        self._feed.ensure_whole()


class OneTable:
    """A source without splits; its records are cut out and parsed one by one where it knows no faster way."""

    def raws(self: Source, start: int, stop: int) -> Iterator[bytes]:
        """The own bytes of consecutive records."""
        return map(self.raw, range(start, stop))

    def values(self: Source, start: int, stop: int) -> Iterator[Any]:
        """The values of consecutive records."""
        return parsed_one_by_one(self, start, stop)

    def splits(self) -> Sequence[tuple[int, str]]:
        """There are none."""
        return ()

    def split(self, row: int) -> str:
        """There are no splits."""
        return ""


class Unindexed:
    """A source whose records are found again each time."""

    def saved_index(self) -> tuple[dict[str, Any], list[array[int]]] | None:
        """Nothing is kept."""
        return None

    def restore_index(self, values: Mapping[str, Any], arrays: Sequence[array[int]]) -> None:
        """Nothing was kept."""


class Source(Protocol):
    """Records in file order, read only as far as asked.

    Attributes:
        format: "jsonl", "json", "csv", "tsv", "text", "parquet", "arrow".
    """

    format: str

    @property
    def complete(self) -> bool:
        """Whether the end of the file has been reached."""
        ...

    @property
    def encoding(self) -> str:
        """What the file is written in, "" for UTF-8; bytes of records are UTF-8 in any case."""
        ...

    @property
    def size(self) -> int:
        """Bytes on disk in all."""
        ...

    @property
    def position(self) -> int:
        """Bytes on disk read so far."""
        ...

    def __len__(self) -> int:
        """Records found so far, malformed ones counted."""
        ...

    def read_more(self, max_bytes: int) -> bool:
        """Reads on by about `max_bytes`; whether there may be more."""
        ...

    def raw(self, row: int) -> bytes:
        """The record's own bytes, without the line end."""
        ...

    def parse(self, row: int, raw: bytes) -> Any:
        """The value of `raw`, written in this source's notation.

        Raises:
            BadRecordError: In the parser's words.
        """
        ...

    def raws(self, start: int, stop: int) -> Iterator[bytes]:
        """The own bytes of consecutive records."""
        ...

    def values(self, start: int, stop: int) -> Iterator[Any]:
        """The values of consecutive records, as fast as they can be had: integers beyond 64 bits may come as floats.

        A record that `parse` would refuse, or must read tolerantly, raises a ValueError or a BadRecordError; the iterator then goes on behind it.
        """
        ...

    def splits(self) -> Sequence[tuple[int, str]]:
        """First row and name of each split in file order; nothing where there are no splits."""
        ...

    def line(self, row: int) -> int:
        """The 1-based line on which the record begins."""
        ...

    def offset(self, row: int) -> int:
        """The byte on which the record begins."""
        ...

    def split(self, row: int) -> str:
        """The split that the record belongs to, "" where there are none."""
        ...

    def damages(self) -> Sequence[tuple[int, str]]:
        """Where the data breaks off or cannot be followed: the last record before, and why."""
        ...

    def ensure_whole(self) -> None:
        """Looks whether the bytes that were found are still there.

        Raises:
            InputError: When the file has been cut since it was opened.
        """
        ...

    def saved_index(self) -> tuple[dict[str, Any], list[array[int]]] | None:
        """Where the records of a source that was read to its end stand, to be kept; None where that is found as fast as it is read."""
        ...

    def restore_index(self, values: Mapping[str, Any], arrays: Sequence[array[int]]) -> None:
        """Takes what `saved_index` gave for the same bytes: the source is then complete."""
        ...

    def edited(self, row: int, raw: bytes, edits: Sequence[tuple[tuple[str | int, ...], str]]) -> bytes:
        """`raw` with the texts at the given paths replaced and nothing else changed."""
        ...

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """A whole file of this format that holds just these rows."""
        ...
