"""Pairs of rows of which one is better: all of them, those of about equal answer length, and those inside bands of length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_PAIRS = 20_000
"""More are not looked at: a seeded sample of so many puts a share within ±0.4 % of that of all."""

_MOST_DRAWN = 8 * MOST_PAIRS


@dataclass(frozen=True, slots=True)
class PairSet:
    """Pairs of rows, one better by the truth, with the weights that resampling gives them.

    Attributes:
        name: "all", "equal length" or a band's words: "24-51 words".
        better: int64[p], places of the better rows.
        worse: int64[p], places of the worse ones.
        weights: float32[B, p], how often each pair occurs in each of B resamples.
        count: How many such pairs there are; more than p where they were sampled.
    """

    name: str
    better: NDArray[np.int64]
    worse: NDArray[np.int64]
    weights: NDArray[np.float32]
    count: int

    def accuracies(self, scores: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How often each score puts the better row first, equal scores counted half.

        Args:
            scores: float32[n, R].

        Returns:
            float64[R] over the pairs, and float64[B, R] over each resample; NaN where there are no pairs.
        """
        if not len(self.better):
            return np.full(scores.shape[1], np.nan), np.full((len(self.weights), scores.shape[1]), np.nan)
        difference = scores[self.better] - scores[self.worse]
        right = ((difference > 0) + 0.5 * (difference == 0)).astype(np.float32)
        total = self.weights.sum(axis=1, keepdims=True)
        resampled = (self.weights @ right) / np.where(total > 0, total, np.nan)
        return right.mean(axis=0, dtype=np.float64), resampled.astype(np.float64)


def pair_sets_of_values(
    values: NDArray[np.float64], words: NDArray[np.float64], tolerance: float, row_weights: NDArray[np.float32], rng: np.random.Generator
) -> tuple[PairSet, ...]:
    """All pairs of rows with different truth; then those of about equal length; then those inside each band.

    Args:
        values: float64[n], true quality of each row.
        words: float64[n], words of each answer.
        tolerance: Share by which equal lengths may differ: 0.1.
        row_weights: float32[B, n], how often each row occurs in each resample; a pair occurs as often as the product says.
        rng: Draws the sample where there are too many pairs.
    """
    sets = []
    for name, rows, by, apart in _kinds(words, tolerance):
        first, second, total = _candidates(by[rows], apart, rng)
        first, second = rows[first], rows[second]
        differs = values[first] != values[second]
        count = round(total * (float(differs.mean()) if len(differs) else 0.0))
        first, second = first[differs][:MOST_PAIRS], second[differs][:MOST_PAIRS]
        up = values[first] > values[second]
        better, worse = np.where(up, first, second), np.where(up, second, first)
        sets.append(PairSet(name, better, worse, row_weights[:, better] * row_weights[:, worse], count))
    return tuple(sets)


def pair_sets_of_judgements(
    better: NDArray[np.int64], worse: NDArray[np.int64], words: NDArray[np.float64], tolerance: float, resamples: int, rng: np.random.Generator
) -> tuple[PairSet, ...]:
    """The judged pairs, overall, at about equal length and inside bands; resampled by pair, repeated judgements of one pair together."""
    low, high = np.minimum(better, worse), np.maximum(better, worse)
    _, cluster = np.unique(low * (len(words) + 1) + high, return_inverse=True)
    weights = rng.poisson(1.0, (resamples, int(cluster.max(initial=-1)) + 1)).astype(np.float32)[:, cluster]
    sets = []
    for name, rows, by, apart in _kinds(words, tolerance):
        inside = np.zeros(len(words), bool)
        inside[rows] = True
        shorter, longer = np.minimum(by[better], by[worse]), np.maximum(by[better], by[worse])
        taken = inside[better] & inside[worse] & (longer <= shorter * (1.0 + apart))
        sets.append(PairSet(name, better[taken], worse[taken], weights[:, taken], int(taken.sum())))
    return tuple(sets)


def length_bands(words: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which quarter of the answer lengths each row is in, the shortest first.

    Args:
        words: float64[n], words of each answer.

    Returns:
        int64[n] from 0; rows of one length are in one band, so that there may be fewer than four.
    """
    edges = np.unique(np.ceil(np.quantile(words, (0.25, 0.5, 0.75)))) if len(words) else np.empty(0)
    return np.searchsorted(edges, words, side="left").astype(np.int64)


def _kinds(words: NDArray[np.float64], tolerance: float) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.float64], float]]:
    """Name of each set, the rows that are in it, what must be alike, and by which share it may differ."""
    everywhere = np.arange(len(words))
    alike = np.ones(len(words))
    yield "all", everywhere, alike, 0.0
    yield "equal length", everywhere, np.maximum(words, 1.0), tolerance
    band = length_bands(words)
    for number in np.unique(band).tolist():
        rows = np.flatnonzero(band == number)
        yield f"{words[rows].min():,.0f}-{words[rows].max():,.0f} words", rows, alike, 0.0


def _candidates(by: NDArray[np.float64], apart: float, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Places of the pairs that are alike, or of a sample of them in random order, and how many there are."""
    order = np.argsort(by, kind="stable")
    ordered = by[order]
    reach = np.searchsorted(ordered, ordered * (1.0 + apart), side="right") - np.arange(len(by)) - 1
    ends = np.cumsum(reach)
    total = int(ends[-1]) if len(ends) else 0
    drawn = np.arange(total) if total <= _MOST_DRAWN else np.unique(rng.integers(0, total, _MOST_DRAWN))
    drawn = rng.permutation(drawn)
    first = np.searchsorted(ends, drawn, side="right")
    second = first + 1 + drawn - (ends[first] - reach[first]) if len(drawn) else first
    return order[first], order[second], total
