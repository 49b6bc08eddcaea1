"""How far each rule agrees with the true quality of rows, over all of them and at equal answer length: what the gate looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde_core.rules.matrix import ScoreMatrix
from sde_core.rules.ranks import average_ranks, pearson
from sde_core.rules.truth.agreement import TOLERANCE, aurocs
from sde_core.rules.truth.pair_sets import length_bands, pair_sets_of_values
from sde_core.rules.truth.row_truth import RowTruth

_NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True)
class RuleAgreement:
    """A rule against the true quality of rows.

    Attributes:
        rule: The rule's name.
        rows: Rows with a truth and a score.
        auroc: Chance that of two rows of different truth the better one has the higher score, equal scores counted half; 0.5 is chance.
        auroc_at_equal_length: The same over pairs of rows of about equal answer length (`TOLERANCE`); NaN where there are no such pairs.
        correlation: Spearman's correlation with the truth; NaN where the rule never varies.
        lower, upper: Its 95 % interval (Fisher's z; Bonett and Wright 2000).
        correlation_within_length: The same of ranks within the bands of answer length (`length_bands`).
        upper_within_length: Upper end of its 95 % interval.
    """

    rule: str
    rows: int
    auroc: float
    auroc_at_equal_length: float
    correlation: float
    lower: float
    upper: float
    correlation_within_length: float
    upper_within_length: float

    def to_json(self) -> dict[str, Any]:
        """Its fields with null for NaN."""
        return {key: None if value != value else value for key, value in asdict(self).items()}


def rule_agreements(matrix: ScoreMatrix, truth: RowTruth, *, seed: int = 0) -> Mapping[str, RuleAgreement]:
    """Compares every rule with a truth.

    Args:
        matrix: Scores.
        truth: True quality of some of its rows; rows that the matrix lacks are passed over.
        seed: Of the sample of pairs, where there are too many of them.

    Returns:
        By the rule's name; empty where fewer than two rows have a truth, or all have the same.
    """
    here, there = truth.places_in(matrix.rows)
    values, words, scores = truth.values[there], matrix.answer_words[here].astype(np.float64), matrix.scores[here]
    if len(here) < 2 or values.min() == values.max():
        return {}
    everywhere, equal_length = pair_sets_of_values(values, words, TOLERANCE, np.empty((0, len(here)), np.float32), np.random.default_rng(seed))[:2]
    right = aurocs(scores, values) if truth.two_class else everywhere.accuracies(scores)[0]
    at_length = equal_length.accuracies(scores)[0]
    bands = length_bands(words)
    return {
        name: _agreement(name, scores[:, at], values, bands, float(right[at]), float(at_length[at])) for at, name in enumerate(matrix.rules)
    }  # fmt: skip


def _agreement(
    name: str, scores: NDArray[np.float32], values: NDArray[np.float64], bands: NDArray[np.int64], auroc: float, auroc_at_equal_length: float
) -> RuleAgreement:
    overall = pearson(average_ranks(scores), average_ranks(values))
    within = pearson(_ranks_within(scores, bands), _ranks_within(values, bands))
    lower, upper = correlation_interval(overall, len(values))
    upper_within = correlation_interval(within, len(values))[1]
    return RuleAgreement(name, len(values), auroc, auroc_at_equal_length, overall, lower, upper, within, upper_within)


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
