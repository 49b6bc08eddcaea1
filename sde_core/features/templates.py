"""The template that each prompt was made from, mined from the prompts: `Summarise this article: ‹…›`.

Phrases that stand together in row after row (`template_phrases`) make up patterns (`template_patterns`); a row belongs to the pattern that explains
it best, or to none. Mining looks at a sample of at most 20,000 prompts; every prompt is then held against the patterns found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.features.template_patterns import Patterns, PhraseMatrix, assigned, mine_patterns
from sde_core.features.template_phrases import (
    HEAD,
    TAIL,
    TOKEN,
    PhraseTable,
    TokenStream,
    covering,
    frequent_grams,
    mine_phrases,
    shown_part,
    token_stream,
)
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

SLOT = "‹…›"
NO_TEMPLATE = -1
SAMPLE = 20_000
"""Prompts that patterns are mined from."""

FEWEST_ROWS = 10
"""Prompts that a template must have; in large samples one in 500."""

_SHARE = 500
_SAMPLE_CHARACTERS = 32_000_000
_COPIES = 2
_MOST_PHRASES, _LEAST_WEIGHT = 2000, 3.0
_CHUNK_CHARACTERS = 8_000_000
_EXAMPLES, _IN_TITLE = 60, 0.9
_TITLE = 400
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of n prompts.

    Attributes:
        groups: int32[n], place in `titles`; `NO_TEMPLATE` (-1) for a prompt that was made from none.
        titles: The fixed words of each template with slots, most rows first.
        rows: How many prompts each has.
        sampled: How many prompts the templates were mined from; all others were only held against them.
    """

    groups: npt.NDArray[np.int32]
    titles: tuple[str, ...]
    rows: tuple[int, ...]
    sampled: int


def prompt_templates(
    texts: pl.DataFrame | pl.Series | Sequence[str], *, seed: int = 0, cancel: Cancel = NEVER, progress: Progress = silent
) -> Templates:
    """Finds the templates that prompts were made from.

    Args:
        texts: Prompts, or `dataset.texts()`, whose column `prompt` is read.
        seed: Chooses the sample where there are more prompts than are mined.
        cancel: Looked at every few thousand prompts.
        progress: Called with prompts done.

    Raises:
        CancelledError: When stopped.
    """
    prompts = _as_series(texts)
    distinct = prompts.unique(maintain_order=True)
    sample = _sample(prompts, seed)
    found = _mined(sample, cancel)
    if found is None:
        return Templates(np.full(len(prompts), NO_TEMPLATE, np.int32), (), (), len(sample))
    of_distinct = np.concatenate([found.groups_of(part) for part in _parts(distinct, cancel, progress)])
    titles = {pattern: _title(distinct.filter(pl.Series(of_distinct == pattern))) for pattern in np.unique(of_distinct[of_distinct >= 0]).tolist()}
    wordless = [pattern for pattern, title in titles.items() if not _WORD.search(title)]
    of_distinct[np.isin(of_distinct, wordless)] = NO_TEMPLATE
    order, groups = _by_size(_groups_of_rows(prompts, distinct, of_distinct), len(found.patterns))
    rows = np.bincount(groups[groups >= 0], minlength=len(order))
    return Templates(groups.astype(np.int32), tuple(titles[pattern] for pattern in order.tolist()), tuple(rows.tolist()), len(sample))


def _as_series(texts: pl.DataFrame | pl.Series | Sequence[str]) -> pl.Series:
    series = (
        texts["prompt"] if isinstance(texts, pl.DataFrame) else texts if isinstance(texts, pl.Series) else pl.Series(list(texts), dtype=pl.String)
    )
    return series.fill_null("").alias("prompt")


