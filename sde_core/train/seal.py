"""Hashes of files that a run lives on, in a file beside them: what a disk or a hand changed is told before anything is made of it.

A seal is {"files": {name: {"size", "sha256"}}, "seal": the hash of that}; its own hash tells a seal that was damaged from one that says so of a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

_CHUNK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: When it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def seal_of(files: Iterable[Path]) -> bytes:
    """What the seal of these files holds; they are named by their last part."""
    return _seal({path.name: {"size": path.stat().st_size, "sha256": sha256_of(path)} for path in sorted(files)})


def seal_of_contents(contents: Mapping[str, bytes]) -> bytes:
    """What the seal of files holds that have these names and contents."""
    return _seal({name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in contents.items()})


def read_seal(path: Path) -> dict[str, dict[str, Any]] | None:
    """Size and hash of each file that a seal is about, None where the seal is missing, damaged or none."""
    try:
        value = orjson.loads(path.read_bytes())
        files = value["files"]
        return files if files and value["seal"] == _own_hash(files) else None
    except (OSError, orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return None


def changed_files(seal: Path, only: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of files beside a seal that are not as they were sealed: other bytes, or gone.

    Args:
        seal: A sound one.
        only: Names to look at; all by default.
    """
    files = read_seal(seal) or {}
    return tuple(name for name, known in files.items() if (not only or name in only) and not _is_as_sealed(seal.parent / name, known))


def _is_as_sealed(path: Path, known: dict[str, Any]) -> bool:
    try:
        return bool(path.stat().st_size == known["size"] and sha256_of(path) == known["sha256"])
    except OSError:
        return False


def _seal(known: dict[str, dict[str, Any]]) -> bytes:
    return orjson.dumps({"files": known, "seal": _own_hash(known)})


def _own_hash(files: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(files, option=orjson.OPT_SORT_KEYS)).hexdigest()
