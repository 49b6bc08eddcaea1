"""Ratings on disk: found by what was asked, whole after any death of their writer, one writer a judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.errors import ReadOnlyError, UsageError
from sde_core.rules.rating import Answer, RatingCache
from sde_core.rules.rating import cache as cache_module
from sde_core.rules.rating.cache import FIRST, RETEST, Usage, row_keys
from sde_core.rules.rating.prompts import Reading
from tests.core.rating_rows import ANSWERS_IT, KEEP_SHORT, rows

JUDGE, VERSION = "http://a/v1 m", "expected-1"


@pytest.fixture
def cache(tmp_path):
    return RatingCache(tmp_path / "ratings")


def write(cache, texts, scores, *, rule=ANSWERS_IT, judge=JUDGE, version=VERSION, slot=FIRST, run="", answer=None):
    keys, _ = row_keys(rule, texts)
    with cache.writer(judge, version, run=run) as writer:
        for key, score in zip(keys.tolist(), scores, strict=False):
            writer.add(rule, key, slot, Reading(score, 0.9), answer or Answer("well", None, 100, 2))


def test_a_column_has_scores_gaps_and_unparseable_rows(cache):
    texts = rows(4)
    write(cache, texts, [0.5, None, 1.0])
    column = cache.column(ANSWERS_IT, JUDGE, VERSION, texts)
    assert np.array_equal(column.scores, np.array([0.5, np.nan, 1.0, np.nan], np.float32), equal_nan=True)
    assert column.unparseable.tolist() == [False, True, False, False]
    assert column.rated.tolist() == [True, True, True, False]
    assert cache.column(ANSWERS_IT, JUDGE, VERSION, texts[[2, 0]]).scores.tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("rule", "judge", "version"),
    [
        (replace(ANSWERS_IT, sentence="Answer it."), JUDGE, VERSION), (replace(ANSWERS_IT, about="answer"), JUDGE, VERSION), (KEEP_SHORT, JUDGE, VERSION),
        (ANSWERS_IT, "http://a/v1 m2", VERSION), (ANSWERS_IT, JUDGE, "scale-1"), (ANSWERS_IT, JUDGE, "expected-1/chars=50"),
    ],
)  # fmt: skip
def test_another_rule_judge_or_prompt_has_no_ratings_yet(cache, rule, judge, version):
    write(cache, rows(3), [0.5, 0.5, 0.5])
    assert not cache.column(rule, judge, version, rows(3)).rated.any()
    assert cache.usage(judge, version).calls == (3 if (judge, version) == (JUDGE, VERSION) else 0)


def test_a_renamed_rule_keeps_its_ratings_and_a_changed_row_loses_its_own(cache):
    texts = rows(2)
    write(cache, texts, [0.25, 0.75])
    assert cache.column(replace(ANSWERS_IT, name="complete"), JUDGE, VERSION, texts).scores.tolist() == [0.25, 0.75]
    changed = texts.with_columns(answer=pl.Series(["Something else.", texts["answer"][1]]))
    assert np.isnan(cache.column(ANSWERS_IT, JUDGE, VERSION, changed).scores).tolist() == [True, False]


def test_rows_with_the_same_texts_share_a_rating_and_empty_ones_score_0(cache):
    texts = pl.DataFrame({"row": [0, 1, 2, 3], "prompt": ["a", "b", "a", ""], "answer": ["x", "y", "x", " \n"]})
    write(cache, texts[[0]], [0.5])
    assert np.array_equal(cache.column(ANSWERS_IT, JUDGE, VERSION, texts).scores, np.array([0.5, np.nan, 0.5, 0], np.float32), equal_nan=True)
    keys, empty = row_keys(KEEP_SHORT, pl.DataFrame({"prompt": ["a", "b"], "answer": ["x", "x"]}))
    assert keys[0] == keys[1]
    assert not empty.any()


def test_the_first_rating_of_a_row_counts(cache):
    write(cache, rows(1), [0.25])
    write(cache, rows(1), [0.75])
    assert cache.column(ANSWERS_IT, JUDGE, VERSION, rows(1)).scores.tolist() == [0.25]


def test_a_retest_stands_beside_the_rating(cache):
    write(cache, rows(4), [0.0, 0.5, 1.0, None])
    write(cache, rows(4), [0.25, 0.5, None, 1.0], slot=RETEST)
    pairs = cache.retest_pairs(ANSWERS_IT, JUDGE, VERSION)
    assert sorted(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0.0, 0.25), (0.5, 0.5)]
    assert pairs.lost == 2
    assert cache.column(ANSWERS_IT, JUDGE, VERSION, rows(4)).scores[0] == 0


def test_what_was_spent_is_counted_by_run(cache):
    write(cache, rows(2), [0.5, None], run="job-1")
    write(cache, rows(4)[2:], [0.5, 0.5], answer=Answer("4"))
    assert cache.usage(JUDGE, VERSION) == Usage(4, 2, 200, 4)
    assert cache.usage(JUDGE, VERSION, "job-1") == Usage(2, 2, 200, 4)
    assert cache.usage(JUDGE, VERSION, "job-2") == Usage()


@given(cut=st.integers(0, 200), noise=st.binary(max_size=40))
def test_a_torn_tail_costs_only_itself(tmp_path_factory, cut, noise):
    cache, texts = RatingCache(tmp_path_factory.mktemp("ratings")), rows(5)
    write(cache, texts, [0.0, 0.25, 0.5, 0.75, 1.0])
    (file,) = cache.folder.glob("*/*.ratings")
    content = file.read_bytes()
    size = len(content) // 5
    kept = min(cut, len(content)) // size
    file.write_bytes(content[:cut] + (noise if cut >= len(content) else b""))
    scores = cache.column(ANSWERS_IT, JUDGE, VERSION, texts).scores
    assert scores[:kept].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0][:kept]
    assert np.isnan(scores[kept:]).all()
    write(cache, texts[kept:], [0.125] * (5 - kept))
    assert not np.isnan(cache.column(ANSWERS_IT, JUDGE, VERSION, texts).scores).any()


def test_a_flipped_bit_and_a_run_of_zeros_are_no_ratings(cache):
    texts = rows(3)
    write(cache, texts, [0.5, 0.5, 0.5])
    (file,) = cache.folder.glob("*/*.ratings")
    content = bytearray(file.read_bytes())
    size = len(content) // 3
    for byte in range(size):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[size + byte] ^= 1 << bit
            file.write_bytes(damaged)
            assert np.isnan(cache.column(ANSWERS_IT, JUDGE, VERSION, texts).scores).tolist() == [False, True, False]
    file.write_bytes(bytes(content[:size]) + bytes(10 * size))
    assert cache.usage(JUDGE, VERSION).calls == 1


def test_one_process_rates_by_a_judge_at_a_time(cache):
    with cache.writer(JUDGE, VERSION):
        with pytest.raises(UsageError, match="Another process is rating"):
            cache.writer(JUDGE, VERSION)
        cache.writer("http://b/v1 m", VERSION).close()
        cache.writer(JUDGE, "paper-1").close()
    cache.writer(JUDGE, VERSION).close()


def test_unparsed_replies_are_kept_for_a_look_and_not_for_ever(cache):
    keys, _ = row_keys(ANSWERS_IT, rows(300))
    with cache.writer(JUDGE, VERSION) as writer:
        for key in keys.tolist():
            writer.add(ANSWERS_IT, key, FIRST, Reading(None, 0.1), Answer("As a \x1b[2Jmodel \ud800" + "x" * 1000))
    replies = cache.unparsed_replies(JUDGE, VERSION)
    assert len(replies) == 200
    assert replies[0]["rule"] == "answers-it" and replies[0]["reply"].startswith("As a \x1b[2Jmodel ?xx") and len(replies[0]["reply"]) == 200


def test_judges_and_what_is_known_of_them(cache):
    assert cache.judges() == ()
    write(cache, rows(1), [0.5])
    write(cache, rows(1), [0.5], judge="local m 12ab", version="paper-1")
    assert set(cache.judges()) == {(JUDGE, VERSION), ("local m 12ab", "paper-1")}
    assert cache.notes(JUDGE) == {}
    cache.note(JUDGE, probabilities=False)
    assert cache.notes(JUDGE)["probabilities"] is False
    assert cache.judges() and cache.notes("another") == {}


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReadOnlyError, match="cannot be written"):
        RatingCache(tmp_path / "file" / "ratings").writer(JUDGE, VERSION)


def test_row_keys_never_hold_the_texts_of_many_rows(monkeypatch):
    class Counted:
        alive = most = key = 0
        empty = False

        def __init__(self):
            Counted.alive += 1
            Counted.most = max(Counted.most, Counted.alive)

        def __del__(self):
            Counted.alive -= 1

        def about(self, _subject):
            return self

    monkeypatch.setattr(cache_module, "examples", lambda texts: (Counted() for _ in range(len(texts))))
    keys, empty = row_keys(ANSWERS_IT, rows(50))
    assert len(keys) == len(empty) == 50 and Counted.most <= 3
