"""Bands of words."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.features.length_bands import BAND_NAMES, BANDS, length_bands, word_counts


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), (" \n\t", 0), ("one", 1), ("two  words", 2), ("don't stop-now", 2), ("你好，世界", 5), ("是的 ok then", 4), ("สวัสดี", 6), (None, 0)],
)
def test_words(text: str | None, words: int) -> None:
    assert word_counts(pl.Series([text], dtype=pl.String)).to_list() == [words]


@pytest.mark.parametrize(("words", "band"), [(0, "no words"), (1, "1-10 words"), (10, "1-10 words"), (11, "11-50 words"), (200, "51-200 words"),
                                             (201, "201-500 words"), (500, "201-500 words"), (501, "over 500 words")])  # fmt: skip
def test_bands(words: int, band: str) -> None:
    assert length_bands(pl.Series([" ".join(["word"] * words)])).to_list() == [band]


def test_bands_go_up() -> None:
    assert [most for _, most in BANDS] == sorted({most for _, most in BANDS})
    assert len(set(BAND_NAMES)) == len(BANDS) + 1


@given(st.lists(st.text("ab \n你", max_size=20), max_size=12))
def test_order_is_kept_and_words_are_those_of_split(texts: list[str]) -> None:
    spaced = [text.replace("你", " 你 ") for text in texts]
    assert word_counts(pl.Series(texts, dtype=pl.String)).to_list() == [len(text.split()) for text in spaced]
    assert all(band in BAND_NAMES for band in length_bands(pl.Series(texts, dtype=pl.String)))
