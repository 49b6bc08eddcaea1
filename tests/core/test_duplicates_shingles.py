"""Tokens and shingles in numpy against a tokenizer written out in Python."""

from __future__ import annotations

import threading

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.errors import CancelledError
from sde_core.features import tokens as module
from sde_core.features.shingles import folded, word_shingles
from sde_core.features.tokens import token_chunks

ASCII_WORD = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
SENTENCE, QUOTE, OPEN, CLOSE = set(".,;:!?"), set("\"'`"), set("([{"), set(")]}")


def kind(character: str) -> str:
    if character in ASCII_WORD:
        return "word"
    if ord(character) >= 0x80:
        return "wide"
    if ord(character) <= 32 or ord(character) == 127:
        return "space"
    for name, members in (("sentence", SENTENCE), ("quote", QUOTE), ("open", OPEN), ("close", CLOSE)):
        if character in members:
            return name
    return "symbol"


def stands_alone(character: str) -> bool:
    lead = character.encode("utf-8", "surrogatepass")[0]
    return 0xE3 <= lead <= 0xED or lead >= 0xF0


def reference_tokens(text: str) -> list[str]:
    """The module's promise, one character at a time."""
    text = folded(text)
    kinds = ["space", *map(kind, text), "space"]
    tokens: list[str] = []
    joined = False
    for place, character in enumerate(text, start=1):
        here, before, after = kinds[place], kinds[place - 1], kinds[place + 1]
        between = before == after == "word"
        if here in ("word", "wide") or (here in ("sentence", "quote") and between):
            alone = stands_alone(character)
            if joined and not alone:
                tokens[-1] += character.lower() if here == "word" else character
            else:
                tokens.append(character.lower() if here == "word" else character)
            joined = not alone
            continue
        joined = False
        opens_word = after == "word" and before in ("space", "symbol", "open")
        if here in ("symbol", "open", "close") or (here == "sentence" and (opens_word or after == "symbol")):
            tokens.append(character)
    return tokens


def reference_shingles(text: str, words: int) -> set[tuple[str, ...]]:
    pad = ["<pad>"] * (words - 1)
    padded = pad + reference_tokens(text) + pad
    return {tuple(padded[start : start + words]) for start in range(len(padded) - words + 1)}


TEXT = st.text(
    alphabet=st.sampled_from([*list("abcXYZ019_ .,;:!?'\"()[]+-=<>*\n\t"), "é", "É", "你", "好", "—", "’", "“", "ß", "🙂", "の", "한", "।"]),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=6))
def test_tokens_are_those_of_the_reference(texts: list[str]) -> None:
    found = word_shingles(texts)
    assert found.n_tokens.tolist() == [len(reference_tokens(text)) for text in texts]
    by_key: dict[int, list[str]] = {}
    for key, text in zip(found.sequence_keys.tolist(), texts, strict=True):
        assert by_key.setdefault(key, reference_tokens(text)) == reference_tokens(text)
    assert len(by_key) == len({tuple(reference_tokens(text)) for text in texts})


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXT, min_size=2, max_size=5), st.integers(2, 4))
def test_shingle_sets_overlap_as_those_of_the_reference(texts: list[str], words: int) -> None:
    found = word_shingles(texts, words)
    sets = [reference_shingles(text, words) for text in texts]
    for one, first in enumerate(sets):
        assert len(found.distinct(one)) == len(first)
        for other, second in enumerate(sets):
            assert len(np.intersect1d(found.distinct(one), found.distinct(other))) == len(first & second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Hello, World!", "hello world"),
        ("x  y\n z", "X y z."),
        ("“Hi” – it’s me", '"Hi" - it\'s me'),
        ("你好，世界。", "你好世界"),
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),
        ("e\u0301te\u0301", "été"),
        ("(see this.)", "(see this)"),
        ("zero\u200bwidth", "zerowidth"),
        ("non\u00a0breaking", "non breaking"),
    ],
)
def test_the_same_but_for_form(first: str, second: str) -> None:
    keys = word_shingles([first, second]).sequence_keys
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a != b", "a = b"),
        ("3.5", "35"),
        ("1 + 2", "1 - 2"),
        ("C++", "C"),
        ("C#", "C"),
        ("-5", "5"),
        (".5", "5"),
        ("x := 1", "x = 1"),
        ("ab c", "a bc"),
    ],
)
def test_symbols_that_carry_meaning_tell_texts_apart(first: str, second: str) -> None:
    keys = word_shingles([first, second]).sequence_keys
    assert keys[0] != keys[1]


