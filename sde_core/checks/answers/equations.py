"""Equations between numbers in running text, read and worked out exactly.

An equation is a run of numbers, signs and brackets with "=" in it. What stands before and behind decides whether it is all there is: "2x + 3 = 7",
"sqrt(9) + 1 = 4", "10:30 + 2 = 12:30" and "3 + 4 = 7x" are not equations between numbers, and nothing is said of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?|\.\d+"
_TOKEN = re.compile(rf"(?P<number>{_NUMBER})|(?P<sign>\*\*|\\(?:times|cdot|div)\b|[-+*/^×÷·−()=%]|x|of\b)|(?P<space>[ \t]+|\\?[$€£¥])")
_RUN = re.compile(
    rf"(?![ \t])(?:[ \t]+|{_NUMBER}|\\(?:times|cdot|div)\b|(?<=[\d)% ])x(?=[ \t]*[$€£(.\d])|(?<=[\d%] )of(?= [$€£\d])|[-+*/^×÷·−()=%$€£¥]|\\[$%])+"
)
_SIGNS = {"×": "*", "÷": "/", "·": "*", "−": "-", "x": "*", "of": "*", "**": "^", "\\times": "*", "\\cdot": "*", "\\div": "/"}
_MARK = re.compile(r"<<([^<>=\n]{1,80})=([^<>=\n]{1,30})>>")
_LONGEST_RUN, _LONGEST_PLAIN, _LONGEST_NUMBER, _MOST_DEPTH = 200, 60, 24, 12
_LARGEST_POWER, _LARGEST_BASE = 32, 10**6
_GLUED = re.compile(r"[\w\\}\])!\"'²³√π°%.:#@&$≠≈<>~–—]$")
_NUMBER_GOES_ON = re.compile(r"\d[:.]$|\d,\s*$")
_LEADS_IN = re.compile(
    r"(?:\b(?:sin|cos|tan|log|ln|sqrt|root|squared?|cubed?|mod|gcd|lcm|max|min|plus|minus|times|by|over|than|twice|double|triple|half|thrice|less"
    r"|more"
    r"|add|subtract|multiply|divide|into|and|to|from|mean|average|[b-zB-HJ-Z])|(?<!total )\bof|[–—<>≤≥]|[-+*/=] ?\.)\s*$"
)
_LIST_NUMBER = re.compile(r"\s*(?:\d{1,2}[.)]|[-*+])[ \t]+")
_GOES_ON = re.compile(
    r"[ \t]*(?!\\[)\]])(?:[-/*+]?[ \t]*(?:[b-zB-HJ-Z]|(?<=\d)[aAI])(?![a-zA-Z])|\\?[²³√!π°'\"^_{\\±~≈…]|[:,.]\d|(?:st|nd|rd|th)\b"
    r"|(?:or|and|remainder|rem|mod|to|with|left|plus|minus|times|divided|squared|of)\b)"
)
_AMBIGUOUS = re.compile(r"/\s*\d+\s*/\s*\d")
"""A quotient of a fraction, 25 / 1/3: it need not mean what it says by the rules."""
_RANGE = re.compile(r"\s*(\d+)-(\d+)\s*")
_WORDS = {"plus": "+", "minus": "-", "times": "*", "multiplied": "*", "divided": "/"}
_SPOKEN_SIGNS = (" plus ", " minus ", " times ", "ed by ")
_COMBINED_BEFORE = re.compile(rf"{_GLUED.pattern}|{_NUMBER_GOES_ON.pattern}|{_LEADS_IN.pattern}|[-+−*/×=]\s*$")
_COMBINED_BEHIND = re.compile(r"\s*[-+−*/×]\s*[\d.(]")
_IN_WORDS = re.compile(
    rf"(?P<first>{_NUMBER}) (?P<sign>plus|minus|times|multiplied by|divided by) (?P<second>{_NUMBER}),? (?:is equal to|is|equals|makes"
    rf"|gives) (?P<claim>{_NUMBER})",
    re.IGNORECASE,
)
_OF_THINGS = re.compile(
    rf"(?P<first>{_NUMBER}) (?P<thing>[a-z]{{3,}}) ?(?P<sign>[-+−]) ?(?P<second>{_NUMBER}) (?P<other>[a-z]{{3,}})"
    rf" ?= ?(?P<claim>{_NUMBER}) (?P<sum>[a-z]{{3,}})"
)
_PLAIN = re.compile(r"(\d+(?:\.\d+)?)(?:([+x×*/-])(\d+(?:\.\d+)?)(?:([+x×*-])(\d+(?:\.\d+)?))?)=(\d+(?:\.\d+)?)")
_NO_SPACES = str.maketrans("", "", " \t$€£,")
_COMBINES = re.compile(r"[\d)%]\s*(?:[-+*/^×÷·−x]|\*\*|\\(?:times|cdot|div))\s*[(\d$]|\d%")
_ASKED_END = re.compile(r"\s*(?:[?.!]|=\s*[?_]*)?\s*(?:$|\n|[A-Z])")
_LOOSELY = re.compile(
    r"\b(?:about|approx\w*|around|roughly|round\w*|nearest|almost|nearly|estimat\w*|close to|over|whole|up|down)\b|≈|~", re.IGNORECASE
)
_CONVERSIONS = frozenset(Fraction(ratio) for ratio in (60, 100, 1000, 3600, 10**6, 10**9))
_UNIT_CONVERSIONS = frozenset(Fraction(ratio) for ratio in (3, 4, 7, 12, 16, 24, 30, 36, 52, 365))
_UNIT = re.compile(
    r"\s*(?:second|minute|hour|day|week|month|year|inch|foot|feet|yard|mile|ounce|pound|lb|oz|dozen|quart|pint|gallon|cup|k\w|m\w)s?\b"
)
_EXACT_IN_FLOAT = 1e15
_NEARLY, _NOISE = Fraction(1, 1000), Fraction(1, 10**9)


@dataclass(frozen=True, slots=True)
class WrongEquation:
    """An equation that does not hold.

    Attributes:
        at: Where it begins in the text.
        text: The equation as it is written.
        value: What its left side is.
    """

    at: int
    text: str
    value: Fraction


@dataclass(frozen=True, slots=True)
class _Value:
    """What one side says.

    Attributes:
        readings: What it may mean: a per cent sign divides by a hundred, or is a unit.
        first: Its first number, which alone is claimed where a sum runs on: 3 * 4 = 12 + 5 = 17.
        exact: Whether its numbers are whole, and only added, subtracted and multiplied.
        places: Decimal places of its last number.
        signs: How many signs combine its numbers.
    """

    readings: tuple[Fraction, ...]
    first: Fraction
    exact: bool
    places: int
    signs: int
    end: int


class _NotArithmeticError(Exception):
    """The side is not an expression of numbers."""


def wrong_equations(text: str) -> Iterator[WrongEquation]:
    """The equations of a text that do not hold, in order; calculator marks such as <<48/2=24>> are read first, and then left out of the text."""
    if "<<" in text:
        yield from _wrong_marks(text)
        text = _MARK.sub(lambda match: " " * len(match.group()), text)
    yield from _wrong_in_words(text)
    for start, end in _runs(text):
        if end - start <= _LONGEST_RUN and not _plainly_holds(text[start:end]):
            yield from _wrong_in_run(text, start, end)


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Where runs with an equals sign begin and end; lines without one are passed over."""
    end = 0
    while (sign := text.find("=", end)) >= 0:
        start = max(text.rfind("\n", 0, sign) + 1, end)
        end = text.find("\n", sign)
        end = len(text) if end < 0 else end
        for match in _RUN.finditer(text, start, end):
            left, equals, right = match.group().partition("=")
            if equals and (left.strip() or "=" in right):
                yield match.span()


