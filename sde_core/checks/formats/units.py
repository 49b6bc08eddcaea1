"""Quantities as people write them: 5 km or 5km or 5 kilometers, 5% or 5 percent."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sde_core.checks.formats.written import OpenPattern, StyleFamily, Written

_WORDS: Mapping[str, str] = {
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "m": "meter", "kg": "kilogram", "mg": "milligram", "g": "gram", "ml": "milliliter",
    "mL": "milliliter", "l": "liter", "L": "liter",
}  # fmt: skip
_SYMBOL_OF = {
    "kilomet": "km",
    "centimet": "cm",
    "millimet": "mm",
    "met": "m",
    "kilogram": "kg",
    "milligram": "mg",
    "gram": "g",
    "millilit": "ml",
    "lit": "l",
}
_QUANTITY = r"(?<![\w.,/$€£¥])(?<![$€£¥] )(?P<number>\d+(?:[.,]\d+)*)"
_AFTER = r"(?![\w/²³^'’-]|\.\w)"
_SYMBOLS = "|".join(sorted(_WORDS, key=len, reverse=True))
_NAMED = OpenPattern(
    rf"{_QUANTITY}(?: ?(?P<symbol>{_SYMBOLS})"
    r"| (?P<word>(?:kilo|centi|milli)?met(?:er|re)s?|(?:milli)?lit(?:er|re)s?|(?:kilo|milli)?grams?))"
    rf"{_AFTER}"
)
_SPACED = OpenPattern(
    rf"{_QUANTITY}(?P<gap>[ \u00a0]?)"
    rf"(?P<unit>km|cm|mm|kg|mg|g|ml|mL|kWh|kW|MW|Hz|kHz|MHz|GHz|KB|MB|GB|TB|lbs?|oz|ft|mph|°C|°F){_AFTER}"
)
_PERCENT = OpenPattern(rf"{_QUANTITY}(?:(?P<sign> ?%)(?![\w%])| (?P<word>percent|per cent)\b)")


def _bare(match: re.Match[str]) -> bool:
    """Whether a single letter stands right behind the digits: 5m is as well five million, 5g a network."""
    return bool(match["symbol"]) and len(match["symbol"]) == 1 and match[0][-2] != " "


def _found_names(text: str) -> list[Written]:
    matches = [match for match in _NAMED.matches(text) if not _bare(match)]
    return [Written(match[0], match.start(), "symbol" if match["symbol"] else "word") for match in matches]


def _with_names(text: str, style: str) -> str:
    british = re.search(r"(?:met|lit)res?\b", text) is not None

    def new(match: re.Match[str]) -> str:
        if _bare(match) or match["symbol" if style == "symbol" else "word"]:
            return match[0]
        if style == "symbol":
            return f"{match['number']} {_SYMBOL_OF[re.sub('(?:er|re)?s?$', '', match['word'])]}"
        word = _WORDS[match["symbol"]]
        word = f"{word[:-2]}re" if british and word.endswith("ter") else word
        return f"{match['number']} {word}{'' if match['number'] == '1' else 's'}"

    return _NAMED.replaced(text, new)


def _found_spaces(text: str) -> list[Written]:
    return [Written(match[0], match.start(), "space" if match["gap"] else "no-space") for match in _SPACED.matches(text)]


def _with_spaces(text: str, style: str) -> str:
    def new(match: re.Match[str]) -> str:
        return match[0] if bool(match["gap"]) == (style == "space") else match["number"] + (" " if style == "space" else "") + match["unit"]

    return _SPACED.replaced(text, new)


def _found_percent(text: str) -> list[Written]:
    return [Written(match[0], match.start(), "sign" if match["sign"] else "word") for match in _PERCENT.matches(text)]


def _with_percent(text: str, style: str) -> str:
    def new(match: re.Match[str]) -> str:
        if match["sign" if style == "sign" else "word"]:
            return match[0]
        return match["number"] + ("%" if style == "sign" else " percent")

    return _PERCENT.replaced(text, new)


UNIT_NAMES = StyleFamily(
    "unit names",
    {"symbol": "5 km", "word": "5 kilometers"},
    {"symbol": rf"\d ?(?:{_SYMBOLS})\b", "word": r"\d (?:kilo|centi|milli)?(?:meter|metre|liter|litre|gram)s?\b"},
    _found_names,
    _with_names,
    said="write units like {example}",
)
UNIT_SPACES = StyleFamily(
    "unit spaces",
    {"space": "5 kg", "no-space": "5kg"},
    dict(
        zip(
            ("space", "no-space"),
            (rf"\d{gap}(?:[kcm]m|[km]?g|m[lL]|kWh?|MW|[kMG]?Hz|[KMGT]B|lbs?|oz|ft|mph|°[CF])(?:\W|$)" for gap in ("[ \u00a0]", "")),
            strict=True,
        )
    ),
    _found_spaces,
    _with_spaces,
    said="write quantities like {example}",
)
PERCENT = StyleFamily(
    "percentages", {"sign": "5%", "word": "5 percent"}, {"sign": r"\d ?%", "word": r"\d (?:percent|per cent)\b"}, _found_percent, _with_percent
)
