"""Rules about code in an answer; neutral where there is none."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import only, ramp, share, where

_FAMILY = "code"
CODE_LINE = (
    r"(?m)^[ \t]*(?:def |class \w|import \w|from \S+ import |#include|function\b|public |private |static |return\b|const |let |var |elif |else:|try:|"
    r"(?:for|if|while|switch) ?\(|(?:for|if|while|with) [^\n]*:[ \t]*$|SELECT |INSERT |CREATE |UPDATE |\}|</?\w+[^>\n]*>|[\w.]+ ?[-+*/|]?= ?\S)"
    r"|[;{][ \t]*$"
)
_FENCED = r"(?s)```[^\n]*\n(.*?)(?:```|\z)"
_COMMENT = r"(?m)(?:^|[ \t;{}])(?:#(?:[^!\n]|$)|//|/\*|--[ ]|<!--|\"\"\")"
_CASE_OR_CHECK = (
    r"\b(?:assert|raise|except|catch|throw|throws|try|if not|is none|== ?null|isinstance|typeof|valueerror|typeerror|test_\w+|unittest)\b"
)
_UNFINISHED = (
    r"(?m)\bpass[ \t]*(?:#.*)?$|(?:^|[ \t])(?:#|//)[ \t]*(?:todo|your code|rest of|implement|fill in)\b|\bnotimplemented|^[ \t]*\.\.\.[ \t]*$"
)

_answer, _lower = pl.col("answer"), pl.col("answer_lower")
_fences = _answer.str.count_matches("(?m)^[ \\t]*```")
_code_lines = _answer.str.count_matches(CODE_LINE).cast(pl.Float64)
_has_code = (_fences > 0) | (_code_lines >= 2)
_coded, _coded_lower = only(_has_code, _answer), only(_has_code, _lower)
_bare_words = only(_has_code, pl.col("answer_bare")).str.replace_all(CODE_LINE + r"[^\n]*", "").str.count_matches(r"\b\p{L}{2,}\b")
_long_lines = _coded.str.count_matches(r"(?m)^.{101,}$")
_names = _coded.str.count_matches(r"\b[A-Za-z_]\w*[ \t]*=[^=]")
_short_names = _coded.str.count_matches(r"\b[A-Za-z][ \t]*=[^=]")

CODE_RULES: tuple[Rule, ...] = (
    Rule(
        "code-fenced",
        _FAMILY,
        "1 where lines that look like code stand with a code fence, 0 where they stand bare; 0.5 without code.",
        "code is set apart from words",
        where(_has_code, (_fences >= 2).cast(pl.Float64)),
    ),
    Rule(
        "code-language-named",
        _FAMILY,
        "Share of opening code fences that name their language; 0.5 without a fence.",
        "the code says what language it is in",
        where(_fences > 0, share(2.0 * only(_fences > 0, _answer).str.count_matches(r"(?m)^[ \t]*```[ \t]*[A-Za-z]"), _fences).clip(0, 1)),
    ),
    Rule(
        "code-commented",
        _FAMILY,
        "Comments per line of code, reaching 1 at one in five; 0.5 without code.",
        "the code explains itself",
        where(_has_code, ramp(share(_coded.str.count_matches(_COMMENT), _code_lines), 0, 0.2)),
    ),
    Rule(
        "code-explained",
        _FAMILY,
        "Words of prose beside the code, reaching 1 at 40; 0.5 without code.",
        "words say what the code does",
        where(_has_code, ramp(_bare_words, 0, 40)),
    ),
    Rule(
        "code-finished",
        _FAMILY,
        "1 without gaps in the code (pass alone, ..., TODO, your code here), 0.5 with one, 0 with two or more; 0.5 without code.",
        "nothing is left for the reader to write",
        where(_has_code, ramp(_coded_lower.str.count_matches(_UNFINISHED), 2, 0)),
    ),
    Rule(
        "code-narrow",
        _FAMILY,
        "1 without lines of more than 100 characters, falling in a straight line to 0 at four of them; 0.5 without code.",
        "the code can be read without scrolling sideways",
        where(_has_code, ramp(_long_lines, 4, 0)),
    ),
    Rule(
        "code-names",
        _FAMILY,
        "Share of assigned names with more than one letter; 0.5 without an assignment.",
        "names say what a value is",
        where(_has_code & (_names > 0), 1.0 - share(_short_names, _names)),
    ),
    Rule(
        "code-guarded",
        _FAMILY,
        "Checks and handled errors (assert, raise, except, catch, is none, …) per line of code, reaching 1 at one in ten; 0.5 without code.",
        "the code minds what can go wrong",
        where(_has_code, ramp(share(_coded_lower.str.count_matches(_CASE_OR_CHECK), _code_lines), 0, 0.1)),
    ),
)