def test_texts_do_not_flow_into_each_other() -> None:
    """A text has the same shingles alone, in company, and on either side of a chunk border."""
    texts = ["alpha beta gamma", "", "delta", "  ", "epsilon zeta " * 3]
    together = word_shingles(texts, 3)
    for place, text in enumerate(texts):
        alone = word_shingles([text], 3)
        assert together.distinct(place).tolist() == alone.distinct(0).tolist()
        assert together.sequence_keys[place] == alone.sequence_keys[0]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"row {n} says {'word ' * (n % 7)}" for n in range(50)] + ["x" * 500]
    whole = word_shingles(texts)
    monkeypatch.setattr(module, "_CHUNK_CHARACTERS", 16)
    monkeypatch.setattr(module, "_power_tables", [])
    pieces = word_shingles(texts)
    assert np.array_equal(whole.hashes, pieces.hashes)
    assert np.array_equal(whole.starts, pieces.starts)
    assert np.array_equal(whole.sequence_keys, pieces.sequence_keys)


def test_a_giant_text_between_small_ones() -> None:
    giant = "lorem ipsum " * 120_000
    found = word_shingles(["a b", giant, "a b"])
    assert found.n_tokens.tolist() == [2, 240_000, 2]
    assert found.sequence_keys[0] == found.sequence_keys[2]
    assert len(found.distinct(1)) == 4  # pad-lorem, lorem-ipsum, ipsum-lorem, ipsum-pad


def test_lone_surrogates_are_only_characters() -> None:
    assert word_shingles(["bad \ud800 half"]).n_tokens.tolist() == [3]


def test_no_texts() -> None:
    found = word_shingles([])
    assert len(found.hashes) == 0
    assert found.starts.tolist() == [0]


def test_cancelled() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        word_shingles(["a b c"], cancel=stop)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.text(alphabet=st.sampled_from([*"aZ 1.\n", "é", "\u0301", "\u0338", "ß", "“", "\u200b", "你", "🙂", "\ud800"]), max_size=12), max_size=6
    )
)
def test_folding_many_texts_at_once_is_folding_each(texts: list[str]) -> None:
    """Accents join the letter before them, even across pieces; every text keeps its own bytes."""
    chunks = list(token_chunks(texts))
    expected = "".join(folded(text) + "\n" for text in texts).encode("utf-8", "surrogatepass")
    assert b"".join(chunk.text for chunk in chunks).lower() == expected.lower()
    alone = [next(iter(token_chunks([text]))) for text in texts]
    assert [count for chunk in chunks for count in chunk.counts.tolist()] == [int(chunk.counts[0]) for chunk in alone]


def test_names_stand_with_a_capital_inside_a_sentence() -> None:
    (chunk,) = token_chunks(["The road to Rome, Italy. It ends.", "Rome was built. Not USA"])
    assert bytes(chunk.leads).lower() == b"trtriierwbnu"
    assert chunk.names.tolist() == [False, False, False, True, True, False, False, False, False, False, False, True]


def test_a_series_has_the_tokens_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"row {n} é" for n in range(50)]
    monkeypatch.setattr(module, "_SLICE", 7)
    chunks = list(token_chunks(pl.Series(texts)))
    assert [chunk.begin for chunk in chunks] == list(range(0, 50, 7))
    assert np.array_equal(np.concatenate([chunk.hashes for chunk in chunks]), np.concatenate([chunk.hashes for chunk in token_chunks(texts)]))


def test_long_tokens_differ_by_any_byte() -> None:
    texts = ["x" * length + tail for length in (7, 8, 15, 63, 64, 65, 200) for tail in ("", "a", "b")]
    hashes = np.concatenate([chunk.hashes for chunk in token_chunks(texts)])
    assert len(set(hashes.tolist())) == len(set(texts))
