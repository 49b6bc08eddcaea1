"""Tokens of rows on disk, found by what the row says: a second preflight, launch or job of the same rows renders and tokenises nothing again.

A cache is a folder for one tokenizer and one set of options, with files of (row hash, tokens, which of them train). What depends on `max_length` is
not in it, so that cutting elsewhere costs nothing either. Files hold plain arrays behind a checksum; damaged ones count as absent.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from sde_core.dataset.content_cache import read_blob, write_blob
from sde_core.dataset.turns import Turns

MOST_BYTES = 256 << 20
"""All of a dataset's cached tokens together; the files that were used least recently go first."""
_MOST_FILES = 12
"""More are written anew as one, which later reads faster."""
_SAVED_EVERY = 8192


@dataclass(frozen=True, slots=True)
class RowTokens:
    """A row's tokens before anything is cut: all that depends on the tokenizer and the template, none of what depends on `max_length`.

    Attributes:
        ids: int32[n].
        trained: bool[n], tokens that carry loss where they are not cut.
        answers: Whether it has any: 0 none, 1 only empty ones, 2 with words.
        refusal: The chat template's words, empty where it took the row.
        special_text: Whether its own text holds something that the tokenizer takes for a special token.
    """

    ids: np.ndarray
    trained: np.ndarray
    answers: int
    refusal: str = ""
    special_text: bool = False


class TokenCache:
    """Tokens by row.

    Args:
        folder: Where caches are kept, of all tokenizers and options.
        name: Which tokenizer and options.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._all = folder / "row-tokens"
        self._folder = self._all / name
        self._known: dict[bytes, RowTokens] | None = None
        self._new: dict[bytes, RowTokens] = {}

    def find(self, batch: Sequence[Turns]) -> list[RowTokens | None]:
        """The tokens of each row that is known."""
        if self._known is None:
            self._known = self._read()
        return [self._known.get(row_hash(turns)) for turns in batch]

    def add(self, turns: Turns, row: RowTokens) -> None:
        """Remember a row; it is on disk after thousands of them, or after `save`."""
        key = row_hash(turns)
        self._new[key] = row
        if self._known is not None:
            self._known[key] = row
        if len(self._new) >= _SAVED_EVERY:
            self.save()

    def save(self) -> None:
        """Write what is new, whole or not at all; a folder that cannot be written keeps nothing."""
        rows, self._new = self._new, {}
        if not rows:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            files = sorted(self._folder.glob("*.rows"))
            crowded = len(files) >= _MOST_FILES
            if crowded:
                rows = {**self._read(), **rows}
            _write(self._folder, rows)
            for path in files if crowded else ():
                path.unlink(missing_ok=True)
            self._drop_oldest()

    def _read(self) -> dict[bytes, RowTokens]:
        known: dict[bytes, RowTokens] = {}
        for path in sorted(self._folder.glob("*.rows")):
            known |= _parsed(path)
            with contextlib.suppress(OSError):
                os.utime(path)
        return known

    def _drop_oldest(self) -> None:
        files = sorted(((path.stat().st_mtime_ns, path.stat().st_size, path) for path in self._all.glob("*/*.rows")), reverse=True)
        held = np.cumsum([size for _, size, _ in files])
        for (_, _, path), total in zip(files, held.tolist(), strict=True):
            if total > MOST_BYTES:
                path.unlink(missing_ok=True)


def row_hash(turns: Turns) -> bytes:
    """16 bytes that tell a row's messages from others': roles and texts with their lengths, so that no text can pose as two."""
    told = "".join(f"{len(turn.role)}:{turn.role}{len(turn.text)}:{turn.text}" for turn in turns.turns)
    return xxhash.xxh3_128_digest(told.encode("utf-8", "surrogatepass"))


def _write(folder: Path, rows: dict[bytes, RowTokens]) -> None:
    keys = b"".join(rows)
    lengths = np.array([len(row.ids) for row in rows.values()], dtype="<i8")
    ids = np.concatenate([row.ids for row in rows.values()]).astype("<i4")
    trained = np.packbits(np.concatenate([row.trained for row in rows.values()]))
    flags = np.array([row.answers + 4 * row.special_text for row in rows.values()], dtype=np.uint8)
    refusals = {str(i): row.refusal for i, row in enumerate(rows.values()) if row.refusal}
    arrays = [keys, *(array.tobytes() for array in (lengths, ids, trained, flags))]
    write_blob(folder / f"{xxhash.xxh3_128_hexdigest(keys)}.rows", {"refusals": refusals}, arrays)


def _parsed(path: Path) -> dict[bytes, RowTokens]:
    """The rows of a file; none where it is damaged, which removes it."""
    kept = read_blob(path)
    if kept is None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return {}
    values, (keys, *arrays) = kept
    lengths, ids, bits, flags = (np.frombuffer(array, np.dtype(kind)) for array, kind in zip(arrays, ("<i8", "<i4", "u1", "u1"), strict=True))
    trained = np.unpackbits(bits, count=len(ids)).astype(bool)
    refusals = {int(i): words for i, words in values["refusals"].items()}
    rows: dict[bytes, RowTokens] = {}
    stop = 0
    for i, (length, flag) in enumerate(zip(lengths.tolist(), flags.tolist(), strict=True)):
        start, stop = stop, stop + length
        rows[bytes(keys[16 * i : 16 * i + 16])] = RowTokens(ids[start:stop], trained[start:stop], flag % 4, refusals.get(i, ""), flag >= 4)
    return rows
