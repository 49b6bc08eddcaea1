"""The DPP the slow way: the dense kernel, its determinants, and greedy choice in double precision."""

from __future__ import annotations

import numpy as np

from sde_core.select import DEFAULT_RIDGE
from sde_core.select.volume import unit_rows


def unit_vectors(n: int, d: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def dense_kernel(vectors: np.ndarray, quality: np.ndarray, balance: float, ridge: float) -> np.ndarray:
    exact = vectors.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    similarity = (exact @ exact.T + ridge * np.eye(len(exact))) / (1 + ridge)
    alpha = balance / (2 * (1 - balance))
    weight = np.exp(alpha * (quality - quality.mean()) / (4 * quality.std()))
    return weight[:, None] * similarity * weight[None, :]


def log_det(kernel: np.ndarray, chosen: list[int]) -> float:
    return float(np.linalg.slogdet(kernel[np.ix_(chosen, chosen)])[1]) if chosen else 0.0


def plain_greedy(vectors: np.ndarray, offsets: np.ndarray, k: int, ridge: float = DEFAULT_RIDGE) -> tuple[list[int], list[float]]:
    """Every gain brought up to date after every choice, in double precision."""
    exact = unit_rows(vectors)
    precision, spread = np.eye(vectors.shape[1]) / ridge, (exact**2).sum(axis=1) / ridge
    chosen, gains = [], []
    for _ in range(k):
        gain = offsets + np.log(ridge / (1 + ridge) * (1 + spread))
        gain[chosen] = -np.inf
        best = int(gain.argmax())
        chosen.append(best)
        gains.append(float(gain[best]))
        direction = precision @ exact[best] / np.sqrt(1 + spread[best])
        precision -= np.outer(direction, direction)
        spread -= (exact @ direction) ** 2
    return chosen, gains
