"""A lock between the processes of one machine that needs nothing but renaming folders, which every file system does atomically.

File locks (`fcntl`) are not to be trusted on network file systems, where home folders of GPU servers lie. Here a taker prepares a folder that names
it, and renames it to the next number after the highest that there is; renaming onto a folder with something in it fails, so one taker wins. The
highest number is never deleted, and who finds after its rename that there is a higher one steps back: so nobody who looked long ago can win.
A holder that died is known by its identity, and the next number is taken over its head.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import orjson

from sde_core.errors import JobError
from sde_core.jobs.identity import ProcessIdentity

_OWNER, _RELEASED = "owner.json", "released"
_LEFT_OVER_SECONDS = 60.0
_LOOK_SECONDS = 0.005


class Mutex:
    """One lock in a folder of its own. Held for moments only: a holder that lives is waited for.

    Args:
        folder: Made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def held(self, timeout: float = 20.0) -> Iterator[Callable[[], bool]]:
        """Hold the lock.

        Args:
            timeout: Seconds to wait for others.

        Yields:
            Whether it is still held: who deletes its folder lets others take it.

        Raises:
            JobError: When another process holds it all that time.
            OSError: When the folder cannot be written.
        """
        deadline = time.monotonic() + timeout
        mine = orjson.dumps({**asdict(ProcessIdentity.of_pid(os.getpid())), "token": secrets.token_hex(8)})
        while (number := self._taken(mine)) is None:
            if time.monotonic() > deadline:
                raise JobError("The queue of runs is held by another process.", f"It is {self._folder}; end the process that hangs there.")
            time.sleep(_LOOK_SECONDS * (0.5 + random.random()))
        try:
            yield lambda: self._is_owned(number, mine)
        finally:
            # Renaming needs no space, so that a full disk holds nobody up. Who deletes the whole folder has released the lock.
            if self._is_owned(number, mine):
                with suppress(FileNotFoundError):
                    (self._folder / str(number) / _OWNER).rename(self._folder / str(number) / _RELEASED)

    def _is_owned(self, number: int, mine: bytes) -> bool:
        with suppress(FileNotFoundError):
            return (self._folder / str(number) / _OWNER).read_bytes() == mine
        return False

    def _taken(self, owner: bytes) -> int | None:
        """The number under which this process holds the lock now, None where another one does."""
        latest = self._latest()
        if latest and self._is_held(latest):
            return None
        mine = latest + 1
        scratch = self._prepared(owner)
        try:
            scratch.rename(self._folder / str(mine))
        except OSError:
            shutil.rmtree(scratch, ignore_errors=True)
            return None
        if self._latest() != mine:
            shutil.rmtree(self._folder / str(mine), ignore_errors=True)
            return None
        self._forget_before(mine)
        return mine

    def _prepared(self, owner: bytes) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="taker-", dir=self._folder))
        try:
            (scratch / _OWNER).write_bytes(owner)
        except OSError:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        return scratch

    def _latest(self) -> int:
        with suppress(FileNotFoundError):
            return max((int(name) for name in os.listdir(self._folder) if name.isdigit()), default=0)  # noqa: PTH208
        return 0

    def _is_held(self, number: int) -> bool:
        folder = self._folder / str(number)
        try:
            owner = ProcessIdentity.from_json(orjson.loads((folder / _OWNER).read_bytes()))
        except FileNotFoundError:
            # Neither file is there while a number is removed, and then there is a higher one by now; or a power failure took the file.
            return not (folder / _RELEASED).exists() and not _is_old(folder)
        except orjson.JSONDecodeError:
            return False  # cut short by a power failure
        return owner is not None and owner.liveness() == "alive"

    def _forget_before(self, number: int) -> None:
        """Remove lower numbers, and what takers that were killed left prepared."""
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if (path.name.isdigit() and int(path.name) < number) or (path.name.startswith("taker-") and _is_old(path)):
                    shutil.rmtree(path, ignore_errors=True)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _LEFT_OVER_SECONDS
    except FileNotFoundError:
        return False
