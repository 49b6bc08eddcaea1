"""Large numbers as people write them: 1,234,567.5 or 1.234.567,5 or 1 234 567 or 1234567."""

from __future__ import annotations

import re

from sde_core.checks.formats.written import OpenPattern, StyleFamily, Written

_THIN = "\u00a0\u202f\u2009"
_NUMBER = OpenPattern(
    rf"(?<![\w.,:/#=*+^~<>@&\\{_THIN}-])(?<!\d )(?P<currency>[$€£¥] ?)?(?:"
    r"(?P<comma>\d{1,3}(?:,\d{3})+(?:\.\d+)?)"
    r"|(?P<dot>\d{1,3}(?:\.\d{3})+,\d{1,2}|\d{1,3}(?:\.\d{3}){2,})"
    rf"|(?P<space>\d{{1,3}}(?:[{_THIN}]\d{{3}})+(?:[.,]\d{{1,2}})?|\d{{1,3}}(?: \d{{3}}){{2,}}(?:[.,]\d{{1,2}})?)"
    r"|(?P<plain>(?:(?<=[$€£¥])|(?<=[$€£¥] ))[1-9]\d{3,14}(?:\.\d{1,2})?|[1-9]\d{4,14}(?:\.\d{1,2})?)"
    rf")(?![\w:/*^=+#-]|[.,]\d|[ {_THIN}]\d)"
)
_NAMES_SOMETHING = re.compile(
    r"(?:#|\b(?:no|nr|id|ids|code|codes|pin|zip|postcode|number|order|ref|reference|case|ticket|invoice|account|port|model|version|phone|tel|fax"
    r"|serial|key|seed|isbn|item|part|sku|box|room|route|year|[A-Z]{2})\W{0,3})$",
    re.IGNORECASE,
)
_STYLES = ("comma", "dot", "space", "plain")
_DECIMAL_SIGNS = {"comma": ".", "dot": ",", "space": ".,", "plain": "."}
_EXAMPLES = {"comma": "1,234,567.5", "dot": "1.234.567,5", "space": "1 234 567.5", "plain": "1234567.5"}


def _style_of(match: re.Match[str]) -> str:
    return next(style for style in _STYLES if match[style])


def _is_name(match: re.Match[str]) -> bool:
    """Whether the digits are a name or code and no amount."""
    before = match.string[max(0, match.start() - 14) : match.start()]
    return bool(match["plain"]) and not match["currency"] and _NAMES_SOMETHING.search(before) is not None


def _parts(number: str, style: str) -> tuple[str, str]:
    """(digits before the decimal sign, digits after it) of a number in a style."""
    last = re.search(r"([.,])(\d+)$", number)
    decimals = ""
    if last and last[1] in _DECIMAL_SIGNS[style]:
        decimals, number = last[2], number[: last.start()]
    return re.sub(r"\D", "", number), decimals


def _written(whole: str, decimals: str, style: str) -> str:
    if style == "plain":
        return whole + (f".{decimals}" if decimals else "")
    mark, sign = {"comma": (",", "."), "dot": (".", ","), "space": ("\u00a0", ".")}[style]
    head = len(whole) % 3
    groups = ([whole[:head]] if head else []) + [whole[at : at + 3] for at in range(head, len(whole), 3)]
    return mark.join(groups) + (f"{sign}{decimals}" if decimals else "")


def _fits(match: re.Match[str], style: str) -> frozenset[str]:
    """A single group after a comma may be a decimal fraction where the comma is the decimal sign."""
    single = style == "comma" and match["comma"].count(",") == 1 and "." not in match["comma"]
    return frozenset(("dot", "space") if single else ())


def _found(text: str) -> list[Written]:
    matches = [match for match in _NUMBER.matches(text) if not _is_name(match)]
    return [Written(match[0], match.start(), _style_of(match), _fits(match, _style_of(match))) for match in matches]


def _rewritten(text: str, style: str) -> str:
    def new(match: re.Match[str]) -> str:
        here = _style_of(match)
        if here == style or style in _fits(match, here) or _is_name(match):
            return match[0]
        changed = _written(*_parts(match[here], here), style)
        dot_needs_more = style == "dot" and changed.count(".") == 1 and "," not in changed
        return match[0] if dot_needs_more else (match["currency"] or "") + changed

    return _NUMBER.replaced(text, new)


NUMBERS = StyleFamily(
    "numbers",
    _EXAMPLES,
    {
        "comma": r"\d,\d{3}",
        "dot": r"\d\.\d{3}[.,]\d",
        "space": rf"\d[ {_THIN}]\d{{3}}",
        "plain": r"[$€£¥] ?\d{4}|\d{5}",
    },
    _found,
    _rewritten,
)
"""Numbers of a thousand and more; codes, years and results of a calculation are none."""


# ---- hundredths

_HUNDREDTHS = OpenPattern(
    rf"(?<![\w.,:/#=*+^~<>(@&\\-])(?<!\d )(?<!\d[{_THIN}])(?P<currency>[$€£¥] ?)?"
    r"(?P<whole>\d{1,3}|(?<=[$€£¥])\d{4,9})(?P<sign>[.,])(?P<rest>\d\d)"
    r"(?![\w:/*^=+-]|[.,]\d)"
)


def _found_decimals(text: str) -> list[Written]:
    return [Written(match[0], match.start(), "point" if match["sign"] == "." else "comma") for match in _HUNDREDTHS.matches(text)]


def _with_decimals(text: str, style: str) -> str:
    sign = "." if style == "point" else ","
    return _HUNDREDTHS.replaced(text, lambda match: f"{match['currency'] or ''}{match['whole']}{sign}{match['rest']}")


DECIMALS = StyleFamily(
    "decimals", {"point": "3.50", "comma": "3,50"}, {"point": r"\d\.\d\d", "comma": r"\d,\d\d(?:\D|$)"}, _found_decimals, _with_decimals
)
"""Numbers with two digits behind the sign, as prices have them."""