@dataclass(frozen=True, slots=True)
class AskedSum:
    """An expression that a prompt asks for.

    Attributes:
        at: Where it begins.
        text: The expression as it is written.
        value: What it comes to.
        is_whole: Whether whole numbers are added, subtracted and multiplied, so that nothing is rounded.
    """

    at: int
    text: str
    value: Fraction
    is_whole: bool


def asked_sum(prompt: str) -> AskedSum | None:
    """The one expression of numbers that a prompt holds, at its end or before a question mark; None where there are several or none."""
    found: list[AskedSum] = []
    for match in _RUN.finditer(prompt):
        start, end = match.span()
        if not _COMBINES.search(match.group()):
            continue
        skipped = _lead(prompt, start, match.group())
        text = match.group()[skipped or 0 :].strip(" \t=.")
        side = _side(text) if skipped is not None and not set("=%") & set(text) and len(text) <= _LONGEST_RUN else None
        if not side or not side.signs or not _ASKED_END.match(prompt, end):
            return None
        found.append(AskedSum(start + (skipped or 0), text, side.readings[0], side.exact))
    return found[0] if len(found) == 1 else None


def is_answered(asked: AskedSum, answer: str) -> bool:
    """Whether one of the numbers in an answer is what was asked for, rounded or not."""
    plain = re.sub(r"(?<=\d)[ ,](?=\d{3}(?!\d))", "", answer)
    for match in re.finditer(r"[-−]?\d+(?:\.\d+)?(?:\s*/\s*\d+)?", plain):
        whole, _, below = match.group().replace("−", "-").partition("/")
        claim = Fraction(whole.strip()) / (int(below) or 1) if below else Fraction(whole)
        places = len(whole.strip().partition(".")[2])
        if (
            claim == asked.value
            or abs(claim) == abs(asked.value)
            or _close(asked.value, claim, Fraction(1, 10**places), asked.is_whole, loosely=False)
        ):
            return True
    return False


