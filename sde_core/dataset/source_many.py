"""Several files as one dataset; each file is a split."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from sde_core.dataset.json_text import dumped
from sde_core.dataset.source import RawOf, Source, Unindexed
from sde_core.dataset.source_json import one_line
from sde_core.dataset.turns import FieldPath


class ManySource(Unindexed):
    """Sources one after the other, each opened when its turn comes."""

    encoding = ""

    def __init__(self, parts: Sequence[tuple[str, Callable[[], Source], int]]) -> None:
        self._waiting = list(parts)
        self._open: list[tuple[str, Source]] = []
        self._firsts: list[int] = []
        self.size = sum(size for _, _, size in parts)
        self._open_next()
        self.format = self._open[0][1].format

    def _open_next(self) -> None:
        name, opener, _ = self._waiting.pop(0)
        self._firsts.append(len(self))
        self._open.append((name, opener()))

    @property
    def complete(self) -> bool:
        """Whether the last file has been read to its end."""
        return not self._waiting and self._open[-1][1].complete

    @property
    def position(self) -> int:
        """Bytes read so far over all files."""
        return sum(source.position for _, source in self._open)

    def __len__(self) -> int:
        return self._firsts[-1] + len(self._open[-1][1]) if self._open else 0

    def read_more(self, max_bytes: int) -> bool:
        """Reads on in the current file, or opens the next."""
        if not self._open[-1][1].read_more(max_bytes) and self._waiting:
            self._open_next()
        return not self.complete

    def _at(self, row: int) -> tuple[str, Source, int]:
        part = bisect_right(self._firsts, row) - 1
        while part + 1 < len(self._firsts) and self._firsts[part + 1] == row and not len(self._open[part][1]):
            part += 1
        name, source = self._open[part]
        return name, source, row - self._firsts[part]

    def raw(self, row: int) -> bytes:
        """The record's own bytes in its file."""
        _, source, local = self._at(row)
        return source.raw(local)

    def parse(self, row: int, raw: bytes) -> Any:
        """The record's value in its file's notation."""
        _, source, local = self._at(row)
        return source.parse(local, raw)

    def raws(self, start: int, stop: int) -> Iterator[bytes]:
        """The own bytes of consecutive records, over files."""
        return chain.from_iterable([source.raws(*span) for source, span in self._spans(start, stop)])

    def values(self, start: int, stop: int) -> Iterator[Any]:
        """The values of consecutive records, over files."""
        return chain.from_iterable([source.values(*span) for source, span in self._spans(start, stop)])

    def _spans(self, start: int, stop: int) -> Iterator[tuple[Source, tuple[int, int]]]:
        for first, (_, source) in zip(self._firsts, self._open, strict=True):
            span = (max(start - first, 0), min(stop - first, len(source)))
            if span[0] < span[1]:
                yield source, span

    def splits(self) -> Sequence[tuple[int, str]]:
        """The files, and the splits in them."""
        return [
            (first + row, f"{name}/{inner}" if inner else name)
            for first, (name, source) in zip(self._firsts, self._open, strict=True)
            for row, inner in ([] if source.splits()[:1] and source.splits()[0][0] == 0 else [(0, "")]) + list(source.splits())
        ]

    def line(self, row: int) -> int:
        """The 1-based line in the record's file."""
        _, source, local = self._at(row)
        return source.line(local)

    def offset(self, row: int) -> int:
        """The byte in the record's file."""
        _, source, local = self._at(row)
        return source.offset(local)

    def split(self, row: int) -> str:
        """The file's name, with the split inside it if it has any."""
        name, source, local = self._at(row)
        inner = source.split(local)
        return f"{name}/{inner}" if inner else name

    def damages(self) -> Sequence[tuple[int, str]]:
        """Those of all files."""
        return [(first + row, why) for first, (_, source) in zip(self._firsts, self._open, strict=True) for row, why in source.damages()]

    def ensure_whole(self) -> None:
        """Raises InputError when a file has been cut since it was opened."""
        for _, source in self._open:
            source.ensure_whole()

    def edited(self, row: int, raw: bytes, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """The edited record in its file's notation."""
        _, source, local = self._at(row)
        return source.edited(local, raw, edits)

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """The records as JSON Lines: files of a folder may differ in format."""
        for row in rows:
            _, source, local = self._at(row)
            raw = raw_of(row)
            yield (one_line(raw) if source.format in ("jsonl", "json") else dumped(source.parse(local, raw))) + b"\n"
