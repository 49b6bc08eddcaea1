"""Rules about whether an answer is about what its prompt is about, weighed by how much each word says."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import ramp, share, where

_FAMILY = "instruction and answer"
_SENTENCE_START = r"(?:\A|[.!?:\n])\W*\p{Lu}[\p{L}\p{N}]*"
_CAPITALISED = r"\b\p{Lu}[\p{L}\p{N}]+"
_NUMBER = r"^\p{N}"
_FEWEST_NUMBERS = 3
"""One or two numbers in a prompt mostly say how many things are wanted."""

_covered, _share, _cosine = pl.col("topic_covered"), pl.col("topic_share"), pl.col("topic_cosine")
_names = pl.col("prompt").str.replace_all(_SENTENCE_START, " ").str.extract_all(_CAPITALISED).list.eval(pl.element().str.to_lowercase())
_all_numbers = pl.col("prompt_words").list.eval(pl.element().filter(pl.element().str.contains(_NUMBER))).list.unique()
_numbers = pl.when(_all_numbers.list.len() >= _FEWEST_NUMBERS).then(_all_numbers).otherwise(pl.lit([], pl.List(pl.String)))
_givens = pl.concat_list(_names, _numbers).list.unique()
_givens_taken_up = _givens.list.set_intersection(pl.col("answer_words")).list.len()

TOPIC_RULES: tuple[Rule, ...] = (
    Rule(
        "topic-covered",
        _FAMILY,
        "Share of the prompt's topic words (no function word and none that states a task, compared by the first five letters) that occur in the "
        "answer, each weighed by the length of its vector in the static encoder, reaching 1 at 0.8; 0.5 without such words.",
        "what the prompt is about occurs in the answer",
        where(_covered.is_not_null(), ramp(_covered, 0, 0.8)),
        about="pair",
        source="after Salton and Buckley 1988, Term-weighting approaches (overlap weighted by how much a word says)",
    ),
    Rule(
        "near-in-meaning",
        _FAMILY,
        "Cosine of the static encoder's vectors of the prompt's topic words and of the answer's content words, reaching 1 at 0.8; "
        "0.5 where one of them has none.",
        "the answer is about the same matter, in whatever words",
        where(_cosine.is_not_null(), ramp(_cosine, 0, 0.8)),
        about="pair",
        source="vectors distilled from all-MiniLM-L6-v2 (Reimers and Gurevych 2019, Sentence-BERT)",
    ),
    Rule(
        "stays-on-topic",
        _FAMILY,
        "Share of the answer's content words that are the prompt's topic words, weighed alike, reaching 1 at 0.5; 0.5 without content words.",
        "the answer does not wander off",
        where(_share.is_not_null(), ramp(_share, 0, 0.5)),
        about="pair",
    ),
    Rule(
        "givens-taken-up",
        _FAMILY,
        "Share of the prompt's names (capitalised words of two letters or more, but for those that begin a sentence) and, where it has at least 3, "
        "numbers that occur in the answer; 0.5 without any.",
        "names and numbers of the prompt are dealt with",
        where(_givens.list.len() > 0, share(_givens_taken_up, _givens.list.len())),
        about="pair",
    ),
)
