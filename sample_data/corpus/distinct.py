"""Keeping clean rows apart: no two may say the same, share most of their words, or look alike but for numbers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from corpus.text import Conversation

_WORD = re.compile(r"\w+")
SHINGLE = 5
MOST_SHINGLES_SHARED = 0.45
MOST_WORDS_SHARED = 0.63
COMMON = 120
"""A word found in so many rows tells nothing about one of them."""


def words(text: str) -> list[str]:
    """Lower-cased words."""
    return _WORD.findall(text.lower())


def shingles(text: str) -> set[tuple[str, ...]]:
    """All runs of five words; one shorter run where the text is shorter."""
    found = words(text)
    return {tuple(found[i : i + SHINGLE]) for i in range(max(1, len(found) - SHINGLE + 1))}


def jaccard(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    """Shared share of two sets."""
    return len(one & other) / len(one | other)


class Distinct:
    """Accepts a conversation when it is unlike everything accepted before.

    Two measures over inverted lists: Jaccard similarity of word 5-shingles, and of the sets of words that are not common, numbers left out.
    """

    def __init__(self) -> None:
        self._about: set[str] = set()
        self._sizes: list[int] = []
        self._lists: tuple[defaultdict[object, list[int]], defaultdict[object, list[int]]] = (defaultdict(list), defaultdict(list))

    def add(self, conversation: Conversation) -> bool:
        """Whether it was unlike all others; it is remembered if so."""
        if conversation.about in self._about:
            return False
        sets = _sets(conversation)
        if self._looks_alike(sets):
            return False
        self._about.add(conversation.about)
        self._sizes.append(len(sets[0]))
        for lists, members in zip(self._lists, sets, strict=True):
            for member in members:
                lists[member].append(len(self._sizes) - 1)
        return True

    def _looks_alike(self, sets: tuple[set[tuple[str, ...]], set[str]]) -> bool:
        (by_shingle, by_word), (found_shingles, found_words) = self._lists, sets
        shared, _ = _shared(by_shingle, found_shingles)
        if any(count / (len(found_shingles) + self._sizes[row] - count) > MOST_SHINGLES_SHARED for row, count in shared.items()):
            return True
        shared, telling = _shared(by_word, found_words)
        return any(count > max(2, MOST_WORDS_SHARED * telling) for count in shared.values())


def _shared(rows_of: Mapping[object, list[int]], members: Iterable[object]) -> tuple[Counter[int], int]:
    """How many uncommon members each earlier row has too, and how many members are uncommon."""
    shared: Counter[int] = Counter()
    telling = 0
    for member in members:
        rows = rows_of.get(member, ())
        if len(rows) <= COMMON:
            telling += 1
            shared.update(rows)
    return shared, telling


def _sets(conversation: Conversation) -> tuple[set[tuple[str, ...]], set[str]]:
    said = "\n".join(text for role, text in conversation.turns if role != "system")
    return shingles(conversation.text), {word for word in words(said) if not word.isdigit()}
