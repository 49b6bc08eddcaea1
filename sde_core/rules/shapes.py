"""How a measured number becomes a score from 0 to 1, as expressions."""

from __future__ import annotations

import polars as pl


def ramp(value: pl.Expr, zero_at: float, one_at: float) -> pl.Expr:
    """0 at `zero_at`, 1 at `one_at`, a straight line between them and flat outside; falls where `zero_at` > `one_at`."""
    return ((value.cast(pl.Float64) - zero_at) / (one_at - zero_at)).clip(0.0, 1.0)


def band(value: pl.Expr, zero_below: float, one_from: float, one_to: float, zero_above: float) -> pl.Expr:
    """1 from `one_from` to `one_to`, falling in straight lines to 0 at `zero_below` and `zero_above`."""
    return pl.min_horizontal(ramp(value, zero_below, one_from), ramp(value, zero_above, one_to))


def share(part: pl.Expr, whole: pl.Expr, empty: float = 0.0) -> pl.Expr:
    """`part / whole`, or `empty` where the whole is 0."""
    return pl.when(whole > 0).then(part.cast(pl.Float64) / whole.cast(pl.Float64)).otherwise(pl.lit(empty))


def where(applies: pl.Expr, score: pl.Expr, otherwise: float = 0.5) -> pl.Expr:
    """`score` where the rule applies, else the neutral value."""
    return pl.when(applies).then(score).otherwise(pl.lit(otherwise))


def only(applies: pl.Expr, text: pl.Expr) -> pl.Expr:
    """The text where the rule applies, else null: patterns pass over what is null, which spares the time for rows that are neutral anyway."""
    return pl.when(applies).then(text)


def per_hundred_words(pattern: str) -> pl.Expr:
    """Matches in the lower-cased answer per hundred words of it."""
    return 100.0 * share(pl.col("answer_lower").str.count_matches(pattern), pl.col("answer_word_count"))


def per_sentence(pattern: str) -> pl.Expr:
    """Matches in the lower-cased answer per sentence of it."""
    return share(pl.col("answer_lower").str.count_matches(pattern), pl.col("answer_sentence_count"))
