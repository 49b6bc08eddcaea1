"""One pass over all texts: what each text is found by, and what its tokens weigh.

A text is found by about 20 anchors: hashes of three neighbouring tokens, chosen by their value alone, so that two texts choose the same ones
where they say the same (sampling by hash, Broder 1997, "On the resemblance and containment of documents", section 4). A text of n shingles
takes those below 20 / n of the hash range; a short text takes all, and a text of at most eight tokens one more for its tokens in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.checks.duplicates.token_weights import TokenWeights, WeightSample
from sde_core.features.shingles import shingle_hashes
from sde_core.features.tokens import Texts, TokenChunk, mixed, sequence_keys, token_chunks
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

_ANCHOR_TOKENS = 3
_ANCHORS = 20
_FEWEST = 8
_SHORT = 8


@dataclass(frozen=True)
class TextAnchors:
    """What `n` texts are found by.

    Attributes:
        n_tokens: int64[n], tokens of each text.
        sequence_keys: uint64[n], equal exactly where two texts are equal after normalising.
        hashes: uint32[a], the anchors of all texts, those of one text ascending and distinct.
        texts: uint32[a], which text each anchor is of, ascending.
        weights: What the tokens of these texts weigh.
    """

    n_tokens: I64
    sequence_keys: U64
    hashes: U32
    texts: U32
    weights: TokenWeights


def text_anchors(texts: Texts, *, cancel: Cancel = NEVER, progress: Progress = silent) -> TextAnchors:
    """Anchors and token weights of all texts; progress in texts.

    Raises:
        CancelledError: When stopped.
    """
    counts, keys, packed = [np.empty(0, np.int64)], [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    sample = WeightSample(len(texts))
    for chunk in token_chunks(texts):
        raise_if_cancelled(cancel)
        counts.append(chunk.counts)
        keys.append(sequence_keys(chunk))
        packed.append(_anchors(chunk) + (np.uint64(chunk.begin) << np.uint64(32)))
        sample.add(chunk, keys[-1])
        progress(chunk.begin + len(chunk.counts), len(texts))
    hashes = np.concatenate([part.astype(np.uint32) for part in packed])
    owners = np.concatenate([(part >> np.uint64(32)).astype(np.uint32) for part in packed])
    return TextAnchors(np.concatenate(counts), np.concatenate(keys), hashes, owners, sample.weights())


def _anchors(chunk: TokenChunk) -> U64:
    """Text << 32 | hash of each anchor, sorted; texts are counted from the chunk's first."""
    n_shingles = chunk.counts + _ANCHOR_TOKENS - 1
    limits = np.minimum(_ANCHORS / n_shingles, 1.0) * float((1 << 32) - 1)
    hashes = shingle_hashes(chunk, _ANCHOR_TOKENS)
    low = np.flatnonzero(hashes <= np.repeat(limits.astype(np.uint32), n_shingles))
    ends = np.cumsum(n_shingles)
    packed = _distinct((np.searchsorted(ends, low, side="right").astype(np.uint64) << np.uint64(32)) | hashes[low])
    short = np.flatnonzero((chunk.counts > 0) & (chunk.counts <= _SHORT))
    if len(short):
        packed = _distinct(np.concatenate([packed, (short.astype(np.uint64) << np.uint64(32)) | _in_any_order(chunk)[short]]))
    few = np.bincount((packed >> np.uint64(32)).astype(np.int64), minlength=len(ends)) < np.minimum(n_shingles, _FEWEST)
    few &= n_shingles > _ANCHORS
    if few.any():
        bounds = [(text, int(ends[text] - n_shingles[text]), int(ends[text])) for text in np.flatnonzero(few).tolist()]
        packed = _distinct(np.concatenate([packed, *(_lowest(text, hashes[start:stop]) for text, start, stop in bounds)]))
    return packed


def _in_any_order(chunk: TokenChunk) -> U32:
    """uint32[n], equal where two texts have the same tokens."""
    sums = np.zeros(len(chunk.counts), np.uint64)
    filled = np.flatnonzero(chunk.counts)
    sums[filled] = np.add.reduceat(chunk.hashes, chunk.starts[filled])
    hashes: U32 = (mixed(sums) >> np.uint64(32)).astype(np.uint32)
    return hashes


def _lowest(text: int, hashes: U32) -> U64:
    """The lowest anchors of a text that repeats itself so much that hardly any lies below the limit."""
    lowest: U64 = np.unique(hashes)[:_ANCHORS].astype(np.uint64)
    lowest |= np.uint64(text << 32)
    return lowest


def _distinct(packed: U64) -> U64:
    packed.sort()
    distinct: U64 = packed[np.concatenate([np.ones(min(len(packed), 1), bool), packed[1:] != packed[:-1]])]
    return distinct
