"""Rules weighted by a fit to people's judgement, measured on rows that the fit did not see.

Nothing uses such weights by itself: the default quality needs no labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sde_core.errors import UsageError
from sde_core.features.components import components
from sde_core.progress import NEVER, Cancel, raise_if_cancelled
from sde_core.rules.matrix import ScoreMatrix
from sde_core.rules.truth.agreement import AgreementReport, agreement_with, filled
from sde_core.rules.truth.bradley_terry import logistic
from sde_core.rules.truth.pairs import JudgedPairs
from sde_core.rules.truth.row_truth import RowTruth

Floats = NDArray[np.float64]

FOLDS = 5
PENALTIES = (0.001, 0.01, 0.1, 1.0)
"""Ridge penalties a row, on rules of unit spread; chosen on rows that the fit did not see."""

BY_MODEL = " by a model"
"""How a source ends that is no person's judgement."""
FITTED, UNWEIGHTED = "fitted, out of fold", "mean of these rules"
_FEWEST = 20
_ROUNDS = 50
_CONVERGED = 1e-8


@dataclass(frozen=True, slots=True)
class RuleWeights:
    """A weight for each rule; the same on any data with the same rules.

    Attributes:
        rules: Names.
        weights: How much a score of 1 in place of 0 adds.
        intercept: What a row starts with.
        link: "logistic": the sum goes through the logistic function; "linear": it is cut at 0 and 1.
        source: The truth that was fitted.
        worth: The figure on rows that the fit did not see, in words; "" where nobody measured it.
    """

    rules: tuple[str, ...]
    weights: tuple[float, ...]
    intercept: float
    link: Literal["logistic", "linear"]
    source: str
    worth: str = ""

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the rules that count."""
        return tuple(name for name, weight in zip(self.rules, self.weights, strict=True) if weight)

    def quality(self, matrix: ScoreMatrix) -> NDArray[np.float32]:
        """float32[n] in [0, 1] for the rows of a matrix.

        Raises:
            UsageError: When the matrix lacks a rule that has a weight.
        """
        used = [(name, weight) for name, weight in zip(self.rules, self.weights, strict=True) if weight]
        total = np.full(len(matrix.rows), self.intercept)
        for name, weight in used:
            total += weight * matrix.column(name).astype(np.float64)
        values = logistic(total) if self.link == "logistic" else np.clip(total, 0.0, 1.0)
        return np.asarray(values, np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be read again by `weights_of_json`."""
        weights = dict(zip(self.rules, self.weights, strict=True))
        return {"weights": weights, "intercept": self.intercept, "link": self.link, "source": self.source, "worth": self.worth}


def weights_of_json(value: Any) -> RuleWeights:
    """The weights that `RuleWeights.to_json` wrote.

    Raises:
        UsageError: When it is something else.
    """
    try:
        link = value["link"]
        weights = {str(name): float(weight) for name, weight in value["weights"].items()}
        if link not in ("logistic", "linear") or not all(np.isfinite([*weights.values(), float(value["intercept"])])):
            raise ValueError(link)
        said = (str(value.get(name, "")) for name in ("source", "worth"))
        return RuleWeights(tuple(weights), tuple(weights.values()), float(value["intercept"]), link, *said)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError("These are no weights of rules.", "`sde rules truth DATA --fit --weights FILE` writes some.") from error


@dataclass(frozen=True, slots=True)
class RuleFit:
    """A fit, and what it is worth.

    Attributes:
        weights: Fitted to all rows.
        report: `FITTED` (each row scored by a fit that did not see it) and `UNWEIGHTED` held against the truth.
        out_of_fold: float64[m], the former, for `report`'s rows in the order of the matrix.
        penalty: The penalty of `weights`.
        folds: How many.
        nonnegative: Whether weights below 0 were forbidden.
    """

    weights: RuleWeights
    report: AgreementReport
    out_of_fold: Floats
    penalty: float
    folds: int
    nonnegative: bool

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {**self.weights.to_json(), "penalty": self.penalty, "folds": self.folds, "nonnegative": self.nonnegative,
                "report": self.report.to_json()}  # fmt: skip


