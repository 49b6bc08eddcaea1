"""Test and retest: whether a rule scores the same row alike a second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.rules.matrix import ScoreMatrix, score_matrix
from sde_core.rules.ranks import rank_correlation
from sde_core.rules.rewording import reworded
from sde_core.rules.rule import Rule

RETEST_ROWS = 500
"""How many rows are scored a second time: enough to know the agreement to a few hundredths, few enough to take no time."""


@dataclass(frozen=True, slots=True)
class Retest:
    """How far a rule agrees with itself.

    Attributes:
        agreement: Spearman's correlation of the two scores of the same rows; 0 where only one of the two varies, NaN where neither does.
        rows: How many rows have two scores.
        how: "reworded" where the second score is that of the row in other characters, "rated twice" where a model was asked again.
    """

    agreement: float
    rows: int
    how: str


def retests(
    texts: pl.DataFrame, matrix: ScoreMatrix, rules: Sequence[Rule], *, seed: int = 0, cancel: Cancel = NEVER, progress: Progress = silent
) -> Mapping[str, Retest]:
    """Scores a reworded sample of the rows by formula rules, and compares with their first scores.

    Args:
        texts: `Dataset.texts()`; rows that the matrix lacks are passed over.
        matrix: Their scores.
        rules: Formula rules; those that the matrix lacks are passed over.
        seed: Of the sample and of the rewording.
        cancel: Asked between blocks of rows.
        progress: In rows of the sample.

    Returns:
        By the rule's name.

    Raises:
        CancelledError: When stopped.
    """
    scored = [rule for rule in rules if rule.name in matrix.rules]
    if not scored or not len(matrix.rows):
        return {}
    places = sample_places(len(matrix.rows), RETEST_ROWS, seed)
    sample = texts.filter(pl.col("row").is_in(matrix.rows[places].tolist()))
    again = score_matrix(reworded(sample, seed=seed), scored, cancel=cancel, progress=progress)
    return {
        rule.name: Retest(self_agreement(matrix.column(rule.name)[places], again.scores[:, at]), len(places), "reworded")
        for at, rule in enumerate(scored)
    }


def self_agreement(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Spearman's correlation of two scores of the same rows; 0 where only one of the two varies, NaN where neither does."""
    agreement = rank_correlation(first, second)
    one_varies = bool(len(first)) and (first.min() < first.max() or second.min() < second.max())
    return 0.0 if agreement != agreement and one_varies else agreement


def sample_places(rows: int, size: int, seed: int) -> NDArray[np.int64]:
    """int64[min(rows, size)], places of a seeded sample in ascending order; all where there are no more."""
    if rows <= size:
        return np.arange(rows, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).permutation(rows)[:size]).astype(np.int64)
