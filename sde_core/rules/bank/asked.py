"""Rules about an answer of the kind that was asked for: a person for who, a time for when, one sentence for one sentence."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import only, ramp, share, where
from sde_core.rules.words import FUNCTION_WORDS, REASONS, any_of

_FAMILY = "instruction and answer"

_prompt_lower, _answer, _answer_lower = pl.col("prompt_lower"), pl.col("answer"), pl.col("answer_lower")

# ---- the kind of thing that a question word asks for

_START = r"(?:\A|[.!?:;,\n]\s*)(?:please\s+)?(?:(?:tell me|explain|describe|say|state|find out|do you know|can you tell me)\s+)?"
_NAME = r"\b\p{Lu}\p{L}+"
_TIME = (
    r"\d|\b(?:january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday|wednesday|thursday|friday|saturday|"
    r"sunday|spring|summer|autumn|winter|century|centuries|year|years|day|days|morning|evening|night|noon|today|yesterday|tomorrow|before|after|during)\b"
)
_PERSON = r"\b(?:i|you|he|she|they|we|people|person|anyone|everyone|someone|author|king|queen|president|scientist|man|woman)\b"
_PLACE = r"\b(?:in|at|on|near|between|from|outside|inside|north|south|east|west|online)\b"
_REASON_WORDS = 8
_POLAR = r"\b(?:yes|no|not|n['’]t|is|are|was|were|does|do|did|can|could|should|will|would|has|have|true|false)\b"


def _has(pattern: str) -> Callable[[pl.Expr], pl.Expr]:
    """Whether the lower-case answer matches, of the rows that ask."""
    return lambda asks: only(asks, _answer_lower).str.contains(pattern)


def _has_or(pattern: str, cased: str) -> Callable[[pl.Expr], pl.Expr]:
    """The same, or whether the answer as it is written matches `cased`."""
    return lambda asks: only(asks, _answer_lower).str.contains(pattern) | only(asks, _answer).str.contains(cased)


def _reasoned(asks: pl.Expr) -> pl.Expr:
    """Whether the answer joins a claim to its ground or is long enough to be the ground itself."""
    return only(asks, _answer_lower).str.contains(any_of(REASONS) + r"|\bto\b|\bfor\b|\bby\b") | (
        asks & (pl.col("answer_word_count") >= _REASON_WORDS)
    )


def _starts(pattern: str) -> pl.Expr:
    """Whether a sentence or clause of the prompt begins so."""
    return _prompt_lower.str.contains(_START + pattern)


_KINDS: tuple[tuple[pl.Expr, Callable[[pl.Expr], pl.Expr]], ...] = (
    (_starts(r"who(?:se|m)?\b"), _has_or(_PERSON, _NAME)),
    (
        _starts(r"(?:when (?:is|was|are|were|did|do|does|will|has|had)|(?:in )?(?:what|which) (?:year|date|day|month|century|time))\b"),
        _has(_TIME),
    ),
    (_starts(r"where\b"), _has_or(_PLACE, _NAME)),
    (_starts(r"why\b"), _reasoned),
    (
        _starts(r"(?:is|are|was|were|does|do|did|should|will|has|have)\s[^.!?\n]*\?") & ~_prompt_lower.str.contains(r"\bor\b[^.!?\n]*\?"),
        lambda asks: only(asks, _answer_lower).str.slice(0, 200).str.contains(_POLAR),
    ),
    (
        _prompt_lower.str.contains(
            r"\b(?:classify|categori[sz]e|choose|select|pick|decide|determine) (?:whether|which|if|between|the (?:best|correct|right|most))\b"
        ),
        lambda asks: asks & (pl.col("answer_word_count") <= 100),
    ),
)
_asked_kinds = pl.sum_horizontal(asks.cast(pl.Int64) for asks, _ in _KINDS)
_given_kinds = pl.sum_horizontal(shows(asks).fill_null(False).cast(pl.Int64) for asks, shows in _KINDS)

# ---- how long it was to be

_COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "single")
_LENGTH = r"\b(\d{1,4}|" + "|".join(_COUNTS) + r")[\s-](word|sentence|paragraph|line)s?\b"
_NOT_NO = r"(?:\A|[^o]\s)"
_UNIT_COUNT = r"\s+(?:\d{1,4}|" + "|".join(_COUNTS) + r")[\s-](?:word|sentence|paragraph|line)"
_AT_LEAST = rf"(?:\b(?:at least|no less than|no fewer than|minimum(?: of)?|over)|{_NOT_NO}more than){_UNIT_COUNT}"
_AT_MOST = (
    r"(?:\b(?:at most|no more than|no longer than|not exceed(?:ing)?|under|within|up to|maximum(?: of)?|below)|"
    rf"{_NOT_NO}(?:less|fewer) than){_UNIT_COUNT}"
)
_asked_length = _prompt_lower.str.extract(_LENGTH, 1).replace(list(_COUNTS), [*map(str, range(1, 11)), "1"]).cast(pl.Float64, strict=False)
_unit = _prompt_lower.str.extract(_LENGTH, 2)
_paragraphs = only(_unit == "paragraph", _answer).str.count_matches(r"\S\s*\n\s*\n\s*\S") + 1
_given_length = (
    pl.when(_unit == "word").then(pl.col("answer_word_count")).when(_unit == "sentence").then(pl.col("answer_sentence_count"))
    .when(_unit == "paragraph").then(_paragraphs).otherwise(pl.col("answer_line_count"))
).cast(pl.Float64)  # fmt: skip
_of_asked = share(_given_length, _asked_length)
_kept_length = (
    pl.when(_prompt_lower.str.contains(_AT_LEAST)).then(_of_asked.clip(0, 1))
    .when(_prompt_lower.str.contains(_AT_MOST)).then(ramp(_of_asked, 2, 1))
    .otherwise(pl.min_horizontal(_of_asked, 1.0 / _of_asked))
)  # fmt: skip

# ---- which language

_LANGUAGES = (
    "spanish|french|german|italian|portuguese|dutch|latin|polish|swedish|turkish|indonesian|vietnamese|russian|ukrainian|greek|chinese|mandarin|"
    "japanese|korean|arabic|hindi|hebrew|thai|bengali|finnish"
)
_OTHER_LANGUAGE = (
    rf"\btranslat\w+\b[^.\n]{{0,80}}\b(?:into|to)\s+(?:the )?(?:{_LANGUAGES})\b"
    rf"|\b(?:write|say|answer|respond|reply|express)\b[^.\n]{{0,40}}\bin (?:{_LANGUAGES})\b"
)
_other_language = _prompt_lower.str.contains(_OTHER_LANGUAGE)
_english_share = share(only(_other_language, _answer_lower).str.count_matches(any_of(FUNCTION_WORDS)), pl.col("answer_word_count"))

ASKED_RULES: tuple[Rule, ...] = (
    Rule(
        "asked-kind",
        _FAMILY,
        "Share of the kinds of answer that English question words ask for (who, when, where, why, is it, which of these) that the answer shows: "
        "a name, a time, a place, a reason or 8 words, a verdict in the first 200 characters, at most 100 words; 0.5 where none is asked for.",
        "a question for a time gets a time",
        where(_asked_kinds > 0, share(_given_kinds, _asked_kinds)),
        about="pair",
    ),
    Rule(
        "asked-length",
        _FAMILY,
        "Where the prompt asks for N words, sentences, paragraphs or lines: what the answer has against N, the smaller over the larger; for at "
        "least N, at most 1; for at most N, 1 up to N and 0 from 2 N; 0.5 where no length is asked for.",
        "the answer is as long as was asked for",
        where(_asked_length.fill_null(0.0) > 0, _kept_length),
        about="pair",
    ),
    Rule(
        "asked-language",
        _FAMILY,
        "Where the prompt asks for another language than English: 1 minus the share of English function words, reaching 0 at 0.3; "
        "0.5 where it does not.",
        "the answer is in the language that was asked for",
        where(_other_language, ramp(_english_share, 0.3, 0)),
        about="pair",
    ),
)
