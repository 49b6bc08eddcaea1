"""More like this, fewer of these: rows that the user likes or dislikes shift the quality of their neighbourhoods.

A liked row and its copies gain the whole spread of quality (four standard deviations, the unit of `sde_core.select.dpp`); the rows most similar to
it gain the less, the more rows are more similar still; all others gain nothing, so that a wish moves what it is about and little else:

    quality'(i) = quality(i) + 4σ · Σ_j w_j · h_j(i),    h_j(i) = max(0, 1 − |{l: cos(x_l, x_j) > cos(x_i, x_j)}| / m),

over the rows j that are liked (w_j > 0) or disliked (w_j < 0), where w_j is how often that was said. m is the root of the number of rows, at
least 10: ranks and not similarities bound the neighbourhood, since unrelated rows stand at 0.1 in one embedding and at 0.7 in another. Where rows
differ in nothing, 4σ is replaced by 1. The selectors see quality' only; mean and spread stay those of the quality as it was given, so that liking
one neighbourhood changes the weight of no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.errors import UsageError
from sde_core.select.protocol import Positions, positions_of

LEAST_NEIGHBOURHOOD = 10
BLOCK_ROWS = 65_536
_DECIMALS = 5

Vectors = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Leaning:
    """One row that is liked or disliked.

    Attributes:
        row: Record position.
        weight: How often it was liked, less how often it was disliked; never 0.
    """

    row: int
    weight: int

    def words(self) -> str:
        """As a person says it: "more like 1,217", "fewer like 17, twice"."""
        times = abs(self.weight)
        repeated = "" if times == 1 else ", twice" if times == 2 else f", {times} times"
        return f"{'more' if self.weight > 0 else 'fewer'} like {self.row:,}{repeated}"


def leanings_of(liked: Sequence[int], disliked: Sequence[int]) -> tuple[Leaning, ...]:
    """One for each row, in row order; a row that is named several times weighs as much, and likes and dislikes of one row cancel out.

    Args:
        liked: Record positions.
        disliked: Record positions.
    """
    weights = Counter(liked)
    weights.subtract(Counter(disliked))
    return tuple(Leaning(row, weights[row]) for row in sorted(weights) if weights[row])


def lean(rows: npt.NDArray[np.int64], vectors: Vectors, leanings: Sequence[Leaning]) -> FloatArray:
    """Σ_j w_j · h_j of every row, in spreads of quality, float64[n].

    Args:
        rows: Record positions, int64[n].
        vectors: Their embeddings of unit norm, float32[n, d].
        leanings: What is liked and disliked.

    Raises:
        UsageError: When a row of `leanings` is not among `rows`.
    """
    total = np.zeros(len(rows))
    positions = positions_of(rows, [leaning.row for leaning in leanings])
    for leaning, position in zip(leanings, positions, strict=True):
        if position < 0:
            raise UsageError(f"Row {leaning.row} is liked or disliked but cannot be chosen from.", "It does not exist or cannot be read.")
        total += leaning.weight * nearness(vectors, int(position))
    return total


def nearness(vectors: Vectors, position: int) -> FloatArray:
    """The h of every row to the row at `position`: 1 for itself and its copies, 0 outside its neighbourhood, float64[n]."""
    similarity = similarities(vectors, vectors[position])
    size = max(LEAST_NEIGHBOURHOOD, round(len(vectors) ** 0.5))
    near = np.flatnonzero((similarity > 0) & (similarity >= _nth_highest(similarity, size)))
    ordered = np.sort(similarity[near])
    found = np.zeros(len(vectors))
    found[near] = np.maximum(1 - (len(near) - np.searchsorted(ordered, similarity[near], side="right")) / size, 0.0)
    return found


def _nth_highest(values: FloatArray, n: int) -> float:
    return float(np.partition(values, len(values) - n)[len(values) - n]) if n < len(values) else -1.0


def similarities(vectors: Vectors, vector: npt.NDArray[np.float32]) -> FloatArray:
    """Cosine similarity of every row and one vector of unit norm, to five decimals, so that no order of arithmetic shows, float64[n]."""
    found = np.empty(len(vectors))
    for start in range(0, len(vectors), BLOCK_ROWS):
        found[start : start + BLOCK_ROWS] = vectors[start : start + BLOCK_ROWS] @ vector
    return np.asarray(np.clip(np.round(found, _DECIMALS), -1.0, 1.0))


def leaned_quality(quality: FloatArray, shift: FloatArray) -> FloatArray:
    """The quality' of every row.

    Args:
        quality: As it was given, float64[n].
        shift: What `lean` gives, float64[n].
    """
    deviation = float(quality.std()) if len(quality) else 0.0
    return np.asarray(quality + (4 * deviation if deviation >= 1e-12 else 1.0) * shift)


def leaned_by(rows: npt.NDArray[np.int64], vectors: Vectors, leanings: Sequence[Leaning], positions: Positions) -> list[tuple[Leaning, float] | None]:
    """For each of `positions` the leaning that shifts its quality most, and its similarity to that row; None where none does."""
    found: list[tuple[Leaning, float] | None] = [None] * len(positions)
    most = np.zeros(len(positions))
    for leaning, at in zip(leanings, positions_of(rows, [leaning.row for leaning in leanings]), strict=True):
        if at < 0:
            continue
        shift = abs(leaning.weight) * nearness(vectors, int(at))[positions]
        similarity = similarities(vectors[positions], vectors[at])
        for place in np.flatnonzero(shift > most):
            found[place] = (leaning, float(similarity[place]))
        most = np.maximum(most, shift)
    return found
