"""The embedded text encoder: a table of word-piece vectors and a tokenizer, no torch.

A text's vector is the mean of its pieces' vectors, of unit length. `sample_data/make_embedder.py` distils the table from all-MiniLM-L6-v2.
"""

from __future__ import annotations

import hashlib
import itertools
import zipfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.dataset.json_text import encodable
from sde_core.embedded import embedded_path
from sde_core.errors import ModelError

_LOOPED_FROM = 16
"""From so many texts of one length on, adding piece by piece over all of them beats a sum for each."""


class StaticEncoder:
    """Encodes texts as the mean of word-piece vectors.

    Attributes:
        id: "static-" and the start of the hash of its two files.
        dimensions: Length of a vector.
        batch: Texts encoded between two looks at the cancel flag.
        saved_every: Texts to a file of the cache.
    """

    batch = 1024
    saved_every = 65536

    def __init__(self, folder: Path) -> None:
        """Loads `vectors.npz` (int8 rows, float32 scales) and `tokenizer.json`.

        Raises:
            ModelError: When one of them is missing or damaged.
        """
        from tokenizers import Tokenizer

        try:
            with (folder / "vectors.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                self._table: npt.NDArray[np.float32] = arrays["vectors"].astype(np.float32) * arrays["scales"][:, None]
            tokenizer_json = (folder / "tokenizer.json").read_text(encoding="utf-8")
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(f"{folder} holds no static embedder: {error}.", "Make it again with sample_data/make_embedder.py.") from error
        self._known: npt.NDArray[np.bool_] = self._table.any(axis=1)
        self._tokenizer: Any = Tokenizer.from_str(tokenizer_json)
        self.dimensions = int(self._table.shape[1])
        self.id = static_encoder_id(folder)

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32[n, dimensions] of unit length; all zero for a text without one known word piece (empty, or emoji only).

        The same text gives the same bits in whatever batch it stands.
        """
        sums = self.sums(texts)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        np.divide(sums, norms, out=sums, where=norms > 0)
        return sums

    def sums(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32[n, dimensions]: the sums of the texts' word-piece vectors, longer the more they say."""
        encodings = self._tokenizer.encode_batch_fast([encodable(text) for text in texts], add_special_tokens=False)
        ids = [encoding.ids for encoding in encodings]
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        flat = np.fromiter(itertools.chain.from_iterable(ids), np.int64, int(lengths.sum()))
        flat, lengths = self._without_unknown(flat, lengths)
        return _segment_sums(self._table, flat, lengths)

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """Batch by batch: int64[b], where its texts stand, and float32[b, d], their vectors."""
        for start in range(0, len(texts), self.batch):
            part = texts[start : start + self.batch]
            yield np.arange(start, start + len(part)), self.encode(part)

    def _without_unknown(self, flat: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        known = self._known[flat]
        if known.all():
            return flat, lengths
        owner = np.repeat(np.arange(len(lengths)), lengths)
        return flat[known], np.bincount(owner[known], minlength=len(lengths))


def _segment_sums(table: npt.NDArray[np.float32], flat: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Sum of `table[flat]` over consecutive segments: texts of one length at a time, thirty times as fast as `np.add.reduceat`."""
    sums = np.zeros((len(lengths), table.shape[1]), np.float32)
    starts = np.cumsum(lengths) - lengths
    by_length = np.argsort(lengths, kind="stable")
    for group in np.split(by_length, np.flatnonzero(np.diff(lengths[by_length])) + 1):
        length = int(lengths[group[0]]) if len(group) else 0
        if length and len(group) >= _LOOPED_FROM:
            total = table[flat[starts[group]]]
            for i in range(1, length):
                total += table[flat[starts[group] + i]]
            sums[group] = total
        elif length:
            for text in group:
                sums[text] = table[flat[starts[text] : starts[text] + length]].sum(axis=0)
    return sums


def static_encoder_id(folder: Path | None = None) -> str:
    """`StaticEncoder.id` of a folder, or of the embedded encoder, without loading it.

    Raises:
        InputError: When this installation lacks the embedded encoder.
        OSError: When a file cannot be read.
    """
    place = folder or embedded_path("static_embedder")
    status = tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in (place / "vectors.npz", place / "tokenizer.json"))
    return f"static-{_short_hash(status)}"


@lru_cache(maxsize=4)
def _short_hash(status: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in status:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=1)
def static_encoder() -> StaticEncoder:
    """The embedded encoder, loaded once.

    Raises:
        InputError: When this installation lacks it.
        ModelError: When it is damaged.
    """
    return StaticEncoder(embedded_path("static_embedder"))
