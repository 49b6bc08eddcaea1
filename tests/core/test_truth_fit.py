"""Weights fitted to a truth: against scikit-learn, out of fold, without leaks between folds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sde_core.errors import UsageError
from sde_core.rules import ScoreMatrix
from sde_core.rules.truth import JudgedPairs, RowTruth
from sde_core.rules.truth import fit as fitting
from sde_core.rules.truth.fit import FITTED, UNWEIGHTED, fit_rules, weights_of_json


def matrix_of(scores: np.ndarray, rows: np.ndarray | None = None) -> ScoreMatrix:
    count = len(scores)
    words = np.random.default_rng(9).integers(5, 300, count).astype(np.uint32)
    return ScoreMatrix(np.arange(count, dtype=np.uint32) if rows is None else rows, tuple(f"r{i}" for i in range(scores.shape[1])), scores, words)


def truth_of(values: np.ndarray) -> RowTruth:
    return RowTruth(np.arange(len(values)), values, values, values, "made")


@pytest.fixture
def planted() -> tuple[ScoreMatrix, np.ndarray]:
    """Two rules that matter, one that misleads, three of noise; the chance of being good."""
    rng = np.random.default_rng(4)
    scores = rng.random((400, 6)).astype(np.float32)
    return matrix_of(scores), 6 * scores[:, 0] + 3 * scores[:, 1] - 4 * scores[:, 2] - 2.5


def test_a_logistic_fit_finds_what_is_planted_and_beats_the_mean_out_of_fold(planted) -> None:
    matrix, strength = planted
    good = (np.random.default_rng(5).random(400) < 1 / (1 + np.exp(-strength))).astype(float)
    fit = fit_rules(matrix, truth_of(good))
    weights = dict(zip(fit.weights.rules, fit.weights.weights, strict=True))
    assert weights["r0"] > weights["r1"] > 1 > -1 > weights["r2"]
    assert fit.report.of(FITTED).accuracy.value > fit.report.of(UNWEIGHTED).accuracy.value + 0.1
    assert fit.report.measure == "AUROC"
    quality = fit.weights.quality(matrix)
    assert quality.dtype == np.float32 and 0 <= quality.min() < quality.max() <= 1
    assert quality.mean() == pytest.approx(good.mean(), abs=0.02)


def test_a_row_without_a_score_does_not_spoil_the_weights(planted) -> None:
    """A file of scores may lack rows."""
    matrix, strength = planted
    good = (strength > 0).astype(float)
    scores = matrix.scores.copy()
    scores[3, :2] = np.nan
    whole, holed = fit_rules(matrix, truth_of(good)), fit_rules(matrix_of(scores), truth_of(good))
    assert holed.weights.weights == pytest.approx(whole.weights.weights, rel=0.2, abs=1.0)
    assert holed.report.of(FITTED).accuracy.value > 0.9


def test_noise_is_worth_nothing_out_of_fold() -> None:
    """A fit that was measured on its own rows would look good here."""
    rng = np.random.default_rng(6)
    good = rng.permutation(np.repeat([0.0, 1.0], 60))
    fit = fit_rules(matrix_of(rng.random((120, 40)).astype(np.float32)), truth_of(good))
    found = fit.report.of(FITTED).accuracy
    assert found.lower < 0.5 < found.upper + 0.05
    assert found.value < 0.62


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_scikit_learn_agrees(planted, penalty: float) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    matrix, strength = planted
    good = (strength > 0).astype(float)
    problem = fitting._problem(matrix, truth_of(good), None)
    everything = np.ones(400, bool)
    ours = fitting._weights(problem, everything, penalty, False)
    theirs = linear.LogisticRegression(C=1 / (penalty * 400), tol=1e-10, max_iter=5000).fit(problem.scaled, good)
    assert ours[:-1] == pytest.approx(theirs.coef_[0], abs=1e-4)
    assert ours[-1] == pytest.approx(theirs.intercept_[0], abs=1e-4)
    values = fitting._problem(matrix, truth_of(np.clip(strength / 10 + 0.5, 0, 1)), None)
    ridge = linear.Ridge(alpha=penalty * 400).fit(values.scaled, values.target)
    assert fitting._weights(values, everything, penalty, False)[:-1] == pytest.approx(ridge.coef_, abs=1e-6)
    positive = linear.Ridge(alpha=penalty * 400, positive=True, tol=1e-9).fit(values.scaled, values.target)
    assert fitting._weights(values, everything, penalty, True)[:-1] == pytest.approx(positive.coef_, abs=1e-4)


def test_no_weight_below_zero_where_that_is_asked(planted) -> None:
    matrix, strength = planted
    fit = fit_rules(matrix, truth_of((strength > 0).astype(float)), nonnegative=True)
    assert min(fit.weights.weights) >= 0
    assert fit.weights.weights[0] > 0


def test_judged_pairs_are_fitted_without_an_intercept(planted) -> None:
    matrix, strength = planted
    rng = np.random.default_rng(7)
    left = rng.integers(0, 400, 600)
    right = (left + rng.integers(1, 400, 600)) % 400
    score = (rng.random(600) < 1 / (1 + np.exp(strength[right] - strength[left]))).astype(float)
    pairs = JudgedPairs(left, right, score, "made")
    fit = fit_rules(matrix, None, pairs)
    assert fit.report.of(FITTED).accuracy.value > fit.report.of(UNWEIGHTED).accuracy.value + 0.1
    turned = fit_rules(matrix, None, JudgedPairs(right, left, 1 - score, "made"))
    assert turned.weights.weights == pytest.approx(fit.weights.weights, abs=1e-6)
    assert fit.weights.quality(matrix).mean() == pytest.approx(0.5, abs=0.1)


def test_rows_of_one_prompt_and_disjoint_pairs_stay_on_one_side() -> None:
    scores = np.random.default_rng(8).random((60, 2)).astype(np.float32)
    problem = fitting._problem(matrix_of(scores), truth_of(np.tile([0.0, 1.0], 30)), None)
    fold = fitting._folds(problem, [f"p{i // 2}" for i in range(60)], 5, 0)
    assert (fold[::2] == fold[1::2]).all()
    assert set(fold.tolist()) == set(range(5))
    disjoint = JudgedPairs(np.arange(0, 60, 2), np.arange(1, 60, 2), np.ones(30), "made")
    of_pairs = fitting._folds(fitting._problem(matrix_of(scores), None, disjoint), None, 5, 0)
    assert (of_pairs[::2] == of_pairs[1::2]).all()


def test_weights_are_written_and_read(planted) -> None:
    matrix, strength = planted
    weights = fit_rules(matrix, truth_of(np.clip(strength / 10 + 0.5, 0, 1))).weights
    assert weights.link == "linear"
    again = weights_of_json(json.loads(json.dumps(weights.to_json())))
    assert again == weights
    np.testing.assert_array_equal(again.quality(matrix), weights.quality(matrix))
    with pytest.raises(UsageError, match="There is no rule 'r5'"):
        weights.quality(matrix_of(matrix.scores[:, :5]))
    for wrong in (None, [], {"link": "log"}, {**weights.to_json(), "link": "cubic"}, {**weights.to_json(), "intercept": float("nan")}):
        with pytest.raises(UsageError, match="no weights of rules"):
            weights_of_json(wrong)


def test_constant_rules_get_no_weight_and_small_truths_are_refused(planted) -> None:
    matrix, strength = planted
    flat = matrix_of(np.column_stack([matrix.scores, np.ones(400, np.float32)]))
    assert fit_rules(flat, truth_of((strength > 0).astype(float))).weights.weights[6] == 0
    with pytest.raises(UsageError, match="19 rows are too few"):
        fit_rules(matrix, truth_of(np.arange(19) / 18))
    with pytest.raises(UsageError, match="no truth"):
        fit_rules(matrix, None)
