"""The fixed phrases of many prompts: runs of words that stand together in row after row.

A prompt becomes a stream of tokens (words, marks, line ends, one Chinese, Japanese or Korean character each) between a start and an end mark.
Three tokens in a row are a gram. Grams that enough prompts have are joined to a phrase where one hardly occurs without the next, so that the words
of a template become one phrase or a few, whatever stands in its slots, and a phrase of everyday language stays short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.features.components import components

U64 = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_WIDE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}"
TOKEN = rf"[{_WIDE}]|[\w--{_WIDE}]+|[^\w\s]|\n+"
HEAD, TAIL = 4000, 2000
"""Of a longer prompt only so many characters at its two ends are read."""

_GRAM = 3
_START, _END = np.uint64(11), np.uint64(13)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_TOGETHER = 0.75
_BUCKET_BITS = 22
_SHIFT = np.uint64(64 - _BUCKET_BITS)
_MOST_BITS, _MARK_BITS, _EDGE_BITS, _LABEL_BITS = 12.0, 1.0, 3.0, 12.0
_PHRASE_BITS = 40.0
_ANCHORED, _FARTHEST, _LOOSE_WEIGHT = 0.6, 63, 0.25
_NEIGHBOUR_BITS = 8.0
_EXTENDS, _MORE_ROWS, _EXTENSION_WEIGHT = 0.8, 1.3, 0.5


@dataclass(frozen=True, slots=True)
class TokenStream:
    """The tokens of n texts, one after the other, each text between two marks.

    Attributes:
        hashes: uint64[t].
        rows: int64[t], the text that a token is of.
        is_word: bool[t], whether it holds a letter or digit.
        is_break: bool[t], whether it is a line end or a mark at an end of a text.
        is_label: bool[t], whether it is a colon.
    """

    hashes: U64
    rows: Ints
    is_word: Mask
    is_break: Mask
    is_label: Mask


def shown_part(texts: pl.Series) -> pl.Series:
    """What is read of each text: without white space around it, and of a very long one both ends."""
    text = pl.col(texts.name)
    cut = pl.when(text.str.len_chars() > HEAD + TAIL).then(text.str.head(HEAD) + "\n" + text.str.tail(TAIL)).otherwise(text)
    return texts.str.strip_chars().to_frame().select(cut).to_series()


def token_stream(texts: pl.Series) -> TokenStream:
    """The tokens of texts."""
    lists = shown_part(texts).str.extract_all(TOKEN)
    counts = lists.list.len().to_numpy().astype(np.int64)
    tokens = lists.filter(lists.list.len() > 0).explode()
    line_end = tokens.str.starts_with("\n").fill_null(value=False).to_numpy()
    hashes = np.where(line_end, np.uint64(7), tokens.hash(seed=1).to_numpy()) if len(tokens) else np.empty(0, np.uint64)
    ends = np.cumsum(counts + 2) - 1
    starts = ends - counts - 1
    rows = np.repeat(np.arange(len(counts)), counts + 2)
    inside = np.ones(len(rows), np.bool_)
    inside[starts] = inside[ends] = False
    placed = np.empty(len(rows), np.uint64)
    placed[inside], placed[starts], placed[ends] = hashes, _START, _END
    is_word, is_break, is_label = (np.full(len(rows), fill) for fill in (False, True, False))
    is_break[inside] = line_end
    if len(tokens):
        is_word[inside] = tokens.str.contains(r"\w").to_numpy()
        is_label[inside] = tokens.is_in([":", "："]).to_numpy()
    return TokenStream(placed, rows, is_word, is_break, is_label)


def _grams(stream: TokenStream) -> tuple[U64, Mask]:
    """A hash of the three tokens from each place on, and whether they are of one text."""
    hashes = stream.hashes
    mixed = hashes.copy()
    for step in range(1, _GRAM):
        following = np.zeros_like(hashes)
        following[:-step] = hashes[step:]
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIX + following
    mixed ^= mixed >> np.uint64(31)
    whole = np.zeros(len(hashes), np.bool_)
    whole[: 1 - _GRAM] = stream.rows[: 1 - _GRAM] == stream.rows[_GRAM - 1 :]
    return mixed * _MIX, whole


@dataclass(frozen=True, slots=True)
class PhraseTable:
    """The phrases found.

    Attributes:
        grams: uint64[g], sorted; the grams that belong to a phrase.
        phrase_of: int64[g], the phrase of each.
        evidence: float64[p], how much a phrase says that a row was made from a template at all, in bits; 0 for bare marks.
        weights: float64[p], how much it says about which one; less where it only goes on from a phrase that more rows have.
        bits: float64[p], bits to write down the words of a phrase.
        tokens: float64[p], how many tokens are a phrase's own.
    """

    grams: U64
    phrase_of: Ints
    evidence: Floats
    weights: Floats
    bits: Floats
    tokens: Floats

    def places(self, stream: TokenStream) -> Ints:
        """int64[t], the phrase that the gram at each place belongs to, -1 for none."""
        grams, whole = _grams(stream)
        if not len(self.grams):
            return np.full(len(grams), -1, np.int64)
        beginnings = np.zeros(1 << _BUCKET_BITS, np.bool_)
        beginnings[self.grams >> _SHIFT] = True
        maybe = np.flatnonzero(whole & beginnings[grams >> _SHIFT])
        at = np.minimum(np.searchsorted(self.grams, grams[maybe]), len(self.grams) - 1)
        found = self.grams[at] == grams[maybe]
        places = np.full(len(grams), -1, np.int64)
        places[maybe[found]] = self.phrase_of[at[found]]
        return places

    def pairs(self, stream: TokenStream) -> tuple[Ints, Ints]:
        """(row, phrase) for every phrase that a row has, once, in order."""
        places = self.places(stream)
        return _distinct_pairs(stream.rows[places >= 0], places[places >= 0], len(self.weights))


def _distinct_pairs(rows: Ints, ids: Ints, n_ids: int) -> tuple[Ints, Ints]:
    keys = pl.Series(rows * max(n_ids, 1) + ids).unique().sort().to_numpy()
    return keys // max(n_ids, 1), keys % max(n_ids, 1)


def frequent_grams(stream: TokenStream, fewest: int) -> PhraseTable:
    """The grams that at least `fewest` of the texts have, each a phrase of its own whose weight is the number of texts."""
    grams, whole = _grams(stream)
    table = pl.DataFrame({"row": stream.rows[whole], "gram": grams[whole]})
    often = table.group_by("gram").len().filter(pl.col("len") >= fewest).select("gram")
    known = table.join(often, on="gram", how="semi").unique().group_by("gram").len("rows").filter(pl.col("rows") >= fewest).sort("gram")
    texts = known["rows"].to_numpy().astype(np.float64)
    return PhraseTable(known["gram"].to_numpy(), np.arange(known.height), texts, texts, texts, texts)


def mine_phrases(stream: TokenStream, fewest: int) -> PhraseTable:
    """The phrases that at least `fewest` of the texts have."""
    grams = frequent_grams(stream, fewest)
    if not len(grams.grams):
        return grams
    phrase_of = _joined(grams.places(stream), stream.rows, grams.weights)
    unweighed = np.ones(phrase_of.max() + 1)
    return _weighed(PhraseTable(grams.grams, phrase_of, unweighed, unweighed, unweighed, unweighed), stream)


def _joined(places: Ints, rows: Ints, row_counts: Floats) -> Ints:
    """The phrase of each gram: grams are joined where nearly every row that has one has the other right after it."""
    first, second = places[:-1], places[1:]
    both = (first >= 0) & (second >= 0)
    n = len(row_counts)
    links = pl.DataFrame({"row": rows[:-1][both], "link": first[both] * n + second[both]}).unique().group_by("link").len("rows").sort("link")
    link, count = links["link"].to_numpy(), links["rows"].to_numpy()
    left, right = link // n, link % n
    tight = count >= _TOGETHER * np.maximum(row_counts[left], row_counts[right])
    phrases: Ints = np.unique(components(n, left[tight], right[tight]), return_inverse=True)[1].astype(np.int64)
    return phrases


def covering(places: Ints, preference: Floats) -> Ints:
    """int64[t], the phrase that covers each token: of the grams that reach it the one whose phrase is preferred; -1 for none."""
    if not len(preference):
        return np.full(len(places), -1, np.int64)
    reaching = np.stack([np.concatenate([np.full(step, -1), places[: len(places) - step]]) for step in range(_GRAM)])
    rank = np.where(reaching >= 0, preference[np.maximum(reaching, 0)], -1.0)
    chosen: Ints = reaching[rank.argmax(axis=0), np.arange(len(places))]
    return chosen


def _weighed(table: PhraseTable, stream: TokenStream) -> PhraseTable:
    n = len(table.weights)
    places = table.places(stream)
    _, ids = _distinct_pairs(stream.rows[places >= 0], places[places >= 0], n)
    rows = np.maximum(np.bincount(ids, minlength=n), 1).astype(np.float64)
    cover = covering(places, rows + np.arange(n) / (n + 1.0))
    covered = cover >= 0

    def per_row(values: npt.NDArray[np.generic]) -> Floats:
        return np.bincount(cover[covered], weights=values[covered].astype(np.float64), minlength=n) / rows

    bits, tokens = per_row(_token_bits(stream, covered)), per_row(np.ones(len(cover)))
    evidence = np.minimum(bits, _PHRASE_BITS)
    evidence *= np.where(_anchored(cover, stream, n) >= _ANCHORED, 1.0, _LOOSE_WEIGHT)
    evidence[~_worded(places, stream, n)] = 0
    worded = np.where(bits >= _NEIGHBOUR_BITS, rows, 0)
    opening = np.zeros(n, np.bool_)
    opening[places[(stream.hashes == _START) & (places >= 0)]] = True
    weights = evidence * np.where((_extending(cover, rows, worded) >= _EXTENDS) & ~opening, _EXTENSION_WEIGHT, 1.0)
    return PhraseTable(table.grams, table.phrase_of, evidence, weights, bits, tokens)


def _worded(places: Ints, stream: TokenStream, n: int) -> Mask:
    """Which phrases have a word in them."""
    words = np.concatenate([stream.is_word, np.zeros(_GRAM, np.bool_)])
    at = np.flatnonzero(places >= 0)
    near = np.logical_or.reduce([words[at + step] for step in range(_GRAM)])
    worded = np.zeros(n, np.bool_)
    worded[places[at[near]]] = True
    return worded


def _token_bits(stream: TokenStream, covered: Mask) -> Floats:
    """Bits of each token by its frequency outside phrases; little for a mark, so that a phrase counts for its words, but for the colon of a label.

    Inside phrases a word of a template is as frequent as its rows, however rare it is in what people write.
    """
    bucket = (stream.hashes >> _SHIFT).astype(np.int64)
    counts = np.bincount(bucket[~covered & stream.is_word], minlength=1 << _BUCKET_BITS)
    distinct = np.bincount(bucket, minlength=1 << _BUCKET_BITS) > 0
    bits: Floats = np.minimum(-np.log2((counts + 1.0) / (counts.sum() + distinct.sum())), _MOST_BITS)[bucket]
    bits[~stream.is_word] = _MARK_BITS
    bits[stream.is_label] = _LABEL_BITS
    bits[(stream.hashes == _START) | (stream.hashes == _END)] = _EDGE_BITS
    return bits


def _occurrences(cover: Ints) -> tuple[Ints, Ints]:
    """First and last place of every run of tokens that one phrase covers."""
    change = np.flatnonzero(np.diff(cover)) + 1
    first = np.concatenate([[0], change])
    last = np.concatenate([change, [len(cover)]]) - 1
    real = cover[first] >= 0
    return first[real], last[real]


def _anchored(cover: Ints, stream: TokenStream, n: int) -> Floats:
    """How often a phrase stands at its usual distance from the start, the end, or a line end: templates are regular, prose is not."""
    first, last = _occurrences(cover)
    phrase = cover[first]
    edges = np.flatnonzero(stream.is_break)
    starts = np.searchsorted(stream.rows, stream.rows[first])
    ends = np.searchsorted(stream.rows, stream.rows[last], side="right") - 1
    before = first - edges[np.searchsorted(edges, first, side="right") - 1]
    after = edges[np.minimum(np.searchsorted(edges, last), len(edges) - 1)] - last
    best = np.zeros(n)
    for distance in (first - starts, ends - last, before, after):
        near = distance < _FARTHEST
        table = np.bincount(phrase[near] * _FARTHEST + distance[near], minlength=n * _FARTHEST).reshape(n, _FARTHEST)
        best = np.maximum(best, table.max(axis=1))
    return best / np.maximum(np.bincount(phrase, minlength=n), 1)


def _extending(cover: Ints, rows: Floats, worded: Floats) -> Floats:
    """How often a phrase directly follows or precedes one that has words and many more rows: what begins a slot often looks so."""
    first, last = _occurrences(cover)
    phrase, n = cover[first], len(rows)
    padded = np.concatenate([[-1], cover, [-1]])
    more = np.zeros(len(first), np.bool_)
    for neighbour in (padded[first], padded[last + 2]):
        more |= (neighbour >= 0) & (worded[np.maximum(neighbour, 0)] > _MORE_ROWS * rows[phrase])
    return np.bincount(phrase, weights=more, minlength=n) / np.maximum(np.bincount(phrase, minlength=n), 1)
