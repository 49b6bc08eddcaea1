"""Dates as people write them: 2021-03-25, 03/25/2021, 25.03.2021, March 25, 2021, 25 March 2021."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from sde_core.checks.formats.written import OpenPattern, StyleFamily, Written

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_SHORT = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = rf"(?:{'|'.join(_MONTHS)}|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
_BEFORE, _AFTER = r"(?<![\w/.:+-])(?<!\d,)", r"(?![\w/-]|\.\d|:\d| \d{1,2}:\d\d|, \d{1,2}:\d\d)"
_DATE = OpenPattern(
    rf"{_BEFORE}(?:"
    r"(?P<year>\d{4})(?P<mark>[-/])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})"
    r"|(?P<first>\d{1,2})(?P<sign>[-/.])(?P<second>\d{1,2})(?P=sign)(?P<last>\d{4})"
    rf"|(?P<us_month>{_MONTH}) (?P<us_day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<us_year>\d{{4}})"
    rf"|(?P<eu_day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<eu_month>{_MONTH}),? (?P<eu_year>\d{{4}})"
    rf"){_AFTER}"
)
_PART_OF_RANGE = re.compile(rf"(?:{_MONTH}|(?<![\w/.:-])\d{{1,2}})(?:st|nd|rd|th)?,?\s*(?:[-–—,&]|to|and|or|through|until|till)\s*$")
_BY_SIGN = {"/": ("us", "eu"), ".": ("us-dots", "eu-dots"), "-": ("us-dashes", "eu-dashes")}
_LAST_MONTH = 12

_WRITE: Mapping[str, Callable[[date], str]] = {
    "iso": lambda day: f"{day.year:04}-{day.month:02}-{day.day:02}",
    "ymd": lambda day: f"{day.year:04}/{day.month:02}/{day.day:02}",
    "us": lambda day: f"{day.month:02}/{day.day:02}/{day.year:04}",
    "eu": lambda day: f"{day.day:02}/{day.month:02}/{day.year:04}",
    "us-dashes": lambda day: f"{day.month:02}-{day.day:02}-{day.year:04}",
    "eu-dashes": lambda day: f"{day.day:02}-{day.month:02}-{day.year:04}",
    "us-dots": lambda day: f"{day.month:02}.{day.day:02}.{day.year:04}",
    "eu-dots": lambda day: f"{day.day:02}.{day.month:02}.{day.year:04}",
    "long-us": lambda day: f"{_MONTHS[day.month - 1]} {day.day}, {day.year:04}",
    "long-eu": lambda day: f"{day.day} {_MONTHS[day.month - 1]} {day.year:04}",
    "short-us": lambda day: f"{_SHORT[day.month - 1]} {day.day}, {day.year:04}",
    "short-eu": lambda day: f"{day.day} {_SHORT[day.month - 1]} {day.year:04}",
}
_EXAMPLE = date(2021, 3, 25)


def _read(match: re.Match[str]) -> tuple[date | None, str, frozenset[str]]:
    """(day, style, other styles it fits) of a match; no day where there is none or where it cannot be told."""
    if match["year"]:
        return _day(match["year"], match["month"], match["day"]), "iso" if match["mark"] == "-" else "ymd", frozenset()
    if match["us_month"]:
        return _named(match, "us")
    if match["eu_month"]:
        return _named(match, "eu")
    us, eu = _BY_SIGN[match["sign"]]
    first, second = int(match["first"]), int(match["second"])
    if first <= _LAST_MONTH and second <= _LAST_MONTH and first != second:
        return None, "" if first and second else "none", frozenset((us, eu))
    if first > _LAST_MONTH:
        return _day(match["last"], match["second"], match["first"]), eu, frozenset()
    return _day(match["last"], match["first"], match["second"]), us, frozenset((eu,) if first == second else ())


def _named(match: re.Match[str], order: str) -> tuple[date | None, str, frozenset[str]]:
    word = match[f"{order}_month"].rstrip(".")
    month = next(number for number, short in enumerate(_SHORT, start=1) if word.startswith(short))
    day = _day(match[f"{order}_year"], str(month), match[f"{order}_day"])
    style = "long" if word in _MONTHS else "short"
    return day, f"{style}-{order}", frozenset((f"short-{order}",) if word == "May" else ())


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _is_part_of_range(match: re.Match[str]) -> bool:
    return _PART_OF_RANGE.search(match.string, max(0, match.start() - 30), match.start()) is not None


def _found(text: str) -> list[Written]:
    found: list[Written] = []
    for match in _DATE.matches(text):
        day, style, fits = _read(match)
        if (day or not style) and not _is_part_of_range(match):
            found.append(Written(match[0], match.start(), style, fits))
    return found


def _rewritten(text: str, style: str) -> str:
    def new(match: re.Match[str]) -> str:
        day, here, fits = _read(match)
        keep = day is None or here == style or style in fits or _is_part_of_range(match)
        return match[0] if keep or day is None else _WRITE[style](day)

    return _DATE.replaced(text, new)


def _numeric(sign: str, *, year_first: bool = False) -> str:
    sign = f"\\{sign}"
    return rf"\b\d{{4}}{sign}\d{{1,2}}{sign}\d{{1,2}}" if year_first else rf"\b\d{{1,2}}{sign}\d{{1,2}}{sign}\d{{4}}"


_NAME = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"

DATES = StyleFamily(
    "dates",
    {name: write(_EXAMPLE) for name, write in _WRITE.items()},
    {
        "iso": _numeric("-", year_first=True),
        "ymd": _numeric("/", year_first=True),
        "us": _numeric("/"),
        "eu": _numeric("/"),
        "us-dashes": _numeric("-"),
        "eu-dashes": _numeric("-"),
        "us-dots": _numeric("."),
        "eu-dots": _numeric("."),
        **dict.fromkeys(("long-us", "short-us"), rf"\b{_NAME} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"),
        **dict.fromkeys(("long-eu", "short-eu"), rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_NAME},? \d{{4}}"),
    },
    _found,
    _rewritten,
)
"""Days with their year. One that may be read in two ways (03/04/2021) is never rewritten; neither are the ends of a range and times of a day."""
