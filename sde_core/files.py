"""Writing files whole or not at all, and saying why one cannot be written."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sde_core.errors import ReadOnlyError, UsageError
from sde_core.visible import visible

_sources: set[str] = set()
"""Files that hold the data somebody works on, as `_place_of` names them."""


def unwritable(path: Path, error: OSError) -> ReadOnlyError:
    """The error to raise when `path` cannot be written."""
    shown = visible(str(path), 200)
    if error.errno == errno.ENOSPC:
        return ReadOnlyError(f"{shown} cannot be written: the disk is full.", "Free some space and try again; nothing was lost.")
    return ReadOnlyError(f"{shown} cannot be written: {error.strerror or error}.", "Choose a folder that you may write to, or set XDG_STATE_HOME.")


def from_home(name: str | Path) -> Path:
    """`Path.expanduser`, but "~nobody/x" stays as it is where there is no such user: then there is no such file either, and who looks says so."""
    return Path(os.path.expanduser(name))  # noqa: PTH111


def never_write(files: Iterable[Path]) -> None:
    """From now on `atomic_write` refuses these files in this process: what a dataset was read from is never written."""
    _sources.update(place for file in files for place in (_place_of(file), os.path.realpath(file)))


def refuse_source(path: Path) -> None:
    """Raises before the long part of the work, not after it.

    Raises:
        UsageError: When `path` is a file that a dataset was read from.
    """
    if _place_of(path) in _sources or os.path.realpath(path) in _sources:
        raise UsageError(f"{visible(str(path), 200)} is the data itself, which is never written.", "Name another file.")


def _place_of(path: Path) -> str:
    """A name in its folder, the folder by its real path; a link by its own name."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118


def atomic_write(path: Path, chunks: Iterable[bytes]) -> None:
    """Writes a file whole or not at all: into a temporary file beside it, synced, then renamed.

    Raises:
        UsageError: When a dataset was read from that file.
        ReadOnlyError: When it cannot be written; what was at `path` is untouched.
    """
    refuse_source(path)
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101
        os.replace(temporary, path)  # noqa: PTH105
        temporary = ""
        _sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse it; the rename is done all the same
        pass
    finally:
        os.close(descriptor)
