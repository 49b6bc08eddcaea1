"""Whether two ways of ranking the same few things agree: Kendall's tau, and how easily chance does as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

FEWEST = 3
"""Two things can only stand in the same order or in the other one, which says nothing."""
_ALL_ORDERS = 7
"""Up to so many things every order is looked at (5,040); of more, as many are drawn."""
_DRAWN = 5_000


@dataclass(frozen=True, slots=True)
class RankAgreement:
    """Kendall's tau-b between two rankings.

    Attributes:
        tau: From -1 (the other way round) over 0 to 1 (the same order).
        count: Things that are ranked.
        by_chance: Share of all orders whose tau is at least as far from 0.
    """

    tau: float
    count: int
    by_chance: float


def rank_agreement(first: Sequence[float], second: Sequence[float]) -> RankAgreement | None:
    """Kendall's tau-b with the share of orders that do as well; None below three things, or where one side has them all equal.

    Args:
        first: A score of each thing.
        second: Another score, of the same things.
    """
    if len(first) < FEWEST:
        return None
    one, two = _signs(np.asarray(first, np.float64)), _signs(np.asarray(second, np.float64))
    ties = float(np.sqrt((one**2).sum() * (two**2).sum()))
    if ties == 0:
        return None
    concordance = np.array([(one * two[np.ix_(order, order)]).sum() for order in _orders(len(first))])
    found = float((one * two).sum())
    return RankAgreement(found / ties, len(first), float((np.abs(concordance) >= abs(found) - 1e-9).mean()))


def _signs(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n, n]: which of two is larger."""
    return np.sign(values[:, None] - values[None, :])


def _orders(count: int) -> list[NDArray[np.int64]]:
    if count <= _ALL_ORDERS:
        return [np.array(order) for order in permutations(range(count))]
    random = np.random.default_rng(count)
    return [random.permutation(count) for _ in range(_DRAWN)]
