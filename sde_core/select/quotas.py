"""Quotas: how many rows each class, source or cluster gets, and how any selector keeps to that.

A selector with `keeps_quota` passes over rows of groups that are full while it chooses, so that its picks see those of all groups: greedy over a
partition matroid, at least half of the best for a monotone submodular objective (Fisher, Nemhauser, Wolsey 1978). Any other selector is called for
each group by itself, and the picks are merged so that all groups fill evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.errors import UsageError
from sde_core.progress import Cancel, Progress, silent
from sde_core.select.kmeans import k_means
from sde_core.select.protocol import EQUAL, PROPORTIONAL, QUOTA_KINDS, Choice, Pool, Positions, Quota, SelectionParams, Selector, held_name
from sde_core.visible import visible

MOST_CLUSTERS = 50
SHOWN_GROUPS = 8
LEAST_WEIGHT = 1e-9
"""A smaller part of the largest weight counts as this much."""
Counts = npt.NDArray[np.int64]


def groups_of(pool: Pool, sources: npt.NDArray[np.str_] | None, params: SelectionParams, cancel: Cancel) -> npt.NDArray[np.str_] | None:
    """The name of each row's group, str[n]; None without quotas.

    Raises:
        UsageError: When the rows have no such groups.
    """
    if not params.quota_by:
        return None
    if params.quota_by == "class":
        return _known(pool.labels, pool, "class", "Name the field with --map label=FIELD.")
    if params.quota_by == "source":
        return _known(sources, pool, "source", "Open several files together, or name a field that says it with --source-field.")
    if params.quota_by == "cluster":
        return clusters_of(pool, params, cancel)
    raise UsageError(f"There are no quotas by {visible(params.quota_by, 40)}.", f"Use one of {', '.join(QUOTA_KINDS)}.")


def clusters_of(pool: Pool, params: SelectionParams, cancel: Cancel) -> npt.NDArray[np.str_]:
    """Clusters of the embeddings by name, the largest "1", str[n]; banned rows are in "" and none of the clusters."""
    allowed = np.flatnonzero(pool.allowed)
    count = params.clusters or max(2, min(MOST_CLUSTERS, round(np.sqrt(len(allowed) / 2))))
    names = np.full(len(pool.rows), "", dtype="U12")
    names[allowed] = (k_means(pool.vectors[allowed], count, pool.priority[allowed], seed=params.seed, cancel=cancel).labels + 1).astype(str)
    return names


def quota_for(pool: Pool, params: SelectionParams, k: int) -> Quota | None:
    """Rows of each group in a subset of `k`, by largest remainder; None without quotas.

    Raises:
        UsageError: When a group named does not exist, or has fewer rows than its share.
    """
    if pool.groups is None:
        return None
    names, codes = np.unique(pool.groups, return_inverse=True)
    available = np.bincount(codes[pool.allowed], minlength=len(names))
    locked = np.bincount(codes[pool.locked], minlength=len(names))
    if params.quotas:
        weights = _weights(params.quotas, names)
        _require_enough(weights, available, locked, k, names, params.quota_by)
    elif params.quota_split in (PROPORTIONAL, EQUAL):
        weights = available.astype(float) if params.quota_split == PROPORTIONAL else (available > 0).astype(float)
    else:
        raise UsageError(f"A quota split {visible(params.quota_split, 40)} means nothing.", f"Use {PROPORTIONAL}, {EQUAL}, or shares by name.")
    return Quota(tuple(map(str, names)), codes, bounded_shares(weights, locked, available, k))


def bounded_shares(weights: npt.NDArray[np.float64], least: Counts, most: Counts, k: int) -> Counts:
    """Whole numbers that sum to `k`, in proportion to `weights` by largest remainder, each within [least, most].

    Groups that their bounds hold keep those, and the others share the rest. Where groups of weight 0 have to fill up, they do so by what they have.
    """
    weighed = weights > 0
    if most[weighed].sum() + least[~weighed].sum() < k:
        rest = bounded_shares(most[~weighed].astype(float), least[~weighed], most[~weighed], k - int(most[weighed].sum()))
        return np.asarray(np.where(weighed, most, _scattered(rest, ~weighed)))
    weights = np.where(weighed, np.maximum(weights / weights.max(initial=1e-300), LEAST_WEIGHT), 0.0)
    shares = np.clip(_scale(weights, least, most, k) * weights, least, most)
    counts = np.clip(np.floor(shares + 1e-9).astype(np.int64), least, most)
    order = np.argsort(-(shares - counts), kind="stable")
    while (missing := k - int(counts.sum())) > 0:
        open_groups = order[(counts[order] < most[order]) & weighed[order]]
        counts[open_groups[:missing]] += 1
    return counts


def _scattered(values: Counts, places: npt.NDArray[np.bool_]) -> Counts:
    whole = np.zeros(len(places), dtype=np.int64)
    whole[places] = values
    return whole


def _scale(weights: npt.NDArray[np.float64], least: Counts, most: Counts, k: int) -> float:
    """λ with Σ clip(λ·weights, least, most) = k, by bisection."""
    low, high = 0.0, float(k) / float(weights[weights > 0].min(initial=1.0))
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if np.clip(middle * weights, least, most).sum() >= k else (middle, high)
    return high


def choose_within(selector: Selector, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
    """What the selector chooses of the pool, keeping to the pool's quota where it has one."""
    if pool.quota is None:
        return selector.choose(pool, params, cancel, progress)
    keeps = getattr(selector, "keeps_quota", False)
    choice = selector.choose(pool, params, cancel, progress) if keeps else _by_group(selector, pool, pool.quota, params, cancel)
    return replace(choice, remarks=(*choice.remarks, *_quota_remarks(pool, pool.quota, params)))


