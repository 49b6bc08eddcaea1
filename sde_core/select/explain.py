"""Why a row was chosen: its quality, what it added, and the chosen row it is most like."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sde_core.progress import Cancel, raise_if_cancelled
from sde_core.select.dpp import quality_offsets
from sde_core.select.leaning import Leaning, leaned_by, leanings_of
from sde_core.select.protocol import Choice, Pick, Pool, Positions, SelectionParams
from sde_core.select.volume import ChosenVolume, unit_rows

BLOCK_ROWS = 1024
UNLIKE_BELOW = 0.5
REPEATS_ABOVE = 0.9


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of each chosen position, in order of choice.

    Attributes:
        gains: log-determinant differences, float64[k].
        nearest: Index (in order of choice) of the most similar earlier one, int64[k]; -1 for the first.
        similarity: Cosine similarity to it, float64[k].
        better_than: Share of the rows of lower quality, float64[k].
    """

    gains: npt.NDArray[np.float64]
    nearest: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]
    better_than: npt.NDArray[np.float64]


def explained(pool: Pool, choice: Choice, params: SelectionParams, cancel: Cancel) -> tuple[Pick, ...]:
    """A `Pick` for each chosen position, in order."""
    figures = figures_of(pool, choice.positions, params, cancel)
    n_locked = len(pool.locked)
    leaned = leaned_by(pool.rows, pool.vectors, leanings_of(params.liked, params.disliked), choice.positions)
    picks = (_pick(pool, choice, figures, place, locked=place < n_locked) for place in range(len(choice.positions)))
    return tuple(
        pick if by is None else replace(pick, reason=f"{pick.reason[:-1]}, {leaning_words(*by)}.") for pick, by in zip(picks, leaned, strict=True)
    )


def leaning_words(leaning: Leaning, similarity: float) -> str:
    """What likes and dislikes did to a row: "lifted by “more like 17” at similarity 0.82"."""
    return f"{'lifted' if leaning.weight > 0 else 'lowered'} by “{leaning.words()}” at similarity {_hundredths(similarity)}"


def figures_of(pool: Pool, chosen: Positions, params: SelectionParams, cancel: Cancel) -> Figures:
    """Gains and neighbours of any sequence of positions under the kernel of `params`."""
    exact = unit_rows(pool.vectors[chosen])
    volume = ChosenVolume(pool.vectors.shape[1], params.ridge)
    offsets = quality_offsets(pool.quality, params.balance, pool.plain_quality)[chosen]
    gains = offsets + volume.add_all(exact)[0]
    nearest, similarity = nearest_before(pool.vectors[chosen], cancel)
    quality = given_quality(pool)
    ordered = np.sort(quality)
    return Figures(gains, nearest, similarity, np.searchsorted(ordered, quality[chosen], side="left") / max(1, len(ordered)))


def given_quality(pool: Pool) -> npt.NDArray[np.float64]:
    """Quality as it was given, before likes and dislikes, float64[n]."""
    return pool.quality if pool.plain_quality is None else pool.plain_quality


def nearest_before(vectors: npt.NDArray[np.float32], cancel: Cancel) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """For each vector the most similar of those before it and the cosine similarity; -1 and 0 for the first. Equal ones: the earliest."""
    nearest, similarity = np.full(len(vectors), -1, dtype=np.int64), np.zeros(len(vectors))
    for start in range(0, len(vectors), BLOCK_ROWS):
        raise_if_cancelled(cancel)
        stop = min(start + BLOCK_ROWS, len(vectors))
        products = np.round(vectors[start:stop] @ vectors[:stop].T, 5)
        products[np.arange(stop)[None, :] >= np.arange(start, stop)[:, None]] = -np.inf
        nearest[start:stop] = products.argmax(axis=1)
        similarity[start:stop] = products[np.arange(stop - start), nearest[start:stop]]
    nearest[:1], similarity[:1] = -1, 0.0
    return nearest, np.clip(similarity, -1.0, 1.0)


def _pick(pool: Pool, choice: Choice, figures: Figures, place: int, *, locked: bool) -> Pick:
    position, before = int(choice.positions[place]), int(figures.nearest[place])
    pick = Pick(
        row=int(pool.rows[position]),
        quality=float(given_quality(pool)[position]) if pool.has_quality else None,
        gain=float(figures.gains[place]),
        nearest_row=int(pool.rows[choice.positions[before]]) if before >= 0 else None,
        nearest_similarity=float(figures.similarity[place]) if before >= 0 else None,
        reason="",
        locked=locked,
    )
    better_than = float(figures.better_than[place])
    headline = "Always in, since it is locked or accepted" if locked else choice.notes[place] or _headline(pick, better_than)
    return replace(pick, reason=f"{headline}: {_figures_in_words(pick, better_than)}.")


def _headline(pick: Pick, better_than: float) -> str:
    good = pick.quality is not None and better_than >= 0.5
    if pick.nearest_similarity is None:
        return "The best row to begin with" if good else "The first row"
    if pick.nearest_similarity >= REPEATS_ABOVE:
        return "Nearly repeats a chosen row, but nothing better was left"
    if pick.nearest_similarity >= UNLIKE_BELOW:
        return "Chosen for its quality, though related to a chosen row" if good else "The most that was left to add"
    return "Good, and unlike what was chosen before" if good else "Unlike what was chosen before"


def _figures_in_words(pick: Pick, better_than: float) -> str:
    parts = []
    if pick.quality is not None:
        parts.append(f"quality {_hundredths(pick.quality)} (above {int(100 * better_than)} % of rows)")
    if pick.nearest_similarity is None:
        parts.append("nothing was chosen before it")
    else:
        parts.append(f"nearest chosen row {pick.nearest_row:,} at similarity {_hundredths(pick.nearest_similarity)}")
    return ", ".join([*parts, f"gain {_hundredths(pick.gain, '+')}"])


def _hundredths(value: float, sign: str = "-") -> str:
    """Two decimals; never minus zero."""
    return f"{round(value, 2) + 0.0:{sign}.2f}"
