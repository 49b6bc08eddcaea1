"""Choosing a subset, with the reason for each row.

A new selector is one class with `name`, `definition` and `choose` (see `protocol.Selector`) and one line in `SELECTORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.select.baselines import StratifiedSample, TopQuality, UniformSample
from sde_core.select.coverage import Coverage, RowFeatures, SubsetProfile, coverage_of
from sde_core.select.dpp import QualityDiversityDpp, kernel_statement
from sde_core.select.explain import explained
from sde_core.select.kcenter import KCenterGreedy
from sde_core.select.leaning import lean, leaned_quality, leanings_of
from sde_core.select.protocol import (
    DEFAULT_BALANCE,
    DEFAULT_MAX_SIMILARITY,
    DEFAULT_RIDGE,
    Pick,
    Pool,
    Selection,
    SelectionParams,
    Selector,
    positions_of,
    require_size,
    rows_wanted,
)
from sde_core.select.seeding import seeded_priority

__all__ = [
    "DEFAULT_BALANCE",
    "DEFAULT_MAX_SIMILARITY",
    "DEFAULT_RIDGE",
    "SELECTORS",
    "Coverage",
    "Pick",
    "RowFeatures",
    "Selection",
    "SelectionParams",
    "Selector",
    "SubsetProfile",
    "coverage_of",
    "rows_wanted",
    "select",
]

SELECTORS: tuple[Selector, ...] = (QualityDiversityDpp(), UniformSample(), StratifiedSample(), TopQuality(), KCenterGreedy())


def select(
    rows: npt.NDArray[np.integer],
    vectors: npt.NDArray[np.float32],
    quality: npt.NDArray[np.floating] | None,
    params: SelectionParams,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
    *,
    labels: Sequence[str | None] | None = None,
    through: Callable[[Selector], Selector] | None = None,
) -> Selection:
    """Chooses exactly `params.k` of `rows`.

    Args:
        rows: Record positions, int[n], each once.
        vectors: Their embeddings, float32[n, d]; brought to unit norm where they are not.
        quality: Their quality, higher is better, float[n]; None where there is none.
        params: Method, size, seed, balance, locked and banned rows.
        cancel: Stops the work.
        progress: Called with (rows chosen, rows wanted).
        labels: Their classes, for "stratified".
        through: Wraps the selector, as `sde_core.select.resolve` does to go on from an earlier solution.

    Raises:
        UsageError: When the request cannot be met as it stands.
        CancelledError: When `cancel` was set.
    """
    selector = next((s for s in SELECTORS if s.name == params.method), None)
    if selector is None:
        raise UsageError(f"There is no selector called {params.method}.", f"Choose one of {', '.join(s.name for s in SELECTORS)}.")
    pool = _pool(rows, vectors, quality, params, labels)
    require_size(params.k, int(pool.allowed.sum()))
    if params.k < len(pool.locked):
        raise UsageError(f"{len(pool.locked):,} rows are locked but only {params.k:,} are wanted.", "Unlock some rows or ask for more.")
    choice = (selector if through is None else through(selector)).choose(pool, params, cancel, progress)
    picks = explained(pool, choice, params, cancel)
    return Selection(picks, kernel_statement(params), params, int(pool.allowed.sum()), choice.remarks, choice.figures)


def _pool(
    rows: npt.NDArray[np.integer],
    vectors: npt.NDArray[np.float32],
    quality: npt.NDArray[np.floating] | None,
    params: SelectionParams,
    labels: Sequence[str | None] | None,
) -> Pool:
    _require_sound(rows, vectors, quality, params)
    positions = np.asarray(rows, dtype=np.int64)
    allowed = np.ones(len(positions), dtype=bool)
    banned = positions_of(positions, params.banned)
    allowed[banned[banned >= 0]] = False
    unit = _unit_norm(np.ascontiguousarray(vectors, dtype=np.float32))
    plain = np.zeros(len(positions)) if quality is None else np.asarray(quality, dtype=np.float64)
    leanings = leanings_of(params.liked, params.disliked)
    return Pool(
        rows=positions,
        vectors=unit,
        quality=leaned_quality(plain, lean(positions, unit, leanings)) if leanings else plain,
        has_quality=quality is not None,
        labels=None if labels is None else np.asarray([label or "" for label in labels], dtype=np.str_),
        allowed=allowed,
        locked=_locked_positions(positions, params),
        priority=seeded_priority(positions, params.seed),
        plain_quality=plain if leanings else None,
    )


def _require_sound(
    rows: npt.NDArray[np.integer], vectors: npt.NDArray[np.float32], quality: npt.NDArray[np.floating] | None, params: SelectionParams
) -> None:
    if len(vectors) != len(rows) or (quality is not None and len(quality) != len(rows)):
        raise UsageError(f"{len(rows):,} rows came with {len(vectors):,} embeddings and {len(rows if quality is None else quality):,} qualities.")
    if quality is not None and not np.isfinite(quality).all():
        raise UsageError(
            f"The quality of row {int(rows[~np.isfinite(quality)][0])} is not a number.", "Score the rows again, or leave the quality out."
        )
    if not 0 <= params.balance <= 1:
        raise UsageError(f"A balance of {params.balance:g} means nothing.", "Use 0 (diversity alone) to 1 (quality alone).")
    if not 0 < params.max_similarity <= 1:
        raise UsageError(f"A highest similarity of {params.max_similarity:g} means nothing.", "Use a number above 0; 1 lets copies in.")
    if not params.ridge > 0:
        raise UsageError(f"A ridge of {params.ridge:g} leaves no room beyond the embedding's dimension.", "Use a number above 0.")


def _locked_positions(rows: npt.NDArray[np.int64], params: SelectionParams) -> npt.NDArray[np.int64]:
    wanted = sorted(set(params.locked))
    both = set(wanted) & set(params.banned)
    if both:
        raise UsageError(f"Row {min(both)} is locked and banned at once.", "Lift one of the two.")
    found = positions_of(rows, wanted)
    if (found < 0).any():
        missing = wanted[int(np.argmin(found))]
        raise UsageError(f"Row {missing} is locked but is not among the rows to choose from.", "It does not exist, cannot be read, or was rejected.")
    return found


def _unit_norm(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    if not np.isfinite(norms).all():
        raise UsageError(f"The embedding of row number {int(np.argmin(np.isfinite(norms)))} holds a value that is not a number.")
    unit = np.abs(norms - 1) < 1e-4
    return vectors if (unit | (norms == 0)).all() else np.asarray(vectors / np.where(norms > 0, norms, 1)[:, None])
