import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from sde_core.visible import cells_of, in_column, in_lines, visible


def test_escape_sequences_become_symbols():
    assert visible("\x1b]52;c;aGk=\x07") == "␛]52;c;aGk=␇"
    assert visible("a\x9b31mb") == "a<U+009B>31mb"


def test_markup_is_left_alone():
    assert visible("[/INST] [bold red]x[/]") == "[/INST] [bold red]x[/]"


def test_invisible_and_reordering_characters_are_named():
    assert visible("a\u202eb\u200bc\ufeff") == "a<U+202E>b<U+200B>c<U+FEFF>"
    assert visible("\U000e0041") == "<U+E0041>"
    assert visible("\ud800") == "\ufffd"


def test_joiners_stay_because_scripts_need_them():
    assert visible("می\u200cخواهم") == "می\u200cخواهم"


def test_lines_are_kept_only_when_asked():
    assert visible("a\nb\tc\r") == "a⏎b→c␍"
    assert visible("a\nb\tc\r", keep_newlines=True) == "a\nb    c␍"
    assert visible("a\u2028b\x85c", keep_newlines=True) == "a<U+2028>b<U+0085>c"


def test_a_cut_text_says_so_and_keeps_the_limit():
    assert visible("abcdef", 4) == "abc…"
    assert visible("abcd", 4) == "abcd"
    assert visible("", 0) == ""


@given(st.text(), st.integers(1, 40))
def test_nothing_dangerous_survives(text: str, limit: int):
    for shown in (visible(text), visible(text, limit), visible(text, keep_newlines=True).replace("\n", "")):
        assert all(unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") for character in shown)
        assert all(unicodedata.category(character) != "Cf" or character in "\u200c\u200d" for character in shown)
    assert len(visible(text, limit)) <= limit


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_printable_text_is_returned_as_it_is(text: str):
    assert visible(text) == text


@given(st.text(alphabet="ab é日ｗ한e\u0301\u200d👩"), st.integers(1, 12))
def test_columns_and_lines_have_the_width_asked_for(text: str, width: int):
    assert cells_of(in_column(text, width)) == width
    lines = in_lines(text, width + 2, " ").split("\n")
    assert " ".join(lines).split() == text.split()
    assert all(cells_of(line) <= width + 2 or len(line.split()) == 1 for line in lines)


def test_wide_characters_take_two_columns():
    assert [cells_of(text) for text in ("abc", "日本", "e\u0301", "ｗ", "a\u200db")] == [3, 4, 1, 2, 2]
    assert in_column("日本語", 5) == "日本…"
    assert in_column("日本語", 4) == "日… "
    assert in_column("日本語", 7) == "日本語 "