def _sample(prompts: pl.Series, seed: int) -> pl.Series:
    """The prompts to mine: no empty ones, of equal ones two, at most `SAMPLE`."""
    copies = pl.DataFrame(prompts).select(pl.col("prompt"), copy=pl.int_range(pl.len()).over("prompt"))
    rows = copies.filter((pl.col("copy") < _COPIES) & pl.col("prompt").str.contains(r"\S"))["prompt"]
    characters = int(rows.str.len_chars().clip(0, HEAD + TAIL).sum())
    most = min(SAMPLE, max(int(_SAMPLE_CHARACTERS * len(rows) / max(characters, 1)), FEWEST_ROWS))
    if len(rows) <= most:
        return rows
    chosen = np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))
    return rows.gather(chosen)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was mined: phrases, which of them count, and the patterns that they make up."""

    table: PhraseTable
    kept: npt.NDArray[np.int64]
    patterns: Patterns
    sampled: int

    def matrix(self, texts: pl.Series) -> PhraseMatrix:
        """Which of the phrases that count each text has."""
        return _matrix(self.table, self.kept, len(texts), self.table.pairs(token_stream(texts)))

    def groups_of(self, texts: pl.Series) -> npt.NDArray[np.int64]:
        """The pattern of each text."""
        return assigned(self.matrix(texts), self.patterns, self.sampled)


def _mined(sample: pl.Series, cancel: Cancel) -> _Found | None:
    fewest = max(FEWEST_ROWS, len(sample) // _SHARE)
    if len(sample) < fewest:
        return None
    stream = token_stream(sample)
    raise_if_cancelled(cancel)
    table = mine_phrases(stream, fewest)
    raise_if_cancelled(cancel)
    pairs = table.pairs(stream)
    rows = np.bincount(pairs[1], minlength=len(table.weights))
    kept = np.flatnonzero((table.weights >= _LEAST_WEIGHT) & (rows >= fewest))
    kept = np.sort(kept[np.argsort(-(table.weights * rows)[kept], kind="stable")[:_MOST_PHRASES]])
    if not len(kept):
        return None
    patterns = mine_patterns(_matrix(table, kept, len(sample), pairs), fewest, cancel=cancel)
    if not len(patterns):
        return None
    used = np.flatnonzero(patterns.fixed.any(axis=0))
    return _Found(table, kept[used], Patterns(patterns.fixed[:, used], patterns.rows), len(sample))


def _matrix(table: PhraseTable, kept: npt.NDArray[np.int64], n: int, pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]) -> PhraseMatrix:
    rows, phrases = pairs
    place = np.full(len(table.weights), -1)
    place[kept] = np.arange(len(kept))
    known = place[phrases] >= 0
    has = np.zeros((n, len(kept)), np.float32)
    has[rows[known], place[phrases[known]]] = 1
    return PhraseMatrix(has, *(values[kept].astype(np.float32) for values in (table.evidence, table.weights, table.bits, table.tokens)))


def _parts(texts: pl.Series, cancel: Cancel, progress: Progress) -> list[pl.Series]:
    """The texts in pieces of a few megabytes and at most 20,000 rows."""
    ends = np.cumsum(np.minimum(texts.str.len_chars().to_numpy(), HEAD + TAIL) + _CHUNK_CHARACTERS // 20_000)
    cuts = np.searchsorted(ends, np.arange(0, int(ends[-1]) + _CHUNK_CHARACTERS, _CHUNK_CHARACTERS), side="right")
    parts = []
    for first, last in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        raise_if_cancelled(cancel)
        progress(last, len(texts))
        if last > first:
            parts.append(texts[first:last])
    return parts


def _groups_of_rows(prompts: pl.Series, distinct: pl.Series, of_distinct: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    known = pl.DataFrame({"prompt": distinct, "group": of_distinct})
    groups: npt.NDArray[np.int64] = pl.DataFrame(prompts).join(known, on="prompt", how="left", maintain_order="left")["group"].to_numpy()
    return groups


def _by_size(groups: npt.NDArray[np.int64], count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The patterns that rows follow, most rows first, and the groups renumbered so."""
    rows = np.bincount(groups[groups >= 0], minlength=count)
    order = np.argsort(-rows, kind="stable")
    order = order[rows[order] > 0]
    place = np.full(count + 1, NO_TEMPLATE)
    place[order] = np.arange(len(order))
    return order, place[groups]


def _title(members: pl.Series) -> str:
    """The template as people write it: what nearly all of some members have, as it stands in the shortest of them, with slots between."""
    examples = members.gather(np.unique(np.linspace(0, len(members) - 1, min(len(members), _EXAMPLES)).astype(np.int64)))
    stream = token_stream(examples)
    frequent = frequent_grams(stream, max(2, int(np.ceil(_IN_TITLE * len(examples)))))
    places = frequent.places(stream)
    rows, _ = frequent.pairs(stream)
    fixed = np.bincount(rows, minlength=len(examples))
    chosen = int(np.lexsort((np.bincount(stream.rows, minlength=len(examples)), -fixed))[0])
    covered = (covering(places, frequent.weights) >= 0) | _usual_ends(stream, len(examples))
    return _with_slots(shown_part(examples)[chosen], covered[stream.rows == chosen][1:-1])


def _usual_ends(stream: TokenStream, n: int) -> npt.NDArray[np.bool_]:
    """The first and the last token of each text, where nearly all texts have the same there: too little for a phrase, enough for a title."""
    usual = np.zeros(len(stream.hashes), np.bool_)
    starts = np.searchsorted(stream.rows, np.arange(n))
    ends = np.searchsorted(stream.rows, np.arange(n), side="right")
    for places in (starts + 1, ends - 2):
        tokens, counts = np.unique(stream.hashes[places], return_counts=True)
        if counts.max() >= _IN_TITLE * n:
            usual[places] = stream.hashes[places] == tokens[counts.argmax()]
    return usual


def _with_slots(text: str, covered: npt.NDArray[np.bool_]) -> str:
    """A text with a slot for each run of tokens that are not fixed."""
    pieces: list[str] = []
    at = 0
    for token, fixed in zip(pl.Series([text]).str.extract_all(TOKEN)[0], covered.tolist(), strict=True):
        start = text.index(token, at)
        space, at = text[at:start], start + len(token)
        if fixed:
            pieces.append(space + token)
        elif not pieces or pieces[-1].strip() != SLOT:
            pieces.append(space + SLOT)
    return "".join(pieces).strip()[:_TITLE]
