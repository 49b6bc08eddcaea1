"""A job's events: one JSON object a line, appended by the job, read by anybody from where they left off."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import orjson

CHUNK_BYTES = 1 << 20


def append_event(path: Path, event: dict[str, Any]) -> None:
    """Append one event in a single write, so that readers see it whole or torn at its end, never mixed with another.

    Args:
        path: The event file; made when it is missing.
        event: Anything that goes to JSON; `t` (seconds since 1970) is added. Numbers that are not finite become null.
    """
    line = orjson.dumps({"t": round(time.time(), 3), **event}, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        while line:  # a disk that is nearly full takes a part, and refuses the rest
            line = line[os.write(descriptor, line) :]
    finally:
        os.close(descriptor)


def close_torn_line(path: Path) -> None:
    """End a last line that a killed writer left half written, so that the next event starts a line of its own."""
    try:
        with path.open("rb+") as file:
            file.seek(0, os.SEEK_END)
            if file.tell() == 0:
                return
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
    except FileNotFoundError:
        return


def read_events(path: Path, offset: int = 0, max_bytes: int = CHUNK_BYTES) -> tuple[list[dict[str, Any]], int]:
    """The events from a byte offset on, and the offset to go on from.

    A line still being written waits for the next call; a line that a killed writer left torn is skipped.
    A file shorter than the offset was replaced and is read from its start.

    Args:
        path: The event file; a missing one has no events.
        offset: 0, or what the last call returned.
        max_bytes: About how much to read at once, so that a long history comes in pieces.

    Returns:
        The events in order and the new offset, which has not moved when nothing more is there.
    """
    try:
        with path.open("rb") as file:
            if offset > os.fstat(file.fileno()).st_size:
                offset = 0
            file.seek(offset)
            block = file.read(max_bytes)
            if b"\n" not in block:
                block += file.readline()
    except FileNotFoundError:
        return [], 0
    whole = block[: block.rfind(b"\n") + 1]
    return [event for line in whole.split(b"\n") if (event := _parsed(line)) is not None], offset + len(whole)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None
