"""Numbers, full names and addresses in an answer that the passage it is to be taken from does not hold.

Only where the prompt gives a passage and asks for its summary, an extract or an answer from it; elsewhere an answer may know more than the prompt.
Numbers that follow from the passage are not counted: rounded ones, sums and differences of two, those written in words, and round phrases ("100%").
A name counts where it has two words or more, stands inside a sentence, and none of its words is in the passage, in whatever form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from sde_core.checks.answers.rows import answer_field, wanted_answers
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Finding
from sde_core.progress import raise_if_cancelled

_FEWEST_CHARACTERS, _EDGE = 400, 240
_ASKS = (
    r"(?i)\bsummar(?:y|i[sz]e|i[sz]ing)\b|\b(?:extract|condense|according to|based on|using|from|in|given|read)\b(?: only| just)? (?:the|this|these)"
    r"(?: (?:reference|given|following|below|above|provided|news|movie))* (?:passages?|texts?|paragraphs?|articles?|documents?|contexts?|reports?"
    r"|plot|excerpt)\b"
)
_OTHER_TASK = (
    r"(?i)\b(?:code|python|sql|javascript|html|calculat\w*|comput\w*|generat\w*|imagin\w*|predict\w*|estimat\w*|solv\w*|convert\w*|average|percentage"
    r"|continue|suggest\w*|random|stor(?:y|ies)|poem|essay|questions? (?:about|from)|multiple[- ]choice|translat\w*|quiz|how (?:many|much|old"
    r"|long)|difference)\b"
)
_GUESSES = r"(?i)\b(?:guess|title|headline|caption)\b"
_HAS_DETAIL = r"[0-9][0-9,.]{2}|[0-9]{3}|https?://|www\.|[\p{Ll},] \p{Lu}\p{Ll}+ \p{Lu}\p{Ll}"
_NUMBER = re.compile(r"(?<![\w.,#/:-])\d[\d,]*(?:\.\d+)?(?![\w/:]|[.,]\d|-\d)")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z]\.)?(?:(?: | of (?:the )?)[A-Z][a-z]+)+\b")
_NAME_WORD, _STEM = re.compile(r"[A-Z][a-z]{2,}"), 4
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s)\]>\"'*,]{4,}")
_PHRASES = frozenset((100, 101, 180, 200, 360, 365, 500, 911, 999, 1000, 2000))
"""Numbers that turns of phrase hold."""
_IN_WORDS = re.compile(r"\b(?:hundreds?|thousands?|millions?|billions?|dozens?|decades?|centur(?:y|ies)|[kmb]n?)\b|\d[kmb]\b", re.IGNORECASE)
_FEWEST_DIGITS, _ROUNDED, _MOST_NUMBERS = 3, 0.05, 60
_SHOWN = 3


class UngroundedDetails:
    """Answers to a passage with numbers, names or addresses that the passage does not hold."""

    name = "ungrounded-detail"
    title = "Details that the given passage does not hold"
    advice = "The model learns to add facts to what it was given: check them, take them out or reject the row."
    explained_by = ("merged-tasks", "wrong-language", "repetition-loop", "prompt-echo")

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record."""
        prompt, answer = pl.col("prompt"), pl.col("answer")
        asks = prompt.str.slice(0, _EDGE).str.contains(_ASKS) | prompt.str.tail(_EDGE).str.contains(_ASKS)
        given = wanted_answers(context).filter(prompt.str.len_bytes() >= _FEWEST_CHARACTERS, answer.str.contains(_HAS_DETAIL))
        asked = given.filter(
            asks,
            ~prompt.str.slice(0, _EDGE).str.contains(_OTHER_TASK),
            ~answer.str.contains(r"=|```"),
            ~prompt.str.tail(_EDGE).str.contains(_GUESSES),
        )
        findings: list[Finding] = []
        for number, (row, system, said, text) in enumerate(asked.select("row", "system", "prompt", "answer").iter_rows()):
            if number % 512 == 0:
                raise_if_cancelled(context.cancel)
            found = ungrounded(text, f"{system}\n{said}")
            if found:
                findings.append(self._finding(context, row, text, found))
        return findings

    def _finding(self, context: CheckContext, row: int, answer: str, found: Sequence[str]) -> Finding:
        shown = ", ".join(found[:_SHOWN]) + (" …" if len(found) > _SHOWN else "")
        said = f"The passage in the prompt does not hold {shown}."
        return Finding(self.name, "info", (row,), said, excerpt(answer, answer.find(found[0])), answer_field(context.dataset, row), 0.6)


def ungrounded(answer: str, passage: str) -> list[str]:
    """The numbers of three digits and more, the full names and the addresses of an answer that a passage neither holds nor gives rise to."""
    others = _new_names(answer, passage) + [address for address in dict.fromkeys(_ADDRESS.findall(answer)) if address.rstrip("./") not in passage]
    new = {number: _value(number) for number in _NUMBER.findall(_ADDRESS.sub(" ", answer)) if sum(map(str.isdigit, number)) >= _FEWEST_DIGITS}
    if not new:
        return others
    plain = passage.replace(",", "")
    known = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", plain)}
    in_words = bool(_IN_WORDS.search(passage))
    derived = _derived(known) if len(known) <= _MOST_NUMBERS else None
    return others + [
        number.rstrip(",.")
        for number, value in new.items()
        if value not in _PHRASES and f"{value:.10g}" not in plain and not _follows(value, known, derived, in_words)
    ]


def _new_names(answer: str, passage: str) -> list[str]:
    held = passage.lower()
    names = dict.fromkeys(_NAME.findall(answer))
    return [name for name in names if not any(word[:_STEM].lower() in held for word in _NAME_WORD.findall(name))]


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _derived(known: set[float]) -> set[float]:
    """Sums and differences of two."""
    return {result for first in known for second in known for result in (first + second, abs(first - second))}


def _follows(value: float, known: set[float], derived: set[float] | None, in_words: bool) -> bool:
    """Whether a number is one of those known, rounded, added up, or may stand there in words."""
    is_round = value >= 1000 and value % 10 == 0 and not _is_year(value)
    if is_round and (in_words or any(abs(value - number) <= _ROUNDED * value for number in known)):
        return True
    return derived is None or value in derived or (not value.is_integer() and any(abs(value - number) <= _ROUNDED * value for number in known))


def _is_year(value: float) -> bool:
    return 1000 <= value < 2100
