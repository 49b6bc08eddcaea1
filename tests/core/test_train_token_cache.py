"""Tokens kept by content: the same samples, nothing tokenised twice, and no file that could be taken for another's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_model import make_tiny_model

from sde_core.dataset.turns import Turn, Turns
from sde_core.train import token_cache
from sde_core.train.encode import Encoder
from sde_core.train.recipe import Recipe
from sde_core.train.token_cache import RowTokens, TokenCache, row_hash
from sde_core.train.tokenizer import load_tokenizer

TEXT = st.text(alphabet="ab \n1:</s>é\ud800", max_size=8)
TURNS = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "text"]), TEXT), max_size=4)


def made(turns):
    return Turns(tuple(Turn(role, text) for role, text in turns))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    template = "{% for m in messages %}{% if m.role == 'text' %}{{ raise_exception('no') }}{% endif %}{{ m.role }}: {{ m.content }}</s>\n{% endfor %}"
    return load_tokenizer(str(make_tiny_model(tmp_path_factory.mktemp("m"), template=template)))


def untouched(encoded):
    return (encoded.ids.tolist(), encoded.labels.tolist(), encoded.verdict, encoded.reason, encoded.special_text, encoded.n_tokens, encoded.parts)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batch=st.lists(TURNS, max_size=5), length=st.integers(2, 40), too_long=st.sampled_from(["cut", "drop", "split"]),
    side=st.sampled_from(["left", "right"]), answers=st.sampled_from(["all", "last"]), whole=st.booleans(),
)  # fmt: skip
def test_what_comes_from_the_cache_is_what_encoding_gives(tokenizer, tmp_path_factory, batch, length, too_long, side, answers, whole):
    recipe = Recipe(max_length=length, too_long=too_long, truncation_side=side, answers=answers, completion_only=whole)
    rows = [made(turns) for turns in batch]
    folder = tmp_path_factory.mktemp("cache")
    expected = [untouched(encoded) for encoded in Encoder(tokenizer, recipe).encode_all(rows)]
    first, second = Encoder(tokenizer, recipe, cache_dir=folder), Encoder(tokenizer, recipe, cache_dir=folder)
    assert [untouched(encoded) for encoded in first.encode_tokens(rows)] == expected
    first.save()
    second._tokenised = lambda missing: [] if not missing else pytest.fail("it tokenised again")
    assert [untouched(encoded) for encoded in second.encode_tokens(rows)] == expected


def test_another_length_is_a_hit_and_another_option_is_not(tokenizer, tmp_path):
    rows = [made([("user", "a b"), ("assistant", f"b {i}")]) for i in range(5)]
    encoder = Encoder(tokenizer, Recipe(), cache_dir=tmp_path)
    encoder.encode_tokens(rows)
    encoder.save()
    for recipe, known in ((Recipe(max_length=7), 5), (Recipe(answers="last"), 0), (Recipe(completion_only=False), 0), (Recipe(template="plain"), 0)):
        cache = Encoder(tokenizer, recipe, cache_dir=tmp_path)._cache
        assert sum(row is not None for row in cache.find(rows)) == known


@given(TURNS, TURNS)
def test_only_equal_rows_share_a_name(first, second):
    assert (row_hash(made(first)) == row_hash(made(second))) == (first == second)


def one(i):
    return made([("user", str(i))]), RowTokens(np.arange(i + 1, dtype=np.int32), np.zeros(i + 1, bool), 2)


def test_a_damaged_file_is_none_and_many_files_become_one(tmp_path):
    for i in range(20):
        cache = TokenCache(tmp_path, "name")
        cache.find([])
        cache.add(*one(i))
        cache.save()
    assert len(list(tmp_path.glob("row-tokens/name/*.rows"))) <= 12
    rows = [one(i)[0] for i in range(20)]
    assert [len(row.ids) for row in TokenCache(tmp_path, "name").find(rows)] == list(range(1, 21))
    for path in tmp_path.glob("row-tokens/name/*.rows"):
        path.write_bytes(path.read_bytes()[:-3])
    assert TokenCache(tmp_path, "name").find(rows) == [None] * 20
    assert not list(tmp_path.glob("row-tokens/name/*.rows"))


def test_the_oldest_go_first_and_a_folder_that_cannot_be_written_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(token_cache, "MOST_BYTES", 700)
    for i in range(6):
        cache = TokenCache(tmp_path, f"name{i}")
        cache.add(*one(50))
        cache.save()
    left = {path.parent.name for path in tmp_path.glob("row-tokens/*/*.rows")}
    assert left
    assert len(left) < 6
    assert "name5" in left
    (tmp_path / "file").write_text("no folder")
    blocked = TokenCache(tmp_path / "file", "name")
    blocked.add(*one(3))
    blocked.save()
    assert TokenCache(tmp_path / "file", "name").find([one(3)[0]]) == [None]
