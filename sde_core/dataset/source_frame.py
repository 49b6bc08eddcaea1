"""Parquet and Arrow files: columns that are turned into records where they are looked at."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from sde_core.dataset.json_text import parse_json
from sde_core.dataset.source import RawOf
from sde_core.dataset.turns import FieldPath, replaced_at
from sde_core.errors import BadRecordError, InputError

if TYPE_CHECKING:
    import polars as pl


class FrameSource:
    """A table held by polars; a record's own bytes are its JSON form."""

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
        return as_json(self._frame.row(row, named=True))

    def parse(self, row: int, raw: bytes) -> Any:
        """The record as its JSON form says."""
        return parse_json(raw)

    def line(self, row: int) -> int:
        """The record's number counted from 1: tables have no lines."""
        return row + 1

    def offset(self, row: int) -> int:
        """Tables have no byte offsets of records."""
        return 0

    def split(self, row: int) -> str:
        """There are no splits in one table."""
        return ""

    def edited(self, raw: bytes, value: Any, edits: Sequence[tuple[FieldPath, str]]) -> bytes:
        """The JSON form with texts replaced."""
        for path, new in edits:
            value = replaced_at(value, path, new)
        return as_json(value)

    def assemble(self, rows: Sequence[int], raw_of: RawOf) -> Iterator[bytes]:
        """The same columns and types with just these records."""
        import polars as pl

        changed = {i: parse_json(raw_of(row)) for i, row in enumerate(rows) if raw_of(row) != self.raw(row)}
        frame = self._frame[list(rows)] if len(rows) else self._frame.clear()
        if changed:
            records = frame.to_dicts()
            records = [changed.get(i, record) for i, record in enumerate(records)]
            frame = pl.DataFrame(records, schema=frame.schema)
        yield _written(frame, self.format)


def as_json(value: Any) -> bytes:
    """A record as compact JSON; dates and other types without a JSON form become strings.

    Raises:
        BadRecordError: When it has none at all.
    """
    try:
        return orjson.dumps(value, default=str)
    except (orjson.JSONEncodeError, TypeError) as error:
        raise BadRecordError(str(error)) from error


def _read_frame(path: Path, kind: str) -> pl.DataFrame:
    import polars as pl

    try:
        if kind == "parquet":
            return pl.read_parquet(path)
        with path.open("rb") as file:
            is_file_format = file.read(6) == b"ARROW1"
        return pl.read_ipc(path) if is_file_format else pl.read_ipc_stream(path)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable {kind} file: {error}.", "Check that it was copied whole.") from error


def _written(frame: pl.DataFrame, kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "parquet":
        frame.write_parquet(buffer)
    else:
        frame.write_ipc(buffer)
    return buffer.getvalue()
