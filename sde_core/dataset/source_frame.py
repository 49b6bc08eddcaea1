"""Parquet and Arrow files: columns that are turned into records where they are looked at."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sde_core.dataset.json_text import dumped, parse_json
from sde_core.dataset.source import OneTable, RawOf, Unindexed
from sde_core.dataset.turns import FieldPath, replaced_at
from sde_core.errors import InputError
from sde_core.visible import visible

if TYPE_CHECKING:
    import polars as pl


class FrameSource(OneTable, Unindexed):
    """A table held by polars; a record's own bytes are its JSON form."""

    encoding = ""
    complete = True

    def __init__(self, path: Path, kind: str) -> None:
        self.format = kind
        self._frame = _read_frame(path, kind)
        self.size = self.position = path.stat().st_size

    def __len__(self) -> int:
        return self._frame.height

    def read_more(self, max_bytes: int) -> bool:
        """All of it is there."""
        return False

    def raw(self, row: int) -> bytes:
        """The record as JSON."""
        return dumped(self._frame.row(row, named=True))

    def parse(self, row: int, raw: bytes) -> Any:
        """The record as its JSON form says."""
        return parse_json(raw)

    def line(self, row: int) -> int:
        """The record's number counted from 1: tables have no lines."""
        return row + 1

    def offset(self, row: int) -> int:
        """Tables have no byte offsets of records."""
        return 0

    def damages(self) -> Sequence[tuple[int, str]]:
        """A table is whole or not opened at all."""
        return []

    def ensure_whole(self) -> None:
        """Nothing can happen: the table is in memory."""

    def edited(self, row: int, raw: bytes, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """The JSON form with texts replaced."""
        value = parse_json(raw)
        for path, new in edits:
            value = replaced_at(value, path, new)
        return dumped(value)

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """The same columns and types with just these records."""
        import polars as pl

        frame = self._frame[list(rows)] if len(rows) else self._frame.clear()
        parts, at = [], 0
        for i, row in enumerate(rows):
            before, after = self.raw(row), raw_of(row)
            if after != before:
                parts += [frame[at:i], pl.DataFrame([self._changed(row, before, after)], schema=frame.schema)]
                at = i + 1
        yield _written(pl.concat([*parts, frame[at:]]) if parts else frame, self.format)

    def _changed(self, row: int, before: bytes, after: bytes) -> dict[str, Any]:
        """The record with the fields that changed; the others keep types that JSON does not have."""
        old, new = parse_json(before), parse_json(after)
        return {name: new[name] if new[name] != old[name] else value for name, value in self._frame.row(row, named=True).items()}


def _read_frame(path: Path, kind: str) -> pl.DataFrame:
    import polars as pl

    try:
        if kind == "parquet":
            return pl.read_parquet(path, glob=False)
        with path.open("rb", buffering=0) as file:
            is_file_format = file.read(6) == b"ARROW1"
            file.seek(0)
            return pl.read_ipc(file) if is_file_format else pl.read_ipc_stream(file)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        words = visible(str(error).split("\n", 1)[0], 160)
        raise InputError(f"{visible(str(path), 200)}: not a readable {kind} file: {words}.", "Check that it was copied whole.") from error


def _written(frame: pl.DataFrame, kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "parquet":
        frame.write_parquet(buffer)
    else:
        frame.write_ipc(buffer)
    return buffer.getvalue()
