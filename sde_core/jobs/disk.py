"""What a job does about a disk that takes no more: it keeps a little room for its last word, and says in one sentence what is missing where."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from sde_core.errors import JobError
from sde_core.visible import visible
from sde_core.wording import size_of

_RESERVED_BYTES = 1 << 15
"""Enough for a status, a few events and a report of a failure."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNWRITABLE = (*_FULL, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def is_unwritable(error: OSError) -> bool:
    """Whether the system refused to write: no room, or no leave."""
    return error.errno in _UNWRITABLE


def unwritable_job(folder: Path, error: OSError, *, needed: int | None = None, saved: str = "") -> JobError:
    """The error that ends a job whose files cannot be written.

    Args:
        folder: The job's folder.
        error: What the system said.
        needed: Bytes of what it writes next, where that is known.
        saved: Where it goes on when it is resumed, such as "step 12"; empty where it begins again.
    """
    place = visible(str(folder), 200)
    goes_on = f"resume it: it goes on from {saved}." if saved else "resume it."
    if error.errno in _FULL:
        wants = f"saving its state takes {size_of(needed)} in" if needed else "nothing more can be written to"
        return JobError(f"The disk is full: {wants} {place}.", f"Free some space, then {goes_on}")
    if error.errno == errno.EFBIG:
        return JobError(f"A file in {place} would grow larger than files may be here.", f"Raise that limit (ulimit -f), then {goes_on}")
    return JobError(f"{place} cannot be written: {error.strerror or error}.", f"Make it writable, then {goes_on}")


def reserve_room(folder: Path) -> None:
    """Take a little room on the disk, of bytes that no file system packs; without it when there is none."""
    with suppress(OSError):
        _reserve(folder).write_bytes(os.urandom(_RESERVED_BYTES))


def give_room_back(folder: Path) -> None:
    """Let go of the room, for what must be written now."""
    with suppress(OSError):
        _reserve(folder).unlink(missing_ok=True)


def _reserve(folder: Path) -> Path:
    return folder / "room"
