"""Rules about how long a row is and whether it is whole."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import band, ramp

_FAMILY = "length and completeness"
_CLOSED = r"[.!?…。！？\"”’'»)\]}>`*|%°]\s*\z"
_OPEN = r"[,:;(\[{–—-]\s*\z"
_SHORT_LAST_LINE = 8
PLACEHOLDER = (
    r"\[(?:your|my|insert|name|date|company|phone|product|address|city|title|recipient|sender|add|enter)\b[^\]\n]{0,40}\]"
    r"|\{\{[^}\n]{1,40}\}\}|_{3,}|<(?:insert|your|name)\b[^>\n]{0,40}>|\blorem ipsum\b|\b(?:todo|tbd|xxx+)\b"
)

_answer, _lower = pl.col("answer"), pl.col("answer_lower")
_last_line_words = pl.col("answer_lines").list.last().str.count_matches(r"\S+")
_inside_fence = _answer.str.count_matches("```") % 2 == 1

LENGTH_RULES: tuple[Rule, ...] = (
    Rule(
        "answer-length",
        _FAMILY,
        "1 for answers of 30 to 300 words, falling in straight lines to 0 at 0 and at 1,200 words.",
        "the answer is neither a stub nor a flood",
        band(pl.col("answer_word_count"), 0, 30, 300, 1200),
    ),
    Rule(
        "prompt-length",
        _FAMILY,
        "1 for prompts of 8 to 200 words, falling in straight lines to 0 at 0 and at 1,000 words.",
        "the prompt says enough and not too much",
        band(pl.col("prompt_word_count"), 0, 8, 200, 1000),
        about="prompt",
    ),
    Rule(
        "answer-finished",
        _FAMILY,
        "1 where the answer ends in a closing mark (. ! ? quote, bracket, fence) or its last line has at most 8 words; 0 where it ends in a comma, "
        "colon, semicolon, dash or opening bracket, inside a code fence, or in the middle of a longer line.",
        "the answer was not cut off",
        (~_inside_fence & ~_answer.str.contains(_OPEN) & (_answer.str.contains(_CLOSED) | (_last_line_words <= _SHORT_LAST_LINE))).cast(pl.Float64),
    ),
    Rule(
        "no-placeholders",
        _FAMILY,
        "1 without template gaps such as [Your Name], {{name}}, ____, TODO or lorem ipsum, 0.5 with one, 0 with two or more.",
        "nothing was left to fill in",
        ramp(_lower.str.count_matches(PLACEHOLDER), 2, 0),
    ),
)
