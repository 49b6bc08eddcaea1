"""Positions in an order, and what selectors need for that."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sde_core.errors import UsageError
from sde_core.select.protocol import Pool, Positions


def with_locked(pool: Pool, ranked: Positions, k: int) -> Positions:
    """The locked positions, then the first of `ranked` that fill up to `k`, within the pool's quota where it has one."""
    return np.concatenate([pool.locked, within_quota(pool, pool.locked, ranked)[: k - len(pool.locked)]]).astype(np.int64)


def require_quality(pool: Pool, method: str) -> None:
    """Raises:
    UsageError: When no quality was given.
    """
    if not pool.has_quality:
        raise UsageError(f"The method {method} needs a quality for each row.", "Give --quality SCORES.parquet, or a rule that tells the rows apart.")


def by_quality(pool: Pool, positions: Positions) -> Positions:
    """The positions by falling quality, equal ones in the seed's order, which alone orders them where there is no quality."""
    return positions[np.lexsort((pool.priority[positions], -pool.quality[positions]))]


def ordinals(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many earlier entries have the same code (≥ 0), int64[n]."""
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes) if len(codes) else np.zeros(0, dtype=np.int64)
    counted = np.empty(len(codes), dtype=np.int64)
    counted[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return counted


def within_quota(pool: Pool, chosen: Positions, order: Positions) -> Positions:
    """Those of `order` that still fit into the pool's quota beside `chosen`, in order; all of them where there is no quota."""
    if pool.quota is None:
        return order
    codes = pool.quota.codes[order]
    return order[ordinals(codes) < pool.quota.room_after(chosen)[codes]]


def ranks_in(ranked: Positions, chosen: Positions) -> Positions:
    """The rank of each chosen position in an order of positions, from 1; 0 for one that is not in it."""
    rank_of = np.zeros(int(max(ranked.max(initial=0), chosen.max(initial=0))) + 1, dtype=np.int64)
    rank_of[ranked] = np.arange(1, len(ranked) + 1)
    return rank_of[chosen]
