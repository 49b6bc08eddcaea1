"""Rules about an answer that gives grounds, weighs, orders and reckons."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import per_hundred_words, per_sentence, ramp, where
from sde_core.rules.words import CONTRASTS, REASONS, STEPS, any_of

_FAMILY = "reasoning"
_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_EQUATION = rf"[-+*/x×÷−.=(^]?\s*{_NUMBER}\s*[-+*/x×÷−]\s*[$£€]?{_NUMBER}\s*=\s*[$£€]?-?{_NUMBER}\s*%?"
_PARTS = rf"^\s*({_NUMBER})\s*([-+*/x×÷−])\s*[$£€]?({_NUMBER})\s*=\s*[$£€]?(-?{_NUMBER})\s*\z"
"""An equation that stands alone: what begins with an operator is the tail of a longer one, and a percentage has another unit."""
_TOLERANCE = 0.01


def _part(group: int) -> pl.Expr:
    return pl.element().str.extract(_PARTS, group).str.replace_all(",", "").cast(pl.Float64, strict=False)


_left, _operator, _right, _stated = _part(1), pl.element().str.extract(_PARTS, 2), _part(3), _part(4)
_reckoned = (
    pl.when(_operator == "+").then(_left + _right)
    .when(_operator.is_in(["-", "−"])).then(_left - _right)
    .when(_operator.is_in(["*", "x", "×"])).then(_left * _right)
    .otherwise(_left / _right)
)  # fmt: skip
_right_equations = (
    pl.col("answer").str.extract_all(_EQUATION)
    .list.eval(((_reckoned - _stated).abs() <= _TOLERANCE * pl.max_horizontal(_stated.abs(), pl.lit(1.0))).cast(pl.Float64)).list.mean()
)  # fmt: skip

REASONING_RULES: tuple[Rule, ...] = (
    Rule(
        "reasons-given",
        _FAMILY,
        "English words that join a claim to its ground (because, therefore, due to, …) in a hundred words, reaching 1 at 2.5.",
        "claims have grounds",
        ramp(per_hundred_words(any_of(REASONS)), 0, 2.5),
    ),
    Rule(
        "contrast",
        _FAMILY,
        "English words that weigh one thing against another (however, although, instead, …) in a hundred words, reaching 1 at 2.",
        "the answer sees another side",
        ramp(per_hundred_words(any_of(CONTRASTS)), 0, 2),
    ),
    Rule(
        "ordered-steps",
        _FAMILY,
        "Numbered lines and English words of order (first, then, finally, …) per sentence, reaching 1 at one in two.",
        "the answer goes step by step",
        ramp(per_sentence(any_of(STEPS) + r"|(?m:^[ \t]*\(?\d{1,3}[.)][ \t])"), 0, 0.5),
    ),
    Rule(
        "sums-right",
        _FAMILY,
        "Share of the equations of the form a + b = c (also -, × and /) that are right to 1 %; 0.5 without any.",
        "the arithmetic is right",
        where(_right_equations.is_not_null(), _right_equations),
    ),
)