def fit_rules(
    matrix: ScoreMatrix,
    truth: RowTruth | None,
    pairs: JudgedPairs | None = None,
    *,
    prompts: Sequence[str] | None = None,
    nonnegative: bool = False,
    folds: int = FOLDS,
    seed: int = 0,
    cancel: Cancel = NEVER,
) -> RuleFit:
    """Fits a weight for each rule: ridge regression on values, logistic ridge on two classes or on judged pairs.

    Args:
        matrix: Scores of the rules to weigh; NaN counts as the rule's mean.
        truth: True values; may be None where there are pairs.
        pairs: Judged pairs; where given they are fitted rather than the values.
        prompts: Prompt of each row of the matrix: rows of one prompt are never on both sides of a fold, nor are rows linked by disjoint pairs,
            unless there are fewer prompts, or groups of linked rows, than folds take.
        nonnegative: Forbid weights below 0, so that every rule counts only in its own sense.
        folds: Parts that the rows are cut into; each is scored by a fit to the others.
        seed: Of the cutting and of the intervals.
        cancel: Asked between fits.

    Raises:
        UsageError: When there is no truth, or fewer than 20 rows or 20 judged pairs.
        CancelledError: When stopped.
    """
    problem = _problem(matrix, truth, pairs)
    count = len(problem.target)
    if count < _FEWEST:
        raise UsageError(f"{count} {'comparisons' if pairs is not None else 'rows'} are too few to fit weights to.", f"It takes {_FEWEST} or more.")
    fold = _folds(problem, [prompts[place] for place in problem.here.tolist()] if prompts is not None else None, folds, seed)
    out_of_fold = np.zeros(len(problem.here))
    for number in range(folds):
        raise_if_cancelled(cancel)
        other = (number + 1) % folds
        penalty = _best_penalty(problem, (fold != number) & (fold != other), fold == other, nonnegative)
        out_of_fold[fold == number] = problem.scored(_weights(problem, fold != number, penalty, nonnegative))[fold == number]
    penalty = _best_penalty(problem, fold != 0, fold == 0, nonnegative)
    scaled = _weights(problem, np.ones(len(problem.here), bool), penalty, nonnegative)
    scores = {FITTED: out_of_fold, UNWEIGHTED: problem.raw.mean(axis=1)}
    report = agreement_with(scores, matrix.rows[problem.here], matrix.answer_words[problem.here], truth, pairs, seed=seed)
    source = f"{report.source}{BY_MODEL if report.by_machine else ''}"
    weights = replace(_on_raw_scores(problem, scaled, matrix.rules, source), worth=_worth(report, folds))
    return RuleFit(weights, report, out_of_fold, penalty, folds, nonnegative)


def _worth(report: AgreementReport, folds: int) -> str:
    figure = report.of(FITTED).accuracy
    interval = f"{figure.lower:.3f}-{figure.upper:.3f}"
    return f"{report.measure} {figure.value:.3f} ({interval}) on rows that the fit did not see, {folds} folds, {report.rows:,} rows"


