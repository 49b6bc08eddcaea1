"""From what is known of rows and what is asked to the pool that a selector chooses from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel
from sde_core.select.leaning import lean, leaned_quality, leanings_of
from sde_core.select.protocol import Pool, SelectionParams, held_name, positions_of
from sde_core.select.quotas import groups_of
from sde_core.select.seeding import seeded_priority


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What is known of each row beside its embedding and quality; everything may be missing.

    Attributes:
        labels: Its class.
        sources: Where it comes from.
        tokens: How many it has, int64[n].
        scores: Other scores by name, float64[n]; NaN where a row has none.
    """

    labels: Sequence[str | None] | None = None
    sources: Sequence[str | None] | None = None
    tokens: npt.NDArray[np.int64] | None = None
    scores: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)


def pool_of(
    rows: npt.NDArray[np.integer],
    vectors: npt.NDArray[np.float32],
    quality: npt.NDArray[np.floating] | None,
    facts: RowFacts,
    params: SelectionParams,
    cancel: Cancel = NEVER,
) -> Pool:
    """The pool, with locked and banned rows, likes, dislikes and groups as `params` asks.

    Raises:
        UsageError: When the request makes no sense for these rows.
    """
    _require_sound(rows, vectors, quality, facts, params)
    positions = np.asarray(rows, dtype=np.int64)
    allowed = np.ones(len(positions), dtype=bool)
    banned = positions_of(positions, params.banned)
    allowed[banned[banned >= 0]] = False
    unit = _unit_norm(np.ascontiguousarray(vectors, dtype=np.float32))
    plain = np.zeros(len(positions)) if quality is None else np.asarray(quality, dtype=np.float64)
    leanings = leanings_of(params.liked, params.disliked)
    pool = Pool(
        rows=positions,
        vectors=unit,
        quality=leaned_quality(plain, lean(positions, unit, leanings)) if leanings else plain,
        has_quality=quality is not None,
        labels=_known(_texts(facts.labels)),
        allowed=allowed,
        locked=_locked_positions(positions, params),
        priority=seeded_priority(positions, params.seed),
        tokens=facts.tokens,
        scores=facts.scores,
        plain_quality=plain if leanings else None,
    )
    return replace(pool, groups=groups_of(pool, _texts(facts.sources), params, cancel)) if params.quota_by and allowed.any() else pool


def _texts(values: Sequence[str | None] | None) -> npt.NDArray[np.str_] | None:
    return None if values is None else np.asarray([held_name(value or "") for value in values], dtype=np.str_)


def _known(texts: npt.NDArray[np.str_] | None) -> npt.NDArray[np.str_] | None:
    """The texts, None where all of them are empty."""
    return texts if texts is not None and (texts != "").any() else None


def _require_sound(
    rows: npt.NDArray[np.integer],
    vectors: npt.NDArray[np.float32],
    quality: npt.NDArray[np.floating] | None,
    facts: RowFacts,
    params: SelectionParams,
) -> None:
    if len(vectors) != len(rows) or (quality is not None and len(quality) != len(rows)):
        raise UsageError(f"{len(rows):,} rows came with {len(vectors):,} embeddings and {len(rows if quality is None else quality):,} qualities.")
    for name, values in {"classes": facts.labels, "sources": facts.sources, "token counts": facts.tokens, **facts.scores}.items():
        if values is not None and len(values) != len(rows):
            raise UsageError(f"{len(rows):,} rows came with {len(values):,} {name}.")
    if quality is not None and not np.isfinite(quality).all():
        raise UsageError(
            f"The quality of row {int(rows[~np.isfinite(quality)][0])} is not a number.", "Score the rows again, or leave the quality out."
        )
    _require_sound_params(params)


def _require_sound_params(params: SelectionParams) -> None:
    if not 0 <= params.balance <= 1:
        raise UsageError(f"A balance of {params.balance:g} means nothing.", "Use 0 (diversity alone) to 1 (quality alone).")
    if not 0 < params.max_similarity <= 1:
        raise UsageError(f"A highest similarity of {params.max_similarity:g} means nothing.", "Use a number above 0; 1 lets copies in.")
    if not 0 < params.tau < np.inf:
        raise UsageError(f"A temperature τ of {params.tau:g} means nothing.", "Use a number above 0; near 0 the best rows are taken.")
    if not params.ridge > 0:
        raise UsageError(f"A ridge of {params.ridge:g} leaves no room beyond the embedding's dimension.", "Use a number above 0.")
    if params.clusters < 0:
        raise UsageError(f"{params.clusters} clusters cannot be made.", "Use a number from 1, or 0 for one that fits the rows.")


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
