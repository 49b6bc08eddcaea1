"""Rules about an answer that commits itself to particulars."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import per_hundred_words, per_sentence, ramp, share
from sde_core.rules.words import EXAMPLES, HEDGES, VAGUE_WORDS, any_of

_FAMILY = "specificity"
_NAME_INSIDE_SENTENCE = r"[\p{Ll}\p{N},;]\s+\p{Lu}\p{L}+"

_word_count = pl.col("answer_word_count")

SPECIFICITY_RULES: tuple[Rule, ...] = (
    Rule(
        "numbers",
        _FAMILY,
        "Numerals in a hundred words, list numbering aside, reaching 1 at 4.",
        "the answer gives figures",
        ramp(100.0 * share(pl.col("answer_bare").str.count_matches(r"\d+(?:[.,:/]\d+)*"), _word_count), 0, 4),
    ),
    Rule(
        "proper-names",
        _FAMILY,
        "Capitalised words inside sentences in a hundred words, reaching 1 at 8.",
        "the answer names people, places and things",
        ramp(100.0 * share(pl.col("answer").str.count_matches(_NAME_INSIDE_SENTENCE), _word_count), 0, 8),
    ),
    Rule(
        "long-words",
        _FAMILY,
        "Share of words with more than six letters, reaching 1 at 0.4.",
        "the wording is technical rather than plain",
        ramp(share(pl.col("answer").str.count_matches(r"\p{L}{7,}"), _word_count), 0, 0.4),
        source="Björnsson 1968, Läsbarhet (LIX, share of long words)",
    ),
    Rule(
        "no-vague-words",
        _FAMILY,
        "1 minus the English words that fit any answer (things, various, very, good, …) in a hundred words, reaching 0 at 6.",
        "few words that could stand anywhere",
        ramp(per_hundred_words(any_of(VAGUE_WORDS)), 6, 0),
    ),
    Rule(
        "no-hedging",
        _FAMILY,
        "1 minus English hedges (maybe, might, I think, it depends, …) in a hundred words, reaching 0 at 3.",
        "the answer commits itself",
        ramp(per_hundred_words(any_of(HEDGES)), 3, 0),
    ),
    Rule(
        "examples",
        _FAMILY,
        "Words that introduce an example (for example, such as, e.g., …) per sentence, reaching 1 at one in four.",
        "claims are shown on an example",
        ramp(per_sentence(any_of(EXAMPLES)), 0, 0.25),
    ),
)
