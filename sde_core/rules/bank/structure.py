"""Rules about how an answer is laid out."""

from __future__ import annotations

import polars as pl

from sde_core.rules.measures import LIST_MARKER
from sde_core.rules.rule import Rule
from sde_core.rules.shapes import ramp, share, where

_FAMILY = "structure"
_LAID_OUT_LINE = r"(?m)^[ \t]*(?:[-*•‣–][ \t]|\(?\d{1,3}[.)][ \t]|\(?[A-Za-z][.)][ \t]|#{1,6}[ \t]|\||```)"

_answer, _unlisted = pl.col("answer"), pl.col("answer").str.replace_all(LIST_MARKER, "")
_sentence_count = pl.col("answer_sentence_count")


def _surplus(opening: str, closing: str) -> pl.Expr:
    return (_unlisted.str.count_matches(opening, literal=True).cast(pl.Int64) - _unlisted.str.count_matches(closing, literal=True)).abs()


_unpaired = (
    _surplus("(", ")") + _surplus("[", "]") + _surplus("{", "}") + _surplus("“", "”")
    + _answer.str.count_matches('"', literal=True) % 2 + _answer.str.count_matches("```", literal=True) % 2
)  # fmt: skip
_lower_case_starts = pl.col("answer_sentences").list.eval(pl.element().str.contains(r"^\p{Ll}")).list.sum()

STRUCTURE_RULES: tuple[Rule, ...] = (
    Rule(
        "laid-out-lines",
        _FAMILY,
        "Share of lines that are list items, headings, table rows or code fences, reaching 1 at one half; 0 for an answer of one line.",
        "the answer is laid out in parts",
        where(pl.col("answer_line_count") > 1, ramp(share(_answer.str.count_matches(_LAID_OUT_LINE), pl.col("answer_line_count")), 0, 0.5), 0.0),
    ),
    Rule(
        "short-paragraphs",
        _FAMILY,
        "1 where the longest line has at most 500 characters, falling in a straight line to 0 at 1,500.",
        "no wall of text",
        ramp(pl.col("answer_lines").list.eval(pl.element().str.len_chars()).list.max(), 1500, 500),
    ),
    Rule(
        "paired-marks",
        _FAMILY,
        "1 where brackets, quotation marks and code fences all pair up, 0.5 with one left over, 0 with two or more (list markers such as a) aside).",
        "nothing was opened and left open",
        ramp(_unpaired, 2, 0),
    ),
    Rule(
        "sentence-starts",
        _FAMILY,
        "Share of sentences that do not begin with a lower-case letter; 0.5 without sentences.",
        "sentences begin as sentences do",
        1.0 - share(_lower_case_starts, _sentence_count, empty=0.5),
    ),
)
