"""Selectors to compare with: random, random by class, and the best by quality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.errors import UsageError
from sde_core.progress import Cancel, Progress
from sde_core.select.protocol import Choice, Pool, SelectionParams
from sde_core.select.quotas import bounded_shares
from sde_core.select.ranking import by_quality, ordinals, ranks_in, require_quality, with_locked
from sde_core.visible import visible


@dataclass(frozen=True, slots=True)
class UniformSample:
    """Every row is equally likely."""

    name: str = "random"
    definition: str = "a seeded random sample without replacement"
    keeps_quota: bool = True

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """The rows that come first in the seed's order."""
        free = pool.open_positions()
        chosen = with_locked(pool, free[np.argsort(pool.priority[free])], params.k)
        return Choice(chosen, (f"Drawn at random (seed {params.seed}) from {len(free):,} rows",) * len(chosen))


@dataclass(frozen=True, slots=True)
class TopQuality:
    """The best rows, however alike."""

    name: str = "topk"
    definition: str = "the rows of the highest quality, whatever they repeat"
    keeps_quota: bool = True

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Rows by quality, equal ones in the seed's order.

        Raises:
            UsageError: When no quality was given.
        """
        require_quality(pool, self.name)
        free = pool.open_positions()
        ranked = by_quality(pool, free)
        chosen = with_locked(pool, ranked, params.k)
        return Choice(chosen, tuple(f"Number {rank:,} by quality among {len(free):,} rows" for rank in ranks_in(ranked, chosen)))


@dataclass(frozen=True, slots=True)
class StratifiedSample:
    """A random sample with the class shares of the whole."""

    name: str = "stratified"
    definition: str = "a random sample in which classes keep their shares"

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Rows of each class in the seed's order, class sizes by largest remainder.

        Raises:
            UsageError: When no row has a label.
        """
        if pool.labels is None:
            raise UsageError("The method stratified needs a label in each row.", "Name the field with --map label=FIELD, or use --method random.")
        names, codes = np.unique(pool.labels, return_inverse=True)
        available = np.bincount(codes[pool.allowed], minlength=len(names))
        quotas = class_quotas(available, np.bincount(codes[pool.locked], minlength=len(names)), params.k)
        free = pool.open_positions()
        free = free[np.argsort(pool.priority[free])]
        wanted = quotas - np.bincount(codes[pool.locked], minlength=len(names))
        ranked = free[ordinals(codes[free]) < wanted[codes[free]]]
        chosen = with_locked(pool, ranked, params.k)
        notes = [f"One of {quotas[c]:,} drawn at random from the {available[c]:,} rows of {_class_name(str(names[c]))}" for c in codes[chosen]]
        return Choice(chosen, tuple(notes))


def class_quotas(available: npt.NDArray[np.int64], locked: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int64]:
    """Rows of each class in a subset of `k`, in proportion to `available` by largest remainder and never fewer than `locked`, int64[classes]."""
    return bounded_shares(available.astype(float), locked, available, k)


def _class_name(label: str) -> str:
    return f"class {visible(label, 40)}" if label else "no class"
