"""A choice of rules against random sets of as many: how often it overlaps less, and how often it is closer to the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde_core.rules.kernel import Kernel
from sde_core.rules.matrix import ScoreMatrix
from sde_core.rules.ranks import rank_correlation
from sde_core.rules.truth import RowTruth
from sde_core.rules.truth.rule_agreement import correlation_interval

RANDOM_SUBSETS = 1000

_NORMAL_95 = 1.959964
_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often the choice is better than a random set.

    Attributes:
        wins: Sets that it is better than.
        ties: Sets that are as good, the choice itself among them where it was drawn; they are no wins.
        rate: Wins over all drawn sets.
        lower, upper: Wilson's 95 % interval of the rate that all possible sets would give. It covers the drawing of the sets alone:
            they are all measured on the same rows, and it says nothing of another dataset.
    """

    wins: int
    ties: int
    rate: float
    lower: float
    upper: float

    @classmethod
    def of(cls, own: float, others: NDArray[np.float64]) -> WinRate:
        """Counts the sets with a number above that of the choice, where low is good."""
        wins, ties = int((others > own + _SAME).sum()), int((np.abs(others - own) <= _SAME).sum())
        return cls(wins, ties, wins / len(others), *wilson_interval(wins, len(others)))


@dataclass(frozen=True, slots=True)
class TruthComparison:
    """Closeness to the truth: the mean over rows of (mean score of the rules - truth) squared (arXiv 2410.04715, MSE).

    Attributes:
        source: Where the truth comes from.
        rows: Rows with a truth.
        mse: Of the choice.
        mean_mse, median_mse, lowest_mse: Over the drawn sets.
        win: How often the choice is closer to the truth.
        rho_correlation: Spearman's correlation of rho and MSE over the drawn sets: the paper's reason to prefer rules that overlap little is
            that it is positive. NaN where one of them never varies.
        rho_lower, rho_upper: Its 95 % interval, over the drawing of the sets alone.
    """

    source: str
    rows: int
    mse: float
    mean_mse: float
    median_mse: float
    lowest_mse: float
    win: WinRate
    rho_correlation: float
    rho_lower: float
    rho_upper: float


@dataclass(frozen=True, slots=True)
class RandomComparison:
    """The choice against random sets of as many rules from the same candidates, pinned rules included.

    Attributes:
        subsets: How many sets were drawn, each with the same chances and whatever was drawn before.
        possible: How many different sets there are.
        seed: Seed of the drawing.
        mean_rho, median_rho, lowest_rho: Over the drawn sets.
        win: How often the choice overlaps less.
        truth: The same for closeness to the truth; None where there is none.
    """

    subsets: int
    possible: int
    seed: int
    mean_rho: float
    median_rho: float
    lowest_rho: float
    win: WinRate
    truth: TruthComparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, null for NaN."""
        told = asdict(self)
        if self.truth is not None and self.truth.rho_correlation != self.truth.rho_correlation:
            told["truth"] |= {"rho_correlation": None, "rho_lower": None, "rho_upper": None}
        return told


def compare_with_random(
    correlation: Kernel,
    items: Sequence[int],
    given: Sequence[int] = (),
    *,
    subsets: int = RANDOM_SUBSETS,
    seed: int = 0,
    errors: SquaredErrors | None = None,
) -> RandomComparison | None:
    """Draws random sets and counts how often the choice is better.

    Args:
        correlation: float64[R, R] of the candidates.
        items: Columns of the choice.
        given: Columns that every set holds.
        subsets: How many sets to draw.
        seed: Seed of the drawing.
        errors: What the squared error of any set follows from; None where there is no truth.

    Returns:
        The comparison; None where there is no other set, or none is to be drawn.
    """
    r, others = len(items), np.setdiff1d(np.arange(len(correlation)), list(given))
    possible = comb(len(others), r - len(given))
    if possible < 2 or not subsets:
        return None
    drawn = np.argsort(np.random.default_rng(seed).random((subsets, len(others))), axis=1)[:, : r - len(given)]
    sets = np.hstack([np.tile(np.asarray(given, dtype=np.intp), (subsets, 1)), others[drawn]])
    own = np.asarray([items], dtype=np.intp)
    rhos, own_rho = _rhos(correlation, sets), float(_rhos(correlation, own)[0])
    return RandomComparison(
        subsets, possible, seed, float(rhos.mean()), float(np.median(rhos)), float(rhos.min()), WinRate.of(own_rho, rhos),
        None if errors is None else _against_truth(errors, own, sets, rhos),
    )  # fmt: skip


def _rhos(correlation: Kernel, sets: NDArray[np.intp]) -> NDArray[np.float64]:
    squares = correlation**2 - np.eye(len(correlation))
    overlaps: NDArray[np.float64] = np.sqrt(np.maximum(squares[sets[:, :, None], sets[:, None, :]].sum(axis=(1, 2)), 0.0)) / sets.shape[1]
    return overlaps


def _against_truth(errors: SquaredErrors, own: NDArray[np.intp], sets: NDArray[np.intp], rhos: NDArray[np.float64]) -> TruthComparison:
    mses, own_mse = errors.of_sets(sets), float(errors.of_sets(own)[0])
    link = rank_correlation(rhos, mses)
    lower, upper = correlation_interval(link, len(sets))
    return TruthComparison(
        errors.source, errors.rows, own_mse, float(mses.mean()), float(np.median(mses)), float(mses.min()), WinRate.of(own_mse, mses),
        link, lower, upper,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SquaredErrors:
    """What the mean squared error of the mean of any rules follows from, without another pass over the rows.

    Attributes:
        products: float64[R, R], mean over rows of the product of two rules' scores.
        with_truth: float64[R], mean over rows of score times truth.
        truth_square: Mean of the truth squared.
        rows: Rows with a truth.
        source: Where the truth comes from.
    """

    products: NDArray[np.float64]
    with_truth: NDArray[np.float64]
    truth_square: float
    rows: int
    source: str

    @classmethod
    def of(cls, matrix: ScoreMatrix, columns: Sequence[int], truth: RowTruth) -> SquaredErrors | None:
        """For these columns of a matrix; None where none of its rows has a truth."""
        here, there = truth.places_in(matrix.rows)
        if not len(here):
            return None
        scores, values = matrix.scores[np.ix_(here, np.asarray(columns, dtype=np.int64))].astype(np.float64), truth.values[there]
        return cls(scores.T @ scores / len(here), scores.T @ values / len(here), float(values @ values) / len(here), len(here), truth.source)

    def of_sets(self, sets: NDArray[np.intp]) -> NDArray[np.float64]:
        """float64[s], the error of the mean of each set of r columns, intp[s, r]."""
        r = sets.shape[1]
        squares = self.products[sets[:, :, None], sets[:, None, :]].sum(axis=(1, 2)) / r**2
        errors: NDArray[np.float64] = np.maximum(squares - 2 * self.with_truth[sets].sum(axis=1) / r + self.truth_square, 0.0)
        return errors


def wilson_interval(wins: int, draws: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); (0, 1) for no draws."""
    if not draws:
        return 0.0, 1.0
    share, spread = wins / draws, _NORMAL_95**2 / draws
    centre = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(centre - half, 0.0), min(centre + half, 1.0)
