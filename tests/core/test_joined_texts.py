"""Texts of several columns, joined where they are looked at."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from sde_core.features.joined_texts import JoinedTexts

LINES = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8)), max_size=12)


@given(LINES, st.data())
def test_it_holds_what_the_joined_column_holds(lines: list[tuple[str, str, str]], data: st.DataObject) -> None:
    columns = pl.DataFrame(lines, schema=dict.fromkeys(("prompt", "answer", "rejected"), pl.String), orient="row")
    texts, whole = JoinedTexts(columns), ["\n".join(line) for line in lines]
    assert len(texts) == len(whole)
    assert texts.to_series().to_list() == list(texts) == whole
    start, stop = data.draw(st.integers(0, 12)), data.draw(st.integers(0, 12))
    assert texts[start:stop].to_list() == whole[start:stop]
    places = data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=5)) if lines else []
    assert texts[np.array(places, np.int64)].to_list() == [whole[place] for place in places]
    assert [texts[place] for place in places] == [whole[place] for place in places]
