"""The fixed words with which texts begin or end: "#### 72", "(card A12)", "Answer: 5", mined from the texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

_AMOUNT = r"(?:(?<![\w)])[-+−])?[$€£¥]?\d+(?:[.,:/]\d+)*%?"
_TOKEN = re.compile(_AMOUNT + r"|\w+|[^\w\s]|\n+")
_WINDOW = 120
_MOST_TOKENS = 10
_NUMBER, _CODE, _WORD = "‹number›", "‹code›", "‹word›"
_PLACEHOLDERS = (_NUMBER, _CODE, _WORD)
_FEWEST_WORDS = 3
_FEWEST_ADDED = 4
_NEARLY = 0.005
_SAMPLE = 2000
"""Texts that a pattern is looked for in; all are then held against it."""
_TRIVIAL = frozenset(".!?)]}\"'”’。！？,;:`*>\n" + "([{“‘<")


@dataclass(frozen=True, slots=True)
class TextFrame:
    """A pattern with which texts begin or end.

    Attributes:
        at_end: Whether it is the end.
        tokens: In reading order; literal, or ‹number›, ‹code›, ‹word›.
        share: Share of the texts that have it.
        title: The pattern as people read it: `#### ‹number›`.
    """

    at_end: bool
    tokens: tuple[str, ...]
    share: float = 0.0
    title: str = ""

    def fits(self, text: str) -> bool:
        """Whether a text begins or ends so."""
        found = _tokens(text, self.at_end)
        wanted = self.tokens[::-1] if self.at_end else self.tokens
        return _begins(found, wanted)

    def is_inside(self, text: str) -> bool:
        """Whether a text has the pattern at another place, with more than a few words around it: something was added, nothing left out."""
        if not self.at_end:
            return False
        found = _TOKEN.findall(text)[::-1]
        wanted = self.tokens[::-1]
        return any(_begins(found[at:], wanted) for at in range(_FEWEST_ADDED, len(found) - len(wanted) + 1))


def mine_frame(texts: Sequence[str], *, at_end: bool, fewest_share: float = 0.9) -> TextFrame | None:
    """The pattern with which most of the texts, and at least `fewest_share` of them, begin or end; None where no pattern says anything.

    A pattern says something when it holds a mark other than the usual punctuation beside a word or another mark, or when it holds several words;
    it may hold one free word. Of those that (nearly) equally many texts have, the longest is taken.
    """
    rows = [_tokens(text, at_end) for text in texts[:: -(-len(texts) // _SAMPLE)]] if texts else []
    needed, nearly = fewest_share * len(rows), _NEARLY * len(rows)
    pattern: list[str] = []
    found: list[tuple[int, list[str]]] = []
    while len(pattern) < _MOST_TOKENS:
        token, rows = _next_token(rows, len(pattern), needed)
        if not token or (token == _WORD and _WORD in pattern):
            break
        pattern.append(token)
        kept = _without_loose_end(pattern)
        if _says_something(kept, at_end):
            found.append((len(rows), kept))
    if not found:
        return None
    enough = max(count for count, _ in found) - nearly
    chosen = next(kept for count, kept in reversed(found) if count >= enough)
    frame = TextFrame(at_end, tuple(chosen[::-1] if at_end else chosen))
    fitting = [text for text in texts if frame.fits(text)]
    if len(fitting) < fewest_share * len(texts):
        return None
    return replace(frame, share=len(fitting) / len(texts), title=_title(fitting[0], frame))


def _title(text: str, frame: TextFrame) -> str:
    """The pattern with the spaces of a text that has it."""
    text = text.strip()
    spans = list(_TOKEN.finditer(text, max(len(text) - _WINDOW, 0) if frame.at_end else 0))
    spans = spans[-len(frame.tokens) :] if frame.at_end else spans[: len(frame.tokens)]
    shown, end = "", spans[0].start()
    for span, token in zip(spans, frame.tokens, strict=True):
        shown += text[end : span.start()] + token
        end = span.end()
    return " ".join(shown.split())


def _begins(tokens: Sequence[str], pattern: Sequence[str]) -> bool:
    return len(tokens) >= len(pattern) and all(_matches(token, wanted) for token, wanted in zip(tokens, pattern, strict=False))


def _tokens(text: str, at_end: bool) -> list[str]:
    text = text.strip()
    if at_end:
        return _TOKEN.findall(text[-_WINDOW:])[::-1][:_MOST_TOKENS]
    return _TOKEN.findall(text[:_WINDOW])[:_MOST_TOKENS]


def _next_token(rows: Sequence[list[str]], place: int, needed: float) -> tuple[str, list[list[str]]]:
    """The most specific token that enough rows have at a place, and those rows."""
    present = [row for row in rows if len(row) > place]
    if len(present) < needed:
        return "", []
    token, count = Counter(row[place] for row in present).most_common(1)[0]
    if count >= needed:
        return token, [row for row in present if row[place] == token]
    for kind in (_NUMBER, _CODE, _WORD):
        fitting = [row for row in present if _matches(row[place], kind)]
        if len(fitting) >= needed:
            return kind, fitting
    return "", []


def _matches(token: str, pattern: str) -> bool:
    if pattern == _NUMBER:
        return re.fullmatch(_AMOUNT, token) is not None
    if pattern == _CODE:
        return any(character.isdigit() for character in token) and token.isalnum()
    if pattern == _WORD:
        return token[0].isalpha()
    return token == pattern or (pattern.startswith("\n") and token.startswith("\n"))


def _without_loose_end(pattern: list[str]) -> list[str]:
    """The pattern without placeholders and bare punctuation at its open end."""
    kept = list(pattern)
    while kept and (kept[-1] in _PLACEHOLDERS or set(kept[-1]) <= _TRIVIAL - set("([{")):
        kept.pop()
    return kept


def _says_something(pattern: Sequence[str], at_end: bool) -> bool:
    literal = [token for token in pattern if token not in _PLACEHOLDERS]
    words = sum(token[0].isalnum() for token in literal)
    marks = sum(not token[0].isalnum() and not set(token) <= _TRIVIAL - set(":([{") for token in literal)
    return (marks >= 1 and words + marks >= 2) or words >= (_FEWEST_WORDS if at_end else _FEWEST_WORDS + 1)
