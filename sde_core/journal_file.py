"""One decision, and the file that holds them: a line of JSON each, appended and synced by one process at a time."""

from __future__ import annotations

import base64
import errno
import fcntl
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson

from sde_core.dataset.json_text import parse_json
from sde_core.dataset.turns import FieldPath
from sde_core.errors import InputError, ReadOnlyError
from sde_core.files import unwritable
from sde_core.visible import visible
from sde_core.wording import count_of

Entry = TypeVar("Entry")
VERSION = 1
_PACKED_FROM = 64
"""From so many keys on they are packed rather than spelled out."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One action of the user.

    Attributes:
        seq: Number of the line in the journal, from 1.
        op: "accept", "reject", "clear", "edit", "undo" or "redo".
        time: Seconds since the epoch.
        keys: uint64[n], the records concerned.
        reasons: The distinct reasons given.
        reason_of: Index into `reasons` for each key; all 0 where there is one reason for all.
        edits: For "edit": key, path, before, after.
        of: For "undo" and "redo": the decision taken back or restored.
    """

    seq: int
    op: str
    time: float
    keys: np.ndarray
    reasons: tuple[str, ...]
    reason_of: np.ndarray
    edits: tuple[tuple[int, FieldPath, str, str], ...] = ()
    of: int = 0

    @property
    def count(self) -> int:
        """How many records it concerns."""
        return len({key for key, *_ in self.edits}) if self.edits else len(self.keys)

    def summary(self) -> str:
        """One line for people: what, how many, why."""
        if self.of:
            return f"{self.op} #{self.of}"
        reason = self.reasons[0] if len(self.reasons) == 1 else f"{len(self.reasons)} reasons"
        return f"{self.op} {count_of(self.count, 'row')}" + (f": {reason}" if reason else "")


def open_locked(path: Path) -> int | None:
    """A descriptor that appends, locked for this process; None where the file cannot be written or another process has the lock."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def write_synced(file: int, line: bytes, path: Path) -> None:
    """Appends a line and syncs it.

    Args:
        file: The descriptor to write to.
        line: With its line break.
        path: What the file is called in an error.

    Raises:
        ReadOnlyError: When it cannot be written whole; then the file is as it was.
    """
    size = os.fstat(file).st_size
    try:
        written = os.write(file, line)
        if written < len(line):
            raise OSError(errno.ENOSPC, "the disk is full")
        os.fsync(file)
    except OSError as error:
        with suppress(OSError):  # where even this fails, the next opening cuts the torn line
            os.ftruncate(file, size)
        raise unwritable(path, error) from error


def without_torn_tail(written: bytes) -> tuple[bytes, bytes]:
    """All whole lines, and what follows the last line break."""
    end = written.rfind(b"\n") + 1
    return written[:end], written[end:]


def opened_lines(path: Path, *, writing: bool) -> tuple[int | None, bytes, bytes]:
    """Opens a journal, created where it is missing: a torn tail is cut off and kept beside it.

    Args:
        path: The file; its folder must exist.
        writing: False reads what is there, creates nothing and takes no lock.

    Returns:
        The locked descriptor (None where it may only be read), all whole lines, and the torn tail.

    Raises:
        ReadOnlyError: When the file exists and cannot be read.
    """
    file = open_locked(path) if writing else None
    try:
        written = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise ReadOnlyError(f"{visible(str(path), 200)} cannot be read: {error.strerror}.", "Check its permissions.") from error
    whole, torn = without_torn_tail(written)
    if torn and file is not None:
        try:
            set_aside(path, torn)
            os.ftruncate(file, len(whole))
        except OSError:  # the tail stays; appending to it would spoil the next line
            os.close(file)
            file = None
    return file, whole, torn


def opened_entries(path: Path, parse: Callable[[Path, bytes], Iterable[Entry]], *, writing: bool) -> tuple[int | None, list[Entry], bytes]:
    """Opens a journal as `opened_lines` does and reads its lines; lets go of it where one cannot be read.

    Args:
        path: The file; its folder must exist.
        parse: The entries that whole lines say.
        writing: False reads what is there, creates nothing and takes no lock.

    Returns:
        The locked descriptor (None where it may only be read), the entries, and the torn tail.

    Raises:
        InputError: When a line other than the last cannot be read.
        ReadOnlyError: When the file exists and cannot be read.
    """
    file, whole, torn = opened_lines(path, writing=writing)
    try:
        return file, list(parse(path, whole)), torn
    except InputError:
        if file is not None:
            os.close(file)
        raise


def set_aside(path: Path, torn: bytes) -> None:
    """Keeps a torn tail in a file beside the journal."""
    with (path.parent / f"{path.name}.torn").open("ab") as file:
        file.write(torn + b"\n")


def line_of(decision: Decision) -> bytes:
    """The line of JSON, its line break included, that says a decision."""
    entry: dict[str, Any] = {"v": VERSION, "seq": decision.seq, "op": decision.op, "time": decision.time}
    if decision.of:
        entry["of"] = decision.of
    else:
        entry["reasons"] = decision.reasons
    if len(decision.keys):
        entry["keys"] = _packed(decision.keys)
    if len(decision.reasons) > 1:
        entry["reason_of"] = decision.reason_of.tolist()
    if decision.edits:
        entry["edits"] = [{"key": f"{key:016x}", "path": path, "before": before, "after": after} for key, path, before, after in decision.edits]
    return _dumped(entry) + b"\n"


def _dumped(entry: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(entry)
    except TypeError:  # lone surrogates have no UTF-8 form; JSON can still escape them
        import json

        return json.dumps(entry).encode()


def _packed(keys: np.ndarray) -> list[str] | str:
    if len(keys) < _PACKED_FROM:
        return [f"{key:016x}" for key in keys.tolist()]
    return base64.b64encode(zlib.compress(keys.astype("<u8").tobytes(), 1)).decode()


def _unpacked(keys: list[str] | str) -> np.ndarray:
    if isinstance(keys, str):
        return np.frombuffer(zlib.decompress(base64.b64decode(keys)), "<u8").astype(np.uint64)
    return np.array([int(key, 16) for key in keys], np.uint64)


def decisions_in(path: Path, written: bytes) -> Iterator[Decision]:
    """The decisions that whole lines say.

    Args:
        path: What the file is called in an error.
        written: Lines with their line breaks.

    Raises:
        InputError: When a line says none.
    """
    for number, line in enumerate(written.split(b"\n")[:-1], start=1):
        try:
            yield _decision(parse_json(line))
        except (ValueError, KeyError, TypeError, OverflowError, AttributeError, zlib.error, InputError) as error:
            raise InputError(
                f"{visible(str(path), 200)}: line {number} of the decisions cannot be read.",
                f"Repair or remove that line; what it says is lost, the rest is not. ({visible(str(error), 120)})",
            ) from error


def _decision(entry: Mapping[str, Any]) -> Decision:
    keys = _unpacked(entry.get("keys", []))
    edits = tuple((int(edit["key"], 16), tuple(edit["path"]), edit["before"], edit["after"]) for edit in entry.get("edits", ()))
    reasons = tuple(entry.get("reasons", ()))
    reason_of = np.array(entry.get("reason_of") or np.zeros(len(keys)), np.int32)
    if len(reason_of) != len(keys) or (len(keys) and reason_of.max() >= max(len(reasons), 1)):
        raise ValueError("its reasons do not match its keys")
    return Decision(entry["seq"], entry["op"], entry["time"], keys, reasons, reason_of, edits, entry.get("of", 0))
