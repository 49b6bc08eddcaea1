"""Word shingles of many texts at once, as hashes in numpy arrays. The tokens are those of `sde_core.features.tokens`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.features.tokens import U64, Texts, TokenChunk, folded, mixed, sequence_keys, token_chunks
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

__all__ = ["Shingles", "folded", "shingle_hashes", "word_shingles"]

U32 = npt.NDArray[np.uint32]

_PAD = np.uint64(0xD6E8FEB86659FD93)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Shingles:
    """Word shingles of `n` texts, repeats within a text included.

    Attributes:
        hashes: uint32[s].
        starts: int64[n + 1]; text i has the shingles `hashes[starts[i]:starts[i + 1]]`.
        n_tokens: int64[n], tokens of each text; a text without tokens has no shingle that means anything.
        sequence_keys: uint64[n], a hash of the whole token stream: equal exactly where two texts are equal after normalising.
        words: Shingle size in tokens.
    """

    hashes: U32
    starts: npt.NDArray[np.int64]
    n_tokens: npt.NDArray[np.int64]
    sequence_keys: U64
    words: int

    def distinct(self, text: int) -> U32:
        """The shingle set of one text, sorted."""
        return np.unique(self.hashes[self.starts[text] : self.starts[text + 1]])


def word_shingles(texts: Texts, words: int = 2, *, cancel: Cancel = NEVER, progress: Progress = silent) -> Shingles:
    """All shingles of `words` tokens; both ends of a text are padded, so that short texts have shingles of fewer words.

    A text of t tokens has t + words - 1 shingles.

    Args:
        texts: Any texts, as a list or a String series.
        words: Shingle size, at least 2.
        cancel: Looked at every quarter of a megabyte.
        progress: Called with texts done.

    Raises:
        CancelledError: When stopped.
    """
    hashes, counts, keys = [np.empty(0, np.uint32)], [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    for chunk in _watched(texts, cancel, progress):
        hashes.append(shingle_hashes(chunk, words))
        counts.append(chunk.counts)
        keys.append(sequence_keys(chunk))
    n_tokens = np.concatenate(counts)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(n_tokens + words - 1)])
    return Shingles(np.concatenate(hashes), starts, n_tokens, np.concatenate(keys), words)


def _watched(texts: Texts, cancel: Cancel, progress: Progress) -> Iterator[TokenChunk]:
    for chunk in token_chunks(texts):
        raise_if_cancelled(cancel)
        yield chunk
        progress(chunk.begin + len(chunk.counts), len(texts))


def shingle_hashes(chunk: TokenChunk, words: int) -> U32:
    """uint32[s], the shingles of each text one after the other; a text of t tokens has t + words - 1."""
    pads = words - 1
    row_of_token = np.repeat(np.arange(1, len(chunk.counts) + 1), chunk.counts)
    padded = np.full(len(chunk.hashes) + pads * (len(chunk.counts) + 1), _PAD, np.uint64)
    padded[np.arange(len(chunk.hashes)) + pads * row_of_token] = chunk.hashes
    n_shingles = len(padded) - pads
    combined = padded[:n_shingles].copy()
    for place in range(1, words):
        combined *= _FACTOR
        combined += padded[place : place + n_shingles]
    hashes: U32 = (mixed(combined) >> np.uint64(32)).astype(np.uint32)
    return hashes[: n_shingles if len(chunk.counts) else 0]
