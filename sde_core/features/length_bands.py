"""Lengths of texts as bands of words, the same for every dataset."""

from __future__ import annotations

import polars as pl

BANDS: tuple[tuple[str, int], ...] = (
    ("no words", 0),
    ("1-10 words", 10),
    ("11-50 words", 50),
    ("51-200 words", 200),
    ("201-500 words", 500),
)
"""Name and most words of each band, shortest first."""
LONGEST = "over 500 words"
"""The band behind the last of `BANDS`."""
BAND_NAMES: tuple[str, ...] = (*(name for name, _ in BANDS), LONGEST)

_WORD = r"\S+"
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD_OF_ANY_SCRIPT = rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+"


def word_counts(texts: pl.Series) -> pl.Series:
    """UInt32[n]: what stands between white space; in scripts that use none, such as Chinese, every character is a word."""
    text = pl.col("text")
    frame = pl.DataFrame({"text": texts.fill_null("")}).with_row_index("at")
    unspaced = frame["text"].str.contains(f"[{_UNSPACED}]")
    spaced_words = frame.filter(~unspaced).select("at", words=text.str.count_matches(_WORD))
    unspaced_words = frame.filter(unspaced).select("at", words=text.str.count_matches(_WORD_OF_ANY_SCRIPT))
    return pl.concat([spaced_words, unspaced_words]).sort("at")["words"]


def length_bands(texts: pl.Series) -> pl.Series:
    """The band of each text, one of `BAND_NAMES`."""
    words = pl.col("words")
    band: pl.Expr = pl.lit(LONGEST)
    for name, most in reversed(BANDS):
        band = pl.when(words <= most).then(pl.lit(name)).otherwise(band)
    return pl.DataFrame({"words": word_counts(texts)}).select(band.alias("band")).to_series()