def _wrong_in_words(text: str) -> Iterator[WrongEquation]:
    """Of two numbers: "12 plus 15 equals 28", "5 apples + 7 apples = 13 apples"."""
    for match in (*_spoken(text), *_of_things(text)):
        line = text[max(0, text.rfind("\n", 0, match.start()) + 1, match.start() - 24) : match.start()]
        things = {match[name].rstrip("s").lower() for name in ("thing", "other", "sum") if name in match.re.groupindex}
        if len(things) > 1 or _COMBINED_BEFORE.search(line) or _COMBINED_BEHIND.match(text, match.end()) or _GOES_ON.match(text, match.end()):
            continue
        left = _side(f"{match['first']}{_WORDS.get(match['sign'].split()[0].lower(), match['sign'])}{match['second']}")
        right = _side(match["claim"])
        if left and right and not _agree(left, right, text, match.start(), match.end()):
            yield WrongEquation(match.start(), " ".join(match.group().split()), left.readings[0])


def _spoken(text: str) -> Iterator[re.Match[str]]:
    if any(word in text for word in _SPOKEN_SIGNS):
        yield from _IN_WORDS.finditer(text)


def _of_things(text: str) -> Iterator[re.Match[str]]:
    """Sums of things: looked for before equals signs that follow a word."""
    sign = text.find("=")
    while sign >= 0:
        if text[sign - 1 : sign].isalpha() or text[sign - 2 : sign - 1].isalpha():
            match = _OF_THINGS.search(text, max(0, sign - _LONGEST_PLAIN), sign + _LONGEST_PLAIN)
            if match and match.start() < sign:
                yield match
        sign = text.find("=", sign + 1)


def _wrong_marks(text: str) -> Iterator[WrongEquation]:
    for match in _MARK.finditer(text):
        if _plainly_holds(match.group()[2:-2]):
            continue
        left, right = _side(match.group(1)), _side(match.group(2))
        if left and right and left.signs and not _agree(left, right, text, match.start(), match.end()):
            yield WrongEquation(match.start(), match.group(), left.readings[0])


def _plainly_holds(run: str) -> bool:
    """Whether a run works out two or three numbers and comes out as claimed: the usual case, told quickly."""
    match = _PLAIN.fullmatch(run.translate(_NO_SPACES))
    if not match or len(run) > _LONGEST_PLAIN:
        return False
    first, sign, second, other_sign, third, claim = match.groups()
    value = _combined(float(first), sign, float(second))
    if other_sign:
        if (sign in "+-") != (other_sign in "+-"):
            return False
        value = _combined(value, other_sign, float(third))
    return abs(value) < _EXACT_IN_FLOAT and abs(value - float(claim)) <= 1e-15 * abs(value)


