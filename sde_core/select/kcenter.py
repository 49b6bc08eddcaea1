"""k-center greedy (Gonzalez 1985; Sener and Savarese 2018, algorithm 1): the row farthest from the chosen ones, again and again.

Its covering radius is at most twice the smallest possible. Distances are cosine, 1 − similarity, which orders unit vectors as Euclid does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress
from sde_core.select.lazy_greedy import LazyGreedy, Places
from sde_core.select.protocol import Choice, Pool, Positions, SelectionParams

CHOSEN_PER_PRODUCT = 1024


class FarthestObjective:
    """Distance of each row to the nearest chosen one (see `sde_core.select.lazy_greedy.Objective`); 2 before there is any."""

    tie_tolerance = 1e-6

    def __init__(self, vectors: npt.NDArray[np.float32]) -> None:
        self._vectors = vectors
        self._chosen: list[int] = []
        self._similarity = np.full(len(vectors), -1, dtype=np.float32)

    def chosen_count(self) -> int:
        """How many rows were added."""
        return len(self._chosen)

    def bounds(self, positions: Positions) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Distances less and more their error in single precision."""
        distance = self.exact(positions)
        return distance - self.tie_tolerance, distance + self.tie_tolerance

    def refresh(self, positions: Positions, block: npt.NDArray[np.float32], places: Places, since: int) -> None:
        """Similarities of `positions` after the additions from number `since` on."""
        for start in range(since, len(self._chosen), CHOSEN_PER_PRODUCT):
            centers = self._vectors[self._chosen[start : start + CHOSEN_PER_PRODUCT]]
            nearest = (block @ centers.T).max(axis=1)[places]
            self._similarity[positions] = np.maximum(self._similarity[positions], nearest)

    def exact(self, positions: Positions) -> npt.NDArray[np.float64]:
        """Present distances."""
        return 1 - self._similarity[positions].astype(np.float64)

    def add(self, position: int) -> None:
        """Adds a row to the chosen ones."""
        self._chosen.append(position)


@dataclass(frozen=True, slots=True)
class KCenterGreedy:
    """Covers the whole embedding space, outliers first."""

    name: str = "kcenter"
    definition: str = "k-center greedy: always the row farthest from the chosen ones, whatever its quality"

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Locked rows first, then the farthest; with none locked the seed draws the first."""
        objective = FarthestObjective(pool.vectors)
        for position in pool.locked:
            objective.add(int(position))
        greedy = LazyGreedy(pool.vectors, objective, pool.open_positions(), pool.priority, cancel)
        chosen = [*map(int, pool.locked), *greedy.choose(params.k - len(pool.locked), progress, params.k)]
        first = () if len(pool.locked) else (f"Drawn by seed {params.seed} as the first center",)
        notes = first + ("Farthest from the rows chosen before it",) * (len(chosen) - len(first))
        return Choice(np.asarray(chosen, dtype=np.int64), notes)
