"""The similarity of two texts, token by token: what a candidate pair must pass to be called a near-duplicate.

Every token has a weight w in bits (`TokenWeights`: rare ones, numbers and names say most). With the token streams A and B of two texts let

- C be the weight of the tokens that both have, each as often as the text that has it less often;
- O the part of C that also has one of the same neighbours in the other text, on either side: the common part in order;
- a <= b the weights of what only one of the two has;
- B the weight of the longest stretch of own words, the smaller one of the two texts; a stretch ends where three tokens in a row are shared;
- p the share of their anchors (three neighbouring tokens each) that both have and few other texts (`Specificity`);

    similarity = (C + O) / 2 / (C + 1.3 (s a + (1 - s) b))  x  min(1, (22 + a / 10) / B)  -  0.2 (1 - min(1, p / 0.4))
    s = 0.5 + 0.4 min(1, C / 25)

The first factor is a symmetric Tversky index (Jimenez, Becerra and Gelbukh 2013, "SOFTCARDINALITY-CORE"): what was replaced (both have
something of their own) counts in full; what was only added, such as a prefix or a suffix, counts a tenth, in short texts up to a half. The
second factor tells edits, which are strewn over a text, from another question about the same passage: a replaced stretch of more than 22
bits (two or three content words) that holds more than a tenth of all that differs. What is taken off at the end tells copies from rows that say what
many rows say, such as "i want to know my credit score" among intents: their wording is nobody's own. 1.3 sets the scale: 0.8 is where people
begin to speak of the same text, with a fifth of the common weight replaced. Texts equal after normalising have similarity 1; a text with more
than 16 times the tokens of the other has none with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.checks.duplicates.anchors import TextAnchors
from sde_core.checks.duplicates.specificity import Specificity, specificity
from sde_core.checks.duplicates.token_weights import TokenWeights
from sde_core.features.joined_texts import JoinedTexts
from sde_core.features.tokens import Texts, token_chunks
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

_SCALE = 1.3
_ADDED_ALONE, _ADDED_EVIDENCE = 0.4, 25.0
_STRETCH, _STRETCH_SHARE = 22.0, 0.1
_COMMON_WORDING, _OWN_WORDING = 0.2, 0.4
_LONGEST_RATIO = 16
_TOKENS_AT_ONCE = 1 << 18
_TOKENS_HELD = 1 << 25
_LEFT, _RIGHT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True)
class Comparer:
    """Compares texts of one corpus.

    Attributes:
        texts: The texts.
        n_tokens: int64[n], tokens of each.
        weights: What tokens weigh in this corpus.
        specificity: What tells common wording from a text's own.
    """

    texts: Texts
    n_tokens: I64
    weights: TokenWeights
    specificity: Specificity

    def similarities(self, first: I64, second: I64, floor: float = 0.0, *, cancel: Cancel = NEVER, progress: Progress = silent) -> F32:
        """float32[p], the similarity of each pair of texts; 0 may stand for what is below `floor`. Progress in pairs.

        Raises:
            CancelledError: When stopped.
        """
        scores = np.zeros(len(first), np.float32)
        one, other = self.n_tokens[first], self.n_tokens[second]
        fitting = np.flatnonzero((np.minimum(one, other) > 0) & (np.maximum(one, other) <= _LONGEST_RATIO * np.minimum(one, other)))
        sizes = one[fitting] + other[fitting]
        for block in _pieces(sizes, _TOKENS_HELD):
            table = self._table(np.unique(np.concatenate([first[fitting[block]], second[fitting[block]]])))
            for piece in _pieces(sizes[block], _TOKENS_AT_ONCE):
                raise_if_cancelled(cancel)
                pairs = fitting[block][piece]
                overlaps = _overlaps(table.pairs(first[pairs], second[pairs]), floor)
                own = np.minimum(self.specificity.shares(first[pairs], second[pairs]) / _OWN_WORDING, 1)
                scores[pairs] = np.maximum(overlaps - _COMMON_WORDING * (1 - own), 0)
                progress(int(pairs[-1]) + 1, len(first))
        progress(len(first), len(first))
        return scores

    def _table(self, wanted: I64) -> _TokenTable:
        texts = self.texts[wanted] if isinstance(self.texts, pl.Series | JoinedTexts) else [self.texts[place] for place in wanted.tolist()]
        hashes, weights = [np.empty(0, np.uint32)], [np.empty(0, np.float32)]
        for chunk in token_chunks(texts):
            hashes.append((chunk.hashes >> np.uint64(32)).astype(np.uint32))
            weights.append(self.weights.of(chunk))
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.n_tokens[wanted])])
        return _TokenTable(wanted, np.concatenate(hashes), np.concatenate(weights), starts)


def comparer(texts: Texts, anchors: TextAnchors, distinct: Mask | None = None) -> Comparer:
    """Compares texts by what was found in one pass over them.

    Args:
        texts: The texts.
        anchors: Of all of them.
        distinct: bool[n], the texts that are no copy of another; None where all count.
    """
    counted = np.ones(len(anchors.n_tokens), bool) if distinct is None else distinct
    return Comparer(texts, anchors.n_tokens, anchors.weights, specificity(anchors, counted))


def _pieces(sizes: I64, most: int) -> Iterator[slice]:
    """Neighbouring pairs of together at most `most` tokens, at least one pair."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        stop = max(start + 1, int(np.searchsorted(ends, (ends[start - 1] if start else 0) + most, side="right")))
        yield slice(start, stop)
        start = stop


