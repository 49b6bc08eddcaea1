"""Vectors on disk, found by the hash of the text they belong to.

A cache is a folder for one encoder with files of (text hash, vector). An edited row, another layout or a grown file
thus costs only the texts that are new, and a killed run continues behind its last finished file.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

TextKeys = npt.NDArray[np.uint64]
Vectors = npt.NDArray[np.float32]


def text_keys(texts: Iterable[str]) -> TextKeys:
    """uint64[n]: content hash of every text (XXH3, 64 bits)."""
    return np.fromiter((xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) for text in texts), np.uint64)


class VectorCache:
    """The vectors of one encoder.

    A cache that cannot be written (read-only, full disk) is no error: the vectors are then computed again next time, and `writable` says so.
    A damaged file counts as absent and is removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writable = True

    def fill(self, keys: TextKeys, vectors: Vectors) -> npt.NDArray[np.bool_]:
        """Copies every stored vector into its row of `vectors`.

        Args:
            keys: uint64[n], sorted and unique.
            vectors: float32[n, d], written in place.

        Returns:
            bool[n]: which rows were found.
        """
        found = np.zeros(len(keys), np.bool_)
        for path in sorted(self.folder.glob("*.npz")):
            stored = _read(path, vectors.shape[1])
            if stored is None:
                continue
            at = np.searchsorted(keys, stored[0])
            at[at == len(keys)] = 0
            wanted = keys[at] == stored[0] if len(keys) else np.zeros(len(at), np.bool_)
            vectors[at[wanted]] = stored[1][wanted]
            found[at[wanted]] = True
        return found

    def add(self, keys: TextKeys, vectors: Vectors) -> Path | None:
        """Stores one file of vectors; whole or not at all. Returns it."""
        if not self.writable or not len(keys):
            return None
        path = self.folder / f"{xxhash.xxh3_64_hexdigest(keys.tobytes())}.npz"
        partial = path.with_suffix(f".{os.getpid()}.partial")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                np.savez(file, keys=keys, vectors=vectors)
            partial.replace(path)
        except OSError:
            self.writable = False
            _remove(partial)
            return None
        return path

    def join(self, parts: Sequence[Path], keys: TextKeys, vectors: Vectors) -> None:
        """Puts one file in the place of several that hold the same vectors."""
        whole = self.add(keys, vectors) if len(parts) > 1 else None
        if whole is not None:
            for part in set(parts) - {whole}:
                _remove(part)


def _read(path: Path, dimensions: int) -> tuple[TextKeys, Vectors] | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            keys, vectors = arrays["keys"], arrays["vectors"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):  # TypeError: a single array, which is no archive
        _remove(path)
        return None
    whole = keys.dtype == np.uint64 and vectors.dtype == np.float32 and vectors.shape == (len(keys), dimensions)
    return (keys, vectors) if whole else None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
