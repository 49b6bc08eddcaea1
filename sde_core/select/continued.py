"""Going on with a greedy choice after its request has changed a little.

Greedy choice is a sequence: whatever first picks a change cannot have touched stay as they are, and only the rest is chosen again. A pick stays
while it may still be chosen, its quality is the same, and no row that was let in or has risen in quality would have beaten it at its rank.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, Progress
from sde_core.select.dpp import Begun, DppObjective, QualityDiversityDpp, greedy_map, quality_offsets
from sde_core.select.protocol import Choice, Pool, Positions, SelectionParams
from sde_core.select.volume import ChosenVolume, unit_rows

FloatArray = npt.NDArray[np.float64]

MOST_RISEN = 1 / 16
"""Where a larger share of the rows has risen, looking for the first pick that one of them beats costs more than choosing afresh."""
BLOCK_ROWS = 512


@dataclass(frozen=True, slots=True)
class Course:
    """A greedy choice that can be gone on from.

    Attributes:
        pool: What was chosen from.
        params: What was asked.
        offsets: What quality added to the gain of each row, float64[n].
        begun: The picks, possibly more of them than were asked for, and states on the way to them.
    """

    pool: Pool
    params: SelectionParams
    offsets: FloatArray
    begun: Begun


class ContinuedDpp:
    """`QualityDiversityDpp`, going on from an earlier choice as far as that holds.

    Attributes:
        course: The latest choice; the one given at first.
        kept: How many of its picks were known without choosing.

    Args:
        inner: The selector whose rows these are.
        course: What to go on from; None to choose afresh.
    """

    keeps_quota = True

    def __init__(self, inner: QualityDiversityDpp, course: Course | None) -> None:
        self._inner = inner
        self.course = course
        self.kept = 0

    @property
    def name(self) -> str:
        """As `--method` takes it."""
        return self._inner.name

    @property
    def definition(self) -> str:
        """What it maximises, in one sentence."""
        return self._inner.definition

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """The rows of the inner selector."""
        offsets = quality_offsets(pool.quality, params.balance, pool.plain_quality)
        begun = None if self.course is None else still_valid(self.course, pool, params, offsets)
        self.kept = 0 if begun is None else min(len(begun.positions), params.k)
        after: Begun | None
        if begun is not None and self.kept == params.k:
            progress(params.k, params.k)
            positions = begun.positions[: params.k]
            choice, after = Choice(positions, ("",) * len(positions)), begun
        else:
            choice, after = greedy_map(pool, params, cancel, progress, begun, remember=pool.quota is None)
        self.course = None if after is None or pool.quota is not None else Course(pool, params, offsets, after)
        return choice


def still_valid(course: Course, pool: Pool, params: SelectionParams, offsets: FloatArray) -> Begun | None:
    """The first picks of a course that are those of this request too; None where it has to be chosen afresh."""
    if not _of_one_kind(course, pool, params):
        return None
    before = course.begun
    fallen = ~pool.allowed | (offsets != course.offsets)
    touched = np.flatnonzero(fallen[before.positions])
    kept = int(touched[0]) if len(touched) else len(before.positions)
    let_in = pool.allowed & ~course.pool.allowed
    if before.only_repeats_since is not None and let_in.any():
        kept = min(kept, before.only_repeats_since)
    risen = pool.allowed & (let_in | (offsets > course.offsets))
    risen[before.positions[:kept]] = False
    if risen.sum() > MOST_RISEN * len(risen):
        return None
    kept = _first_beaten(pool, params, offsets, before.positions[:kept], np.flatnonzero(risen))
    return _first_picks(before, kept) if kept > len(pool.locked) else None


def _of_one_kind(course: Course, pool: Pool, params: SelectionParams) -> bool:
    """Whether only k, bans and qualities differ."""
    before = course.pool
    return (
        params.balance < 1
        and course.params.balance < 1
        and (params.ridge, params.max_similarity) == (course.params.ridge, course.params.max_similarity)
        and pool.quota is None
        and all(np.array_equal(getattr(before, name), getattr(pool, name)) for name in ("rows", "locked", "priority"))
        and (before.vectors is pool.vectors or np.array_equal(before.vectors, pool.vectors))
    )


def _first_beaten(pool: Pool, params: SelectionParams, offsets: FloatArray, picks: Positions, risen: Positions) -> int:
    """The first rank at which one of the `risen` rows gains as much as the pick, or the number of picks."""
    if not len(risen) or not len(picks):
        return len(picks)
    gains, directions = ChosenVolume(pool.vectors.shape[1], params.ridge).add_all(unit_rows(pool.vectors[picks]))
    needed = gains - np.log(params.ridge / (1 + params.ridge))
    locked, first = len(pool.locked), len(picks)
    for start in range(0, len(risen), BLOCK_ROWS):
        part = risen[start : start + BLOCK_ROWS]
        vectors = unit_rows(pool.vectors[part])
        fallen = np.cumsum(np.square(vectors @ directions[: max(first - 1, 0)].T), axis=1)
        growth = 1 + np.einsum("ij,ij->i", vectors, vectors)[:, None] / params.ridge - np.pad(fallen, ((0, 0), (1, 0)))
        ahead = (offsets[part][:, None] - offsets[picks[:first]]) + 2 * DppObjective.tie_tolerance
        beaten = (np.log(np.maximum(growth, 1.0)) + ahead >= needed[:first]).any(axis=0)
        ranks = locked + np.flatnonzero(beaten[locked:])
        first = int(ranks[0]) if len(ranks) else first
    return first


def _first_picks(begun: Begun, n: int) -> Begun:
    states = tuple(state for state in begun.checkpoints if state.count <= n)
    since = begun.only_repeats_since if begun.only_repeats_since is not None and begun.only_repeats_since <= n else None
    return replace(begun, positions=begun.positions[:n], checkpoints=states, only_repeats_since=since)
