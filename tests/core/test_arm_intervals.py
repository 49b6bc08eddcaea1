"""The paired interval against scipy's bootstrap and t interval, and against the truth in simulated comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sde_core.evaluate.bootstrap import paired_interval


def test_one_seed_is_scipys_bootstrap_of_the_mean():
    random = np.random.default_rng(3)
    drawn = random.exponential(1.0, 300) - 0.8
    found = paired_interval(drawn[None, :])
    told = stats.bootstrap((drawn,), np.mean, n_resamples=4000, method="percentile", random_state=0).confidence_interval
    assert found.estimate == pytest.approx(drawn.mean())
    assert (found.low, found.high) == pytest.approx((told.low, told.high), abs=0.12 * (told.high - told.low))


def test_seeds_alone_give_the_t_interval():
    by_seed = np.array([0.02, 0.05, 0.11])
    found = paired_interval(np.repeat(by_seed[:, None], 400, axis=1))
    low, high = stats.t.interval(0.95, 2, by_seed.mean(), stats.sem(by_seed))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.08 * (high - low))
    assert not found.excludes_zero


def test_weights_are_those_of_a_ratio_of_sums():
    random = np.random.default_rng(5)
    drawn, tokens = random.normal(size=(2, 80)), random.integers(1, 50, 80).astype(float)
    found = paired_interval(drawn, tokens)
    assert found.estimate == pytest.approx(np.average(drawn, axis=1, weights=tokens).mean())
    assert paired_interval(drawn).estimate == pytest.approx(drawn.mean())


def test_copies_of_rows_add_no_certainty_when_they_are_one_cluster():
    drawn = np.random.default_rng(1).normal(0.1, 1, 60)
    copied = np.repeat(drawn, 5)
    alone, counted = paired_interval(drawn[None, :]), paired_interval(copied[None, :], clusters=np.repeat(np.arange(60), 5))
    assert (counted.low, counted.high) == pytest.approx((alone.low, alone.high))
    naive = paired_interval(copied[None, :])
    assert naive.high - naive.low < 0.6 * (counted.high - counted.low)


def test_a_higher_level_is_wider_and_one_row_says_nothing():
    drawn = np.random.default_rng(2).normal(size=(3, 40))
    usual, sure = paired_interval(drawn), paired_interval(drawn, level=0.99)
    assert sure.low < usual.low < usual.high < sure.high
    assert paired_interval(np.array([[0.5]])).high == np.inf


@given(st.integers(2, 30), st.integers(1, 4), st.integers(0, 99), st.floats(-2, 2))
def test_shifting_all_differences_shifts_the_interval(rows, seeds, seed, shift):
    drawn = np.random.default_rng(seed).normal(size=(seeds, rows))
    one, other = paired_interval(drawn), paired_interval(drawn + shift)
    assert (other.estimate, other.low, other.high) == pytest.approx((one.estimate + shift, one.low + shift, one.high + shift), abs=1e-9)
    mirrored = paired_interval(-drawn)
    assert mirrored.estimate == pytest.approx(-one.estimate)
    assert one.low <= one.estimate <= one.high or rows < 8


@pytest.mark.parametrize(("rows", "seeds", "of_seed"), [(120, 1, 0.0), (120, 3, 0.05), (25, 2, 0.05)])
def test_it_holds_the_truth_about_as_often_as_it_says(rows, seeds, of_seed):
    random, held = np.random.default_rng(11), 0
    for _ in range(250):
        drawn = 0.3 * random.standard_normal(rows) + of_seed * random.standard_normal((seeds, 1)) + 0.1 * random.standard_normal((seeds, rows))
        found = paired_interval(drawn)
        held += found.low <= 0 <= found.high
    assert held / 250 >= 0.91
