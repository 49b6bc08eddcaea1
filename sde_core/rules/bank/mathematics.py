"""Rules about an answer that reckons; neutral where the row has nothing to reckon with."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import only, ramp, share, where

_FAMILY = "mathematics"
_NUMBER = r"\d+(?:[.,]\d+)*"
_EQUATION = r"=\s*[-−$£€(]?\s*[\d\w\\]"
_SYMBOL = (
    r"[+×÷−*/^√∑∫≤≥≈π%<>]|\\(?:frac|sqrt|sum|int|times|cdot|pi|boxed|left|right)\b"
    r"|\b(?:sum|product|difference|ratio|percent|squared|equation|solve)\b"
)
_RESULT = r"####\s*\S|\\boxed\{|\b(?:the (?:final )?answer is|answer:|the result is|therefore|thus|so,? the|in total|altogether|equals)\b"
_ASKS = (
    r"\bhow (?:many|much|far|long|old|fast|often)\b|\bcalculate\b|\bcompute\b|\bsolve\b|\bevaluate\b"
    r"|\bfind the (?:sum|value|area|product|average|mean|number)\b|\bwhat is \d"
)
_UNIT = (
    r"\d\s*(?:%|°|(?:km|cm|mm|m|kg|g|mg|lb|lbs|oz|l|ml|mph|s|min|h|hours?|minutes?|seconds?|days?|weeks?|months?|years?"
    r"|miles?|meters?|metres?|feet|inches|dollars?|cents?|euros?|pounds?)\b)|[$£€]\s*\d"
)

_answer, _lower, _prompt_lower = pl.col("answer"), pl.col("answer_lower"), pl.col("prompt_lower")
_prompt_numbers = _prompt_lower.str.extract_all(_NUMBER).list.unique()
_asks = _prompt_lower.str.contains(_ASKS) & (_prompt_numbers.list.len() > 0)
_asked_answer = only(_asks, _lower)
_answer_numbers = _asked_answer.str.extract_all(_NUMBER).list.unique()
_equations = only(_asks, _answer).str.count_matches(_EQUATION)

MATHEMATICS_RULES: tuple[Rule, ...] = (
    Rule(
        "math-notation",
        _FAMILY,
        "Signs and words of mathematics (operators, LaTeX commands, sum, ratio, percent, …) in a hundred visible characters, reaching 1 at 3.",
        "the answer is written in mathematics",
        ramp(100.0 * share(_lower.str.count_matches(_SYMBOL), pl.col("answer_mark_count")), 0, 3),
    ),
    Rule(
        "math-givens-used",
        _FAMILY,
        "Where the prompt asks for a quantity: share of the prompt's numbers that occur in the answer; else 0.5.",
        "the answer reckons with what was given",
        where(_asks, share(_prompt_numbers.list.set_intersection(_answer_numbers).list.len(), _prompt_numbers.list.len())),
        about="pair",
    ),
    Rule(
        "math-worked",
        _FAMILY,
        "Where the prompt asks for a quantity: equations in the answer, reaching 1 at 3; else 0.5.",
        "the way to the result is shown",
        where(_asks, ramp(_equations, 0, 3)),
        about="pair",
    ),
    Rule(
        "math-result-stated",
        _FAMILY,
        "Where the prompt asks for a quantity: 1 where the last line holds a number and the answer says that it is the result (####, boxed, "
        "the answer is, therefore, in total, …), 0.5 for the number alone, 0 for neither; else 0.5.",
        "the result stands at the end",
        where(
            _asks,
            0.5 * pl.col("answer_lines").list.last().str.contains(r"\d").cast(pl.Float64).fill_null(0.0)
            + 0.5 * (_asked_answer.str.contains(_RESULT) & pl.col("answer_lines").list.last().str.contains(r"\d").fill_null(False)).cast(pl.Float64),
        ),
        about="pair",
    ),
    Rule(
        "math-units",
        _FAMILY,
        "Where the prompt asks for a quantity: numbers with a unit or currency over all numbers of the answer, reaching 1 at one half; else 0.5.",
        "numbers say what they count",
        where(_asks, ramp(share(_asked_answer.str.count_matches(_UNIT), _asked_answer.str.count_matches(_NUMBER)), 0, 0.5)),
        about="pair",
    ),
)
