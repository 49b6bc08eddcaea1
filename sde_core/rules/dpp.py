"""Determinantal point processes over a small kernel: the greedy most probable set, and exact sampling of sets of one size.

The kernel is used as it is, without regularisation: a set larger than the kernel's rank has determinant 0 and is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sde_core.errors import UsageError
from sde_core.rules.kernel import Kernel

_RELATIVE_ZERO = 1e-10
"""Below this share of the largest diagonal entry, a number is rounding error."""

_TIE = 1e-12
_LOWEST_GAIN = -745.0
"""Logarithm of the smallest positive float: gains go to JSON, which has no infinity."""


def greedy_map(kernel: Kernel, size: int, first: Sequence[int] = ()) -> list[int]:
    """The set that greedy maximisation of log det L_S finds, by rank-one updates (Chen, Zhang, Zhou 2018, algorithm 1).

    Among items of equal gain, as all are at the beginning under a kernel with a unit diagonal, the one with the smallest squared similarity
    to all others comes first, then the one that stands first.

    Args:
        kernel: float64[R, R].
        size: Items to take, those in `first` included.
        first: Items that are in the set whatever they gain, in this order.

    Returns:
        The items in the order taken.

    Raises:
        UsageError: When the size is beyond the kernel's rank.
    """
    residuals = np.diag(kernel).astype(np.float64)
    zero = _RELATIVE_ZERO * _scale(kernel) / max(len(kernel), 1)
    overlap = (kernel**2).sum(axis=1) - residuals**2
    factors = np.zeros((size, len(kernel)))
    items: list[int] = []
    while len(items) < size:
        at = len(items)
        item = first[at] if at < len(first) else _best(residuals, overlap, items)
        if item < 0 or residuals[item] <= zero:
            raise _beyond_rank(size, at, len(first))
        factors[at] = (kernel[item] - factors[:at, item] @ factors[:at]) / np.sqrt(residuals[item])
        residuals = residuals - factors[at] ** 2
        items.append(item)
    return items


def log_det_gains(kernel: Kernel, items: Sequence[int]) -> list[float]:
    """What each item adds to log det L_S, given those before it; their sum is log det of the whole set."""
    sums = [0.0] + [float(np.linalg.slogdet(kernel[np.ix_(items[:n], items[:n])])[1]) for n in range(1, len(items) + 1)]
    return [max(after - before, _LOWEST_GAIN) for before, after in pairwise(sums)]


def largest_set(kernel: Kernel, first: Sequence[int] = ()) -> int:
    """Size of the largest set that holds `first` and has a positive determinant.

    Raises:
        UsageError: When the items in `first` are linearly dependent.
    """
    others, rest = _given(kernel, first)
    return len(first) + len(_positive_spectrum(rest, _scale(kernel))[0]) if others else len(first)


def _best(residuals: NDArray[np.float64], overlap: NDArray[np.float64], taken: Sequence[int]) -> int:
    left = np.ones(len(residuals), dtype=bool)
    left[list(taken)] = False
    if not left.any():
        return -1
    largest = residuals[left].max()
    equal = np.flatnonzero(left & (residuals >= largest - _TIE * abs(largest)))
    return int(equal[np.argmin(np.round(overlap[equal], 9))])


def sample_k_dpp(kernel: Kernel, size: int, rng: np.random.Generator, first: Sequence[int] = ()) -> list[int]:
    """Draws a set of one size with probability proportional to det L_S (Kulesza and Taskar 2012, algorithms 1, 7 and 8).

    Args:
        kernel: float64[R, R].
        size: Items to draw, those in `first` included.
        rng: Source of randomness.
        first: Items that every set must hold; the others are drawn given these, from the kernel's Schur complement.

    Returns:
        `first`, then the drawn items in the order drawn.

    Raises:
        UsageError: When the size is beyond the kernel's rank.
    """
    others, rest = _given(kernel, first)
    drawn = size - len(first)
    if drawn == 0:
        return list(first)
    values, vectors = _positive_spectrum(rest, _scale(kernel))
    if drawn > len(values):
        raise _beyond_rank(size, len(values) + len(first), len(first))
    return [*first, *(others[i] for i in _draw_items(vectors[:, _draw_spectrum(values, drawn, rng)], rng))]


def _given(kernel: Kernel, first: Sequence[int]) -> tuple[list[int], Kernel]:
    """The other items, and their kernel given that `first` are in the set (its Schur complement: det L_S = det L_first det of it)."""
    others = [i for i in range(len(kernel)) if i not in set(first)]
    rest = kernel[np.ix_(others, others)]
    if first:
        greedy_map(kernel, len(first), first)  # refuses items that are linearly dependent
        crossing = kernel[np.ix_(others, list(first))]
        rest = rest - crossing @ np.linalg.solve(kernel[np.ix_(list(first), list(first))], crossing.T)
    return others, (rest + rest.T) / 2


def log_elementary_symmetric(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Logarithms of the elementary symmetric polynomials of growing prefixes of the values (Kulesza and Taskar 2012, algorithm 7).

    Args:
        values: float64[N], positive.
        size: Highest degree k.

    Returns:
        float64[k + 1, N + 1]; entry [l, n] is log e_l(values[:n]), -inf where l > n. In logarithms, so that nothing overflows.
    """
    logs = np.full((size + 1, len(values) + 1), -np.inf)
    logs[0] = 0.0
    for n, log_value in enumerate(np.log(values), start=1):
        logs[1:, n] = np.logaddexp(logs[1:, n - 1], log_value + logs[:-1, n - 1])
    return logs


def _scale(kernel: Kernel) -> float:
    """The size against which rounding error is judged."""
    return max(float(np.diag(kernel).max(initial=0.0)), float(np.finfo(np.float64).tiny))


def _positive_spectrum(kernel: Kernel, scale: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, vectors = np.linalg.eigh(kernel)
    kept = values > _RELATIVE_ZERO * scale
    return values[kept], vectors[:, kept]


def _draw_spectrum(values: NDArray[np.float64], size: int, rng: np.random.Generator) -> list[int]:
    """Which eigenvectors span the set's space."""
    logs = log_elementary_symmetric(values, size)
    chosen: list[int] = []
    for n in range(len(values), 0, -1):
        left = size - len(chosen)
        if left == 0:
            break
        if np.log(rng.random()) < np.log(values[n - 1]) + logs[left - 1, n - 1] - logs[left, n]:
            chosen.append(n - 1)
    return chosen


def _draw_items(space: NDArray[np.float64], rng: np.random.Generator) -> list[int]:
    """Draws one item a dimension, each in proportion to what is left of it, and projects it away."""
    items: list[int] = []
    residuals = (space**2).sum(axis=1)
    basis = np.zeros((0, space.shape[1]))
    for _ in range(space.shape[1]):
        residuals[items] = 0.0
        chances = np.maximum(residuals, 0.0)
        item = int(rng.choice(len(chances), p=chances / chances.sum()))
        direction = space[item] - basis.T @ (basis @ space[item])
        direction /= np.linalg.norm(direction)
        basis = np.vstack([basis, direction])
        residuals = residuals - (space @ direction) ** 2
        items.append(item)
    return items


def _beyond_rank(size: int, rank: int, given: int) -> UsageError:
    if rank < given:
        return UsageError("The pinned rules say the same: one of them follows from the others.", "Unpin one of them.")
    return UsageError(f"{size} rules are more than the {rank} that are linearly independent here.", f"Ask for at most {rank}.")
