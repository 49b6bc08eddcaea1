"""Bradley-Terry strengths against hand-solved cases, logistic regression and choix; intervals against simulated people."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.errors import UsageError
from sde_core.features.components import components
from sde_core.rules.truth import JudgedPairs, fit_bradley_terry
from sde_core.rules.truth.bradley_terry import MOST_ROWS, PRIOR, logistic


def pairs_of(*judged: tuple[int, int, float]) -> JudgedPairs:
    left, right, score = zip(*judged, strict=True)
    return JudgedPairs(np.array(left, np.int64), np.array(right, np.int64), np.array(score, np.float64), "made")


def simulated(m: int, count: int, seed: int, spread: float = 2.0) -> tuple[np.ndarray, JudgedPairs]:
    rng = np.random.default_rng(seed)
    true = rng.normal(0, spread, m)
    left = rng.integers(0, m, count)
    right = (left + rng.integers(1, m, count)) % m
    return true, JudgedPairs(left, right, (rng.random(count) < logistic(true[left] - true[right])).astype(float), "simulated")


def test_two_rows_by_hand() -> None:
    """3 wins to 1 and no prior to speak of: strengths 3 to 1, so log-strengths are half of log 3 either side of 0."""
    fit = fit_bradley_terry(pairs_of(*[(0, 1, 1.0)] * 3, (0, 1, 0.0)), prior=1e-6)
    assert fit.log_strength == pytest.approx([math.log(3) / 2, -math.log(3) / 2], abs=1e-5)
    information = 4 * (3 / 4) * (1 / 4)
    assert fit.standard_error == pytest.approx([0.5 / math.sqrt(information)] * 2, rel=1e-4)


def test_three_rows_by_hand() -> None:
    """A beats B 2:1, B beats C 2:1, A beats C 4:1: strengths 4, 2, 1 give each row exactly the wins it has."""
    fit = fit_bradley_terry(pairs_of(*[(0, 1, 1.0)] * 2, (0, 1, 0.0), *[(1, 2, 1.0)] * 2, (1, 2, 0.0), *[(2, 0, 0.0)] * 4, (2, 0, 1.0)), prior=1e-6)
    assert np.exp(fit.log_strength - fit.log_strength[2]) == pytest.approx([4.0, 2.0, 1.0], abs=1e-4)
    assert fit.log_strength == pytest.approx(np.log([2.0, 1.0, 0.5]), abs=1e-4)
    assert fit.played.tolist() == [8, 6, 8]


def test_ties_are_half_a_win_for_each() -> None:
    tied = fit_bradley_terry(pairs_of((0, 1, 0.5), (1, 2, 1.0), (0, 1, 0.5)))
    halves = fit_bradley_terry(pairs_of((0, 1, 1.0), (1, 2, 1.0), (0, 1, 0.0)))
    assert tied.log_strength == pytest.approx(halves.log_strength, abs=1e-7)
    assert tied.standard_error == pytest.approx(halves.standard_error, abs=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_logistic_regression_on_differences_agrees(seed: int) -> None:
    """The same posterior as a regression without penalty, where each row also meets the row of strength 1."""
    sklearn = pytest.importorskip("sklearn.linear_model")
    _, pairs = simulated(12, 40, seed)
    design = np.zeros((len(pairs), 12))
    design[np.arange(len(pairs)), pairs.left] = 1
    design[np.arange(len(pairs)), pairs.right] = -1
    everything = np.vstack([design, np.eye(12), np.eye(12)])
    outcome = np.concatenate([pairs.score, np.ones(12), np.zeros(12)])
    weight = np.concatenate([np.ones(len(pairs)), np.full(24, PRIOR / 2)])
    oracle = sklearn.LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000).fit(everything, outcome, weight).coef_[0]
    fit = fit_bradley_terry(pairs, rows=np.arange(12))
    assert fit.log_strength == pytest.approx(oracle - oracle.mean(), abs=1e-4)


def test_choix_agrees() -> None:
    choix = pytest.importorskip("choix")
    _, pairs = simulated(8, 300, 5, spread=0.7)
    won = [(int(a), int(b)) if score == 1 else (int(b), int(a)) for a, b, score in zip(pairs.left, pairs.right, pairs.score, strict=True)]
    assert fit_bradley_terry(pairs, prior=1e-7).log_strength == pytest.approx(choix.mm_pairwise(8, won, tol=1e-12), abs=1e-5)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(6, 11), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=25))
def test_any_answers_give_finite_values_that_do_not_depend_on_the_side(judged: list[tuple[int, int, float]]) -> None:
    fit = fit_bradley_terry(pairs_of(*judged))
    turned = fit_bradley_terry(pairs_of(*[(right, left, 1 - score) for left, right, score in judged]))
    truth = fit.truth("made")
    assert np.isfinite(fit.log_strength).all() and np.isfinite(truth.lower).all()
    assert fit.log_strength == pytest.approx(turned.log_strength, abs=1e-6)
    assert (truth.lower < truth.values).all() and (truth.values < truth.upper).all()
    assert truth.lower.min() >= 0 and truth.upper.max() <= 1
    assert fit.log_strength.mean() == pytest.approx(0, abs=1e-9)
    assert fit.covariance.sum() == pytest.approx(0, abs=1e-9)


def test_rows_never_compared_and_groups_apart_stay_in_the_middle_with_wide_intervals() -> None:
    fit = fit_bradley_terry(pairs_of((0, 1, 1.0), (2, 3, 1.0)), rows=np.arange(5))
    assert fit.log_strength[4] == pytest.approx(0, abs=1e-9)
    assert fit.log_strength[0] == pytest.approx(fit.log_strength[2], abs=1e-9)
    assert fit.standard_error.argmax() == 4
    assert components(5, np.array([0, 2]), np.array([1, 3])).tolist() == [0, 0, 2, 2, 4]


def test_a_long_chain_of_wins_is_ranked() -> None:
    fit = fit_bradley_terry(pairs_of(*[(row, row + 1, 1.0) for row in range(60)] * 3))
    assert (np.diff(fit.log_strength) < 0).all()
    assert fit.rounds < 20_000


@pytest.mark.parametrize(("spread", "count"), [(1.0, 90), (2.0, 90), (2.0, 200)])
def test_intervals_hold_the_truth_as_often_as_they_say(spread: float, count: int) -> None:
    inside = []
    for seed in range(30):
        true, pairs = simulated(25, count, seed, spread)
        fit = fit_bradley_terry(pairs, rows=np.arange(25))
        inside.append((np.abs(fit.log_strength - (true - true.mean())) < 1.96 * fit.standard_error).mean())
    assert 0.92 <= np.mean(inside) <= 0.995


def test_nothing_and_too_much_are_refused() -> None:
    empty = JudgedPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), "none")
    with pytest.raises(UsageError, match="No two rows have been compared"):
        fit_bradley_terry(empty)
    many = np.arange(MOST_ROWS + 1)
    with pytest.raises(UsageError, match="4,001 rows are compared"):
        fit_bradley_terry(JudgedPairs(many[:-1], many[1:], np.ones(MOST_ROWS), "many"))
