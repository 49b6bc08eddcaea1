"""What a subset keeps of the whole, before paying for a run: classes, quality, lengths, and how far every row is from a chosen one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.progress import NEVER, Cancel, raise_if_cancelled
from sde_core.select.protocol import Positions, Selection, positions_of
from sde_core.select.seeding import seeded_priority
from sde_core.select.vendi import vendi_score

BLOCK_ROWS = 4096
SPREAD_ROWS = 256
LENGTH_EDGES = (0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Lower edges of the bins of a length histogram, in characters or tokens; the last bin has no upper edge."""

Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class RowFeatures:
    """What coverage is measured on, one entry a row.

    Attributes:
        rows: Record positions, int64[n].
        vectors: Embeddings of unit norm, float32[n, d].
        quality: float[n]; None where there is none.
        labels: The class of each row, "" where it has none; None where the data has no label.
        lengths: Characters of each answer, int64[n].
        tokens: Tokens of each row, int64[n]; None where they were not counted.
        token_source: What counted them, in words; "" where nothing did.
        sources: Where each row comes from: its file, split or source field, "" where it has none; None where the data does not say.
        scores: Other scores of each row by name, such as "ifd", float64[n]; NaN where a row has none.
    """

    rows: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    quality: npt.NDArray[np.floating] | None
    labels: Sequence[str] | None
    lengths: npt.NDArray[np.integer]
    tokens: npt.NDArray[np.int64] | None = None
    token_source: str = ""
    sources: Sequence[str] | None = None
    scores: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clusters:
    """What rows are about, as far as their embeddings tell.

    Attributes:
        names: The largest first.
        codes: The place of each row's cluster in `names`, int[n]; -1 where it has none.
    """

    names: tuple[str, ...]
    codes: npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class SubsetProfile:
    """One subset in figures.

    Attributes:
        rows: How many.
        classes: Rows of each class, most frequent in the whole first; classes of no row counted too.
        mean_quality: None where no quality is known.
        length_quantiles: Characters of the answer at 10 %, 50 % and 90 % of the rows.
        length_histogram: Rows in each bin of `LENGTH_EDGES`.
        spread: Mean cosine distance of a chosen row to the nearest other chosen one; None for the whole and for a single row.
        mean_distance: Mean cosine distance of the rows left out to the nearest chosen one; 0 where none is left out. Rows without a direction
            (empty texts) are near to nothing and do not count.
        covering_radius: The largest of those distances.
        vendi: How many rows with nothing in common the rows are worth (see `sde_core.select.vendi`).
        clusters: Rows of each cluster, largest in the whole first; empty where rows were not clustered.
        tokens: Tokens in all; None where they were not counted.
        token_quantiles: Tokens of a row at 10 %, 50 % and 90 % of the rows.
        token_histogram: Rows in each bin of `LENGTH_EDGES`, by tokens.
    """

    rows: int
    classes: Counts
    mean_quality: float | None
    length_quantiles: tuple[float, float, float]
    length_histogram: tuple[int, ...]
    spread: float | None
    mean_distance: float
    covering_radius: float
    vendi: float = 0.0
    clusters: Counts = ()
    tokens: int | None = None
    token_quantiles: tuple[float, float, float] | None = None
    token_histogram: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """A proposal beside the whole and beside as many random rows.

    Attributes:
        measured_rows: How many of the rows left out the distances were measured on; None for all. On a sample the covering radius is a lower bound.
        token_source: What counted the tokens, in words; "" where nothing did.
    """

    full: SubsetProfile
    proposal: SubsetProfile
    random: SubsetProfile
    seed: int
    measured_rows: int | None = None
    token_source: str = ""

    def to_json(self) -> dict[str, Any]:
        """The profiles as plain JSON values."""
        return asdict(self)


def coverage_of(
    features: RowFeatures,
    selection: Selection,
    *,
    sample: int | None = None,
    clusters: Clusters | None = None,
    earlier: Coverage | None = None,
    cancel: Cancel = NEVER,
) -> Coverage:
    """Compares a selection with all of `features` and with a random subset of equal size.

    Args:
        features: Every row that could have been chosen.
        selection: Its rows must be among them; others are left out of account.
        sample: Measure distances on so many rows left out, drawn by the selection's seed; None for all.
        clusters: What the rows are about.
        earlier: The coverage of another selection of the same features, clusters and sample; what did not change since is taken from it.
        cancel: Stops the work.
    """
    seed = selection.params.seed
    everyone = np.arange(len(features.rows))
    chosen = positions_of(features.rows, selection.rows)
    chosen = chosen[chosen >= 0]
    order = np.argsort(seeded_priority(features.rows, seed))

    def profile(subset: Positions) -> SubsetProfile:
        return _profile(features, subset, clusters, sample, order, cancel)

    if earlier is not None and earlier.token_source != features.token_source:
        earlier = None
    whole = profile(everyone) if earlier is None else earlier.full
    same_random = earlier is not None and (earlier.seed, earlier.random.rows) == (seed, len(chosen))
    random = earlier.random if earlier is not None and same_random else profile(order[: len(chosen)])
    measured_rows = sample if sample is not None and len(everyone) - len(chosen) > sample else None
    return Coverage(whole, profile(chosen), random, seed, measured_rows, features.token_source)


