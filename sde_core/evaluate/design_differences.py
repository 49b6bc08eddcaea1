"""Differences between designs, and between wordings of the instruction, with intervals over test records and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde_core.evaluate.bootstrap import Interval, paired_interval
from sde_core.evaluate.design_grid import Cell, DesignInput

Scores = Mapping[tuple[int, int], Sequence[float]]
"""Scores of the records, 0 to 1 each, by (wording, seed)."""
_ALPHA = 0.05
_SHOWN = 0.0005
"""A lower end that is shown as 0.000 is not above it."""


@dataclass(frozen=True)
class DesignDifference:
    """How far the best design is from another one.

    Attributes:
        best: The design with the highest mean.
        other: The one it is compared with.
        domain: "test" or "ood".
        size: Training records of both.
        wordings: Wordings of the instruction that are averaged over in each run.
        interval: Of the difference; its level counts all pairs of designs in all domains, since the best is known by looking.
    """

    best: str
    other: str
    domain: str
    size: int
    wordings: int
    interval: Interval


@dataclass(frozen=True)
class WordingDifference:
    """How far a design's best wording of the instruction is from its worst one.

    Attributes:
        design: As the request names it.
        best: Number of the wording with the highest mean, from 0.
        worst: That of the lowest.
        domain: "test" or "ood".
        size: Training records.
        interval: Of the difference; its level counts all pairs of wordings of all designs in all domains.
    """

    design: str
    best: int
    worst: int
    domain: str
    size: int
    interval: Interval


def is_shown(interval: Interval) -> bool:
    """Whether the first of a pair is higher, also in the decimals that are shown."""
    return interval.low >= _SHOWN


def design_differences(given: DesignInput, done: Mapping[str, dict[str, Any]]) -> Iterator[DesignDifference]:
    """The best design against each other one, in each domain, at the size that tells most: see `_weight`."""
    for domain in given.records:
        by_size = {size: _scores_by_design(given, done, size, domain) for size in set(given.request.sizes)}
        size = max(by_size, key=lambda size: (_weight(by_size[size]), size))
        if len(by_size[size]) > 1:
            yield from differences_of(by_size[size], domain, size, clusters=_clusters(given, domain), domains=len(given.records))


def _scores_by_design(given: DesignInput, done: Mapping[str, dict[str, Any]], size: int, domain: str) -> dict[str, Scores]:
    return {name: scores for name in given.request.designs if (scores := record_scores_of(given, done, name, size, domain))}


def _weight(found: Mapping[str, Scores]) -> tuple[int, int]:
    """Two seeds of every design tell more than one, and more designs tell more than fewer; beyond that the larger size counts."""
    seeds = [len({seed for _, seed in scores}) for scores in found.values()]
    return (min(*seeds, 2), len(found)) if len(found) > 1 else (0, 0)


def record_scores_of(given: DesignInput, done: Mapping[str, dict[str, Any]], design: str, size: int, domain: str) -> Scores:
    """Scores of the records by (wording, seed) of a design's finished runs; a result that is not of these records is left out."""
    count = len(given.records[domain])
    return {
        (cell.wording, cell.seed): scores
        for cell in given.cells
        if cell.design == design and cell.size == size and (scores := _record_scores(done, cell, domain)) is not None and len(scores) == count
    }


def _record_scores(done: Mapping[str, dict[str, Any]], cell: Cell, domain: str) -> Sequence[float] | None:
    part = done.get(cell.name, {}).get(domain)
    return part["of_record"] if part is not None else None


def _clusters(given: DesignInput, domain: str) -> NDArray[np.int64]:
    """int64[n]: records of the same text are one piece of evidence."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(record.text, len(numbers)) for record in given.records[domain]], np.int64)


def differences_of(
    found: Mapping[str, Scores], domain: str, size: int, *, clusters: NDArray[np.int64] | None = None, domains: int = 1
) -> Iterator[DesignDifference]:
    """The best of some designs against each other one, over the runs that both have.

    Args:
        found: Scores by design.
        domain: What they were scored on.
        size: Training records.
        clusters: int64[n], records of the same number are resampled together; every record by itself when omitted.
        domains: How many domains are told of.
    """
    best = max(found, key=lambda name: float(np.mean(list(found[name].values()))))
    # The best one is known by looking, so that every pair may be the one that is told of (Bonferroni over all of them).
    level = 1 - _ALPHA / (len(list(combinations(found, 2))) * domains)
    for other in (name for name in found if name != best):
        runs, wordings = _paired_runs(found[best], found[other])
        if runs.size:
            yield DesignDifference(best, other, domain, size, wordings, _interval(runs, clusters, level))


def _interval(runs: NDArray[np.float64], clusters: NDArray[np.int64] | None, level: float) -> Interval:
    """The interval of differences of shares, which cannot be further than 1 from 0."""
    found = paired_interval(runs, clusters=clusters, level=level)
    return replace(found, low=max(found.low, -1.0), high=min(found.high, 1.0))


def _paired_runs(one: Scores, other: Scores) -> tuple[NDArray[np.float64], int]:
    """float64[s, n]: one less the other by seed, averaged over the wordings that both have; and how many wordings those are.

    Wordings are chosen by the user and not drawn, so that only seeds count as repetitions. A seed that lacks a wording is left out.
    """
    wordings_of: dict[int, set[int]] = {}
    for wording, seed in one:
        if (wording, seed) in other:
            wordings_of.setdefault(seed, set()).add(wording)
    if not wordings_of:
        return np.empty((0, 0)), 0
    shared: set[int] = max(wordings_of.values(), key=len)
    seeds = [seed for seed, wordings in wordings_of.items() if wordings >= shared]
    runs = [np.mean([np.subtract(one[wording, seed], other[wording, seed]) for wording in shared], axis=0) for seed in seeds]
    return np.array(runs), len(shared)


def wording_differences(given: DesignInput, done: Mapping[str, dict[str, Any]]) -> Iterator[WordingDifference]:
    """Each design's best wording against its worst one, at the largest size that it has both at, in each domain."""
    pairs = len(list(combinations(set(given.request.wordings), 2)))
    level = 1 - _ALPHA / max(pairs * len(given.request.designs) * len(given.records), 1)
    for domain in given.records:
        for design in given.request.designs:
            for size in sorted(set(given.request.sizes), reverse=True):
                scores = record_scores_of(given, done, design, size, domain)
                if len({wording for wording, _ in scores}) > 1:
                    yield from _wording_difference(scores, design, domain, size, _clusters(given, domain), level)
                    break


def _wording_difference(
    scores: Scores, design: str, domain: str, size: int, clusters: NDArray[np.int64], level: float
) -> Iterator[WordingDifference]:
    means = {wording: float(np.mean([scores[key] for key in scores if key[0] == wording])) for wording in sorted({key[0] for key in scores})}
    best = max(means, key=lambda wording: means[wording])
    worst = min((wording for wording in means if wording != best), key=lambda wording: means[wording])
    seeds = [seed for wording, seed in scores if wording == best and (worst, seed) in scores]
    if seeds:
        runs = np.array([np.subtract(scores[best, seed], scores[worst, seed]) for seed in seeds])
        yield WordingDifference(design, best, worst, domain, size, _interval(runs, clusters, level))
