"""Expressions of numbers, such as "3 * (4 + 5)" or "20% of 50", read exactly; and whether two of them may be meant to be equal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?|\.\d+"
"""A number as people write it, with thousands separators."""

_TOKEN = re.compile(rf"(?P<number>{NUMBER})|(?P<sign>\*\*|\\(?:times|cdot|div)\b|[-+*/^×÷·−()=%]|x|of\b)|(?P<space>[ \t]+|\\?[$€£¥])")
_SIGNS = {"×": "*", "÷": "/", "·": "*", "−": "-", "x": "*", "of": "*", "**": "^", "\\times": "*", "\\cdot": "*", "\\div": "/"}
_LONGEST_NUMBER, _MOST_DEPTH = 24, 12
_LARGEST_POWER, _LARGEST_BASE = 32, 10**6
_AMBIGUOUS = re.compile(r"/\s*\d+\s*/\s*\d")
"""A quotient of a fraction, 25 / 1/3: it need not mean what it says by the rules."""
_RANGE = re.compile(r"\s*(\d+)-(\d+)\s*")
_LOOSELY = re.compile(
    r"\b(?:about|approx\w*|around|roughly|round\w*|nearest|almost|nearly|estimat\w*|close to|over|whole|up|down)\b|≈|~", re.IGNORECASE
)
_CONVERSIONS = frozenset(Fraction(ratio) for ratio in (60, 100, 1000, 3600, 10**6, 10**9))
_UNIT_CONVERSIONS = frozenset(Fraction(ratio) for ratio in (3, 4, 7, 12, 16, 24, 30, 36, 52, 365))
_UNIT = re.compile(
    r"\s*(?:second|minute|hour|day|week|month|year|inch|foot|feet|yard|mile|ounce|pound|lb|oz|dozen|quart|pint|gallon|cup|k\w|m\w)s?\b"
)
_NEARLY, _NOISE = Fraction(1, 1000), Fraction(1, 10**9)


@dataclass(frozen=True, slots=True)
class Side:
    """What one side says.

    Attributes:
        readings: What it may mean: a per cent sign divides by a hundred, or is a unit.
        first: Its first number, which alone is claimed where a sum runs on: 3 * 4 = 12 + 5 = 17.
        exact: Whether its numbers are whole, and only added, subtracted and multiplied.
        places: Decimal places of its last number.
        signs: How many signs combine its numbers.
        end: Where it ends in the text of the side.
    """

    readings: tuple[Fraction, ...]
    first: Fraction
    exact: bool
    places: int
    signs: int
    end: int


class _NotArithmeticError(Exception):
    """The side is not an expression of numbers."""


def read_side(text: str, open_end: bool = False) -> Side | None:
    """What a side of an equation says; None where it is not an expression of numbers.

    Args:
        text: The side.
        open_end: Whether something else may follow the expression.
    """
    span = _RANGE.fullmatch(text)
    if _AMBIGUOUS.search(text) or (span and int(span[1][:9]) < int(span[2][:9])):
        return None
    tokens = [(match.group(), match.lastgroup, match.end()) for match in _TOKEN.finditer(text)]
    is_covered = sum(len(token) for token, _, _ in tokens) == len(text)
    tokens = [token for token in tokens if token[1] != "space"]
    if not tokens or not is_covered:
        return None
    try:
        return _Reader(tokens, open_end).value()
    except (_NotArithmeticError, ZeroDivisionError):
        return None


class _Reader:
    """Reads an expression by descent: sums of products of powers of atoms."""

    def __init__(self, tokens: list[tuple[str, str | None, int]], open_end: bool) -> None:
        self._tokens, self._open_end = tokens, open_end
        self._at = self._depth = self._signs = self._places = 0
        self._exact = True
        self._first: Fraction | None = None
        self._percents = 0

    def value(self) -> Side:
        """The whole side.

        Raises:
            _NotArithmeticError: When it is not an expression.
        """
        readings = self._sum()
        whole_end = self._at
        if self._at < len(self._tokens) and self._peek().isdigit() and self._open_end and readings[0].denominator == 1:
            readings = self._mixed(readings)
            whole_end = self._at
        if whole_end < len(self._tokens) and not (self._open_end and self._may_follow()):
            raise _NotArithmeticError
        first = self._first if self._first is not None else readings[0]
        return Side(readings, first, self._exact, self._places, self._signs, self._tokens[whole_end - 1][2])

    def _may_follow(self) -> bool:
        """Whether what follows a claimed number does not change it: a bracket, a dash before words."""
        rest = [token for token, _, _ in self._tokens[self._at :]]
        return rest[0] in ("(", ")") or (len(rest) == 1 and rest[0] in ("-", "/", "**", "*"))

    def _mixed(self, whole: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
        """A whole number with a fraction behind it: 3 1/2."""
        rest = [token for token, _, _ in self._tokens[self._at : self._at + 3]]
        if len(rest) != 3 or rest[1] != "/" or not rest[2].isdigit() or int(rest[2]) == 0:
            raise _NotArithmeticError
        self._at += 3
        return tuple(value + Fraction(int(rest[0]), int(rest[2])) for value in whole)

    def _peek(self) -> str:
        return _SIGNS.get(self._tokens[self._at][0], self._tokens[self._at][0]) if self._at < len(self._tokens) else ""

    def _take(self, *signs: str) -> str:
        found = self._peek()
        if found not in signs:
            return ""
        # A sign that nothing follows belongs to the words behind.
        if self._open_end and self._at + 1 == len(self._tokens):
            return ""
        self._at += 1
        return found

    def _sum(self) -> tuple[Fraction, ...]:
        left = self._product()
        while sign := self._take("+", "-"):
            self._signs += 1
            percents, right = self._percents, self._product()
            relative = self._percents > percents
            if sign == "+":
                sums = [a + b for a, b in zip(left, right, strict=True)]
                sums[2] = left[2] * (1 + right[0]) if relative else left[2] + right[2]
            else:
                sums = [a - b for a, b in zip(left, right, strict=True)]
                sums[2] = left[2] * (1 - right[0]) if relative else left[2] - right[2]
            left = tuple(sums)
        return left

    def _product(self) -> tuple[Fraction, ...]:
        left = self._power()
        while sign := self._take("*", "/"):
            self._signs += 1
            right = self._power()
            if sign == "*":
                left = tuple(a * b for a, b in zip(left, right, strict=True))
            else:
                self._exact = False
                left = tuple(a / b for a, b in zip(left, right, strict=True))
        return left

    def _power(self) -> tuple[Fraction, ...]:
        base = self._atom()
        if self._take("^"):
            self._signs += 1
            exponent = self._power()[0]
            if exponent.denominator != 1 or abs(exponent) > _LARGEST_POWER or any(abs(value) > _LARGEST_BASE for value in base):
                raise _NotArithmeticError
            self._exact &= exponent >= 0
            return tuple(value ** int(exponent) for value in base)
        return base

    def _atom(self) -> tuple[Fraction, ...]:
        if self._at >= len(self._tokens) or self._depth > _MOST_DEPTH:
            raise _NotArithmeticError
        sign, kind, _ = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return self._number(sign)
        self._depth += 1
        if sign in ("-", "−", "+"):
            inner = self._atom()
            self._depth -= 1
            return inner if sign == "+" else tuple(-value for value in inner)
        if sign != "(":
            raise _NotArithmeticError
        inner = self._sum()
        if not self._peek() == ")":
            raise _NotArithmeticError
        self._at += 1
        self._depth -= 1
        return self._with_percent(inner)

    def _number(self, token: str) -> tuple[Fraction, ...]:
        if len(token) > _LONGEST_NUMBER or (len(token) > 1 and token[0] == "0" and token[1] != "."):
            raise _NotArithmeticError
        plain = token.replace(",", "")
        self._places = len(plain.partition(".")[2])
        self._exact &= self._places == 0
        value = Fraction(plain)
        if self._first is None:
            self._first = value
        return self._with_percent((value, value, value))

    def _with_percent(self, value: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
        """A value in its three readings: per cent as hundredths, as a unit, and as a share of what stands before it."""
        if self._peek() != "%":
            return value
        self._at += 1
        self._percents += 1
        self._exact = False
        return (value[0] / 100, value[1], value[2] / 100)


def agree(left: Side, right: Side, text: str, start: int, end: int) -> bool:
    """Whether the sides of an equation may be meant to be equal: exactly, rounded as written, in another unit.

    Args:
        left: What is worked out.
        right: What is claimed.
        text: Where the equation stands; words such as "about" around it allow for more.
        start: Where it begins.
        end: Where it ends.
    """
    claims = {*right.readings, right.first}
    readings = set(left.readings)
    if readings & claims or any(value == -claim for value in readings for claim in claims):
        return True
    exact, unit = left.exact and right.exact, Fraction(1, 10**right.places)
    if not exact and any(abs(value - claim) <= abs(value) * _NOISE for value in readings for claim in claims):
        return True
    loosely = bool(_LOOSELY.search(text, max(0, start - 60), end + 60))
    return any(is_close(value, claim, unit, exact, loosely) or _converted(value, claim, text, end) for value in readings for claim in claims)


def is_close(value: Fraction, claim: Fraction, unit: Fraction, exact: bool, loosely: bool) -> bool:
    """Whether a claim is the value rounded to its last place, of the size `unit`; loosely, within a twentieth."""
    off = abs(value - claim)
    if loosely:
        return off <= max(unit, abs(value) / 20)
    return not exact and off < max(unit, abs(value) * _NEARLY)


def _converted(value: Fraction, claim: Fraction, text: str, end: int) -> bool:
    if not value or not claim:
        return False
    ratio = max(value / claim, claim / value)
    return ratio in _CONVERSIONS or (ratio in _UNIT_CONVERSIONS and bool(_UNIT.match(text, end)))
