"""Texts in cells: fitting, wrapping, hidden characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sde_core.dataset import Turn, Turns
from sde_core.visible import visible
from sde_tui.widgets.cell_text import cell_texts
from sde_tui.widgets.record_text import CUT_CHARACTERS, RecordText, TokenPiece, record_lines
from sde_tui.widgets.shown_controls import hidden_again, shown_controls
from sde_tui.widgets.spans import fit, plain, strip_of
from sde_tui.widgets.wrapping import wrapped, wrapped_spans


@given(st.text(max_size=60), st.integers(0, 30))
def test_fit_is_exactly_as_wide_as_asked(text, width):
    shown = visible(text)
    assert cell_len(fit(shown, width)) == width


def test_fit_says_when_it_cut():
    assert fit("abcdef", 4) == "abc…"
    assert fit("abc", 5) == "abc  "
    assert fit("漢字漢字", 5) == "漢字…"


@given(st.text(alphabet="ab \n漢é", max_size=120), st.integers(4, 30))
def test_wrapping_loses_nothing_but_spaces_at_line_ends_and_fits(text, width):
    lines = list(wrapped(text, width))
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace("\n", "").replace(" ", "")


def test_wrapping_breaks_at_spaces_and_keeps_empty_lines():
    assert list(wrapped("one two three\n\nfour", 8)) == ["one two", "three", "", "four"]


@given(st.text(max_size=80))
def test_hidden_characters_come_back(text):
    shown, symbols = shown_controls(text)
    assert hidden_again(shown, symbols) == text
    assert visible(shown, keep_newlines=True).replace("    ", "") == shown.replace("    ", "")


def test_a_picture_in_the_text_is_not_taken_for_what_it_pictures():
    shown, symbols = shown_controls("\x1b and ␛")
    assert hidden_again(shown, symbols) == "\x1b and ␛"
    assert hidden_again(shown + "!", symbols) == "\x1b and ␛!"


@given(st.text(max_size=60))
def test_cells_are_as_many_as_measured(text):
    shown = visible(text)
    if shown and cell_len(shown[0]):
        assert len(cell_texts(shown)) == cell_len(shown)
        assert "".join(cell_texts(shown)) == shown


def test_neighbours_of_one_ink_share_a_segment():
    from sde_tui.theme import DARK, inks

    strip = strip_of([("a", "text"), ("b", "text"), ("c", "dim")], 10, inks(DARK.name))
    assert [segment.text for segment in strip] == ["ab", "c       "]
    assert strip.cell_length == 10


@given(st.lists(st.tuples(st.text(alphabet="ab \n漢", max_size=20), st.sampled_from(["text", "dim"])), max_size=8), st.integers(4, 20))
def test_spans_wrap_as_their_text_does_and_keep_their_ink(spans, width):
    text = "".join(piece for piece, _ in spans)
    lines = list(wrapped_spans(spans, width))
    assert [plain(line) for line in lines] == list(wrapped(text, width))
    inks = [ink for piece, ink in spans for character in piece if character not in " \n"]
    assert [ink for line in lines for piece, ink in line for character in piece if character != " "] == inks


# ---- a record as lines


def _text(record: RecordText, width: int = 60, **options) -> str:
    lines = record_lines(record, width, **options)
    assert all(cell_len(plain(line)) <= width for line in lines[2:])  # the headings are cut where they are drawn
    return "\n".join(plain(line) for line in lines)


def test_a_record_tells_row_line_decision_findings_and_who_says_what():
    turns = Turns((Turn("system", "be kind"), Turn("user", "hello", raw_role="human"), Turn("assistant", "")), label="greeting")
    finding = ("error", "The answer is empty.", "0 characters")
    text = _text(RecordText(4, 5, "train", turns, (("id", "x1"),), (finding,), "rejected", "empty answer", edited=True))
    for part in (
        "row 4  line 5  train",
        "✎ edited",
        "✗ rejected: empty answer",
        "! The answer is empty. — 0 characters",
        "◇ system",
        "❯ user (human)",
        "(empty)",
        "label",
        "id = x1",
    ):
        assert part in text, part


def test_a_label_that_is_the_last_turn_is_shown_once():
    turns = Turns((Turn("user", "is it spam?"), Turn("assistant", "spam")), label="spam")
    assert _text(RecordText(0, 1, turns=turns)).count("spam") == 2


def test_a_preference_shows_both_answers_under_their_names():
    chosen, rejected = Turn("assistant", "good"), Turn("assistant", "poor")
    turns = Turns((Turn("user", "q"), chosen), chosen=(chosen,), rejected=(rejected,))
    text = _text(RecordText(0, 1, turns=turns))
    assert "assistant, chosen\n  good" in text
    assert "assistant, rejected\n  poor" in text
    assert text.count("good") == 1


def test_a_long_text_is_cut_and_says_how_much_is_missing():
    turns = Turns((Turn("user", "x" * (CUT_CHARACTERS + 7)), Turn("assistant", "y")))
    record = RecordText(0, 1, turns=turns)
    assert "… 7 more characters: w shows all" in _text(record)
    assert "more characters" not in _text(record, whole=True)


def test_trained_and_cut_tokens_are_marked_without_colour():
    states = {"<user>": "masked", "hi": "masked", "good": "trained", " day": "trained", "</s>": "trained", " lost": "cut"}
    tokens = [TokenPiece(piece, state) for piece, state in states.items()]
    text = _text(RecordText(0, 1, turns=Turns(()), tokens=tokens, token_note="made by the chat template"))
    assert "tokens  6: ▸ 3 train ◂ · 2 masked · « 1 cut off »" in text
    assert "<user>hi▸good day</s>◂« lost»" in text.replace("\n", "").replace("  ", "")


@pytest.mark.parametrize("width", [20, 31, 78])
def test_tokens_wrap_within_the_width(width):
    tokens = [TokenPiece("word ", "trained" if number % 3 else "masked") for number in range(60)]
    text = _text(RecordText(0, 1, turns=Turns(()), tokens=tokens), width)
    assert text.count("word") == 60
