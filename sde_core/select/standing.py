"""Where any row stands towards a selection: what it adds or would add now, what is like it, and who stands in its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sde_core.select.coverage import Clusters
from sde_core.select.explain import given_quality, leaning_words
from sde_core.select.leaning import leaned_by, leanings_of, similarities
from sde_core.select.protocol import Positions, positions_of
from sde_core.select.resolve import Alternative, Solution
from sde_core.select.volume import log_volume_gains, unit_rows

NEIGHBOURS = 3


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chosen row and its cosine similarity to the row looked at."""

    row: int
    similarity: float


@dataclass(frozen=True, slots=True)
class GroupShare:
    """How much of the whole and of the selection belongs to the row's class or cluster.

    Attributes:
        name: The class or cluster, as the data has it.
        whole: Its share of all rows, 0-1.
        selected: Its share of the chosen rows, 0-1.
    """

    name: str
    whole: float
    selected: float


@dataclass(frozen=True, slots=True)
class Standing:
    """One row beside the selection.

    Attributes:
        row: Record position.
        rank: In the selection, from 1; None where it is not chosen.
        quality: As it was given, 0-1; None where there is none.
        better_than: The share of all rows whose quality is lower.
        gain: What it adds to log det L of the other chosen rows now, or would add if it were chosen too.
        runner_up: For a chosen row the best row that could have been taken at its rank, with the gain it would have had there.
        last_gain: The gain of the last row that was taken: what another row has to beat, were one more wanted; None where none is chosen.
        neighbours: The chosen rows most similar to it, nearest first, itself left out.
        gain_without_nearest: What it would add if the first of them were not chosen; None where there is none.
        repeats: Whether it is too similar to a chosen row to be taken while another is left (`SelectionParams.max_similarity`, "dpp" alone).
        leaning: What likes and dislikes did to its quality, in words; "" where nothing did.
        label: Its class; None where the data has no label.
        cluster: What it is about; None where rows were not clustered or it has no direction.
    """

    row: int
    rank: int | None
    quality: float | None
    better_than: float
    gain: float
    runner_up: Alternative | None
    last_gain: float | None
    neighbours: tuple[Neighbour, ...]
    gain_without_nearest: float | None
    repeats: bool
    leaning: str
    label: GroupShare | None
    cluster: GroupShare | None


def standing_of(solution: Solution, row: int, *, labels: Sequence[str] | None = None, clusters: Clusters | None = None) -> Standing | None:
    """Where a row stands; None for a row that was not among those to choose from.

    Args:
        solution: The selection and what it was chosen from.
        row: Record position.
        labels: The class of each row of the pool.
        clusters: What each row of the pool is about.
    """
    pool, params = solution.pool, solution.selection.params
    position = int(positions_of(pool.rows, [row])[0])
    if position < 0:
        return None
    chosen = solution.chosen
    rank = next((rank for rank, at in enumerate(chosen.tolist(), start=1) if at == position), None)
    others = chosen[chosen != position]
    neighbours, nearest = _neighbours(solution, position, others)
    gain = float(solution.gain_of((row,))[0])
    quality = given_quality(pool)
    leaned = leaned_by(pool.rows, pool.vectors, leanings_of(params.liked, params.disliked), np.asarray([position]))[0]
    return Standing(
        row=row,
        rank=rank,
        quality=float(quality[position]) if pool.has_quality else None,
        better_than=float((quality < quality[position]).mean()),
        gain=gain,
        runner_up=solution.runner_up(row) if params.method == "dpp" and params.balance < 1 else None,
        last_gain=solution.selection.picks[-1].gain if solution.selection.picks else None,
        neighbours=neighbours,
        gain_without_nearest=_gain_without(solution, position, others, nearest, gain) if nearest is not None else None,
        repeats=rank is None and params.method == "dpp" and bool(neighbours) and neighbours[0].similarity > params.max_similarity,
        leaning="" if leaned is None else leaning_words(*leaned),
        label=None if labels is None else _share(labels, position, chosen),
        cluster=None if clusters is None or clusters.codes[position] < 0 else _cluster_share(clusters, position, chosen),
    )


def _neighbours(solution: Solution, position: int, others: Positions) -> tuple[tuple[Neighbour, ...], int | None]:
    """The nearest chosen rows, and the position of the first of them."""
    pool = solution.pool
    if not len(others):
        return (), None
    similarity = similarities(pool.vectors[others], pool.vectors[position])
    order = np.argsort(-similarity, kind="stable")[:NEIGHBOURS]
    return tuple(Neighbour(int(pool.rows[others[at]]), float(similarity[at])) for at in order), int(others[order[0]])


def _gain_without(solution: Solution, position: int, others: Positions, nearest: int, gain: float) -> float:
    """What the row would add were its nearest chosen neighbour not there: its quality's part stays, its novelty grows."""
    vectors, ridge = solution.pool.vectors, solution.selection.params.ridge
    row, outside = unit_rows(vectors[position : position + 1]), np.zeros(1, dtype=bool)
    with_it, without = (float(log_volume_gains(unit_rows(vectors[rows]), row, outside, ridge)[0]) for rows in (others, others[others != nearest]))
    return gain + without - with_it


def _share(labels: Sequence[str], position: int, chosen: Positions) -> GroupShare:
    same = np.asarray([label == labels[position] for label in labels])
    return GroupShare(labels[position], float(same.mean()), float(same[chosen].mean()) if len(chosen) else 0.0)


def _cluster_share(clusters: Clusters, position: int, chosen: Positions) -> GroupShare:
    codes = np.asarray(clusters.codes)
    same = codes == codes[position]
    return GroupShare(clusters.names[int(codes[position])], float(same.mean()), float(same[chosen].mean()) if len(chosen) else 0.0)
