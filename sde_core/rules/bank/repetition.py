"""Rules about an answer that says the same thing again."""

from __future__ import annotations

import zlib

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import ramp, share, where

_FAMILY = "repetition"

_words, _word_count = pl.col("answer_words"), pl.col("answer_word_count").cast(pl.Float64)
_lines, _sentences = pl.col("answer_lines"), pl.col("answer_sentences")
_openings = _sentences.list.eval(pl.element().str.extract(r"^(\S+)").str.to_lowercase())


def _deflated_share(texts: pl.Series) -> pl.Series:
    """Bytes after deflate over bytes before, 1 for the empty text."""
    encoded = (text.encode() if text else b"" for text in texts)
    return pl.Series([len(zlib.compress(raw, 6)) / len(raw) if raw else 1.0 for raw in encoded], dtype=pl.Float64)


_deflated = pl.col("answer").map_batches(_deflated_share, return_dtype=pl.Float64, is_elementwise=True)
_maas_index = (_word_count.log() - _words.list.n_unique().cast(pl.Float64).log()) / _word_count.log() ** 2


REPETITION_RULES: tuple[Rule, ...] = (
    Rule(
        "varied-words",
        _FAMILY,
        "Maas index (log N - log V) / (log N)^2 of N words, V of them distinct: 0 at 0.05 and 1 at 0.01; 0.5 below 10 words.",
        "words are varied for the answer's length",
        where(_word_count >= 10, ramp(_maas_index, 0.05, 0.01)),
        source="Maas 1972, Zusammenhang zwischen Wortschatzumfang und Länge eines Textes",
    ),
    Rule(
        "distinct-triples",
        _FAMILY,
        "Distinct triples of neighbouring words over all triples, 0 at 0.7 and 1 at 1; 1 below three words.",
        "phrases are not repeated",
        ramp(share(pl.col("answer_distinct_triples"), _word_count - 2, empty=1.0), 0.7, 1),
        source="Li et al. 2016, A diversity-promoting objective function (distinct-n)",
    ),
    Rule(
        "distinct-lines",
        _FAMILY,
        "Distinct lines over all lines, 0 at 0.5 and 1 at 1.",
        "no line is repeated",
        ramp(share(_lines.list.n_unique(), pl.col("answer_line_count"), empty=1.0), 0.5, 1),
        source="Rae et al. 2021, Gopher, section A1.1 (duplicate lines)",
    ),
    Rule(
        "varied-openings",
        _FAMILY,
        "Distinct first words of sentences over sentences, 0 at 0.3 and 1 at 1; 0.5 below two sentences.",
        "sentences do not all begin alike",
        where(pl.col("answer_sentence_count") > 1, ramp(share(_openings.list.n_unique(), pl.col("answer_sentence_count")), 0.3, 1)),
    ),
    Rule(
        "incompressible",
        _FAMILY,
        "Bytes after deflate over bytes before, divided by what is usual for English of n bytes (0.4 + 4.1 / sqrt n): 0 at 0.5 and 1 at 1.1.",
        "the answer carries information for its length",
        ramp(_deflated / (0.4 + 4.1 / pl.col("answer").str.len_bytes().sqrt()), 0.5, 1.1),
    ),
)
