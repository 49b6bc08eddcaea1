"""Keeping clean rows apart: no two may say the same, share most of their words, or look alike but for numbers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from corpus.text import Conversation

_WORD = re.compile(r"\w+")
SHINGLE = 5
MOST_SHINGLES_SHARED = 0.45
MOST_WORDS_SHARED = 0.66
COMMON = 250
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
        self._sizes: list[tuple[int, int]] = []
        self._lists: tuple[defaultdict[object, list[int]], defaultdict[object, list[int]]] = (defaultdict(list), defaultdict(list))

    def is_new(self, conversation: Conversation) -> bool:
        """Whether it is unlike all that were added."""
        return conversation.about not in self._about and not self._looks_alike(_sets(conversation))

    def add(self, conversation: Conversation) -> bool:
        """Whether it was unlike all others; it is remembered if so."""
        sets = _sets(conversation)
        if not self.is_new(conversation):
            return False
        self._about.add(conversation.about)
        self._sizes.append((len(sets[0]), len(sets[1])))
        for lists, members in zip(self._lists, sets, strict=True):
            for member in members:
                lists[member].append(len(self._sizes) - 1)
        return True

    def _looks_alike(self, sets: tuple[set[tuple[str, ...]], set[str]]) -> bool:
        for which, (limit, members) in enumerate(zip((MOST_SHINGLES_SHARED, MOST_WORDS_SHARED), sets, strict=True)):
            lists = self._lists[which]
            shared = Counter(row for member in members if len(lists.get(member, ())) <= COMMON for row in lists.get(member, ()))
            if which == 0:
                alike = any(count / (len(members) + self._sizes[row][0] - count) > limit for row, count in shared.items())
            else:
                rare = sum(1 for member in members if len(lists.get(member, ())) <= COMMON)
                alike = rare > 0 and any(count / rare > limit and count > 2 for count in shared.values())
            if alike:
                return True
        return False


def _sets(conversation: Conversation) -> tuple[set[tuple[str, ...]], set[str]]:
    said = "\n".join(text for role, text in conversation.turns if role != "system")
    return shingles(conversation.text), {word for word in words(said) if not word.isdigit()}
