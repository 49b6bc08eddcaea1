"""Texts and rows as unit vectors, so that near in meaning is near in angle.

The encoder "static" comes with sde and needs no torch; any other name is a sentence-transformers model on the hub or in a folder.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.features.embedding_cache import VectorCache, text_keys
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

Part = Literal["row", "prompt", "answer"]
PARTS: tuple[Part, ...] = ("row", "prompt", "answer")
SAVED_SECONDS = 2.0
"""A killed run loses at most what it did in this time."""
CHARACTERS_EMBEDDED = 4000
"""Of a prompt and of an answer so many characters are embedded; what comes later hardly moves a mean and costs time."""


@dataclass(frozen=True, slots=True)
class EmbeddingMatrix:
    """One vector a readable record.

    Attributes:
        rows: uint32[n], record positions in file order.
        vectors: float32[n, d] of unit length; all zero where the text is empty or, for "static", has no known word piece.
        encoder: What made the vectors, with its revision or hash.
    """

    rows: npt.NDArray[np.uint32]
    vectors: npt.NDArray[np.float32]
    encoder: str


class Encoder(Protocol):
    """What turns texts into vectors."""

    id: str
    dimensions: int
    saved_every: int

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """Vectors of unit length, float32[b, dimensions], and where their texts stand, int64[b]; batch by batch, each text once."""
        ...


def load_encoder(name: str = "static") -> Encoder:
    """The embedded encoder ("static"), or a sentence-transformers model by hub name or folder.

    Raises:
        MissingExtraError: When a model is named and the extra `ml` is not installed.
        ModelError: When it cannot be found or loaded.
    """
    if name == "static":
        from sde_core.features.embedding_static import static_encoder

        return static_encoder()
    from sde_core.features.embedding_model import SentenceEncoder

    return SentenceEncoder(name)


def embed_texts(texts: Sequence[str], encoder: str = "static", *, cancel: Cancel = NEVER, progress: Progress = silent) -> npt.NDArray[np.float32]:
    """float32[n, d] of unit length; all zero for empty and blank texts.

    Args:
        texts: Embedded whole, as far as the encoder reads.
        encoder: See `load_encoder`.
        cancel: Looked at between batches.
        progress: Counts texts.

    Raises:
        MissingExtraError, ModelError: When the encoder cannot be loaded.
        CancelledError: When the user stopped it.
    """
    loaded = load_encoder(encoder)
    vectors = np.zeros((len(texts), loaded.dimensions), np.float32)
    done = 0
    for places, encoded in _encoded_batches(loaded, texts, cancel):
        vectors[places] = encoded
        done += len(places)
        progress(done, len(texts))
    return vectors


def embed_rows(
    dataset: Dataset,
    encoder: str = "static",
    *,
    part: Part = "row",
    cache_dir: Path | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> EmbeddingMatrix:
    """The vectors of all readable records, each distinct text embedded once.

    A stopped or killed run continues behind what it saved in `cache_dir`.

    Args:
        dataset: Its `texts()` are embedded, with the user's edits.
        encoder: See `load_encoder`.
        part: "row" is the prompt, a line break and the answer, each cut after `CHARACTERS_EMBEDDED` characters.
        cache_dir: Folder for the vectors, found by text and encoder; None keeps nothing.
        cancel: Looked at between batches.
        progress: Counts distinct texts, those found in the cache included.

    Raises:
        UsageError: When `part` is none of `PARTS`.
        MissingExtraError, ModelError: When the encoder cannot be loaded.
        CancelledError: When the user stopped it.
    """
    return embed_table(dataset.texts(cancel=cancel), load_encoder(encoder), part=part, cache_dir=cache_dir, cancel=cancel, progress=progress)


def embed_table(
    table: pl.DataFrame,
    encoder: Encoder,
    *,
    part: Part = "row",
    cache_dir: Path | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> EmbeddingMatrix:
    """`embed_rows` over `Dataset.texts()` with a loaded encoder.

    Raises:
        UsageError: When `part` is none of `PARTS`.
        CancelledError: When the user stopped it.
    """
    if part not in PARTS:
        raise UsageError(f"There is no part {part!r} of a row to embed.", f"Use one of {', '.join(PARTS)}.")
    texts = table.select(_part_text(part)).to_series()
    keys = text_keys(texts)
    distinct, first = np.unique(keys, return_index=True)
    inverse = np.searchsorted(distinct, keys)
    vectors = _distinct_vectors(encoder, _Distinct(texts, distinct, first), _cache(cache_dir, encoder), cancel, progress)
    rows = table["row"].to_numpy().astype(np.uint32, copy=False)
    return EmbeddingMatrix(rows, vectors[inverse], encoder.id)


@dataclass(frozen=True, slots=True)
class _Distinct:
    """Distinct texts by key; `first[i]` is where the text of `keys[i]` stands in `texts`."""

    texts: pl.Series
    keys: npt.NDArray[np.uint64]
    first: npt.NDArray[np.int64]


def _part_text(part: Part) -> pl.Expr:
    prompt, answer = (pl.col(name).fill_null("").str.slice(0, CHARACTERS_EMBEDDED) for name in ("prompt", "answer"))
    if part == "prompt":
        return prompt
    return answer if part == "answer" else (prompt + "\n" + answer).str.strip_chars()


def _cache(cache_dir: Path | None, encoder: Encoder) -> VectorCache | None:
    return VectorCache(cache_dir / "embeddings" / encoder.id) if cache_dir is not None else None


def _distinct_vectors(
    encoder: Encoder, distinct: _Distinct, cache: VectorCache | None, cancel: Cancel, progress: Progress
) -> npt.NDArray[np.float32]:
    keys, vectors = distinct.keys, np.zeros((len(distinct.keys), encoder.dimensions), np.float32)
    missing = np.flatnonzero(~cache.fill(keys, vectors)) if cache else np.arange(len(keys))
    missing = missing[np.argsort(distinct.first[missing])]
    done = len(keys) - len(missing)
    progress(done, len(keys))
    for begin in range(0, len(missing), encoder.saved_every):
        part = missing[begin : begin + encoder.saved_every]
        saving = _Saving(cache, keys, vectors)
        try:
            for places, encoded in _encoded_batches(encoder, distinct.texts.gather(distinct.first[part]).to_list(), cancel):
                vectors[part[places]] = encoded
                done += len(places)
                saving.finished(part[places])
                progress(done, len(keys))
        finally:
            saving.close()
    return vectors


class _Saving:
    """Saves vectors soon after they are there, and in one file in the end."""

    def __init__(self, cache: VectorCache | None, keys: npt.NDArray[np.uint64], vectors: npt.NDArray[np.float32]) -> None:
        self._cache, self._keys, self._vectors = cache, keys, vectors
        self._places: list[npt.NDArray[np.int64]] = []
        self._unsaved: list[npt.NDArray[np.int64]] = []
        self._files: list[Path] = []
        self._saved_at = time.monotonic()

    def finished(self, places: npt.NDArray[np.int64]) -> None:
        """Takes note of vectors that are there now."""
        self._places.append(places)
        self._unsaved.append(places)
        if time.monotonic() - self._saved_at >= SAVED_SECONDS:
            self._save()

    def close(self) -> None:
        """Saves the rest, and joins what was saved piece by piece."""
        self._save()
        if self._cache is not None and len(self._files) > 1:
            places = np.concatenate(self._places)
            self._cache.join(self._files, self._keys[places], self._vectors[places])

    def _save(self) -> None:
        if self._cache is not None and self._unsaved:
            places = np.concatenate(self._unsaved)
            file = self._cache.add(self._keys[places], self._vectors[places])
            self._files += [file] if file is not None else []
        self._unsaved, self._saved_at = [], time.monotonic()


def _encoded_batches(encoder: Encoder, texts: Sequence[str], cancel: Cancel) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    raise_if_cancelled(cancel)
    for places, encoded in encoder.batches(texts):
        encoded[[i for i, place in enumerate(places) if not texts[place].strip()]] = 0
        yield places, encoded
        raise_if_cancelled(cancel)