@dataclass(frozen=True)
class _TokenTable:
    """Tokens of some texts: which texts, ascending, uint32 hashes, weights, and where each text starts."""

    texts: I64
    hashes: U32
    weights: F32
    starts: I64

    def pairs(self, first: I64, second: I64) -> _Sides:
        text = np.empty(2 * len(first), np.int64)
        text[0::2], text[1::2] = np.searchsorted(self.texts, first), np.searchsorted(self.texts, second)
        lengths = self.starts[text + 1] - self.starts[text]
        ends = np.cumsum(lengths)
        places = np.repeat(self.starts[text] - ends + lengths, lengths) + np.arange(int(ends[-1]))
        return _Sides(self.hashes[places], self.weights[places], np.repeat(np.arange(len(text)), lengths), ends - lengths)


@dataclass(frozen=True)
class _Sides:
    """The tokens of the two sides of some pairs: side 2 p and 2 p + 1 are those of pair p; no side is empty."""

    hashes: U32
    weights: F32
    side: I64
    starts: I64

    def sums(self, values: F32) -> tuple[F32, F32]:
        """The sum over each pair's first and second side."""
        found: F32 = np.add.reduceat(values, self.starts)
        return found[0::2], found[1::2]

    def only(self, pairs: Mask) -> _Sides:
        kept = np.repeat(pairs, 2)
        lengths = np.diff(np.append(self.starts, len(self.side)))[kept]
        tokens = kept[self.side]
        return _Sides(self.hashes[tokens], self.weights[tokens], np.repeat(np.arange(len(lengths)), lengths), np.cumsum(lengths) - lengths)


