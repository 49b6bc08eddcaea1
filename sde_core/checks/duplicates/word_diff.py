"""Two texts side by side, word by word, as plain data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Change = Literal["equal", "delete", "insert"]

_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")  # a word with the space before it: a space alone would match everywhere
_MOST_TOKENS = 1500


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text that both sides have, or only one.

    Attributes:
        change: "equal" stands in both, "delete" in the first alone, "insert" in the second alone.
        text: The stretch; white space and all, so that the segments of a side join to its text.
    """

    change: Change
    text: str


@dataclass(frozen=True, slots=True)
class WordDiff:
    """What changed between two texts.

    Attributes:
        segments: In order; "equal" and "delete" give the first text, "equal" and "insert" the second.
        same_words: Share of the words of both texts that both have in the same order, 0-1.
        cut: Whether a text was longer than is compared; the segments then cover its beginning only.
    """

    segments: tuple[Segment, ...]
    same_words: float
    cut: bool

    def side(self, change: Literal["delete", "insert"]) -> tuple[Segment, ...]:
        """The segments of one side: "delete" for the first text, "insert" for the second."""
        return tuple(segment for segment in self.segments if segment.change in ("equal", change))


def word_diff(first: str, second: str, most_tokens: int = _MOST_TOKENS) -> WordDiff:
    """Compares two texts by words and symbols, each with the space before it (Ratcliff and Obershelp's matching, as difflib has it).

    Args:
        first: The one text.
        second: The other.
        most_tokens: Tokens of each text that are looked at.
    """
    left, left_cut = _tokens(first, most_tokens)
    right, right_cut = _tokens(second, most_tokens)
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    segments: list[Segment] = []
    common = 0
    for tag, left_start, left_end, right_start, right_end in matcher.get_opcodes():
        if tag == "equal":
            segments.append(Segment("equal", "".join(left[left_start:left_end])))
            common += sum(not token.isspace() for token in left[left_start:left_end])
            continue
        segments.extend(Segment(change, text) for change, text in _changed(left[left_start:left_end], right[right_start:right_end]) if text)
    words = sum(not token.isspace() for token in (*left, *right))
    return WordDiff(tuple(segments), 2 * common / words if words else 1.0, left_cut or right_cut)


def _changed(left: list[str], right: list[str]) -> tuple[tuple[Change, str], tuple[Change, str]]:
    return ("delete", "".join(left)), ("insert", "".join(right))


def _tokens(text: str, most: int) -> tuple[list[str], bool]:
    tokens: list[str] = []
    for found in _TOKEN.finditer(text):
        if len(tokens) == most:
            return tokens, True
        tokens.append(found[0])
    return tokens, False