# ---- the problem


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is fitted: a design over the rows that have a truth.

    Attributes:
        here: int64[m], places of these rows in the matrix.
        raw: float64[m, R], their scores.
        mean, spread: float64[R], what makes them comparable.
        first, second: int64[c], the rows of each observation; second is -1 where it is about one row.
        target: float64[c] in [0, 1].
        logistic: Whether the target is a chance.
    """

    here: NDArray[np.int64]
    raw: Floats
    mean: Floats
    spread: Floats
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    target: Floats
    logistic: bool

    @property
    def paired(self) -> bool:
        return bool(len(self.second)) and bool(self.second[0] >= 0)

    @property
    def scaled(self) -> Floats:
        return (self.raw - self.mean) / self.spread

    def design(self) -> Floats:
        """float64[c, R + 1]: scaled scores or their differences; the last column is the intercept, 0 for pairs."""
        rows = self.scaled
        table = rows[self.first] - rows[self.second] if self.paired else rows[self.first]
        return np.column_stack([table, np.zeros(len(table)) if self.paired else np.ones(len(table))])

    def scored(self, weights: Floats) -> Floats:
        """float64[m]: what weights make of the rows, in [0, 1]."""
        total = self.scaled @ weights[:-1] + weights[-1]
        return logistic(total) if self.logistic else np.clip(total, 0.0, 1.0)

    def inside(self, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """bool[c]: the observations that are about these rows alone."""
        return rows[self.first] & rows[self.second] if self.paired else rows[self.first]


def _problem(matrix: ScoreMatrix, truth: RowTruth | None, pairs: JudgedPairs | None) -> _Problem:
    if pairs is not None:
        known = np.isin(pairs.left, matrix.rows) & np.isin(pairs.right, matrix.rows)
        here = np.flatnonzero(np.isin(matrix.rows, np.concatenate([pairs.left[known], pairs.right[known]])))
        order = np.argsort(matrix.rows[here])
        first, second = (order[np.searchsorted(matrix.rows[here], side[known], sorter=order)] for side in (pairs.left, pairs.right))
        target, chance = pairs.score[known], True
    elif truth is not None:
        here, there = truth.places_in(matrix.rows)
        first, second, target, chance = np.arange(len(here)), np.full(len(here), -1), truth.values[there], truth.two_class
    else:
        raise UsageError("There is no truth to fit the rules to.", "Compare rows, or name a field that says which rows are good.")
    raw = np.column_stack([filled(column) for column in matrix.scores[here].T]) if matrix.rules else np.empty((len(here), 0))
    spread = raw.std(axis=0) if len(raw) else np.ones(raw.shape[1])
    mean = raw.mean(axis=0) if len(raw) else np.zeros(raw.shape[1])
    return _Problem(here, raw, mean, np.where(spread > 1e-9, spread, np.inf), first, second, target, chance)


def _folds(problem: _Problem, prompts: Sequence[str] | None, folds: int, seed: int) -> NDArray[np.int64]:
    """int64[m]: the fold of each row; rows of one prompt share one, and rows linked by pairs do where the links are many small groups."""
    m = len(problem.here)
    group = np.arange(m)
    if problem.paired:
        linked = components(m, problem.first, problem.second)
        group = linked if len(np.unique(linked)) >= 2 * folds else group
    elif prompts is not None:
        named = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
        group = np.array([named[prompt] if prompt else len(named) + place for place, prompt in enumerate(prompts)], np.int64)
    _, group = np.unique(group, return_inverse=True)
    if int(group.max(initial=0)) + 1 < folds:
        group = np.arange(m)
    cut: NDArray[np.int64] = np.random.default_rng(seed).permutation(int(group.max(initial=0)) + 1)[group] % folds
    return cut


# ---- fitting


def _best_penalty(problem: _Problem, train: NDArray[np.bool_], held_out: NDArray[np.bool_], nonnegative: bool) -> float:
    design, seen = problem.design(), problem.inside(held_out)
    losses = [_loss(problem, design[seen], problem.target[seen], _weights(problem, train, penalty, nonnegative)) for penalty in PENALTIES]
    return PENALTIES[int(np.argmin(losses))] if seen.any() else PENALTIES[-2]


def _loss(problem: _Problem, design: Floats, target: Floats, weights: Floats) -> float:
    total = design @ weights
    losses = np.logaddexp(0.0, total) - target * total if problem.logistic else (total - target) ** 2
    return float(losses.mean()) if len(losses) else 0.0


def _weights(problem: _Problem, rows: NDArray[np.bool_], penalty: float, nonnegative: bool) -> Floats:
    """float64[R + 1] on scaled scores, the intercept last: Newton's method, each step a ridge regression (IRLS)."""
    inside = problem.inside(rows)
    design, target = problem.design()[inside], problem.target[inside]
    ridge = np.full(design.shape[1], penalty * max(len(target), 1))
    ridge[-1] = 1e-9 + float(problem.paired)
    weights = np.zeros(design.shape[1])
    for _ in range(_ROUNDS if problem.logistic else 1):
        total = design @ weights
        expected = logistic(total) if problem.logistic else total
        curvature = np.maximum(expected * (1.0 - expected), 1e-6) if problem.logistic else np.ones(len(total))
        hessian = design.T @ (design * curvature[:, None]) + np.diag(ridge)
        pull = hessian @ weights - design.T @ (expected - target) - ridge * weights
        moved = _nonnegative_solution(hessian, pull, weights) if nonnegative else np.linalg.solve(hessian, pull)
        change = float(np.abs(moved - weights).max())
        weights = moved
        if change < _CONVERGED:
            break
    return np.asarray(weights, np.float64)


def _nonnegative_solution(hessian: Floats, pull: Floats, start: Floats) -> Floats:
    """The minimiser of w'Hw/2 - pull'w with all but the last w at least 0, by cyclic coordinate descent."""
    weights: Floats = start.copy()
    diagonal = np.diag(hessian)
    for _ in range(500):
        change = 0.0
        for i in range(len(weights)):
            new = weights[i] + (pull[i] - hessian[i] @ weights) / diagonal[i]
            new = new if i == len(weights) - 1 else max(new, 0.0)
            change, weights[i] = max(change, abs(new - weights[i])), new
        if change < _CONVERGED:
            break
    return weights


def _on_raw_scores(problem: _Problem, scaled: Floats, rules: tuple[str, ...], source: str) -> RuleWeights:
    weights = scaled[:-1] / problem.spread
    intercept = float(scaled[-1] - weights @ problem.mean)
    return RuleWeights(rules, tuple(weights.tolist()), intercept, "logistic" if problem.logistic else "linear", source)
