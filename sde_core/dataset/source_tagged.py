"""Tagged text (CoNLL, IOB2): a token and its tags on each line, a blank line behind each sentence; a sentence is a record."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from sde_core.dataset.feed import UTF8_MARK, Feed
from sde_core.dataset.source import FromFeed, OneTable, RawOf, Unindexed
from sde_core.dataset.turns import FieldPath
from sde_core.errors import BadRecordError, InputError

_BETWEEN = re.compile(rb"\r?\n(?:[ \t]*\r?\n)+")


class TaggedSource(FromFeed, OneTable, Unindexed):
    """Sentences as records with the fields `text`, `tokens` and `tags_1`, `tags_2`, … for the columns behind the token."""

    format = "tagged"

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._starts, self._ends, self._lines = array("Q"), array("Q"), array("Q")
        self._at, self._line = len(UTF8_MARK) if feed.buffer[:3] == UTF8_MARK else 0, 1
        self.complete = False

    @property
    def position(self) -> int:
        """Bytes on disk read so far."""
        return self._feed.position(self._at)

    def __len__(self) -> int:
        return len(self._starts)

    def read_more(self, max_bytes: int) -> bool:
        """Finds the sentences of about `max_bytes` more."""
        stop = self._at + max_bytes
        while not self.complete and self._at < stop:
            gap = _BETWEEN.search(self._feed.buffer, self._at)
            if (gap is None or gap.end() == len(self._feed.buffer)) and not self._feed.complete:
                self._feed.grow(max_bytes)
                continue
            self._take(gap.start() if gap else len(self._feed.buffer), gap.end() if gap else len(self._feed.buffer))
            self.complete = self._at >= len(self._feed.buffer)
        return not self.complete

    def _take(self, end: int, following: int) -> None:
        block = self._feed.buffer[self._at : end]
        if block.strip():
            self._starts.append(self._at)
            self._ends.append(self._at + len(block.rstrip(b"\r\n")))
            self._lines.append(self._line)
        self._line += self._feed.buffer[self._at : following].count(b"\n")
        self._at = following

    def raw(self, row: int) -> bytes:
        """The lines of the sentence, without the last line end."""
        return self._feed.buffer[self._starts[row] : self._ends[row]]

    def parse(self, row: int, raw: bytes) -> Any:
        """The tokens, as a text and as a list, and their tags by column."""
        try:
            lines = [line.split() for line in raw.decode("utf-8").split("\n") if line.strip()]
        except UnicodeDecodeError as error:
            raise BadRecordError(f"not UTF-8: byte 0x{raw[error.start]:02x} at byte {error.start} of the sentence") from error
        if len({len(cells) for cells in lines}) > 1:
            raise BadRecordError("lines of one sentence have different numbers of columns")
        tokens, *tags = (list(column) for column in zip(*lines, strict=True))
        return {"text": " ".join(tokens), "tokens": tokens, **{f"tags_{number}": column for number, column in enumerate(tags, 1)}}

    def line(self, row: int) -> int:
        """The 1-based line of the first token."""
        return self._lines[row]

    def offset(self, row: int) -> int:
        """The byte on which the sentence begins."""
        return self._starts[row]

    def edited(self, row: int, raw: bytes, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """Raises InputError: another text would need other tags."""
        raise InputError("A tagged sentence cannot be edited: its tags belong to its tokens.", "Reject the row, or change the file.")

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """What stands before the first sentence, then each with the blank lines behind it."""
        starts, end = self._starts, len(self._feed.buffer)
        yield self._feed.buffer[: starts[0] if len(starts) else end]
        for i, row in enumerate(rows):
            behind = self._feed.buffer[self._ends[row] : starts[row + 1] if row + 1 < len(starts) else end]
            yield raw_of(row) + (behind if behind.count(b"\n") > 1 or i + 1 == len(rows) else b"\n\n")
