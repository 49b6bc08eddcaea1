"""Marks around and before texts as people write them: straight or curly quotes, signs of list items, Markdown emphasis and headings."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sde_core.checks.formats.written import CJK, OpenPattern, StyleFamily, Written, without_protected

# ---- quotes

_QUOTE = OpenPattern('(?P<straight>")|(?P<curly>[“”])')
_APOSTROPHE = OpenPattern(r"(?P<straight>(?<=[^\W\d_])'(?=[^\W\d_]))|(?P<curly>(?<=[^\W\d_])’(?=[^\W\d_]))")
_OTHER_QUOTES = re.compile("[„«»‟〝]")
_OPENS_AFTER = re.compile(r"[\s(\[{—–‘'/-]")


def _takes_quotes(text: str) -> bool:
    """Whether quotes are those of English prose: not a JSON value, nor a script or language with marks of its own."""
    return text.lstrip()[:1] not in ("{", "[") and CJK.search(text) is None and _OTHER_QUOTES.search(text) is None


def _quotes_in(text: str) -> list[re.Match[str]]:
    """Quotes outside code; where straight ones do not pair, those behind a digit are inches, and where that does not help none are quotes."""
    matches = list(_QUOTE.matches(text)) if _takes_quotes(text) else []
    if _are_pairs(matches):
        return matches
    matches = [match for match in matches if not (match["straight"] and text[match.start() - 1 : match.start()].isdigit())]
    return matches if _are_pairs(matches) else []


def _are_pairs(matches: Sequence[re.Match[str]]) -> bool:
    return sum(1 for match in matches if match["straight"]) % 2 == 0


def _found_quotes(text: str) -> list[Written]:
    return [
        Written(text[match.start() : match.start() + 24].split("\n")[0], match.start(), "straight" if match["straight"] else "curly")
        for match in _quotes_in(text)
    ]


def _with_quotes(text: str, style: str) -> str:
    quotes = {match.start() for match in _quotes_in(text)}

    def new(match: re.Match[str]) -> str:
        if match.start() not in quotes or (match["curly"] and style == "curly"):
            return match[0]
        before = text[match.start() - 1] if match.start() else " "
        return '"' if style == "straight" else "“" if _OPENS_AFTER.match(before) else "”"

    return _QUOTE.replaced(text, new) if quotes else text


def _found_apostrophes(text: str) -> list[Written]:
    matches = _APOSTROPHE.matches(text) if _takes_quotes(text) else ()
    return [Written(_word_around(text, match.start()), match.start(), "straight" if match["straight"] else "curly") for match in matches]


def _word_around(text: str, at: int) -> str:
    before, after = re.search(r"[^\W\d_]*\Z", text[max(0, at - 12) : at]), re.match(r"[^\W\d_]*", text[at + 1 : at + 13])
    return (before[0] if before else "") + text[at] + (after[0] if after else "")


def _with_apostrophes(text: str, style: str) -> str:
    if not _takes_quotes(text):
        return text
    return _APOSTROPHE.replaced(text, lambda _: "'" if style == "straight" else "’")


QUOTES = StyleFamily("quotes", {"straight": '"so"', "curly": "“so”"}, {"straight": '"', "curly": "[“”]"}, _found_quotes, _with_quotes, casual=True)
APOSTROPHES = StyleFamily(
    "apostrophes", {"straight": "it's", "curly": "it’s"}, {"straight": r"\pL'\pL", "curly": r"\pL’\pL"}, _found_apostrophes, _with_apostrophes,
    casual=True,
)  # fmt: skip

# ---- lists

_SIGNS = {"-": "hyphen", "*": "asterisk", "•": "dot", "–": "dash"}
_BULLET = OpenPattern(r"^(?P<sign>[-*•–])(?= (?![-* ]+$)\S)", re.MULTILINE)
_NUMBERED = OpenPattern(r"^(?P<open>\()?(?P<number>\d{1,2})(?P<close>[.)])(?= [^\W\d])", re.MULTILINE)
_FEWEST_ITEMS = 2


def _found_bullets(text: str) -> list[Written]:
    matches = list(_BULLET.matches(text))
    if len(matches) < _FEWEST_ITEMS:
        return []
    return [Written(text[match.start() : match.start() + 24].split("\n")[0], match.start(), _SIGNS[match["sign"]]) for match in matches]


def _with_bullets(text: str, style: str) -> str:
    if not _found_bullets(text):
        return text
    sign = next(sign for sign, name in _SIGNS.items() if name == style)
    return _BULLET.replaced(text, lambda _: sign)


def _number_style(match: re.Match[str]) -> str:
    if match["open"]:
        return "brackets" if match["close"] == ")" else ""
    return "point" if match["close"] == "." else "bracket"


def _found_numbering(text: str) -> list[Written]:
    matches = [match for match in _NUMBERED.matches(text) if _number_style(match)]
    numbers = [int(match["number"]) for match in matches]
    if len(numbers) < _FEWEST_ITEMS or numbers[:_FEWEST_ITEMS] != [1, 2]:
        return []
    return [Written(text[match.start() : match.start() + 24].split("\n")[0], match.start(), _number_style(match)) for match in matches]


def _with_numbering(text: str, style: str) -> str:
    if not _found_numbering(text):
        return text
    form = {"point": "{}.", "bracket": "{})", "brackets": "({})"}[style]
    return _NUMBERED.replaced(text, lambda match: form.format(match["number"]) if _number_style(match) else match[0])


BULLETS = StyleFamily(
    "bullets",
    {name: f"{sign} item" for sign, name in _SIGNS.items()},
    {name: rf"(?m)^[{sign}] \S" for sign, name in _SIGNS.items()},
    _found_bullets,
    _with_bullets,
    casual=True,
)
NUMBERING = StyleFamily(
    "list numbers",
    {"point": "1. item", "bracket": "1) item", "brackets": "(1) item"},
    {"point": r"(?m)^\d{1,2}\. ", "bracket": r"(?m)^\d{1,2}\) ", "brackets": r"(?m)^\(\d{1,2}\) "},
    _found_numbering,
    _with_numbering,
    casual=True,
)

# ---- Markdown

_MARKDOWN = OpenPattern(
    r"(?P<bold>(?<![\w)\]*])\*\*(?P<inner>[^*\s](?:[^*\n]*[^*\s])?)\*\*(?![\w(*]))"
    r"|(?P<heading>^#{2,6} +(?=\S)(?![-$\d.,]+%?$))",
    re.MULTILINE,
)
_CODE_LINE = re.compile(
    r"(?m)^[ \t]*(?:def \w|class \w|import \w|from \w+ import|#include|print\(|return\b|for \w+ in |\w+ = \S|# |>>> )|[;{}][ \t]*$"
)
_LONG = 200


def _found_markdown(text: str) -> list[Written]:
    marked = "**" in text or "##" in text
    if marked and _CODE_LINE.search(without_protected(text)):
        return []
    found = [Written(match[0], match.start(), "markdown") for match in _MARKDOWN.matches(text)] if marked else []
    return found or ([Written(text[:40], 0, "plain")] if len(text) >= _LONG and "\n\n" in text else [])


def _with_markdown(text: str, style: str) -> str:
    if style != "plain":
        return text
    while True:
        plain = _MARKDOWN.replaced(text, lambda match: match["inner"] or "")
        if plain == text:
            return text
        text = plain


MARKDOWN = StyleFamily(
    "Markdown",
    {"markdown": "Markdown", "plain": "no Markdown"},
    {"markdown": r"\*\*[^*\s]|(?m)^##+ "},
    _found_markdown,
    _with_markdown,
    otherwise="plain",
    targets=("plain",),
    casual=True,
    said="have {example}",
)
"""Emphasis and headings; only towards plain text can it be rewritten."""
