"""What liking and disliking rows does to a selection."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.errors import UsageError
from sde_core.select import SelectionParams, select
from sde_core.select.dpp import quality_offsets
from sde_core.select.leaning import Leaning, lean, leaned_by, leaned_quality, leanings_of, nearness, similarities

N, GROUPS = 400, 8
GENERATOR = np.random.default_rng(3)
CENTERS = np.linalg.qr(GENERATOR.standard_normal((32, 32)))[0][:GROUPS]
GROUP = np.arange(N) % GROUPS
VECTORS = (CENTERS[GROUP] + 0.12 * GENERATOR.standard_normal((N, 32))).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
QUALITY = GENERATOR.random(N)
ROWS = np.arange(N) * 3


def chosen_near(row, quality=QUALITY, **params):
    rows = select(ROWS, VECTORS, quality, SelectionParams(40, max_similarity=1.0, **params)).rows
    return int((nearness(VECTORS, row // 3)[np.asarray(rows) // 3] > 0).sum())


def test_the_row_and_its_copies_are_nearest_and_as_many_rows_as_the_root_of_all_are_near():
    vectors = VECTORS.copy()
    vectors[11] = vectors[3]
    near = nearness(vectors, 3)
    assert near[3] == near[11] == 1
    assert (near > 0).sum() == 20
    assert (GROUP[near > 0] == GROUP[3]).all()
    order = np.argsort(-similarities(vectors, vectors[3]), kind="stable")
    assert near[order[:20]] == pytest.approx(1 - np.asarray([0, 0, *range(2, 20)]) / 20)


def test_row_numbers_are_written_as_everywhere_else():
    assert [Leaning(1217, 1).words(), Leaning(17, -2).words()] == ["more like 1,217", "fewer like 17, twice"]
    reasons = [pick.reason for pick in select(ROWS, VECTORS, QUALITY, SelectionParams(40)).picks]
    assert any(re.search(r"nearest chosen row 1,\d{3} at", reason) for reason in reasons)
    assert not any(re.search(r"row \d{4}", reason) for reason in reasons)


def test_where_everything_is_a_copy_everything_is_near():
    assert (nearness(np.ones((30, 4), dtype=np.float32) / 2, 0) == 1).all()


def test_a_row_without_a_direction_is_near_to_nothing():
    vectors = VECTORS.copy()
    vectors[0] = 0
    assert not nearness(vectors, 0).any()


def test_one_like_is_worth_the_whole_spread_of_quality_to_a_copy():
    shift = lean(ROWS, VECTORS, leanings_of((9,), ()))
    assert leaned_quality(QUALITY, shift)[3] - QUALITY[3] == pytest.approx(4 * QUALITY.std())
    assert leaned_quality(np.full(N, 0.5), shift)[3] == pytest.approx(1.5)
    far = shift == 0
    assert np.array_equal(leaned_quality(QUALITY, shift)[far], QUALITY[far])


@given(st.lists(st.integers(0, 6), max_size=8), st.lists(st.integers(0, 6), max_size=8))
def test_repeats_add_up_and_opposites_cancel_out(liked, disliked):
    leanings = leanings_of(liked, disliked)
    assert {leaning.row: leaning.weight for leaning in leanings} == {
        row: liked.count(row) - disliked.count(row) for row in {*liked, *disliked} if liked.count(row) != disliked.count(row)
    }
    assert [leaning.row for leaning in leanings] == sorted(leaning.row for leaning in leanings)
    rows = np.arange(N)
    apart = sum((weight * lean(rows, VECTORS, [Leaning(row, 1)]) for row, weight in ((at.row, at.weight) for at in leanings)), np.zeros(N))
    assert lean(rows, VECTORS, leanings) == pytest.approx(apart, abs=1e-12)


@pytest.mark.parametrize("method", ["dpp", "topk"])
def test_more_and_fewer_like_a_row_change_how_many_of_its_kind_are_chosen(method):
    fewer, plain, more, most = (chosen_near(6, method=method, **wish) for wish in ({"disliked": (6, 6)}, {}, {"liked": (6,)}, {"liked": (6, 6, 6)}))
    assert fewer == 0 < plain < more < most


def test_likes_without_any_quality_still_count():
    assert chosen_near(6, None) < chosen_near(6, None, liked=(6,))


def test_a_like_changes_the_weight_of_no_row_outside_its_neighbourhood():
    shift = lean(ROWS, VECTORS, leanings_of((6,), ()))
    plain, leaned = quality_offsets(QUALITY, 0.5), quality_offsets(leaned_quality(QUALITY, shift), 0.5, QUALITY)
    assert leaned[shift == 0] == pytest.approx(plain[shift == 0])
    assert leaned[2] - plain[2] == pytest.approx(1.0)


def test_the_reason_names_the_like_and_the_quality_shown_is_the_one_given():
    picks = select(ROWS, VECTORS, QUALITY, SelectionParams(40, liked=(6, 6), locked=(6,))).picks
    own = next(pick for pick in picks if pick.row == 6)
    assert own.quality == pytest.approx(QUALITY[2])
    assert "lifted by “more like 6, twice” at similarity 1.00" in own.reason
    assert any(pick.row != 6 and "more like 6" in pick.reason for pick in picks)
    assert all("more like" not in pick.reason for pick in picks if GROUP[pick.row // 3] != 2)


def test_who_leans_on_a_row_is_the_strongest():
    found = leaned_by(ROWS, VECTORS, leanings_of((6,), (30, 30)), np.asarray([2, 10, 3]))
    assert [None if by is None else by[0].row for by in found] == [6, 30, None]
    assert found[1] is not None
    assert found[1][1] == pytest.approx(1)


@pytest.mark.parametrize("wish", [{"liked": (1,)}, {"disliked": (10**6,)}])
def test_a_row_that_is_not_there_cannot_be_liked(wish):
    with pytest.raises(UsageError, match="liked or disliked"):
        select(ROWS, VECTORS, QUALITY, SelectionParams(10, **wish))
