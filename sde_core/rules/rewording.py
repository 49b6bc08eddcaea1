"""Copies of rows that say the same in other characters, so that a rule which measures the rows can be told from one that measures noise.

Every change keeps what a reader takes from the text:

- blanks: one more at the end, and two between sentences;
- apostrophes inside words: straight ones curly, curly ones straight;
- of the prompt and of the answer each the first word that carries nothing (also, very, just, …), or where there is none the first "the", is
  left out; not of texts so short that a word is much of them;
- the case of the first letter, in one row of ten: so rarely that a rule about capitals is still itself.

A number, a name, a quotation mark, a mark that ends a sentence and a line break are never touched: what stands in them is what rules are about,
and in code and JSON they are syntax.
"""

from __future__ import annotations

import numpy as np
import polars as pl

_FILLERS = (
    "also|very|really|just|quite|actually|basically|simply|indeed|rather|even|still|already|certainly|generally|typically|usually|often|easily|highly"
)
_FILLER = rf"(?i)([\p{{L}},;] )(?:{_FILLERS}) (\p{{L}})"
_ARTICLE = r"([\p{L},;] )the (\p{L})"
_SENTENCES = r"(\p{L}[.!?]) (\p{Lu})"
_SHORT = 40
"""Up to so many characters a text keeps all its words."""

_RARELY = 10


def reworded(texts: pl.DataFrame, *, seed: int = 0) -> pl.DataFrame:
    """The same rows in other characters.

    Args:
        texts: `Dataset.texts()`, or the columns `prompt` and `answer` alone.
        seed: Chooses the rows whose first letter changes its case.

    Returns:
        The table with other texts under `prompt` and `answer`; a text without visible characters stays as it is, and so do all other columns.
    """
    flipped = pl.lit(pl.Series(np.random.default_rng(seed).permutation(len(texts)) % _RARELY == 0))
    return texts.with_columns(_reworded(pl.col(name), flipped).alias(name) for name in ("prompt", "answer"))


def _reworded(text: pl.Expr, flipped: pl.Expr) -> pl.Expr:
    spaced = _apostrophes_exchanged(_word_left_out(text)).str.replace_all(_SENTENCES, "${1}  ${2}")
    first, rest = spaced.str.slice(0, 1), spaced.str.slice(1)
    other_case = pl.when(first.str.to_uppercase() == first).then(first.str.to_lowercase()).otherwise(first.str.to_uppercase())
    said = pl.when(flipped).then(other_case + rest).otherwise(spaced)
    return pl.when(text.str.contains(r"\S")).then(said + " ").otherwise(text)


def _word_left_out(text: pl.Expr) -> pl.Expr:
    filler_out, article_out = text.str.replace(_FILLER, "${1}${2}"), text.str.replace(_ARTICLE, "${1}${2}")
    shorter = pl.when(filler_out != text).then(filler_out).otherwise(article_out)
    return pl.when(text.str.len_chars() > _SHORT).then(shorter).otherwise(text)


def _apostrophes_exchanged(text: pl.Expr) -> pl.Expr:
    straight = text.str.replace_all(r"(\p{L})’(\p{L})", "${1}'${2}")
    return pl.when(straight != text).then(straight).otherwise(text.str.replace_all(r"(\p{L})'(\p{L})", "${1}’${2}"))
