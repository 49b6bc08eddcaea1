"""From comparisons to a value for each row: the model of Bradley and Terry, fitted by MM.

A row of strength t beats one of strength u with probability t / (t + u). The likelihood of the comparisons alone has no maximum where a row won
or lost all of its comparisons, or where the rows fall into groups that nothing links. So every row is also given `prior` comparisons, half of
them won, with a row of strength 1 that is in no dataset: a weak prior that keeps all of it finite and fades as answers come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sde_core.errors import UsageError
from sde_core.features.components import components
from sde_core.rules.truth.row_truth import RowTruth

if TYPE_CHECKING:
    from sde_core.rules.truth.pairs import JudgedPairs

PRIOR = 1.5
"""Comparisons with the row of strength 1: log-strengths are then expected to spread by about 2.3.

Fewer make intervals too narrow where rows hardly differ and pairs are chosen, more where they differ much; see benchmarks/active_pairs.py.
"""

MOST_ROWS = 4_000
"""The intervals need the inverse of a matrix of rows x rows."""

_Z = 1.959964
_MOST_ROUNDS = 20_000
_CONVERGED = 1e-9


@dataclass(frozen=True, slots=True)
class Strengths:
    """Bradley-Terry strengths of m rows.

    Attributes:
        rows: int64[m], record positions, ascending.
        log_strength: float64[m], centred: their mean is 0.
        covariance: float64[m, m] of the centred log-strengths, from the observed information.
        raw_covariance: float64[m, m] before centring, as the difference of any two rows needs it.
        played: int64[m], comparisons of each row.
        rounds: How many MM rounds it took.
    """

    rows: NDArray[np.int64]
    log_strength: NDArray[np.float64]
    covariance: NDArray[np.float64]
    raw_covariance: NDArray[np.float64]
    played: NDArray[np.int64]
    rounds: int

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """float64[m], of the centred log-strengths."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))

    def truth(self, source: str, *, by_machine: bool = False) -> RowTruth:
        """The strengths as values in [0, 1]: the logistic function of the centred log-strength.

        A value is the chance to be found better than an average row of those compared.
        """
        spread = _Z * self.standard_error
        return RowTruth(
            self.rows, logistic(self.log_strength), logistic(self.log_strength - spread), logistic(self.log_strength + spread), source, by_machine
        )


def logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 of the shape of `x`: 1 / (1 + exp(-x)) without overflow."""
    half: NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * x))
    return half


def fit_bradley_terry(pairs: JudgedPairs, *, rows: NDArray[np.int64] | None = None, prior: float = PRIOR) -> Strengths:
    """Fits strengths by the MM update t_i <- W_i / sum_j n_ij / (t_i + t_j) (Hunter 2004; arXiv 2410.04715 compares pairs so too).

    Ties count half a win for each side. After each round every group of linked rows is shifted to where the prior likes it best: the
    comparisons say nothing of that, and MM alone would take very long to find it.

    Args:
        pairs: Comparisons.
        rows: int64[m], rows to fit, ascending; those that were compared by default. Rows that were never compared get log-strength 0
            before centring, and a wide interval.
        prior: Comparisons with the row of strength 1, above 0.

    Raises:
        UsageError: When nothing was compared, or more than 4,000 rows were.
    """
    fitted = pairs.rows if rows is None else rows
    if not len(fitted):
        raise UsageError("No two rows have been compared yet.", "`sde rules compare DATA` says how; in the app it is t on screen 6.")
    if len(fitted) > MOST_ROWS:
        raise UsageError(f"{len(fitted):,} rows are compared, more than the {MOST_ROWS:,} that can be ranked together.", "Compare a sample.")
    answers = _Answers(np.searchsorted(fitted, pairs.left), np.searchsorted(fitted, pairs.right), pairs.score, len(fitted))
    log_strength, rounds = _maximised(answers, prior)
    inverse = np.linalg.inv(_information(answers, log_strength, prior))
    raw = np.asarray((inverse + inverse.T) / 2, np.float64)
    centring = np.eye(answers.m) - 1.0 / answers.m
    return Strengths(fitted, log_strength - log_strength.mean(), centring @ raw @ centring, raw, answers.played, rounds)


@dataclass(frozen=True, slots=True)
class _Answers:
    """Comparisons by places among m rows."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    score: NDArray[np.float64]
    m: int

    @property
    def played(self) -> NDArray[np.int64]:
        return np.bincount(np.concatenate([self.left, self.right]), minlength=self.m)

    def sums(self, of_left: NDArray[np.float64], of_right: NDArray[np.float64]) -> NDArray[np.float64]:
        ends = np.concatenate([self.left, self.right])
        return np.asarray(np.bincount(ends, np.concatenate([of_left, of_right]), self.m), np.float64)


def _maximised(answers: _Answers, prior: float) -> tuple[NDArray[np.float64], int]:
    left, right = answers.left, answers.right
    wins = answers.sums(answers.score, 1.0 - answers.score) + prior / 2
    group = components(answers.m, left, right)
    s = np.zeros(answers.m)
    rounds, change = 0, np.inf
    while change > _CONVERGED and rounds < _MOST_ROUNDS:
        t = np.exp(s)
        share = 1.0 / (t[left] + t[right])
        moved = _settled(np.log(wins) - np.log(answers.sums(share, share) + prior / (t + 1.0)), group)
        change = float(np.abs(moved - s).max())
        s, rounds = moved, rounds + 1
    return s, rounds


def _settled(s: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each group shifted by a Newton step to where its rows would win half of their comparisons with the row of strength 1."""
    p = logistic(s)
    m = len(s)
    slope = np.bincount(group, p * (1.0 - p), m)
    shift = np.bincount(group, 0.5 - p, m) / np.where(slope > 0, slope, 1.0)
    settled: NDArray[np.float64] = s + np.clip(shift, -1.0, 1.0)[group]
    return settled


def _information(answers: _Answers, s: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
    """The observed information in the log-strengths."""
    left, right = answers.left, answers.right
    p, q = logistic(s[left] - s[right]), logistic(s)
    weight = p * (1.0 - p)
    information = np.diag(prior * q * (1.0 - q)).astype(np.float64)
    np.add.at(information, (left, left), weight)
    np.add.at(information, (right, right), weight)
    np.add.at(information, (left, right), -weight)
    np.add.at(information, (right, left), -weight)
    return information
