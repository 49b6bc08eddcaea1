"""How the same thing is written in several styles: what a family of styles is, and which parts of a text no style touches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

PROTECTED = r"(?P<protected>```[\s\S]*?(?:```|\Z)|`[^`\n]+`|(?:https?://|www\.)[^\s<>]+|[\w.+-]+@[\w-]+\.[\w.]+|<[^<>\n]{1,200}>)"
"""Code, addresses and tags: a style is never looked for and never changed there."""

_SIGNS = ("`", "://", "www.", "@", "<")
"""One of these is in every text with something to protect."""

_PROTECTED = re.compile(PROTECTED)
CJK = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]")
"""Scripts with marks and spaces of their own."""


class Written(NamedTuple):
    """One date, number, quote … in a text.

    Attributes:
        piece: As it is written.
        at: Where it begins, in characters.
        style: The style it is in; "" where it cannot be told, as with 03/04/2021.
        fits: Other styles that it may be in as well.
    """

    piece: str
    at: int
    style: str
    fits: frozenset[str] = frozenset()

    def breaks(self, habit: str) -> bool:
        """Whether it is certainly not written in this style."""
        return self.style != habit and habit not in self.fits


@dataclass(frozen=True)
class StyleFamily:
    """Several ways to write the same thing, each of which a text can be rewritten to.

    Attributes:
        name: What is written, in the plural: "dates".
        styles: Name of a style -> how it looks: "iso" -> "2021-03-25".
        patterns: Style -> a regular expression of the polars engine that every text with a piece in this style matches.
        find: The pieces of a text, in order.
        rewrite: (text, style) -> the text with every piece in that style; the same text where nothing can be changed.
        otherwise: The style of a text that matches none of the patterns; "" where such a text says nothing.
        targets: The styles that a text can be rewritten to; empty where that is all of them.
        casual: Whether writers mix these styles without a thought, so that a habit takes more to be one.
        said: What answers do, in words, with {name} and {example}.
    """

    name: str
    styles: Mapping[str, str]
    patterns: Mapping[str, str]
    find: Callable[[str], list[Written]] = field(repr=False)
    rewrite: Callable[[str, str], str] = field(repr=False)
    otherwise: str = ""
    targets: tuple[str, ...] = ()
    casual: bool = False
    said: str = "write {name} like {example}"

    def fix_name(self, style: str) -> str:
        """The name in `FIXES` of rewriting to this style."""
        return f"{self.name.lower().replace(' ', '-')}-to-{style}"

    def fixes(self) -> dict[str, Callable[[str], str]]:
        """Every rewriting by the name of its fix."""
        return {self.fix_name(style): _Rewriting(self, style) for style in self.targets or self.styles}


@dataclass(frozen=True)
class _Rewriting:
    """Rewriting to one style, as a function of a text."""

    family: StyleFamily
    style: str

    def __call__(self, text: str) -> str:
        return self.family.rewrite(text, self.style)


def without_protected(text: str) -> str:
    """The text without the parts that no style touches."""
    return _PROTECTED.sub("", text)


class OpenPattern:
    """A regular expression whose matches lie outside what no style touches.

    Args:
        source: The expression, with groups of any name but "protected".
        flags: As `re.compile` takes them.
    """

    def __init__(self, source: str, flags: int = 0) -> None:
        self._guarded = re.compile(f"{PROTECTED}|{source}", flags)
        self._bare = re.compile(f"(?P<protected>(?!))|{source}", flags)

    def _for(self, text: str) -> re.Pattern[str]:
        """Most texts have nothing to protect, and looking for it at every character takes longest."""
        return self._guarded if any(sign in text for sign in _SIGNS) else self._bare

    def matches(self, text: str) -> Iterator[re.Match[str]]:
        """The matches, in order."""
        return (match for match in self._for(text).finditer(text) if match["protected"] is None)

    def replaced(self, text: str, new: Callable[[re.Match[str]], str]) -> str:
        """The text with every match replaced."""
        return self._for(text).sub(lambda match: match[0] if match["protected"] is not None else new(match), text)