def filling(chosen: Iterator[int], pool: Pool, close: Callable[[Positions], None]) -> Iterator[int]:
    """Passes positions on as they are chosen and closes each group of the pool's quota as soon as it is full."""
    quota = pool.quota
    if quota is None:
        yield from chosen
        return
    room = quota.room_after(pool.locked)
    close(np.flatnonzero(room[quota.codes] <= 0))
    for position in chosen:
        yield position
        code = int(quota.codes[position])
        room[code] -= 1
        if room[code] == 0:
            close(np.flatnonzero(quota.codes == code))


def _by_group(selector: Selector, pool: Pool, quota: Quota, params: SelectionParams, cancel: Cancel) -> Choice:
    positions, notes, fill = [], [], []
    for code in np.flatnonzero(quota.limits):
        members = np.flatnonzero(quota.codes == code)
        choice = selector.choose(_part(pool, members), replace(params, k=int(quota.limits[code])), cancel, silent)
        positions.append(members[choice.positions])
        notes += list(choice.notes)
        fill.append((np.arange(len(choice.positions)) + 0.5) / len(choice.positions))
    together = np.concatenate(positions)
    order = np.lexsort((pool.priority[together], np.concatenate(fill), ~np.isin(together, pool.locked)))
    remark = f"Each {params.quota_by} was chosen from by itself."
    return Choice(together[order], tuple(notes[place] for place in order), (remark,))


def _part(pool: Pool, members: Positions) -> Pool:
    """The pool of some of its positions, with a numbering of its own."""
    place = np.full(len(pool.rows), -1, dtype=np.int64)
    place[members] = np.arange(len(members))
    locked = place[pool.locked]
    by_row: dict[str, Any] = {f.name: getattr(pool, f.name) for f in fields(Pool) if f.name not in ("locked", "scores", "quota", "has_quality")}
    parts: dict[str, Any] = {name: None if values is None else values[members] for name, values in by_row.items()}
    scores = {name: values[members] for name, values in pool.scores.items()}
    return replace(pool, **parts, scores=scores, locked=locked[locked >= 0], quota=None)


def _known(values: npt.NDArray[np.str_] | None, pool: Pool, kind: str, hint: str) -> npt.NDArray[np.str_]:
    if values is None or not np.any(values[pool.allowed] != ""):
        raise UsageError(f"Quotas by {kind} need a {kind} for each row.", hint)
    return values


def _weights(quotas: tuple[tuple[str, float], ...], names: npt.NDArray[np.str_]) -> npt.NDArray[np.float64]:
    weights, place = np.zeros(len(names)), {str(name): index for index, name in enumerate(names)}
    largest = max(share for _, share in quotas) or 1.0
    for name, share in quotas:
        if held_name(name) not in place:
            shown = ", ".join(visible(str(known), 30) for known in names[:20] if known)
            raise UsageError(f"There is no group {visible(name, 60)} to give a quota.", f"There are: {shown}.")
        if not share >= 0 or not np.isfinite(share):
            raise UsageError(f"A share of {share:g} for {visible(name, 60)} means nothing.", "Use numbers that are not below 0.")
        weights[place[held_name(name)]] += share / largest
    if not weights.sum() > 0:
        raise UsageError("All quotas are 0.", "Give at least one group a share above 0.")
    return np.asarray(weights / weights.sum())


def _require_enough(weights: npt.NDArray[np.float64], available: Counts, locked: Counts, k: int, names: npt.NDArray[np.str_], kind: str) -> None:
    unbounded = bounded_shares(weights, np.zeros_like(locked), np.full_like(available, k), k)
    group = int(np.argmax(unbounded - available))
    if unbounded[group] > available[group]:
        named = group_name(str(names[group]), kind)
        most = int(available[group] / weights[group]) if weights[group] else 0
        raise UsageError(
            f"The quota of {named} is {unbounded[group]:,} rows but only {available[group]:,} can be chosen.",
            f"Ask for at most {most:,} rows in all, or give {named} a smaller share.",
        )
    over = np.flatnonzero((locked > 0) & (weights == 0))
    if len(over):
        name = str(names[over[0]])
        whose = f"Rows of {group_name(name, kind)}" if name else f"Rows without a {kind}"
        raise UsageError(f"{whose} are locked, and their quota is 0.", f"Unlock them, or give them a share: --quota {visible(name, 40)}=1")


def group_name(name: str, kind: str) -> str:
    """A group as a sentence names it."""
    return f"{kind} {visible(name, 40)}" if name else f"the rows without a {kind}"


def _quota_remarks(pool: Pool, quota: Quota, params: SelectionParams) -> tuple[str, ...]:
    order = [int(code) for code in np.argsort(-quota.limits, kind="stable") if quota.limits[code]]
    shown = ", ".join(f"{visible(quota.names[code], 30) or 'none'} {quota.limits[code]:,}" for code in order[:SHOWN_GROUPS])
    more = f", and {len(order) - SHOWN_GROUPS:,} more" if len(order) > SHOWN_GROUPS else ""
    split = "by hand" if params.quotas else params.quota_split
    said = [f"Quotas by {params.quota_by} ({split}): {shown}{more}."]
    available = np.bincount(quota.codes[pool.allowed], minlength=len(quota.names))
    short = [code for code in order if quota.limits[code] == available[code] < quota.limits.max()]
    if short and params.quota_split == EQUAL and not params.quotas:
        names = ", ".join(group_name(quota.names[code], params.quota_by) for code in short[:3])
        said.append(
            f"{names}{' and others' if len(short) > 3 else ''} {'has' if len(short) == 1 else 'have'} no more rows; the others share the rest."
        )
    return tuple(said)
