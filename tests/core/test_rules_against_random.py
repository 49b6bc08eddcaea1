"""A choice of rules against random sets: the drawing, the counting, the intervals, and the error against a truth, each against a plain loop."""

from __future__ import annotations

import json
from itertools import combinations
from math import comb

import numpy as np
import pytest
from numpy.typing import NDArray

from sde_core.rules import ScoreMatrix, choose_rules, correlation_kernel, rho
from sde_core.rules.against_random import SquaredErrors, WinRate, compare_with_random, wilson_interval
from sde_core.rules.truth import RowTruth


def matrix_of(scores: NDArray[np.floating]) -> ScoreMatrix:
    n, width = scores.shape
    return ScoreMatrix(np.arange(n, dtype=np.uint32), tuple(f"r{i}" for i in range(width)), scores.astype(np.float32), np.arange(n, dtype=np.uint32))


def truth_of(values: NDArray[np.float64], rows: NDArray[np.int64] | None = None) -> RowTruth:
    return RowTruth(np.arange(len(values), dtype=np.int64) if rows is None else rows, values, values, values, "planted")


def planted(n: int = 400, width: int = 14, copies: int = 6, seed: int = 0) -> tuple[ScoreMatrix, RowTruth]:
    """Every rule is the truth blurred, but the first `copies` are blurred by one and the same number."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n)
    blur = rng.normal(0, 0.4, (n, width))
    blur[:, :copies] = rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 0.05, (n, copies))
    return matrix_of(np.clip(truth[:, None] + blur, 0, 1)), truth_of(truth)


def drawn_rhos(correlation: NDArray[np.float64], size: int, given: tuple[int, ...] = ()) -> list[float]:
    return [rho(correlation, chosen) for chosen in combinations(range(len(correlation)), size) if set(given) <= set(chosen)]


def test_the_comparison_agrees_with_all_sets() -> None:
    matrix, _ = planted(width=7, copies=3)
    correlation = correlation_kernel(matrix.scores)
    everything = drawn_rhos(correlation, 3, (4,))
    best = min(combinations(range(7), 3), key=lambda chosen: rho(correlation, chosen) if 4 in chosen else 9.0)
    compared = compare_with_random(correlation, best, [4], subsets=4000, seed=5)
    assert compared is not None
    assert compared.possible == comb(6, 2) == len(everything)
    assert compared.lowest_rho == pytest.approx(min(everything))
    assert compared.mean_rho == pytest.approx(np.mean(everything), abs=0.01)
    assert compared.median_rho == pytest.approx(np.median(everything), abs=0.02)
    assert compared.win.wins + compared.win.ties == 4000, "the best set is never worse, and a tie where it is drawn itself"
    assert compared.win.ties / 4000 == pytest.approx(1 / len(everything), abs=0.02)
    assert compare_with_random(correlation, best, [4], subsets=50, seed=5) == compare_with_random(correlation, best, [4], subsets=50, seed=5)
    assert compare_with_random(correlation, best, [4], subsets=50, seed=5) != compare_with_random(correlation, best, [4], subsets=50, seed=6)


def test_there_is_no_comparison_without_another_set() -> None:
    correlation = correlation_kernel(planted(width=4, copies=2)[0].scores)
    assert compare_with_random(correlation, [0, 1, 2, 3]) is None
    assert compare_with_random(correlation, [0, 1], [0, 1]) is None
    assert compare_with_random(correlation, [0, 1], subsets=0) is None


def test_ties_are_no_wins() -> None:
    win = WinRate.of(0.5, np.array([0.4, 0.5, 0.5 + 1e-15, 0.6]))
    assert (win.wins, win.ties, win.rate) == (1, 2, 0.25)
    identical = matrix_of(np.repeat(np.random.default_rng(0).random((30, 1)), 5, axis=1))
    compared = compare_with_random(correlation_kernel(identical.scores), [0, 1], subsets=200)
    assert compared is not None
    assert (compared.win.wins, compared.win.ties) == (0, 200), "where all sets are alike the choice beats none"


def test_wilson_interval_against_hand_figures_and_scipy() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(10, 10) == pytest.approx((0.7224672, 1.0), abs=1e-6)
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775328), abs=1e-6)
    from scipy.stats import binomtest

    for wins, draws in ((1, 20), (7, 9), (930, 1000)):
        theirs = binomtest(wins, draws).proportion_ci(method="wilson")
        assert wilson_interval(wins, draws) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_squared_errors_of_sets_equal_numpys_mean_square() -> None:
    matrix, truth = planted(n=120)
    known = truth_of(truth.values[10:90], truth.rows[10:90])
    errors = SquaredErrors.of(matrix, range(14), known)
    assert errors is not None
    assert errors.rows == 80
    for chosen in ((0,), (3, 9), (1, 4, 7, 13), tuple(range(14))):
        by_hand = np.mean((matrix.scores[10:90][:, chosen].astype(float).mean(axis=1) - truth.values[10:90]) ** 2)
        assert errors.of_sets(np.array([chosen]))[0] == pytest.approx(by_hand, abs=1e-9)
    assert SquaredErrors.of(matrix, [0], truth_of(np.array([0.0, 1.0]), np.array([700, 900]))) is None, "rows that are not scored have no error"


def test_rules_that_share_their_error_lose_on_rho_and_on_mse() -> None:
    matrix, truth = planted(seed=3)
    choice = choose_rules(matrix, 4, truth=truth, seed=1)
    compared = choice.against_random
    assert compared is not None
    assert compared.truth is not None
    assert sum(int(name[1:]) < 6 for name in choice.chosen) <= 1, "the six that share their error are not chosen together"
    assert compared.win.rate > 0.9
    assert compared.truth.win.rate > 0.6
    assert compared.truth.mse < compared.truth.median_mse
    assert compared.truth.rho_correlation > 0.5, "here the paper's claim is built in: what overlaps shares its errors"
    assert compared.truth.rho_lower < compared.truth.rho_correlation < compared.truth.rho_upper
    columns = [matrix.index(name) for name in choice.chosen]
    assert compared.truth.mse == pytest.approx(np.mean((matrix.scores[:, columns].astype(float).mean(axis=1) - truth.values) ** 2), abs=1e-9)


def test_where_the_truth_is_unrelated_the_link_of_rho_and_mse_is_not_claimed() -> None:
    rng = np.random.default_rng(4)
    matrix = matrix_of(rng.random((300, 12)))
    compared = choose_rules(matrix, 3, truth=truth_of(rng.random(300))).against_random
    assert compared is not None
    assert compared.truth is not None
    assert abs(compared.truth.rho_correlation) < 0.5
    assert compared.truth.source == "planted"


def test_the_comparison_goes_to_json_without_nan() -> None:
    matrix, truth = planted()
    told = json.loads(json.dumps(choose_rules(matrix, 4, truth=truth).to_json(), allow_nan=False))
    assert set(told["against_random"]["win"]) == {"wins", "ties", "rate", "lower", "upper"}
    assert told["against_random"]["truth"]["rows"] == 400
    alike = matrix_of(np.column_stack([matrix.scores[:, :1], 1 - matrix.scores[:, :1]]))
    told = json.loads(json.dumps(choose_rules(alike, 1, truth=truth).to_json(), allow_nan=False))
    assert told["against_random"]["truth"]["rho_correlation"] is None, "rho of single rules is always 0"
