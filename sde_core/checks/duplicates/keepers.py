"""Which row of a group stays, and why each of the others goes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.checks.duplicates.groups import GroupTable
from sde_core.checks.duplicates.likeness import Likeness

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

KeepPolicy = Literal["first", "longest", "quality", "agreement"]
KEEP_POLICIES: tuple[KeepPolicy, ...] = get_args(KeepPolicy)
POLICY_WORDS = {
    "first": "comes first",
    "longest": "has the longest answer",
    "quality": "has the best quality",
    "agreement": "says what most of them say",
}


def preference(
    policy: KeepPolicy,
    answer_lengths: I64,
    quality: F32 | None = None,
    preferred: npt.NDArray[np.bool_] | None = None,
    agreement: F32 | None = None,
) -> I64:
    """int64[n]: rank of each position as a keeper, 0 the best; equals are ranked by file order.

    Args:
        policy: What makes a row worth keeping.
        answer_lengths: int64[n], characters.
        quality: float32[n], needed by "quality"; NaN ranks last.
        preferred: bool[n], positions that are better keepers than all others whatever the policy, such as rows already accepted.
        agreement: float32[n], needed by "agreement"; see `label_agreement`.
    """
    n = len(answer_lengths)
    worth = np.zeros(n)
    if policy == "longest":
        worth = answer_lengths.astype(np.float64)
    elif policy == "quality" and quality is not None:
        worth = np.nan_to_num(quality.astype(np.float64), nan=-np.inf, neginf=-np.inf)
    elif policy == "agreement" and agreement is not None:
        worth = agreement.astype(np.float64)
    order = np.lexsort((-worth, ~preferred if preferred is not None else np.zeros(n, bool)))
    ranks = np.empty(n, np.int64)
    ranks[order] = np.arange(n)
    return ranks


def label_agreement(groups: GroupTable, taught: pl.Series) -> F32:
    """float32[n]: the share of a position's group that teaches the same as it, 0 outside all groups.

    Args:
        groups: Groups that share no row.
        taught: String[n], the label or answer of each position; see `ComparedTexts.taught`.
    """
    agreement = np.zeros(len(taught), np.float32)
    said = pl.DataFrame({"group": groups.group_of_member(), "taught": taught.gather(groups.members)})
    shares = said.select(pl.len().over("group", "taught") / pl.len().over("group")).to_series()
    agreement[groups.members] = shares.to_numpy()
    return agreement


@dataclass(frozen=True)
class KeptGroups:
    """Groups that share no row, each with the row that stays; the members of group i are `members[starts[i]:starts[i + 1]]`, that row first.

    Attributes:
        kinds: uint8[g], places in `KINDS`.
        scores: float32[g], the weakest link that holds the group together.
        starts: int64[g + 1].
        members: int64[m], positions; behind the kept one those that go, in file order.
        link_kinds: uint8[m], what each member is to the kept one, a place in `KINDS`.
        link_scores: float32[m], how alike the two are; 1 for the kept one itself.
    """

    kinds: npt.NDArray[np.uint8]
    scores: F32
    starts: I64
    members: I64
    link_kinds: npt.NDArray[np.uint8]
    link_scores: F32

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def keepers(self) -> I64:
        """int64[g], the position that each group keeps."""
        return self.members[self.starts[:-1]]

    @property
    def sizes(self) -> I64:
        """int64[g], members of each group."""
        return np.diff(self.starts)

    @property
    def goes(self) -> npt.NDArray[np.bool_]:
        """bool[m], whether a member goes."""
        going = np.ones(len(self.members), bool)
        going[self.starts[:-1]] = False
        return going

    @property
    def dropped(self) -> I64:
        """int64[d], positions that go, group by group."""
        return self.members[self.goes]

    def only(self, group: int) -> KeptGroups:
        """One group alone."""
        span = slice(int(self.starts[group]), int(self.starts[group + 1]))
        starts = np.array([0, span.stop - span.start], np.int64)
        one = slice(group, group + 1)
        return KeptGroups(self.kinds[one], self.scores[one], starts, self.members[span], self.link_kinds[span], self.link_scores[span])


def kept_groups(groups: GroupTable, ranks: I64, likeness: Likeness) -> KeptGroups:
    """Keeps the best row of every group.

    A chain of near-duplicates may join rows that have little in common. So a row goes only where it is itself like the kept row; the rows of the
    group that are not go through the same again with their own best row, and form a group of their own where that is like another.

    Args:
        groups: Groups that share no row.
        ranks: int64[n], see `preference`.
        likeness: Compares two positions.
    """
    members, group = groups.members, groups.group_of_member()
    found: list[_Links] = []
    while len(members):
        best = np.full(len(groups), np.iinfo(np.int64).max)
        np.minimum.at(best, group, ranks[members])
        is_best = ranks[members] == best[group]
        keeper = np.full(len(groups), -1, np.int64)
        keeper[group[is_best]] = members[is_best]
        members, group = members[~is_best], group[~is_best]
        kinds, scores, alike = likeness.compared(keeper[group], members)
        found.append(_Links(group[alike], keeper[group[alike]], members[alike], kinds[alike], scores[alike]))
        members, group = members[~alike], group[~alike]
    return _assembled(groups, found)


@dataclass(frozen=True)
class _Links:
    """Rows that go: of which group, for which keeper, which, and how alike the two are."""

    group: I64
    keeper: I64
    member: I64
    kinds: npt.NDArray[np.uint8]
    scores: F32


def _assembled(groups: GroupTable, found: list[_Links]) -> KeptGroups:
    empty = np.empty(0, np.int64)
    of_group = np.concatenate([empty, *(links.group for links in found)])
    keeper = np.concatenate([empty, *(links.keeper for links in found)])
    keepers, first = np.unique(keeper, return_index=True)
    n = len(keepers)
    group = np.concatenate([of_group[first], of_group])
    member = np.concatenate([keepers, *(links.member for links in found)])
    kinds = np.concatenate([np.zeros(n, np.uint8), *(links.kinds for links in found)])
    scores = np.concatenate([np.ones(n, np.float32), *(links.scores for links in found)])
    holder = np.concatenate([keepers, keeper])
    goes = member != holder
    order = np.lexsort((member, goes, holder, group))
    starts = np.append(np.flatnonzero(~goes[order]), len(order))
    owner = group[order][starts[:-1]]
    return KeptGroups(groups.kinds[owner], groups.scores[owner], starts, member[order], kinds[order], scores[order])


def drop_reasons(kept: KeptGroups, rows: npt.NDArray[np.uint32], policy: KeepPolicy, *, chosen: Collection[int] = ()) -> tuple[list[int], list[str]]:
    """The rows that go, and for each why: what it is to the kept row, which row that is, and why that one is kept.

    Args:
        kept: The groups.
        rows: uint32[n], record position of each position.
        policy: Named in the reason.
        chosen: Rows that the user chose to keep, which is then the reason.
    """
    goes = kept.goes
    stays = rows[np.repeat(kept.keepers, kept.sizes)[goes]].tolist()
    kinds, scores = kept.link_kinds[goes].tolist(), kept.link_scores[goes].tolist()
    reasons = [
        f"{_RELATION[kind].format(score=score)} of row {stay}, which {'was chosen' if stay in chosen else POLICY_WORDS[policy]}"
        for kind, score, stay in zip(kinds, scores, stays, strict=True)
    ]
    return rows[kept.dropped].tolist(), reasons


_RELATION = ("exact duplicate", "normalised duplicate", "near-duplicate ({score:.2f})", "semantic duplicate ({score:.2f})")
