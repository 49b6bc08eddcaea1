"""Paired intervals of the difference between two arms: over the rows they were evaluated on, and over the seeds they were trained with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and how far it may be off.

    Attributes:
        estimate: The mean difference.
        low: Lower end.
        high: Upper end.
        level: How often such an interval holds the true difference, 0.95 for 95 %.
        rows: Rows that it rests on.
        seeds: Seeds that it rests on; with one seed the chance in training is not part of it.
    """

    estimate: float
    low: float
    high: float
    level: float
    rows: int
    seeds: int

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is shown at this level."""
        return self.low > 0 or self.high < 0


def paired_interval(
    differences: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64] | None = None,
    clusters: npt.NDArray[np.int64] | None = None,
    *,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """The mean paired difference with its interval.

    Rows are resampled with replacement (percentile bootstrap), all seeds of a row together. A handful of seeds cannot be resampled so: of three,
    resampling shows two thirds of their variance, and its tails end at the outermost one. So the mean over the seeds is drawn from Student's t with
    one degree of freedom less than there are seeds, around their mean on the resampled rows; the rows' deviation is widened in the same way, which
    matters below about 50 rows. The seeds' deviation is that on the rows as they are: on resampled rows it would count once more what a seed does to
    single rows, which is part of both deviations already. Taking that out of the seeds' deviation falls short where the seeds differ about as much as
    their rows do. `benchmarks/arm_intervals.py` counts how often such intervals hold the truth.

    Args:
        differences: float64[s, n], one arm less the other by seed and row, of the same rows and seeds.
        weights: float64[n], how much each row counts; all the same when omitted.
        clusters: int64[n], rows of the same number are resampled together; every row by itself when omitted.
        level: Between 0 and 1.
        seed: Of the resampling.

    Returns:
        The interval; its ends are infinite where there is but one row.
    """
    seeds, rows = differences.shape
    weight = np.ones(rows) if weights is None else np.asarray(weights, np.float64)
    _, cluster = np.unique(np.arange(rows) if clusters is None else clusters, return_inverse=True)
    count = int(cluster.max(initial=-1)) + 1
    totals = np.stack([np.bincount(cluster, weight * line, minlength=count) for line in differences], axis=1)
    sizes = np.bincount(cluster, weight, minlength=count)
    estimate = float(totals.sum() / sizes.sum() / seeds) if rows else float("nan")
    if count < 2:
        return Interval(estimate, -np.inf, np.inf, level, rows, seeds)
    resampled = _resampled_counts(count, seed)
    means = (resampled @ totals.mean(axis=1)) / (resampled @ sizes)
    random = np.random.default_rng([seed, seeds])
    drawn = estimate + (means - estimate) * np.sqrt(count / random.chisquare(count - 1, RESAMPLES))
    if seeds > 1:
        of_seed = totals.sum(axis=0) / sizes.sum()
        drawn += random.standard_t(seeds - 1, RESAMPLES) * of_seed.std(ddof=1) / np.sqrt(seeds)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level, rows, seeds)


@lru_cache(maxsize=4)
def _resampled_counts(count: int, seed: int) -> npt.NDArray[np.float64]:
    """float64[RESAMPLES, count]: how often each cluster was drawn; the same for all comparisons, which makes them comparable and quick."""
    return np.random.default_rng([seed, count]).multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(np.float64)
