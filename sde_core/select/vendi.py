"""The Vendi score: how many rows that have nothing in common a set of rows is worth (Friedman and Dieng 2023, TMLR, definition 3.1).

exp of the Shannon entropy of the eigenvalues of K/n, with K the cosine similarities of n rows: 1 for copies of one row, n for n orthogonal rows.
The eigenvalues of K/n that are not 0 are those of the d × d matrix XᵀX/n, so that a million rows cost as much memory as a hundred. The score is
at most min(n, d): it compares subsets of one embedding, and says nothing across embeddings.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sde_core.progress import NEVER, Cancel, raise_if_cancelled
from sde_core.select.protocol import Positions

BLOCK_ROWS = 16_384


def vendi_score(vectors: npt.NDArray[np.float32], subset: Positions | None = None, *, cancel: Cancel = NEVER) -> float:
    """The score of some rows; 0 where there is none with a direction.

    Args:
        vectors: Embeddings of unit norm, float32[n, d]; rows of zeros (empty texts) do not count.
        subset: Which of them, int[m]; None for all.
        cancel: Stops the work.
    """
    gram, counted = _second_moments(vectors, subset, cancel)
    if not counted:
        return 0.0
    return float(np.exp(_entropy(np.linalg.eigvalsh(gram / counted))))


def _second_moments(vectors: npt.NDArray[np.float32], subset: Positions | None, cancel: Cancel) -> tuple[npt.NDArray[np.float64], int]:
    """XᵀX and the rows that are not zero; summed in blocks, each in single precision."""
    n, d = len(vectors) if subset is None else len(subset), vectors.shape[1]
    gram, counted = np.zeros((d, d)), 0
    for start in range(0, n, BLOCK_ROWS):
        raise_if_cancelled(cancel)
        stop = start + BLOCK_ROWS
        block = vectors[start:stop] if subset is None else vectors[subset[start:stop]]
        gram += block.T @ block
        counted += int(block.any(axis=1).sum())
    return gram, counted


def _entropy(shares: npt.NDArray[np.floating]) -> float:
    """−Σ λ log λ over shares brought to a sum of 1; what rounding made negative counts as 0."""
    kept = shares[shares > 1e-12]
    kept = kept / kept.sum()
    return float(-(kept * np.log(kept)).sum())
