"""The filter of DEITA (Liu et al. 2024, "What Makes Good Data for Alignment?", section 2.4): score first, diversity aware."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sde_core.progress import Cancel, Progress, raise_if_cancelled
from sde_core.select.protocol import Choice, Pool, Positions, SelectionParams
from sde_core.select.ranking import by_quality, ranks_in, require_quality, within_quota
from sde_core.select.volume import unit_rows

BLOCK_ROWS = 512
NOTHING_BEFORE = -1.0
SLACK = 1e-9
"""Two orders of summation in double precision differ by less."""


@dataclass(frozen=True, slots=True)
class DeitaFilter:
    """Best first, nothing twice."""

    name: str = "deita"
    definition: str = "DEITA: the best rows, none above the similarity limit"
    keeps_quota: bool = True

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Locked rows first, whatever their similarity; where too few rows pass, the best of those that did not fill up.

        Raises:
            UsageError: When no quality was given.
        """
        require_quality(pool, self.name)
        order = by_quality(pool, pool.open_positions())
        passed = Walk(pool, params, cancel, progress).through(order)
        accepted = np.asarray([position for position, _ in passed], dtype=np.int64)
        ranks = ranks_in(order, accepted)
        notes = [_note(rank, similarity, params.max_similarity) for rank, (_, similarity) in zip(ranks.tolist(), passed, strict=True)]
        refused = order[~np.isin(order, accepted)]
        refused = within_quota(pool, np.concatenate([pool.locked, accepted]), refused)[: params.k - len(pool.locked) - len(accepted)]
        notes += [f"Fills up, as the best of the rows more than {params.max_similarity:g} like an accepted one"] * len(refused)
        chosen = np.concatenate([pool.locked, accepted, refused])
        remarks = (f"Only {len(accepted) + len(pool.locked):,} rows pass at similarity {params.max_similarity:g}; {len(refused):,} more fill up.",)
        figures = (("accepted", float(len(accepted))), ("filled_up", float(len(refused))))
        return Choice(chosen, ("",) * len(pool.locked) + tuple(notes), remarks if len(refused) else (), figures)


class Walk:
    """One pass over rows in an order, which accepts those that are unlike all accepted before."""

    def __init__(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> None:
        self._pool, self._params, self._cancel, self._progress = pool, params, cancel, progress
        self._accepted = np.empty((params.k, pool.vectors.shape[1]))
        self._accepted[: len(pool.locked)] = unit_rows(pool.vectors[pool.locked])
        self._count = len(pool.locked)
        self._room = None if pool.quota is None else pool.quota.room_after(pool.locked)

    def through(self, order: Positions) -> list[tuple[int, float]]:
        """(position, highest similarity to those accepted before it, -1 where there is none) of each accepted row."""
        passed: list[tuple[int, float]] = []
        for start in range(0, len(order), BLOCK_ROWS):
            raise_if_cancelled(self._cancel)
            if self._count == self._params.k:
                break
            passed += self._through_block(order[start : start + BLOCK_ROWS])
            self._progress(self._count, self._params.k)
        return passed

    def _through_block(self, block: Positions) -> list[tuple[int, float]]:
        vectors = unit_rows(self._pool.vectors[block])
        similarity = (vectors @ self._accepted[: self._count].T).max(axis=1, initial=NOTHING_BEFORE)
        passed = []
        for place in np.flatnonzero(similarity <= self._params.max_similarity + SLACK):
            if self._count == self._params.k:
                break
            if similarity[place] <= self._params.max_similarity + SLACK and self._has_room(int(block[place])):
                passed.append((int(block[place]), float(similarity[place])))
                self._accepted[self._count] = vectors[place]
                self._count += 1
                similarity = np.maximum(similarity, vectors @ vectors[place])
        return passed

    def _has_room(self, position: int) -> bool:
        if self._room is None or self._pool.quota is None:
            return True
        code = self._pool.quota.codes[position]
        self._room[code] -= 1
        return bool(self._room[code] >= 0)


def _note(rank: int, similarity: float, allowed: float) -> str:
    if similarity <= NOTHING_BEFORE:
        return f"Number {rank:,} by quality, nothing was accepted before it"
    return f"Number {rank:,} by quality, at most {similarity:.2f} like an accepted row, where {allowed:g} is allowed"
