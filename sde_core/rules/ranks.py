"""Ranks and rank correlation, ties sharing their average rank."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray


def average_ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """float64[n], ranks from 1; equal values share the mean of theirs."""
    ranks: NDArray[np.float64] = pl.Series(values).rank("average").cast(pl.Float64).to_numpy()
    return ranks


def pearson(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Pearson's correlation; NaN where one side never varies."""
    left, right = left - left.mean(), right - right.mean()
    norm = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / norm if norm > 0 else float("nan")


def rank_correlation(left: NDArray[Any], right: NDArray[Any]) -> float:
    """Spearman's correlation; NaN where one side never varies or there are no rows."""
    return pearson(average_ranks(left), average_ranks(right)) if len(left) else float("nan")
