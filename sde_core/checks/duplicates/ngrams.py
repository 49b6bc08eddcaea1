"""Runs of words that two collections of texts share: the n-gram overlap by which benchmarks are kept out of training sets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.features.shingles import folded, word_shingles
from sde_core.progress import NEVER, Cancel, raise_if_cancelled

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

NGRAM_WORDS = 13
_COMMON = 10
_CHUNK_TEXTS = 20_000
_VERIFIED_SHARE = 0.6  # the hashed tokens count symbols; a run of mere signs and repeated numbers says nothing
_MOST_WORDS_SHOWN = 30
_WORD = re.compile(r"\w+|[^\w\s.,;:!?'\"`“”‘’…-]")


@dataclass(frozen=True, slots=True)
class SharedRun:
    """Words that a text has in the same order as a text of the other collection.

    Attributes:
        position: The text.
        other: The text of the other collection that shares most runs with it.
        share: Share of the other text's runs that the text has, 0-1.
        words: The longest of the runs, in lower case, cut after 30 words.
    """

    position: int
    other: int
    share: float
    words: str


def shared_runs(
    texts: Sequence[str], others: Sequence[str], words: int = NGRAM_WORDS, least_share: float = 0.0, *, cancel: Cancel = NEVER
) -> Iterator[SharedRun]:
    """For each text that shares a run of `words` tokens with a text of the other collection, the longest such run.

    Runs that more than 10 of `texts` have are common words of the collection and do not count (see `sde_core.checks.duplicates.leakage`).
    Every run is verified on the words themselves, and must hold at least 0.6 `words` different ones: arithmetic shares runs of signs and small
    numbers everywhere. Texts of fewer tokens have no run.

    Args:
        texts: The training texts.
        others: The texts that must not be among them.
        words: Tokens of a run, at least 4.
        least_share: Least share of the other text's runs that a text must have.
        cancel: Looked at every 20,000 texts.

    Raises:
        CancelledError: When stopped.
    """
    runs = _RunTable(others, words)
    hits: list[tuple[I64, I64]] = []
    for start in range(0, len(texts), _CHUNK_TEXTS):
        raise_if_cancelled(cancel)
        hits.append(_hits(texts, start, runs, words))
    positions = np.concatenate([np.empty(0, np.int64), *(hit[0] for hit in hits)])
    places = np.concatenate([np.empty(0, np.int64), *(hit[1] for hit in hits)])
    rare = np.bincount(places, minlength=len(runs.hashes)) <= _COMMON
    kept = rare[places]
    for position, other, shared in _likest(positions[kept], runs.owners[places[kept]]):
        share = min(1.0, shared / int(runs.counts[other]))
        if share < least_share:
            continue
        run = _longest_run(_words(texts[position]), _words(others[other]), int(np.ceil(words * _VERIFIED_SHARE)))
        if run:
            yield SharedRun(position, other, share, " ".join(run[:_MOST_WORDS_SHOWN]))


class _RunTable:
    """Hashes of all runs of a collection, sorted, and the first text that has each."""

    def __init__(self, texts: Sequence[str], words: int) -> None:
        hashes, positions = _run_hashes(texts, words)
        self.hashes, first = np.unique(hashes, return_index=True)
        self.owners: I64 = positions[first]
        self.counts: I64 = np.bincount(self.owners, minlength=len(texts))


def _run_hashes(texts: Sequence[str], words: int) -> tuple[U32, I64]:
    """Hash and text of every run; runs that reach over the padding at either end are left out."""
    shingles = word_shingles(texts, words)
    lengths = np.diff(shingles.starts)
    positions = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    place = np.arange(len(positions), dtype=np.int64) - shingles.starts[positions]
    whole = (place >= words - 1) & (place < shingles.n_tokens[positions])
    return shingles.hashes[whole], positions[whole]


def _hits(texts: Sequence[str], start: int, runs: _RunTable, words: int) -> tuple[I64, I64]:
    """Texts and places in the run table of the runs that a chunk of texts shares, each pair once."""
    hashes, positions = _run_hashes(texts[start : start + _CHUNK_TEXTS], words)
    if not len(runs.hashes):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    places = np.minimum(np.searchsorted(runs.hashes, hashes), len(runs.hashes) - 1)
    shared = runs.hashes[places] == hashes
    packed = np.unique(((positions[shared] + start) << 32) | places[shared])
    return packed >> 32, packed & 0xFFFFFFFF


def _likest(positions: I64, owners: I64) -> list[tuple[int, int, int]]:
    """For each position the other text with which it shares most runs, and how many."""
    pairs, counts = np.unique((positions << 32) | owners, return_counts=True)
    order = np.lexsort((pairs, -counts, pairs >> 32))
    _, first = np.unique(pairs[order] >> 32, return_index=True)
    chosen = order[first]
    return list(zip((pairs[chosen] >> 32).tolist(), (pairs[chosen] & 0xFFFFFFFF).tolist(), counts[chosen].tolist(), strict=True))


def _words(text: str) -> list[str]:
    return _WORD.findall(folded(text).casefold())


def _longest_run(words: list[str], others: list[str], fewest: int) -> list[str]:
    """The longest run that both have with at least `fewest` different words in it, empty where there is none."""
    places: dict[tuple[str, ...], int] = {}
    for at in range(len(others) - fewest + 1):
        places.setdefault(tuple(others[at : at + fewest]), at)
    longest: list[str] = []
    at = 0
    while at + fewest <= len(words):
        other = places.get(tuple(words[at : at + fewest]))
        length = 0 if other is None else _common_length(words, at, others, other)
        if length > len(longest) and len({word for word in words[at : at + length] if word[0].isalnum()}) >= fewest:
            longest = words[at : at + length]
        at += max(1, length - fewest + 1)
    return longest


def _common_length(words: list[str], at: int, others: list[str], other: int) -> int:
    length = 0
    while at + length < len(words) and other + length < len(others) and words[at + length] == others[other + length]:
        length += 1
    return length
