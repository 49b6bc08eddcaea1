"""The word diff that the side-by-side view shows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.checks.duplicates.word_diff import Segment, word_diff

TEXT = st.lists(st.sampled_from(["the", "fox", " ", "  ", "\n", "jumps", ".", "!", "(", "é", "你"]), max_size=40).map("".join)


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT)
def test_the_segments_give_both_texts_back(first: str, second: str) -> None:
    diff = word_diff(first, second)
    assert "".join(segment.text for segment in diff.side("delete")) == first
    assert "".join(segment.text for segment in diff.side("insert")) == second
    assert all(segment.text for segment in diff.segments)
    assert 0 <= diff.same_words <= 1
    assert diff.same_words == 1 or first != second
    assert (diff.same_words == 1) <= (first.split() == second.split())


def test_changed_words() -> None:
    diff = word_diff("The quick brown fox jumps.", "The slow brown fox jumps!")
    assert diff.segments == (
        Segment("equal", "The"),
        Segment("delete", " quick"),
        Segment("insert", " slow"),
        Segment("equal", " brown fox jumps"),
        Segment("delete", "."),
        Segment("insert", "!"),
    )
    assert diff.same_words == 2 * 4 / 12
    assert not diff.cut


def test_equal_and_empty_texts() -> None:
    assert word_diff("same", "same").segments == (Segment("equal", "same"),)
    assert word_diff("", "").segments == ()
    assert word_diff("", "").same_words == 1.0
    assert word_diff("", "new").segments == (Segment("insert", "new"),)


def test_long_texts_are_cut() -> None:
    long = "word " * 5000
    diff = word_diff(long, long + "end", most_tokens=100)
    assert diff.cut
    assert diff.segments == (Segment("equal", "word " * 99 + "word"),)
