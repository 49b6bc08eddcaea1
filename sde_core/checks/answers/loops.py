"""Answers that say the same over and over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sde_core.checks.fields import excerpt
from sde_core.checks.findings import Fault
from sde_core.dataset.turns import ASSISTANT

_NEEDLE = 16
_FEWEST_REPEATS = 4
_SHORTEST_LOOP = 60
_FEWEST_SENTENCES = 3
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
_ENDS, _WIDE_ENDS = "\n!?", "。！？"
_FEWEST_CHARACTERS = 7
"""A sentence of four words has at least so many."""
_LONGEST_TAIL, _SHORTEST_WORD, _MOST_WORDS_IN_A_ROW = 600, 3, 12
_SOUNDS = re.compile(r"blah|tick|tock|knock|boom|beep|bang|ding|dong|ring|buzz|woof|meow|moo|oink|buffalo|gol|goal|hey|yeah|null|none|nan|true|false")
_PLACES, _PROBE, _INNER_REPEATS, _FEWEST_WORDS, _LONGEST_UNIT = 4, 12, 5, 12, 12
_CODE_SIGNS = re.compile(r"[<>{};=|]")
_LETTERS = re.compile(r"[^\W\d_]{2,}")


class RepetitionLoops:
    """A passage repeated again and again, as a model does that has lost its thread."""

    name = "repetition-loop"
    title = "Answers caught in a loop"
    advice = "Cut the repetition or reject them; the model learns to loop."

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault an answer."""
        if role != ASSISTANT or len(text) < _SHORTEST_LOOP or "```" in text:
            return
        unit, repeats = tail_loop(text)
        if not unit:
            unit, repeats = repeated_sentence(text)
        if not unit:
            unit, repeats = inner_loop(text)
        if unit:
            at = text.find(unit)
            yield Fault("warning", f"The answer says the same {repeats} times in a row.", excerpt(text, at), min(1.0, 0.6 + repeats / 20))


def tail_loop(text: str) -> tuple[str, int]:
    """The passage that the end of a text repeats, and how often; ("", 0) where it does not."""
    body = text.rstrip()
    if len(body) < _SHORTEST_LOOP:
        return "", 0
    needle = body[-_NEEDLE:]
    at = body.rfind(needle, 0, len(body) - 1)
    if at < 0:
        return "", 0
    period = len(body) - _NEEDLE - at
    unit = body[-period:]
    repeats = 1
    while body[-(repeats + 1) * period : -repeats * period] == unit:
        repeats += 1
    said_enough = repeats >= _FEWEST_REPEATS and repeats * period >= _SHORTEST_LOOP
    if said_enough and _says_something(unit):
        return unit.strip(), repeats
    return _one_word_loop(body) if said_enough else ("", 0)


def _one_word_loop(body: str) -> tuple[str, int]:
    """The word that a text ends with many times over, and how often; ("", 0) for laughter and other sounds."""
    words = body[-_LONGEST_TAIL:].split()
    word = words[-1].strip(".,!?").casefold()
    repeats = next((count for count, other in enumerate(reversed(words)) if other.strip(".,!?").casefold() != word), len(words))
    is_sound = len(word) < _SHORTEST_WORD or not word.isalpha() or len(set(word)) < _SHORTEST_WORD or _SOUNDS.fullmatch(word)
    return ("", 0) if is_sound or repeats < _MOST_WORDS_IN_A_ROW else (word, repeats)


def _says_something(unit: str) -> bool:
    """Whether a passage is words, not a rule, a row of numbers or laughter."""
    return len(set(_LETTERS.findall(unit.casefold()))) >= 2


def repeated_sentence(text: str) -> tuple[str, int]:
    """A sentence or line of four words or more said several times in a row, and how often; ("", 0) where there is none."""
    if not _has_equal_parts(text):
        return "", 0
    previous, repeats = "", 1
    for match in _SENTENCE.finditer(text):
        sentence = match.group().strip()
        if not sentence or sentence.rstrip(".").isdigit():
            continue
        repeats = repeats + 1 if sentence == previous else 1
        if repeats >= _FEWEST_SENTENCES and len(sentence.split()) >= 4 and _says_something(sentence):
            return sentence, _run_length(text, match.end(), sentence, repeats)
        previous = sentence
    return "", 0


def inner_loop(text: str) -> tuple[str, int]:
    """Some words repeated five times in a row before the text goes on, and how often; ("", 0) where there are none, and in code."""
    if not _seems_to_repeat(text):
        return "", 0
    words = text.split()
    longest, period, last = 0, 0, 0
    for distance in range(2, _LONGEST_UNIT + 1):
        run = 0
        for place in range(distance, len(words)):
            run = run + 1 if words[place] == words[place - distance] else 0
            if run > longest:
                longest, period, last = run, distance, place
    unit = " ".join(words[last - period + 1 : last + 1])
    repeats = longest // period + 1 if period else 0
    enough = repeats >= _INNER_REPEATS and longest + period >= _FEWEST_WORDS
    return (unit, repeats) if enough and _says_something(unit) and not _CODE_SIGNS.search(unit) else ("", 0)


def _seems_to_repeat(text: str) -> bool:
    """Whether a few characters from one of four places stand in the text several times."""
    step = len(text) // _PLACES
    if step < _SHORTEST_LOOP:
        return False
    return any(text.count(text[place : place + _PROBE]) >= _INNER_REPEATS for place in range(step // 2, len(text), step))


def _has_equal_parts(text: str) -> bool:
    """Whether two parts between ends of sentences are the same; told much faster than whether two sentences in a row are."""
    for end in _ENDS if text.isascii() else _ENDS + _WIDE_ENDS:
        text = text.replace(end, ".")
    parts = [part for part in map(str.strip, text.split(".")) if len(part) >= _FEWEST_CHARACTERS]
    return len(set(parts)) < len(parts)


def _run_length(text: str, start: int, sentence: str, repeats: int) -> int:
    for match in _SENTENCE.finditer(text, start):
        found = match.group().strip()
        if found.rstrip(".").isdigit():
            continue
        if found and found != sentence:
            break
        repeats += bool(found)
    return repeats
