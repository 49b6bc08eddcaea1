"""How alike rules are: kernels over the rules of a score matrix, and the one number that says how much a set of rules overlaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sde_core.errors import UsageError

Kernel = NDArray[np.float64]
"""float64[R, R], symmetric and positive semi-definite."""

_BLOCK_ROWS = 65_536


def gram_kernel(scores: NDArray[np.float32]) -> Kernel:
    """Raw dot products of the rules' score vectors: no centring, no normalising (arXiv 2410.04715, released code; Q there is rules x rows).

    Args:
        scores: float32[n, R].

    Returns:
        float64[R, R].
    """
    return _products(scores, np.zeros(scores.shape[1]))


def cosine_kernel(scores: NDArray[np.float32]) -> Kernel:
    """Cosines of the rules' score vectors; 0 beside a rule that scores every row 0.

    Args:
        scores: float32[n, R].

    Returns:
        float64[R, R] with a diagonal of ones.
    """
    return _unit_diagonal(gram_kernel(scores))


def correlation_kernel(scores: NDArray[np.float32]) -> Kernel:
    """Pearson's correlations of the rules' score vectors; 0 beside a rule that scores every row alike, where correlation has no meaning.

    Args:
        scores: float32[n, R].

    Returns:
        float64[R, R] with a diagonal of ones.
    """
    constant = scores.min(axis=0, initial=np.inf) == scores.max(axis=0, initial=-np.inf)
    products = _products(scores, scores.mean(axis=0, dtype=np.float64) if len(scores) else np.zeros(scores.shape[1]))
    products[constant, :] = products[:, constant] = 0.0
    return _unit_diagonal(products)


def rho(correlation: Kernel, subset: Sequence[int] | None = None) -> float:
    """How much a set of rules overlaps: Frobenius norm of (C - I), divided by r (arXiv 2410.04715, rule correlation).

    Args:
        correlation: float64[R, R], `correlation_kernel`.
        subset: Columns of the r rules; all where None.

    Returns:
        0 for uncorrelated rules up to sqrt(1 - 1/r) for identical ones.

    Raises:
        UsageError: When the set is empty.
    """
    chosen = correlation if subset is None else correlation[np.ix_(list(subset), list(subset))]
    if not len(chosen):
        raise UsageError("The correlation of no rules has no meaning.", "Choose at least one rule.")
    return float(np.linalg.norm(chosen - np.eye(len(chosen))) / len(chosen))


def _products(scores: NDArray[np.float32], centre: NDArray[np.float64]) -> Kernel:
    """Products of the centred columns, summed over blocks of rows so that no float64 copy of all scores is held."""
    total = np.zeros((scores.shape[1], scores.shape[1]))
    for start in range(0, len(scores), _BLOCK_ROWS):
        block = scores[start : start + _BLOCK_ROWS].astype(np.float64) - centre
        total += block.T @ block
    symmetric: Kernel = (total + total.T) / 2
    return symmetric


def _unit_diagonal(products: Kernel) -> Kernel:
    norms = np.sqrt(np.diag(products))
    scale = np.where(norms > 0, norms, 1.0)
    kernel: Kernel = np.clip(products / np.outer(scale, scale), -1.0, 1.0)
    np.fill_diagonal(kernel, 1.0)
    return kernel


KERNELS: Mapping[str, Callable[[NDArray[np.float32]], Kernel]] = MappingProxyType(
    {"correlation": correlation_kernel, "gram": gram_kernel, "cosine": cosine_kernel}
)
"""Kernels by name."""
