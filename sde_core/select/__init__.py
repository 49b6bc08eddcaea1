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
from sde_core.select.budget import WithinBudget
from sde_core.select.car import ClusterAndRank
from sde_core.select.coverage import Coverage, RowFeatures, SubsetProfile, coverage_of
from sde_core.select.deita import DeitaFilter
from sde_core.select.dpp import QualityDiversityDpp, kernel_statement
from sde_core.select.explain import explained
from sde_core.select.facility import FacilityLocation
from sde_core.select.ifd import IFD, SUPERFILTERING
from sde_core.select.kcenter import KCenterGreedy
from sde_core.select.pool import RowFacts, pool_of
from sde_core.select.protocol import (
    DEFAULT_BALANCE,
    DEFAULT_MAX_SIMILARITY,
    DEFAULT_RIDGE,
    DEFAULT_TAU,
    Pick,
    Selection,
    SelectionParams,
    Selector,
    require_size,
    rows_wanted,
)
from sde_core.select.semdedup import SemDeDup
from sde_core.select.weighted import GumbelTopK, SoftmaxSample

__all__ = [
    "DEFAULT_BALANCE",
    "DEFAULT_MAX_SIMILARITY",
    "DEFAULT_RIDGE",
    "DEFAULT_TAU",
    "SELECTORS",
    "Coverage",
    "Pick",
    "RowFacts",
    "RowFeatures",
    "Selection",
    "SelectionParams",
    "Selector",
    "SubsetProfile",
    "coverage_of",
    "rows_wanted",
    "select",
]

SELECTORS: tuple[Selector, ...] = (
    QualityDiversityDpp(), UniformSample(), StratifiedSample(), TopQuality(), GumbelTopK(), SoftmaxSample(), KCenterGreedy(), FacilityLocation(),
    DeitaFilter(), SemDeDup(), ClusterAndRank(), IFD, SUPERFILTERING,
)  # fmt: skip


def select(
    rows: npt.NDArray[np.integer],
    vectors: npt.NDArray[np.float32],
    quality: npt.NDArray[np.floating] | None,
    params: SelectionParams,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
    *,
    labels: Sequence[str | None] | None = None,
    facts: RowFacts | None = None,
    through: Callable[[Selector], Selector] | None = None,
) -> Selection:
    """Chooses exactly `params.k` of `rows`, or as many of them as `params.tokens` allows.

    Args:
        rows: Record positions, int[n], each once.
        vectors: Their embeddings, float32[n, d]; brought to unit norm where they are not.
        quality: Their quality, higher is better, float[n]; None where there is none.
        params: Method, size, seed, balance, locked and banned rows, quotas, budget.
        cancel: Stops the work.
        progress: Called with (rows chosen, rows wanted).
        labels: Their classes, for "stratified"; shorthand for `facts`.
        facts: What else is known of them: classes, sources, tokens, other scores.
        through: Wraps the selector, as `sde_core.select.resolve` does to go on from an earlier solution.

    Raises:
        UsageError: When the request cannot be met as it stands.
        CancelledError: When `cancel` was set.
    """
    selector = next((s for s in SELECTORS if s.name == params.method), None)
    if selector is None:
        raise UsageError(f"There is no selector called {params.method}.", f"Choose one of {', '.join(s.name for s in SELECTORS)}.")
    pool = pool_of(rows, vectors, quality, facts or RowFacts(labels=labels), params, cancel)
    require_size(params.k, int(pool.allowed.sum()))
    if params.k < len(pool.locked):
        raise UsageError(f"{len(pool.locked):,} rows are locked but only {params.k:,} are wanted.", "Unlock some rows or ask for more.")
    budgeted = WithinBudget(selector)
    choice = (budgeted if through is None else through(budgeted)).choose(pool, params, cancel, progress)
    picks = explained(pool, choice, params, cancel)
    return Selection(picks, kernel_statement(params), params, int(pool.allowed.sum()), choice.remarks, choice.figures)