def distances_to_nearest(vectors: npt.NDArray[np.float32], chosen: Positions, targets: Positions, cancel: Cancel = NEVER) -> npt.NDArray[np.float32]:
    """Cosine distance of each target to the nearest chosen row, float32[targets]; never more than a block of similarities in memory."""
    nearest = np.full(len(targets), -1, dtype=np.float32)
    for start in range(0, len(targets), BLOCK_ROWS):
        block = vectors[targets[start : start + BLOCK_ROWS]]
        for first in range(0, len(chosen), BLOCK_ROWS):
            raise_if_cancelled(cancel)
            found = (block @ vectors[chosen[first : first + BLOCK_ROWS]].T).max(axis=1)
            nearest[start : start + BLOCK_ROWS] = np.maximum(nearest[start : start + BLOCK_ROWS], found)
    return np.asarray(np.clip(1 - nearest, 0, 2))


def _profile(
    features: RowFeatures, subset: Positions, clusters: Clusters | None, sample: int | None, order: Positions, cancel: Cancel
) -> SubsetProfile:
    distances = _distances(features, subset, sample, order, cancel)
    lengths = np.asarray(features.lengths)[subset]
    tokens = None if features.tokens is None else features.tokens[subset]
    return SubsetProfile(
        rows=len(subset),
        classes=_class_counts(features.labels, subset),
        mean_quality=float(np.mean(features.quality[subset])) if features.quality is not None and len(subset) else None,
        length_quantiles=_quantiles(lengths),
        length_histogram=_histogram(lengths),
        spread=_spread(features.vectors, subset, sample, cancel) if 1 < len(subset) < len(features.rows) else None,
        mean_distance=float(distances.mean()),
        covering_radius=float(distances.max()),
        vendi=vendi_score(features.vectors, subset, cancel=cancel),
        clusters=() if clusters is None else _cluster_counts(clusters, subset),
        tokens=None if tokens is None else int(tokens.sum()),
        token_quantiles=None if tokens is None else _quantiles(tokens),
        token_histogram=() if tokens is None else _histogram(tokens),
    )


def _distances(features: RowFeatures, subset: Positions, sample: int | None, order: Positions, cancel: Cancel) -> npt.NDArray[np.float32]:
    """Distances of rows left out to the nearest row of `subset`; one 0 where no row is left out."""
    left_out = np.ones(len(features.rows), dtype=bool)
    left_out[subset] = False
    left_out &= features.vectors.any(axis=1)
    targets = order[left_out[order]][:sample]
    return distances_to_nearest(features.vectors, subset, targets, cancel) if len(targets) else np.zeros(1, dtype=np.float32)


def _quantiles(lengths: npt.NDArray[np.integer]) -> tuple[float, float, float]:
    if not len(lengths):
        return 0.0, 0.0, 0.0
    tenth, median, ninetieth = (float(x) for x in np.quantile(lengths, (0.1, 0.5, 0.9)))
    return tenth, median, ninetieth


def _histogram(lengths: npt.NDArray[np.integer]) -> tuple[int, ...]:
    bins = np.searchsorted(LENGTH_EDGES, lengths, side="right") - 1
    return tuple(int(n) for n in np.bincount(bins, minlength=len(LENGTH_EDGES)))


def _cluster_counts(clusters: Clusters, subset: Positions) -> Counts:
    codes = np.asarray(clusters.codes)[subset]
    counts = np.bincount(codes[codes >= 0], minlength=len(clusters.names))
    return tuple((name, int(count)) for name, count in zip(clusters.names, counts, strict=True))


def _spread(vectors: npt.NDArray[np.float32], subset: Positions, sample: int | None, cancel: Cancel) -> float:
    nearest = []
    for start in range(0, len(subset[:sample]), SPREAD_ROWS):
        raise_if_cancelled(cancel)
        stop = min(start + SPREAD_ROWS, len(subset[:sample]))
        similarity = vectors[subset[start:stop]] @ vectors[subset].T
        similarity[np.arange(stop - start), np.arange(start, stop)] = -1
        nearest.append(similarity.max(axis=1))
    return float(np.clip(1 - np.concatenate(nearest), 0, 2).mean())


def _class_counts(labels: Sequence[str] | None, subset: Positions) -> Counts:
    if labels is None:
        return ()
    totals, counts = Counter(labels), Counter(labels[place] for place in subset.tolist())
    return tuple((name, counts[name]) for name in sorted(totals, key=lambda name: (-totals[name], name)))
