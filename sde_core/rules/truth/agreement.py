"""How well scores agree with the truth: squared error, rank correlation, and how often they put the better row first, also at equal length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde_core.errors import UsageError
from sde_core.rules.ranks import average_ranks, rank_correlation
from sde_core.rules.truth.pair_sets import PairSet, pair_sets_of_judgements, pair_sets_of_values
from sde_core.rules.truth.pairs import JudgedPairs
from sde_core.rules.truth.row_truth import RowTruth

TOLERANCE = 0.1
"""Answers whose words differ by no more than this share are of equal length."""

RESAMPLES = 200
MOST_ROWS = 10_000
"""Of a larger truth a seeded sample of so many rows is taken."""

LENGTH = "longer is better"
"""Name of the score that is the answer's length: what every rule should be held against."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % bootstrap interval; NaN where it has no meaning."""

    value: float
    lower: float
    upper: float

    def to_json(self) -> dict[str, float | None]:
        """With null for NaN."""
        return {key: None if value != value else value for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one score agrees with the truth.

    Attributes:
        name: The rule, subset or score.
        accuracy: How often it puts the better of two rows first, equal scores counted half. Where the truth has two classes this is AUROC.
        equal_length: The same among pairs of about equal answer length.
        bands: The same inside each band of length, shortest first.
        spearman: Rank correlation with the true values.
        mse: Mean squared error against the true values (arXiv 2410.04715, MSE).
        length_correlation: Spearman's correlation of the score with the words of the answer.
    """

    name: str
    accuracy: Figure
    equal_length: Figure
    bands: tuple[Figure, ...]
    spearman: Figure
    mse: Figure
    length_correlation: float

    def to_json(self) -> dict[str, Any]:
        """With null for NaN."""
        figures = {key: getattr(self, key).to_json() for key in ("accuracy", "equal_length", "spearman", "mse")}
        length = None if self.length_correlation != self.length_correlation else self.length_correlation
        return {"name": self.name, **figures, "bands": [band.to_json() for band in self.bands], "length_correlation": length}


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """Several scores held against one truth.

    Attributes:
        source: Where the truth comes from.
        measure: What `accuracy` is here: "AUROC" or "pairwise accuracy".
        rows: Rows that were looked at.
        known_rows: Rows with a truth and a score; more than `rows` where a sample was taken.
        pairs: Pairs of which one row is better.
        equal_length_pairs: Those of about equal answer length.
        bands: Name and number of pairs of each band.
        ties: Judged pairs that were found alike; they say nothing of which is better.
        tolerance, resamples, seed: How it was reckoned.
        agreements: One a score, in the order given, then `LENGTH`.
        by_machine: Whether the truth is a model's.
    """

    source: str
    measure: str
    rows: int
    known_rows: int
    pairs: int
    equal_length_pairs: int
    bands: tuple[tuple[str, int], ...]
    ties: int
    tolerance: float
    resamples: int
    seed: int
    agreements: tuple[Agreement, ...]
    by_machine: bool = False

    def of(self, name: str) -> Agreement:
        """The agreement of a score by its name.

        Raises:
            KeyError: When there is none.
        """
        return {one.name: one for one in self.agreements}[name]

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        names = ("source", "by_machine", "measure", "rows", "known_rows", "pairs", "equal_length_pairs", "ties", "tolerance", "resamples", "seed")
        plain = {key: getattr(self, key) for key in names}
        bands = [{"band": name, "pairs": count} for name, count in self.bands]
        return {**plain, "bands": bands, "scores": [one.to_json() for one in self.agreements]}


def agreement_with(
    scores: Mapping[str, NDArray[Any]],
    rows: NDArray[Any],
    answer_words: NDArray[Any],
    truth: RowTruth | None,
    pairs: JudgedPairs | None = None,
    *,
    tolerance: float = TOLERANCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> AgreementReport:
    """Holds scores against a truth: rules, the mean of a subset of them, or scores from elsewhere.

    Args:
        scores: Name and float[n] of each score, higher better; NaN counts as the score's mean.
        rows: Integer[n], record positions of the scores, each once.
        answer_words: Integer[n], words of each answer.
        truth: True values; without them there is neither squared error nor rank correlation.
        pairs: Judged pairs; by default every two rows whose true values differ are a pair.
        tolerance: Share by which equal lengths may differ.
        resamples: Bootstrap resamples: of rows, or of judged pairs where there are.
        seed: Of resampling, and of the samples where there are too many rows or pairs.

    Raises:
        UsageError: When there is neither truth nor pairs, or no two rows with a score of which one is better.
    """
    if truth is None and pairs is None:
        raise UsageError("There is no truth to hold the scores against.", "Compare rows, or name a field that says which rows are good.")
    rng = np.random.default_rng(seed)
    here, values, known_rows = _met(rows, truth, pairs, rng)
    names = (*scores, LENGTH)
    words = answer_words[here].astype(np.float64)
    table = np.column_stack([*(filled(column[here]) for column in scores.values()), words]).astype(np.float32)
    row_weights = rng.poisson(1.0, (resamples, len(here))).astype(np.float32)
    sets = _pair_sets(rows[here], values, pairs, words, tolerance, row_weights, rng)
    if not len(sets[0].better):
        raise UsageError("No two rows with a score are told apart by the truth.", "Compare more rows.")
    two_class = pairs is None and truth is not None and truth.two_class
    exact = aurocs(table, values) if two_class and values is not None else None
    shares = [_shares(table, sets[0], exact), *(_shares(table, one) for one in sets[1:])]
    spearman, mse = _against_values(table, values, row_weights)
    agreements = tuple(
        Agreement(name, shares[0][i], shares[1][i], tuple(band[i] for band in shares[2:]), spearman[i], mse[i] if name != LENGTH else _NOTHING,
                  rank_correlation(table[:, i], words))
        for i, name in enumerate(names)
    )  # fmt: skip
    known = truth or pairs
    assert known is not None  # noqa: S101
    return AgreementReport(
        pairs.source if pairs is not None else known.source, "AUROC" if two_class else "pairwise accuracy", len(here), known_rows,
        sets[0].count, sets[1].count, tuple((one.name, one.count) for one in sets[2:]), pairs.ties if pairs is not None else 0,
        tolerance, resamples, seed, agreements, known.by_machine,
    )  # fmt: skip


_NOTHING = Figure(float("nan"), float("nan"), float("nan"))


def _met(
    rows: NDArray[Any], truth: RowTruth | None, pairs: JudgedPairs | None, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None, int]:
    """Places of the rows to look at, their true values, and how many rows have a score and a truth."""
    if pairs is not None:
        here = np.flatnonzero(np.isin(rows, pairs.rows))
    else:
        assert truth is not None  # noqa: S101
        here = truth.places_in(rows)[0]
    count = len(here)
    if count > MOST_ROWS and pairs is None:
        here = np.sort(rng.choice(here, MOST_ROWS, replace=False))
    if truth is None:
        return here, None, count
    values = np.full(len(here), np.nan)
    there, places = truth.places_in(rows[here])
    values[there] = truth.values[places]
    return here, values, count


def filled(column: NDArray[Any]) -> NDArray[np.float64]:
    """float64[n]: a score with its mean in place of what is missing; 0 where all of it is."""
    wide = column.astype(np.float64)
    missing = ~np.isfinite(wide)
    return np.where(missing, wide[~missing].mean() if not missing.all() else 0.0, wide)


def _pair_sets(
    rows: NDArray[Any], values: NDArray[np.float64] | None, pairs: JudgedPairs | None, words: NDArray[np.float64], tolerance: float,
    row_weights: NDArray[np.float32], rng: np.random.Generator,
) -> tuple[PairSet, ...]:  # fmt: skip
    if pairs is None:
        assert values is not None  # noqa: S101
        return pair_sets_of_values(values, words, tolerance, row_weights, rng)
    order = np.argsort(rows)
    decided = pairs.score != 0.5
    left, right = (_found(rows, order, side[decided]) for side in (pairs.left, pairs.right))
    known = (left >= 0) & (right >= 0)
    up = pairs.score[decided][known] > 0.5
    left, right = left[known], right[known]
    return pair_sets_of_judgements(np.where(up, left, right), np.where(up, right, left), words, tolerance, len(row_weights), rng)


def _found(rows: NDArray[Any], order: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each wanted row, -1 where it has no score."""
    if not len(rows):
        return np.full(len(wanted), -1)
    at = order[np.minimum(np.searchsorted(rows, wanted, sorter=order), len(rows) - 1)]
    return np.where(rows[at] == wanted, at, -1)


def aurocs(table: NDArray[np.float32], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often each score puts the better of two rows first, over all pairs and not a sample, from ranks (Mann and Whitney 1947).

    Args:
        table: float32[n, R], scores.
        values: float64[n], 1 for the good rows, 0 for the others, both occurring.

    Returns:
        float64[R] in [0, 1].
    """
    good = values == 1.0
    count = int(good.sum())
    ranks = np.array([average_ranks(table[:, i])[good].sum() for i in range(table.shape[1])])
    shares: NDArray[np.float64] = (ranks - count * (count + 1) / 2) / (count * (len(good) - count))
    return shares


def _shares(table: NDArray[np.float32], pairs: PairSet, exact: NDArray[np.float64] | None = None) -> list[Figure]:
    values, resampled = pairs.accuracies(table)
    if exact is not None:
        values, resampled = exact, resampled + (exact - values)
    return [_figure(value, resampled[:, i]) for i, value in enumerate(values.tolist())]


def _figure(value: float, resampled: NDArray[np.float64]) -> Figure:
    known = resampled[np.isfinite(resampled)]
    if value != value or len(known) < 2:
        return _NOTHING
    lower, upper = np.quantile(known, (0.025, 0.975))
    return Figure(float(value), float(min(lower, value)), float(max(upper, value)))


def _against_values(
    table: NDArray[np.float32], values: NDArray[np.float64] | None, row_weights: NDArray[np.float32]
) -> tuple[list[Figure], list[Figure]]:
    """Rank correlation and squared error of each score."""
    if values is None:
        return [_NOTHING] * table.shape[1], [_NOTHING] * table.shape[1]
    valued = np.isfinite(values)
    truth, weights = values[valued], row_weights[:, valued]
    truth_ranks = _weighted_ranks(truth, weights)
    spearman, mse = [], []
    for i in range(table.shape[1]):
        column = table[valued, i].astype(np.float64)
        spearman.append(_figure(rank_correlation(column, truth), _correlations(_weighted_ranks(column, weights), truth_ranks, weights)))
        squares = (column - truth) ** 2
        mse.append(_figure(float(squares.mean()), (weights @ squares.astype(np.float32)) / np.maximum(weights.sum(axis=1), 1.0)))
    return spearman, mse


def _weighted_ranks(values: NDArray[np.float64], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[B, n]: ranks of the values in each resample, equal values sharing the mean of theirs."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    of_group = np.add.reduceat(weights[:, order], starts, axis=1)
    middle = np.cumsum(of_group, axis=1) - of_group / 2
    ranks: NDArray[np.float32] = middle[:, group].astype(np.float32)
    return ranks


def _correlations(left: NDArray[np.float32], right: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[B]: the weighted correlation in each resample."""
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1.0)
    left = left - (weights * left).sum(axis=1, keepdims=True) / total
    right = right - (weights * right).sum(axis=1, keepdims=True) / total
    norm = np.sqrt((weights * left * left).sum(axis=1, dtype=np.float64) * (weights * right * right).sum(axis=1, dtype=np.float64))
    product = (weights * left * right).sum(axis=1, dtype=np.float64)
    correlations: NDArray[np.float64] = np.where(norm > 0, product / np.where(norm > 0, norm, 1.0), np.nan)
    return correlations
