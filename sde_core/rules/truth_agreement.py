"""How far each rule agrees with the true quality of rows, over all of them and among answers of one length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde_core.rules.matrix import ScoreMatrix
from sde_core.rules.ranks import average_ranks, pearson
from sde_core.rules.truth import RowTruth

LENGTH_BANDS = 5
PAIR_ROWS = 1500
"""Up to so many rows every pair is compared; of more, a seeded sample of as many."""

_NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True)
class TruthAgreement:
    """A rule against the true quality of rows.

    Attributes:
        rule: The rule's name.
        rows: Rows with a truth and a score.
        auroc: Chance that of two rows of different truth the better one has the higher score, equal scores counted half; 0.5 is chance.
        auroc_within_length: The same over pairs of rows in the same fifth of answer lengths; NaN where there are no such pairs.
        correlation: Spearman's correlation with the truth; NaN where the rule never varies.
        lower, upper: Its 95 % interval (Fisher's z; Bonett and Wright 2000).
        correlation_within_length: The same of ranks within the fifths of answer lengths.
        upper_within_length: Upper end of its 95 % interval.
    """

    rule: str
    rows: int
    auroc: float
    auroc_within_length: float
    correlation: float
    lower: float
    upper: float
    correlation_within_length: float
    upper_within_length: float

    def to_json(self) -> dict[str, Any]:
        """Its fields with null for NaN."""
        return {key: None if value != value else value for key, value in asdict(self).items()}


def truth_agreements(matrix: ScoreMatrix, truth: RowTruth, *, seed: int = 0) -> Mapping[str, TruthAgreement]:
    """Compares every rule with a truth.

    Args:
        matrix: Scores.
        truth: True quality of some of its rows; rows that the matrix lacks are passed over.
        seed: Of the sample of rows whose pairs are compared, where there are more than `PAIR_ROWS`.

    Returns:
        By the rule's name; empty where fewer than two rows have a truth, or all have the same.
    """
    here, there = truth.places_in(matrix.rows)
    values = truth.values[there]
    if len(here) < 2 or values.min() == values.max():
        return {}
    bands = length_bands(matrix.answer_words[here])
    scores = matrix.scores[here]
    sampled = np.arange(len(here)) if len(here) <= PAIR_ROWS else np.sort(np.random.default_rng(seed).permutation(len(here))[:PAIR_ROWS])
    pairs = _Pairs.of(values[sampled], bands[sampled])
    return {name: _agreement(name, scores[:, at], values, bands, pairs, sampled) for at, name in enumerate(matrix.rules)}


def length_bands(answer_words: NDArray[Any], bands: int = LENGTH_BANDS) -> NDArray[np.int64]:
    """int64[n], which fifth of the answer lengths a row is in; rows of one length are in one band."""
    edges = np.quantile(answer_words, np.arange(1, bands) / bands)
    found: NDArray[np.int64] = np.searchsorted(edges, answer_words, side="right").astype(np.int64)
    return found


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Pairs of rows of different truth: places of the better and the worse one, and whether both are of one length."""

    better: NDArray[np.int64]
    worse: NDArray[np.int64]
    one_length: NDArray[np.bool_]

    @classmethod
    def of(cls, values: NDArray[np.float64], bands: NDArray[np.int64]) -> _Pairs:
        better, worse = np.nonzero(values[:, None] > values[None, :])
        return cls(better, worse, bands[better] == bands[worse])


def _agreement(
    name: str, scores: NDArray[np.float32], values: NDArray[np.float64], bands: NDArray[np.int64], pairs: _Pairs, sampled: NDArray[np.int64]
) -> TruthAgreement:
    column = scores[sampled]
    won = 0.5 * (1.0 + np.sign(column[pairs.better] - column[pairs.worse]))
    within = float(won[pairs.one_length].mean()) if pairs.one_length.any() else float("nan")
    overall = pearson(average_ranks(scores), average_ranks(values))
    at_length = pearson(_ranks_within(scores, bands), _ranks_within(values, bands))
    lower, upper = correlation_interval(overall, len(values))
    return TruthAgreement(
        name, len(values), float(won.mean()), within, overall, lower, upper, at_length, correlation_interval(at_length, len(values))[1]
    )  # fmt: skip


def _ranks_within(values: NDArray[Any], bands: NDArray[np.int64]) -> NDArray[np.float64]:
    """Ranks inside each band, from -0.5 to 0.5, so that bands differ in nothing."""
    ranks = np.zeros(len(values))
    for band in np.unique(bands):
        inside = np.flatnonzero(bands == band)
        ranks[inside] = (average_ranks(values[inside]) - (len(inside) + 1) / 2) / len(inside)
    return ranks


def correlation_interval(correlation: float, rows: int) -> tuple[float, float]:
    """The 95 % interval of a Spearman correlation by Fisher's z with the variance of Bonett and Wright 2000; (-1, 1) up to three rows."""
    if rows <= 3 or correlation != correlation:
        return -1.0, 1.0
    centre = np.arctanh(np.clip(correlation, -0.999999, 0.999999))
    half = _NORMAL_95 * np.sqrt((1 + correlation**2 / 2) / (rows - 3))
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))
