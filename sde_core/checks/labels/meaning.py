"""Classes predicted from embeddings: kernel ridge regression whose leave-one-out predictions have a closed form.

The kernel exp(cosine − 1) is taken against anchors (Nyström approximation, Williams and Seeger 2001). An anchor is the middle of two rows, never
a row: a row that is its own anchor would be seen more sharply than the others, and be ranked by that.
The prediction of a model that never saw row i is (f_i − h_i·y_i) / (1 − h_i), h_i its leverage (Allen 1974, PRESS).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, raise_if_cancelled

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]

_RIDGE, _JITTER = 0.1, 1e-3
_BLOCK = 4096


def anchors_of(vectors: Floats, count: int, seed: int) -> Floats:
    """float32[m, d] of unit length: the middles of random pairs of rows."""
    order = np.random.default_rng([seed, 1]).permutation(len(vectors))
    pairs = order[: max(min(2 * count, len(order) // 2 * 2), 2)].reshape(-1, 2) if len(order) > 1 else np.zeros((1, 2), np.int64)
    middles = vectors[pairs[:, 0]] + vectors[pairs[:, 1]]
    lengths = np.linalg.norm(middles, axis=1, keepdims=True)
    return np.asarray(np.divide(middles, lengths, out=middles, where=lengths > 0), np.float32)


class KernelRidge:
    """One model of all labelled rows, and what it would say of each had it not seen it.

    Args:
        vectors: float32[n, d] of unit length.
        codes: int32[n], the class of each row.
        classes: How many there are.
        anchors: See `anchors_of`.
        cancel: Looked at between blocks.
    """

    def __init__(self, vectors: Floats, codes: Codes, classes: int, anchors: Floats, *, cancel: Cancel) -> None:
        self._anchors = anchors
        gram = np.exp(anchors.astype(np.float64) @ anchors.T.astype(np.float64) - 1)
        gram[np.diag_indices(len(gram))] += _JITTER
        self._to_features = np.linalg.inv(np.linalg.cholesky(gram)).astype(np.float32).T
        targets = np.zeros((len(codes), classes), np.float32)
        targets[np.arange(len(codes)), codes] = 1
        self._mean = targets.mean(axis=0)
        targets -= self._mean
        features = self._features(vectors, cancel)
        whitening = _whitening(features, cancel)
        features = features @ whitening
        self._weights = whitening @ (features.T @ targets)
        leverages = np.minimum(np.einsum("nd,nd->n", features, features), np.float32(0.999))[:, None]
        fitted = features @ (features.T @ targets)
        self.left_out: Floats = (fitted - leverages * targets) / (1 - leverages) + self._mean
        """float32[n, classes], about 1 for the class of a row and 0 for the others."""

    def predictions(self, vectors: Floats, *, cancel: Cancel) -> Floats:
        """What the model says of other rows: float32[rows, classes]."""
        parts = [self._features(vectors[start : start + _BLOCK], cancel) @ self._weights for start in range(0, len(vectors), _BLOCK)]
        return np.asarray(np.concatenate([*parts, np.zeros((0, len(self._mean)), np.float32)]) + self._mean, np.float32)

    def _features(self, vectors: Floats, cancel: Cancel) -> Floats:
        features = np.empty((len(vectors), len(self._anchors)), np.float32)
        for start in range(0, len(vectors), _BLOCK):
            raise_if_cancelled(cancel)
            kernel = np.exp(vectors[start : start + _BLOCK] @ self._anchors.T - 1)
            features[start : start + _BLOCK] = kernel @ self._to_features
        return features


def _whitening(features: Floats, cancel: Cancel) -> Floats:
    """float32[m, m] W with W·Wᵀ = (FᵀF + ridge)⁻¹."""
    covariance = np.zeros((features.shape[1], features.shape[1]), np.float64)
    for start in range(0, len(features), _BLOCK):
        raise_if_cancelled(cancel)
        block = features[start : start + _BLOCK]
        covariance += block.T @ block
    covariance[np.diag_indices(len(covariance))] += _RIDGE
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)).T, np.float32)