def _overlaps(sides: _Sides, floor: float) -> F32:
    """The two factors, without what is taken off for common wording; 0 where they are certain to be below `floor`."""
    scores = np.zeros(len(sides.starts) // 2, np.float32)
    common = _common(sides.hashes, sides.side)
    possible = _tversky(sides, common, common) >= floor
    if not possible.any():
        return scores
    if not possible.all():
        common, sides = common[possible[sides.side >> 1]], sides.only(possible)
    beside, in_row = _neighbours(sides)
    ordered = common & beside
    less = np.minimum(*sides.sums(sides.weights * ~common))
    strewn: F32 = np.minimum(1, (_STRETCH + _STRETCH_SHARE * less) / _longest_stretch(sides, ordered, in_row))
    scores[possible] = np.minimum(_tversky(sides, common, ordered) * strewn, 1)
    return scores


def _tversky(sides: _Sides, common: Mask, ordered: Mask) -> F32:
    """The first factor; with `common` as `ordered` an upper bound."""
    one, other = sides.sums(sides.weights * ~common)
    shared = np.add(*sides.sums(sides.weights * common)) / 2
    in_order = np.add(*sides.sums(sides.weights * ordered)) / 2
    lesser = 0.5 + _ADDED_ALONE * np.minimum(1, shared / _ADDED_EVIDENCE)
    differing = lesser * np.minimum(one, other) + (1 - lesser) * np.maximum(one, other)
    return ((shared + in_order) / 2 / (shared + _SCALE * differing)).astype(np.float32)


def _neighbours(sides: _Sides) -> tuple[Mask, Mask]:
    """Which tokens have one of their neighbours in the other text too, and which are one of three in a row that do."""
    n, side = len(sides.side), sides.side
    padded = np.zeros(n + int(side[-1]) + 2, np.uint32)
    places = np.arange(n) + side + 1
    padded[places] = sides.hashes
    low, high = np.minimum(padded[:-1], padded[1:]).astype(np.uint64), np.maximum(padded[:-1], padded[1:]).astype(np.uint64)
    links = ((low * _LEFT + high * _RIGHT) >> np.uint64(32)).astype(np.uint32)
    lengths = np.diff(np.append(sides.starts, n))
    shared = _common(links, np.repeat(np.arange(len(lengths)), lengths + 1))
    before, behind = shared[places - 1], shared[places]
    middle = before & behind
    inner_before, inner_behind = before.copy(), behind.copy()
    inner_before[sides.starts] = inner_behind[np.append(sides.starts[1:], n) - 1] = False  # no neighbour across texts
    in_row = middle.copy()
    in_row[1:] |= inner_before[1:] & middle[:-1]
    in_row[:-1] |= inner_behind[:-1] & middle[1:]
    return before | behind, in_row


def _longest_stretch(sides: _Sides, ordered: Mask, in_row: Mask) -> F32:
    """For each pair the weight of the longest stretch of own words, the smaller one of the two sides; at least a tiny number."""
    stretch = np.cumsum(in_row) + sides.side
    starts = np.flatnonzero(np.diff(stretch, prepend=-1))
    weights = np.add.reduceat(sides.weights * ~ordered, starts)
    longest = np.maximum.reduceat(weights, np.searchsorted(starts, sides.starts))
    lesser: F32 = np.maximum(np.minimum(longest[0::2], longest[1::2]), 1e-6)
    return lesser


def _common(hashes: U32, side: I64) -> Mask:
    """Which elements the other side of the pair has too; of an element that a side has more often, the later ones it has not."""
    n = len(hashes)
    place_bits, pair_bits = max(n - 1, 1).bit_length(), max(int(side[-1]) >> 1, 1).bit_length()
    hash_bits = min(32, 63 - place_bits - pair_bits)
    packed = ((side >> 1).astype(np.uint64) << np.uint64(hash_bits)) | (hashes >> np.uint32(32 - hash_bits))
    packed = ((packed << np.uint64(1)) | (side & 1).astype(np.uint64)) << np.uint64(place_bits) | np.arange(n, dtype=np.uint64)
    packed.sort()
    same = packed >> np.uint64(place_bits + 1)
    starts = np.flatnonzero(np.concatenate([np.ones(1, bool), same[1:] != same[:-1]]))
    sizes = np.diff(np.append(starts, n))
    second = (packed >> np.uint64(place_bits)) & np.uint64(1)
    n_second = np.add.reduceat(second, starts).astype(np.int64)
    n_first = sizes - n_second
    rank = np.arange(n) - np.repeat(starts, sizes)
    n_first_here = np.repeat(n_first, sizes)
    common = np.empty(n, bool)
    common[packed & np.uint64((1 << place_bits) - 1)] = np.where(second == 0, rank < np.repeat(n_second, sizes), rank < 2 * n_first_here)
    return common