def _combined(first: float, sign: str, second: float) -> float:
    if sign == "+":
        return first + second
    if sign == "-":
        return first - second
    if sign == "/":
        return first / second if second else float("nan")
    return first * second


def _wrong_in_run(text: str, start: int, end: int) -> Iterator[WrongEquation]:
    pieces = text[start:end].split("=")
    places = [start]
    for piece in pieces[:-1]:
        places.append(places[-1] + len(piece) + 1)
    for number in range(len(pieces) - 1):
        left_start, right_start = places[number], places[number + 1]
        is_first, is_last = number == 0, number + 2 == len(pieces)
        left_text = pieces[number]
        if is_first:
            skipped = _lead(text, left_start, left_text)
            if skipped is None:
                continue
            left_start, left_text = left_start + skipped, left_text[skipped:]
        left, right = _side(left_text), _side(pieces[number + 1], open_end=is_last)
        if not left or not right or not left.signs or text[right_start - 2 : right_start - 1] in ("<", ">", "!", ":"):
            continue
        right_end = right_start + right.end
        if is_last and _GOES_ON.match(text, right_end):
            continue
        if not _agree(left, right, text, left_start, right_end):
            left_start += len(left_text) - len(left_text.lstrip())
            yield WrongEquation(left_start, " ".join(text[left_start:right_end].split()), left.readings[0])


def _lead(text: str, start: int, piece: str) -> int | None:
    """How many characters at the beginning of the first side do not belong to it; None where something before it does."""
    bare = len(piece) - len(piece.lstrip())
    line = text[max(0, text.rfind("\n", 0, start) + 1, start - 24) : start]
    if line.endswith("\\") and piece.startswith("("):
        return 1
    if line.strip() and not _LIST_NUMBER.fullmatch(line + piece[:bare]):
        if (not bare and _GLUED.search(line)) or _NUMBER_GOES_ON.search(line) or _LEADS_IN.search(line):
            return None
    elif item := _LIST_NUMBER.match(piece):
        bare = item.end()
    body = piece[bare:]
    if body.startswith("**"):
        bare, body = bare + 2, body[2:]
    if body.startswith(("*", "+", "-", "/", "^", ")", "×", "÷", "·", "−", "%", "of", "x", "\\")):
        return None
    return bare + 1 if body.startswith("(") and body.count("(") == body.count(")") + 1 else bare


def _side(text: str, open_end: bool = False) -> _Value | None:
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

    def value(self) -> _Value:
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
        return _Value(readings, first, self._exact, self._places, self._signs, self._tokens[whole_end - 1][2])

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


def _agree(left: _Value, right: _Value, text: str, start: int, end: int) -> bool:
    """Whether the sides may be meant to be equal: exactly, rounded as written, in another unit."""
    claims = {*right.readings, right.first}
    readings = set(left.readings)
    if readings & claims or any(value == -claim for value in readings for claim in claims):
        return True
    exact, unit = left.exact and right.exact, Fraction(1, 10**right.places)
    if not exact and any(abs(value - claim) <= abs(value) * _NOISE for value in readings for claim in claims):
        return True
    loosely = bool(_LOOSELY.search(text, max(0, start - 60), end + 60))
    return any(_close(value, claim, unit, exact, loosely) or _converted(value, claim, text, end) for value in readings for claim in claims)


def _close(value: Fraction, claim: Fraction, unit: Fraction, exact: bool, loosely: bool) -> bool:
    off = abs(value - claim)
    if loosely:
        return off <= max(unit, abs(value) / 20)
    return not exact and off < max(unit, abs(value) * _NEARLY)


def _converted(value: Fraction, claim: Fraction, text: str, end: int) -> bool:
    if not value or not claim:
        return False
    ratio = max(value / claim, claim / value)
    return ratio in _CONVERSIONS or (ratio in _UNIT_CONVERSIONS and bool(_UNIT.match(text, end)))
