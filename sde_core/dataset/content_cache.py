"""What was found out about a file's content, kept for the next time it is opened: index, keys, texts.

One folder for each content, named by a hash of the files' bytes. Which content a file has is known by its inode, size and times, as long as these
were seen well after the last change; otherwise its bytes are hashed again. What is torn, damaged or of another version of this code counts as absent.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import sys
import tempfile
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from sde_core.dataset.source import Identity, identity_of
from sde_core.errors import ReadOnlyError
from sde_core.files import atomic_write

FEWEST_BYTES = 4 << 20
"""Smaller files are read again as fast as from here."""
_CONTENTS = 3
"""Contents that are kept: the file as it is, and as it was last."""
_IDENTITIES = 8
_SETTLED_NS = 2_000_000_000
"""A change within this time after a file was looked at may leave its times as they were: such an identity proves nothing."""
_CHUNK = 1 << 20
_ABANDONED_S = 6 * 3600
"""A folder that was being filled this long ago belongs to a process that was killed."""


@dataclass
class ContentCache:
    """The cache of what was opened.

    Attributes:
        folder: Where contents are kept; made when there is something to keep.
        files: What was opened.
        identity: Of the files when they were opened.
    """

    folder: Path
    files: Sequence[Path]
    identity: Identity
    _content: str = ""
    _found: bool | None = field(default=None)

    @property
    def worthwhile(self) -> bool:
        """Whether the files are so large that reading them again takes longer."""
        return sum(size for _, size, _, _ in self.identity) >= FEWEST_BYTES

    def read(self, name: str) -> tuple[dict[str, Any], list[memoryview]] | None:
        """What was kept under a name: its values and arrays; None where there is nothing sound."""
        return read_blob(self._place / name) if self._is_known() else None

    def path(self, name: str) -> Path | None:
        """Where a folder of that name is kept, None where there is none."""
        return self._place / name if self._is_known() and (self._place / name).is_dir() else None

    def write(self, name: str, values: Mapping[str, Any], arrays: Sequence[Any]) -> None:
        """Keeps values and arrays; nothing happens where that is impossible."""
        if self._ready():
            write_blob(self._place / name, values, arrays)

    def new_folder(self) -> Path | None:
        """An empty folder to fill and then `keep`; None where nothing can be written."""
        if not self._ready():
            return None
        try:
            for left in self._place.glob(".new-*"):
                if time.time() - left.stat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(left, ignore_errors=True)
            return Path(tempfile.mkdtemp(prefix=".new-", dir=self._place))
        except OSError:
            return None

    def keep(self, folder: Path, name: str) -> None:
        """Puts a filled folder in the place of an older one of that name."""
        try:
            if self._unchanged():
                shutil.rmtree(self._place / name, ignore_errors=True)
                folder.rename(self._place / name)
        except OSError:
            pass
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _place(self) -> Path:
        return self.folder / self._content

    def _is_known(self) -> bool:
        """Whether something is kept about the content that the files have."""
        if self._found is None:
            self._found = self.worthwhile and self._unchanged() and self._find()
        return self._found

    def _unchanged(self) -> bool:
        return are_unchanged(self.files, self.identity)

    def _find(self) -> bool:
        size = sum(size for _, size, _, _ in self.identity)
        same_size = [place for place in _folders(self.folder) if _note(place).get("size") == size]
        for place in same_size:
            if any(seen == self.identity and _is_settled(seen, at) for seen, at in _note(place).get("seen", [])):
                self._content = place.name
                return True
        if not same_size:
            return False
        self._content = self._hashed()
        if self._content not in {place.name for place in same_size}:
            return False
        self._note_identity()
        return True

    def _ready(self) -> bool:
        """Whether something can be kept: the files are what they were, and there is a folder for their content."""
        if not self.worthwhile or not self._unchanged():
            return False
        self._content = self._content or self._hashed()
        if not self._unchanged():  # while they were hashed: what was found out is not about that hash
            self._content = ""
            return False
        try:
            self._place.mkdir(parents=True, exist_ok=True)
            self._note_identity()
        except (OSError, ReadOnlyError):
            return False
        self._drop_oldest()
        return True

    def _hashed(self) -> str:
        """Hash of the names and bytes of the files, and of the code that reads them."""
        digest = xxhash.xxh3_128(code_version("dataset").encode())
        for path in self.files:
            digest.update(os.fsencode(path.name) + b"\0")
            with path.open("rb", buffering=0) as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        return digest.hexdigest()

    def _note_identity(self) -> None:
        seen = [item for item in _note(self._place).get("seen", []) if item[0] != self.identity][-_IDENTITIES + 1 :]
        note = {"size": sum(size for _, size, _, _ in self.identity), "seen": [*seen, [self.identity, time.time_ns()]]}
        with contextlib.suppress(ReadOnlyError):
            atomic_write(self._place / "content.json", [json.dumps(note).encode()])

    def _drop_oldest(self) -> None:
        places = sorted((place for place in _folders(self.folder) if place != self._place), key=_note_time, reverse=True)
        for place in places[_CONTENTS - 1 :]:
            shutil.rmtree(place, ignore_errors=True)


def are_unchanged(files: Sequence[Path], identity: Identity) -> bool:
    """Whether files are still what they were when they had this identity."""
    try:
        return identity_of(files) == identity
    except OSError:
        return False


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []


def _note(place: Path) -> dict[str, Any]:
    """Size and identities of a content, nothing where that cannot be read."""
    try:
        note = json.loads((place / "content.json").read_bytes())
        return note if isinstance(note, dict) and all(len(item) == 2 for item in note["seen"]) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _note_time(place: Path) -> int:
    try:
        return (place / "content.json").stat().st_mtime_ns
    except OSError:
        return 0


def _is_settled(identity: Identity, at: int) -> bool:
    return all(max(changed, status) < at - _SETTLED_NS for _, _, changed, status in identity)


@functools.cache
def code_version(*parts: str) -> str:
    """Hash of the code in these folders and files of `sde_core`: what they made is kept under it, and other code makes it anew."""
    home = Path(__file__).resolve().parents[1]
    digest = xxhash.xxh3_128(sys.byteorder.encode())
    for part in parts:
        for path in [home / part] if part.endswith(".py") else sorted((home / part).rglob("*.py")):
            digest.update(path.relative_to(home).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def write_blob(path: Path, values: Mapping[str, Any], arrays: Sequence[Any]) -> None:
    """Writes values and arrays with their checksum, whole or not at all; a file that cannot be written is none."""
    views = [memoryview(item).cast("B") for item in arrays]
    header = json.dumps({"values": values, "sizes": [len(view) for view in views]}).encode() + b"\n"
    digest = xxhash.xxh3_64(header)
    for view in views:
        digest.update(view)
    with contextlib.suppress(ReadOnlyError):
        atomic_write(path, [digest.hexdigest().encode() + b"\n", header, *(bytes(view) for view in views)])


def read_blob(path: Path) -> tuple[dict[str, Any], list[memoryview]] | None:
    """What `write_blob` wrote, None where it is not whole."""
    try:
        raw = path.read_bytes()
        content = memoryview(raw)
        if bytes(content[:17]) != xxhash.xxh3_64_hexdigest(content[17:]).encode() + b"\n":
            return None
        header_end = raw.index(b"\n", 17) + 1
        header = json.loads(bytes(content[17:header_end]))
    except (OSError, ValueError):
        return None
    views: list[memoryview] = []
    for size in header["sizes"]:
        views.append(content[header_end : header_end + size])
        header_end += size
    return header["values"], views


def unsigned(view: memoryview) -> array[int]:
    """The unsigned 64-bit integers of an array that was kept."""
    found = array("Q")
    found.frombytes(view)
    return found
