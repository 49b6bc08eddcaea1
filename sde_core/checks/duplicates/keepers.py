"""Which row of a group stays, and why each of the others goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from sde_core.checks.duplicates.groups import GroupTable
from sde_core.checks.duplicates.likeness import Likeness

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

KeepPolicy = Literal["first", "longest", "quality"]
KEEP_POLICIES: tuple[KeepPolicy, ...] = get_args(KeepPolicy)
POLICY_WORDS = {"first": "comes first", "longest": "has the longest answer", "quality": "has the best quality"}


def preference(policy: KeepPolicy, answer_lengths: I64, quality: F32 | None = None) -> I64:
    """int64[n]: rank of each position as a keeper, 0 the best; equals are ranked by file order.

    Args:
        policy: What makes a row worth keeping.
        answer_lengths: int64[n], characters.
        quality: float32[n], needed by "quality"; NaN ranks last.
    """
    n = len(answer_lengths)
    if policy == "longest":
        order = np.argsort(-answer_lengths, kind="stable")
    elif policy == "quality" and quality is not None:
        order = np.argsort(-np.nan_to_num(quality, nan=-np.inf), kind="stable")
    else:
        order = np.arange(n)
    ranks = np.empty(n, np.int64)
    ranks[order] = np.arange(n)
    return ranks


@dataclass(frozen=True)
class KeepPlan:
    """What keeping one of each group does.

    Attributes:
        keepers: int64[g], position of the row that each group keeps.
        dropped: int64[d], positions that go.
        kept: int64[d], for each the row that stays in its place.
        kinds: uint8[d], what the two are to each other, a place in `KINDS`.
        scores: float32[d], similarity of the two.
        also_kept: Positions that stay although they are in a group: too unlike the rows kept before them.
    """

    keepers: I64
    dropped: I64
    kept: I64
    kinds: npt.NDArray[np.uint8]
    scores: F32
    also_kept: I64


def keep_plan(groups: GroupTable, ranks: I64, likeness: Likeness) -> KeepPlan:
    """Keeps the best row of every group and drops what is like it.

    A chain of near-duplicates may join rows that have little in common. So a row is dropped only where it is itself like the kept row, at
    least at the floor down to which pairs are kept; the rest of the group goes through the same again with its own best row.

    Args:
        groups: Groups that share no row.
        ranks: int64[n], see `preference`.
        likeness: Compares two positions.
    """
    members, group = groups.members, groups.group_of_member()
    parts: list[tuple[I64, I64, npt.NDArray[np.uint8], F32]] = []
    rounds: list[I64] = []
    while len(members):
        best = np.full(len(groups), np.iinfo(np.int64).max)
        np.minimum.at(best, group, ranks[members])
        is_best = ranks[members] == best[group]
        keeper = np.full(len(groups), -1, np.int64)
        keeper[group[is_best]] = members[is_best]
        rounds.append(keeper)
        members, group = members[~is_best], group[~is_best]
        kinds, scores, alike = likeness.compared(keeper[group], members)
        parts.append((members[alike], keeper[group[alike]], kinds[alike], scores[alike]))
        members, group = members[~alike], group[~alike]
    return _plan(rounds, parts)


def _plan(rounds: list[I64], parts: list[tuple[I64, I64, npt.NDArray[np.uint8], F32]]) -> KeepPlan:
    empty = np.empty(0, np.int64)
    also_kept = np.concatenate([empty, *(keeper[keeper >= 0] for keeper in rounds[1:])])
    dropped = np.concatenate([empty, *(part[0] for part in parts)])
    kept = np.concatenate([empty, *(part[1] for part in parts)])
    kinds = np.concatenate([np.empty(0, np.uint8), *(part[2] for part in parts)])
    scores = np.concatenate([np.empty(0, np.float32), *(part[3] for part in parts)])
    order = np.argsort(dropped)
    return KeepPlan(rounds[0] if rounds else empty, dropped[order], kept[order], kinds[order], scores[order], np.sort(also_kept))
