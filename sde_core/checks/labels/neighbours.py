"""Nearest rows by meaning: a vote on each row's class, how far a row stands from all others, and evidence for one row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress, raise_if_cancelled, silent

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]

_BLOCK = 1024
_SHARPNESS = 10.0
"""How fast a vote loses weight with the cosine's distance from the nearest row's."""


@dataclass(frozen=True)
class NearestRows:
    """The nearest labelled rows of every row.

    Attributes:
        places: int32[n, k], places among the labelled rows, nearest first.
        cosines: float32[n, k].
    """

    places: npt.NDArray[np.int32]
    cosines: Floats

    def votes(self, codes: Codes, classes: int) -> Floats:
        """float32[n, classes]: the shares of each row's neighbours, nearer ones weighing more."""
        weights = np.exp(_SHARPNESS * (self.cosines - self.cosines[:, :1]))
        weights /= weights.sum(axis=1, keepdims=True)
        votes = np.zeros((len(self.places), classes), np.float32)
        rows = np.arange(len(self.places))
        for rank in range(self.places.shape[1]):
            votes[rows, codes[self.places[:, rank]]] += weights[:, rank]
        return votes


def nearest_rows(vectors: Floats, labelled: Places, count: int, *, cancel: Cancel, progress: Progress = silent) -> NearestRows:
    """The nearest of the labelled rows for every row, itself left out; exact, by blocks.

    Args:
        vectors: float32[n, d] of unit length, all rows.
        labelled: int64[m], places of those that may be neighbours.
        count: How many are looked for.
        cancel: Looked at between blocks.
        progress: Counts rows.
    """
    count = max(min(count, len(labelled) - 1), 1)
    references, at = vectors[labelled], np.full(len(vectors), -1)
    at[labelled] = np.arange(len(labelled))
    places, cosines = np.empty((len(vectors), count), np.int32), np.empty((len(vectors), count), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        raise_if_cancelled(cancel)
        progress(start, len(vectors))
        found = vectors[start : start + _BLOCK] @ references.T
        own = at[start : start + len(found)]
        found[np.flatnonzero(own >= 0), own[own >= 0]] = -2
        nearest = np.argpartition(-found, count - 1, axis=1)[:, :count] if count < found.shape[1] else np.tile(np.arange(count), (len(found), 1))
        near = np.take_along_axis(found, nearest, axis=1)
        order = np.argsort(-near, axis=1, kind="stable")
        places[start : start + len(found)] = np.take_along_axis(nearest, order, axis=1)
        cosines[start : start + len(found)] = np.take_along_axis(near, order, axis=1)
    return NearestRows(places, cosines)


def nearest_of_class(vectors: Floats, place: int, candidates: Places, count: int) -> list[tuple[int, float]]:
    """(place, cosine) of the rows among `candidates` that are nearest to one row, nearest first, itself left out."""
    candidates = candidates[candidates != place]
    cosines = vectors[candidates] @ vectors[place]
    order = np.argsort(-cosines, kind="stable")[:count]
    return [(int(candidates[at]), float(cosines[at])) for at in order]
