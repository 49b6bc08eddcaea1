"""k-center greedy (Gonzalez 1985; Sener and Savarese 2018, algorithm 1): the row farthest from the chosen ones, again and again.

Distances are cosine, 1 − similarity, which orders unit vectors as Euclid does, being half of the square of that distance. With no row locked and
no quotas the covering radius is at most twice the smallest possible in Euclid's distance, so at most four times in this one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress, raise_if_cancelled
from sde_core.select.lazy_greedy import EVERY, LazyGreedy, Objective, Places
from sde_core.select.protocol import Choice, Pool, Positions, SelectionParams
from sde_core.select.quotas import filling
from sde_core.select.ranking import within_quota

CHOSEN_PER_PRODUCT = 1024


class FarthestObjective:
    """Distance of each row to the nearest chosen one (see `sde_core.select.lazy_greedy.Objective`); 2 before there is any."""

    tie_tolerance = 1e-6

    def __init__(self, vectors: npt.NDArray[np.float32]) -> None:
        self._vectors = vectors
        self._chosen: list[npt.NDArray[np.float32]] = []
        self._similarity = np.full(len(vectors), -1, dtype=np.float32)

    def chosen_count(self) -> int:
        """How many rows were added."""
        return len(self._chosen)

    def bounds(self, places: Places) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Two float64[p]: distances less and more their error in single precision."""
        distance = self.exact(places)
        return distance - self.tie_tolerance, distance + self.tie_tolerance

    def refresh(self, places: Places, block: npt.NDArray[np.float32], within: Places, since: int) -> None:
        """Similarities of `places` after the additions from number `since` on."""
        for start in range(since, len(self._chosen), CHOSEN_PER_PRODUCT):
            centers = np.asarray(self._chosen[start : start + CHOSEN_PER_PRODUCT])
            nearest = (block @ centers.T).max(axis=1)[within]
            self._similarity[places] = np.maximum(self._similarity[places], nearest)

    def exact(self, places: Places) -> npt.NDArray[np.float64]:
        """float64[p], present distances."""
        return 1 - self._similarity[places].astype(np.float64)

    def add(self, place: int) -> None:
        """Adds a row to the chosen ones."""
        self._chosen.append(self._vectors[place])

    def part(self, places: Positions, vectors: npt.NDArray[np.float32]) -> FarthestObjective:
        """The same objective for these rows alone."""
        part = FarthestObjective(vectors)
        part._chosen, part._similarity = self._chosen, self._similarity[places]
        return part

    def take_back(self, places: Positions, part: Objective, within: Places = EVERY) -> None:
        """Keeps what a part knows of its rows `within`, which are `places` here."""
        if isinstance(part, FarthestObjective):
            self._similarity[places] = part._similarity[within]

    def close(self, places: Positions) -> None:
        """Lets the distance of rows be −∞ from now on."""
        self._similarity[places] = np.inf


@dataclass(frozen=True, slots=True)
class KCenterGreedy:
    """Covers the whole embedding space, outliers first."""

    name: str = "kcenter"
    definition: str = "k-center: always the row farthest from those chosen"
    keeps_quota: bool = True

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Locked rows first, then the farthest; with none locked the seed draws the first. Within quotas the farthest of a group with room."""
        objective = FarthestObjective(pool.vectors)
        for position in pool.locked:
            objective.add(int(position))
        free = pool.open_positions()
        directed = pool.vectors[free].any(axis=1)
        greedy = LazyGreedy(pool.vectors, objective, free[directed], pool.priority, cancel)
        chosen, notes = list(map(int, pool.locked)), [""] * len(pool.locked)
        for position in filling(greedy.choose(params.k - len(chosen), progress, params.k), pool, greedy.close):
            distance = float(objective.exact(np.asarray([position]))[0])
            notes.append(_note(distance, params.seed, first=not chosen, within_quota=pool.quota is not None))
            chosen.append(position)
        # Rows without a direction, as of empty texts, are as far from everything as can be; they come last.
        last = free[~directed][np.argsort(pool.priority[free[~directed]])]
        last = within_quota(pool, np.asarray(chosen, dtype=np.int64), last)[: params.k - len(chosen)]
        positions = np.concatenate([np.asarray(chosen, dtype=np.int64), last])
        notes += ["Fills up, being an empty text that is near to nothing"] * len(last)
        radius = covering_radius(pool, positions, cancel)
        remark = f"No row is farther than {radius:.3f} (1 − cosine) from its nearest chosen row: the covering radius."
        return Choice(positions, tuple(notes), (remark,), (("covering_radius", radius),))


def covering_radius(pool: Pool, chosen: Positions, cancel: Cancel) -> float:
    """The largest cosine distance of a row that may be chosen to its nearest chosen one; rows without a direction, near to nothing, left out."""
    centers, radius = pool.vectors[chosen].T.copy(), 0.0
    covered = np.flatnonzero(pool.allowed & pool.vectors.any(axis=1))
    for start in range(0, len(covered), CHOSEN_PER_PRODUCT):
        raise_if_cancelled(cancel)
        nearest = (pool.vectors[covered[start : start + CHOSEN_PER_PRODUCT]] @ centers).max(axis=1)
        radius = max(radius, 1 - float(nearest.min()))
    return radius


def _note(distance: float, seed: int, *, first: bool, within_quota: bool) -> str:
    if first:
        return f"Drawn by seed {seed} as the first center"
    if within_quota:
        return f"Farthest of the groups that still got rows, at distance {distance:.3f}"
    return f"Farthest from the rows chosen before it: at distance {distance:.3f}, the covering radius until then"
