"""Predictions of several models as one table of probabilities: each calibrated on the given labels, then a mean weighted by what each knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]

_SAMPLE = 6000
_SHARPNESSES = np.geomspace(0.25, 64, 25)
_STEPS = 24
_TINY = 1e-9
_SOFTENED = 0.75
"""Less sharp than the likeliest: what the models share makes all of them sure of the same rows, and a row must not be ranked by that alone."""
_POWER = 4
"""How fast a model loses weight with what it knows less of the labels."""


def calibrated(predicted: Floats, codes: Codes, judged: npt.NDArray[np.int64], seed: int) -> tuple[Floats, float]:
    """Predictions as probabilities, sharpened so that the given labels are as likely as can be (temperature scaling, Guo et al. 2017, section 4.2).

    Args:
        predicted: float32[n, classes], made without each row's own label; overwritten, since a million rows of many classes are gigabytes.
        codes: int32[n], given labels.
        judged: int64[m], rows whose label is given.
        seed: Draws the rows that are looked at where there are many.

    Returns:
        float32[n, classes], somewhat softer than the sharpest fit, and the mean negative log likelihood of the given labels in nats at that fit.
    """
    rows = np.random.default_rng([seed, 2]).choice(judged, _SAMPLE, replace=False) if len(judged) > _SAMPLE else judged
    shown, given = predicted[rows], codes[rows]

    def loss(sharpness: float) -> float:
        return float(-np.log(_softmax(shown * np.float32(sharpness))[np.arange(len(rows)), given] + _TINY).mean())

    losses = [loss(sharpness) for sharpness in _SHARPNESSES]
    best = int(np.argmin(losses))
    low, high = _SHARPNESSES[max(best - 1, 0)], _SHARPNESSES[min(best + 1, len(losses) - 1)]
    for _ in range(_STEPS):
        third = (high / low) ** (1 / 3)
        if loss(low * third) < loss(high / third):
            high /= third
        else:
            low *= third
    sharpness = float(np.sqrt(low * high))
    lost = loss(sharpness)
    predicted *= np.float32(sharpness * _SOFTENED)
    return _softmax(predicted), lost


def weights_of(losses: Sequence[float], codes: Codes) -> npt.NDArray[np.float64]:
    """float64[models], adding up to 1: the fourth power of what each model knows of the labels, their entropy less its loss.

    Args:
        losses: Mean negative log likelihood of the given labels under each model, in nats.
        codes: int32[m], given labels.
    """
    shares = np.bincount(codes) / len(codes)
    shares = shares[shares > 0]
    known = np.maximum(-(shares * np.log(shares)).sum() - np.asarray(losses), 0.0) ** _POWER
    return np.asarray(known / known.sum() if known.sum() > 0 else np.full(len(losses), 1 / len(losses)), np.float64)


def blended(tables: Sequence[Floats], weights: npt.NDArray[np.float64]) -> Floats:
    """The weighted mean of several tables of probabilities."""
    total = np.zeros_like(tables[0])
    for table, weight in zip(tables, weights.tolist(), strict=True):
        total += np.float32(weight) * table
    return total


def _softmax(values: Floats) -> Floats:
    """In place."""
    values -= values.max(axis=1, keepdims=True)
    np.exp(values, out=values)
    values /= values.sum(axis=1, keepdims=True)
    return values
