"""Rules about how an answer reads."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import band, ramp, share, where
from sde_core.rules.words import FUNCTION_WORDS, any_of

_FAMILY = "language and readability"

_lower, _word_count, _sentence_count = pl.col("answer_lower"), pl.col("answer_word_count"), pl.col("answer_sentence_count")
_words_per_sentence = share(_word_count, _sentence_count)
_syllables_per_word = share(_lower.str.count_matches("[aeiouyàâäáéèêëíîïóôöúùûü]+"), _word_count)
_reading_ease = 206.835 - 1.015 * _words_per_sentence - 84.6 * _syllables_per_word
_has_latin_prose = _lower.str.contains("[a-z]{2}") & (_sentence_count > 0)
_word_lengths = pl.col("answer_words").list.eval(pl.element().str.len_chars())
_sentence_words = pl.col("answer_sentences").list.eval(pl.element().str.count_matches(r"\S+"))
_sentence_spread = _sentence_words.list.std(ddof=0) / _sentence_words.list.mean()

LANGUAGE_RULES: tuple[Rule, ...] = (
    Rule(
        "reading-ease",
        _FAMILY,
        "Flesch reading ease, 206.835 - 1.015 words a sentence - 84.6 syllables a word, divided by 100 (a syllable is a run of vowels); "
        "0.5 without Latin prose.",
        "the answer is easy to read",
        where(_has_latin_prose, ramp(_reading_ease, 0, 100)),
        source="Flesch 1948, A new readability yardstick",
    ),
    Rule(
        "sentence-length",
        _FAMILY,
        "1 for 8 to 25 words a sentence on average, falling in straight lines to 0 at 0 and at 60; 0.5 without sentences.",
        "sentences are neither fragments nor endless",
        where(_sentence_count > 0, band(_words_per_sentence, 0, 8, 25, 60)),
    ),
    Rule(
        "sentence-variety",
        _FAMILY,
        "Standard deviation over mean of the words in a sentence, reaching 1 at 0.6; 0.5 below two sentences.",
        "sentences differ in length",
        where(_sentence_count > 1, ramp(_sentence_spread, 0, 0.6)),
    ),
    Rule(
        "word-length",
        _FAMILY,
        "1 for 3.5 to 6 characters a word on average, falling in straight lines to 0 at 2 and at 10; 0 without words.",
        "words look like words of a language",
        band(_word_lengths.list.mean(), 2, 3.5, 6, 10),
        source="Rae et al. 2021, Gopher, section A1.1 (mean word length 3 to 10)",
    ),
    Rule(
        "function-words",
        _FAMILY,
        "Share of English function words (the, of, because, …) among the words, reaching 1 at 0.4.",
        "the answer is running English text",
        ramp(share(_lower.str.count_matches(any_of(FUNCTION_WORDS)), _word_count), 0, 0.4),
        source="Rae et al. 2021, Gopher, section A1.1 (stop words)",
    ),
    Rule(
        "letter-share",
        _FAMILY,
        "Share of letters and digits among the visible characters, 0 at 0.6 and 1 at 0.95.",
        "the answer is words rather than symbols",
        ramp(share(_word_lengths.list.sum(), pl.col("answer_mark_count")), 0.6, 0.95),
    ),
)
