"""What could stand in the place of a chosen row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sde_core.select.explain import given_quality
from sde_core.select.leaning import similarities
from sde_core.select.protocol import Pool, Positions, positions_of

QUALITY_TOLERANCE = 0.5
"""Standard deviations by which an alternative may be worse and still counts as of similar quality."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that is not chosen, beside the chosen one that it could replace.

    Attributes:
        row: Record position.
        similarity: Cosine similarity to the chosen row.
        quality: 0-1; None where no quality was given.
    """

    row: int
    similarity: float
    quality: float | None


def nearest_alternatives(pool: Pool, chosen: Positions, row: int, most: int = 8) -> tuple[Candidate, ...]:
    """The rows most similar to a chosen one that are neither chosen nor banned and of at least similar quality, the most similar first.

    Equally similar ones stand in the seed's order. Rows without a direction (empty texts) are similar to nothing and are left out.

    Args:
        pool: What was chosen from.
        chosen: Positions of the chosen rows in `pool`.
        row: Record position of the row to replace.
        most: How many at most.
    """
    position = int(positions_of(pool.rows, [row])[0])
    if position < 0:
        return ()
    quality = given_quality(pool)
    open_mask = pool.allowed & (quality >= quality[position] - QUALITY_TOLERANCE * float(quality.std()))
    open_mask[chosen] = False
    open_mask[position] = False
    similarity = similarities(pool.vectors, pool.vectors[position])
    candidates = np.flatnonzero(open_mask & (similarity > 0))
    best = candidates[np.lexsort((pool.priority[candidates], -similarity[candidates]))[:most]]
    return tuple(Candidate(int(pool.rows[at]), float(similarity[at]), float(quality[at]) if pool.has_quality else None) for at in best)
