"""Equations between numbers in running text, read and worked out exactly.

An equation is a run of numbers, signs and brackets with "=" in it. What stands before and behind decides whether it is all there is: "2x + 3 = 7",
"sqrt(9) + 1 = 4", "10:30 + 2 = 12:30" and "3 + 4 = 7x" are not equations between numbers, and nothing is said of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from sde_core.checks.answers.expressions import NUMBER, agree, is_close, read_side

_RUN = re.compile(
    rf"(?![ \t])(?:[ \t]+|{NUMBER}|\\(?:times|cdot|div)\b|(?<=[\d)% ])x(?=[ \t]*[$€£(.\d])|(?<=[\d%] )of(?= [$€£\d])|[-+*/^×÷·−()=%$€£¥]|\\[$%])+"
)
_MARK = re.compile(r"<<([^<>=\n]{1,80})=([^<>=\n]{1,30})>>")
_LONGEST_RUN, _LONGEST_PLAIN = 200, 60
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
_WORDS = {"plus": "+", "minus": "-", "times": "*", "multiplied": "*", "divided": "/"}
_SPOKEN_SIGNS = (" plus ", " minus ", " times ", "ed by ")
_COMBINED_BEFORE = re.compile(rf"{_GLUED.pattern}|{_NUMBER_GOES_ON.pattern}|{_LEADS_IN.pattern}|[-+−*/×=]\s*$")
_COMBINED_BEHIND = re.compile(r"\s*[-+−*/×]\s*[\d.(]")
_IN_WORDS = re.compile(
    rf"(?P<first>{NUMBER}) (?P<sign>plus|minus|times|multiplied by|divided by) (?P<second>{NUMBER}),? (?:is equal to|is|equals|makes"
    rf"|gives) (?P<claim>{NUMBER})",
    re.IGNORECASE,
)
_OF_THINGS = re.compile(
    rf"(?P<first>{NUMBER}) (?P<thing>[a-z]{{3,}}) ?(?P<sign>[-+−]) ?(?P<second>{NUMBER}) (?P<other>[a-z]{{3,}})"
    rf" ?= ?(?P<claim>{NUMBER}) (?P<sum>[a-z]{{3,}})"
)
_PLAIN = re.compile(r"(\d+(?:\.\d+)?)(?:([+x×*/-])(\d+(?:\.\d+)?)(?:([+x×*-])(\d+(?:\.\d+)?))?)=(\d+(?:\.\d+)?)")
_NO_SPACES = str.maketrans("", "", " \t$€£,")
_COMBINES = re.compile(r"[\d)%]\s*(?:[-+*/^×÷·−x]|\*\*|\\(?:times|cdot|div))\s*[(\d$]|\d%")
_ASKED_END = re.compile(r"\s*(?:[?.!]|=\s*[?_]*)?\s*(?:$|\n|[A-Z])")
_EXACT_IN_FLOAT = 1e15


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
        side = read_side(text) if skipped is not None and not set("=%") & set(text) and len(text) <= _LONGEST_RUN else None
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
        if abs(claim) == abs(asked.value) or is_close(asked.value, claim, Fraction(1, 10**places), asked.is_whole, loosely=False):
            return True
    return False


def _wrong_in_words(text: str) -> Iterator[WrongEquation]:
    """Of two numbers: "12 plus 15 equals 28", "5 apples + 7 apples = 13 apples"."""
    for match in (*_spoken(text), *_of_things(text)):
        line = text[max(0, text.rfind("\n", 0, match.start()) + 1, match.start() - 24) : match.start()]
        things = {match[name].rstrip("s").lower() for name in ("thing", "other", "sum") if name in match.re.groupindex}
        if len(things) > 1 or _COMBINED_BEFORE.search(line) or _COMBINED_BEHIND.match(text, match.end()) or _GOES_ON.match(text, match.end()):
            continue
        left = read_side(f"{match['first']}{_WORDS.get(match['sign'].split()[0].lower(), match['sign'])}{match['second']}")
        right = read_side(match["claim"])
        if left and right and not agree(left, right, text, match.start(), match.end()):
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
        left, right = read_side(match.group(1)), read_side(match.group(2))
        if left and right and left.signs and not agree(left, right, text, match.start(), match.end()):
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
        left, right = read_side(left_text), read_side(pieces[number + 1], open_end=is_last)
        if not left or not right or not left.signs or text[right_start - 2 : right_start - 1] in ("<", ">", "!", ":"):
            continue
        right_end = right_start + right.end
        if is_last and _GOES_ON.match(text, right_end):
            continue
        if not agree(left, right, text, left_start, right_end):
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
