"""Classes predicted from weighted words: ridge regression on TF-IDF by conjugate gradients, cross-validated.

With two classes the terms are first scaled by how unevenly the classes use them (Wang and Manning 2012, "Baselines and Bigrams", section 2),
where that predicts the given labels better out of sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, raise_if_cancelled

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]

_RIDGE, _RIDGE_SCALED = 1.0, 2.0
_STEPS = 12
_SMOOTHING, _LEAST_SCALE = 1.0, 0.25
_TINY = np.float32(1e-12)


def cross_validated(tfidf: Any, codes: Codes, classes: int, folds: npt.NDArray[np.int64], *, scaled: bool, cancel: Cancel) -> Floats:
    """What models that never saw a row say of it.

    Args:
        tfidf: csr float32[n, terms].
        codes: int32[n], the class of each row.
        classes: How many there are.
        folds: int64[n], the fold of each row; a row is predicted from the other folds.
        scaled: Whether terms are scaled by how unevenly the classes use them.
        cancel: Looked at between steps.

    Returns:
        float32[n, classes], about 1 for the class of a row and 0 for the others.
    """
    predicted = np.zeros((len(codes), classes), np.float32)
    for fold in np.unique(folds):
        learned, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        predicted[held_out] = predictions(tfidf[learned], codes[learned], tfidf[held_out], classes, scaled=scaled, cancel=cancel)
    return predicted


def predictions(tfidf: Any, codes: Codes, others: Any, classes: int, *, scaled: bool, cancel: Cancel) -> Floats:
    """What a model of all labelled rows says of other rows: float32[rows of `others`, classes]."""
    if scaled:
        from scipy import sparse  # type: ignore[import-untyped,unused-ignore]

        scales = sparse.diags(_unevenness(tfidf, codes, classes), dtype=np.float32)
        tfidf, others = (tfidf @ scales).tocsr(), (others @ scales).tocsr()
    targets = np.zeros((len(codes), classes), np.float32)
    targets[np.arange(len(codes)), codes] = 1
    mean = targets.mean(axis=0)
    weights = _ridge(tfidf, targets - mean, _RIDGE_SCALED if scaled else _RIDGE, cancel)
    return np.asarray(others @ weights + mean, np.float32)


def _ridge(features: Any, targets: Floats, ridge: float, cancel: Cancel) -> Floats:
    """Weights float32[terms, classes] that minimise |features · weights − targets|² + ridge · |weights|², all classes side by side."""
    transposed = features.T.tocsr()
    residual = transposed @ targets
    weights, direction = np.zeros_like(residual), residual.copy()
    size = (residual * residual).sum(axis=0) + _TINY
    for _ in range(_STEPS):
        raise_if_cancelled(cancel)
        image = transposed @ (features @ direction) + np.float32(ridge) * direction
        step = size / ((direction * image).sum(axis=0) + _TINY)
        weights += step * direction
        residual -= step * image
        size, before = (residual * residual).sum(axis=0) + _TINY, size
        direction = residual + (size / before) * direction
    return np.asarray(weights, np.float32)


def _unevenness(tfidf: Any, codes: Codes, classes: int) -> Floats:
    """float32[terms]: the largest absolute log ratio between a term's share in one class and in the others, and a little for every term."""
    from scipy import sparse  # type: ignore[import-untyped,unused-ignore]

    present = tfidf.copy()
    present.data = np.ones_like(present.data)
    members = sparse.csr_matrix((np.ones(len(codes), np.float32), (codes, np.arange(len(codes)))), shape=(classes, len(codes)))
    counts = (members @ present).toarray()
    here = counts + _SMOOTHING
    elsewhere = counts.sum(axis=0, keepdims=True) - counts + _SMOOTHING
    ratios = np.log(here / here.sum(axis=1, keepdims=True)) - np.log(elsewhere / elsewhere.sum(axis=1, keepdims=True))
    return np.asarray(_LEAST_SCALE + np.abs(ratios).max(axis=0), np.float32)
