"""Groups of duplicates at any threshold, from classes and scored pairs that were computed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from sde_core.checks.duplicates.pairs import ScoredPairs
from sde_core.features.components import components

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

Kind = Literal["exact", "normalised", "near", "semantic"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""From the strictest to the loosest; each one's groups hold those of the kinds before it."""

EXACT, NORMALISED, NEAR, SEMANTIC = range(4)


@dataclass(frozen=True)
class Levels:
    """Which rows belong together at each kind, for one pair of thresholds.

    Attributes:
        labels: One int64[n] a kind in use: the first position of each position's component.
        weakest: One float32[n] a kind: at the first position of a component, the weakest of the links that hold it together.
        near: Threshold of near-duplicates.
        semantic: Threshold of semantic duplicates, None where they were left out.
    """

    labels: tuple[I64, ...]
    weakest: tuple[F32, ...]
    near: float
    semantic: float | None


def levels(exact: I64, normalised: I64, near_links: ScoredPairs, semantic_links: ScoredPairs | None) -> Levels:
    """Components of each kind; each kind's links are added to those of the kinds before it.

    Args:
        exact: int64[n], first position with the same content.
        normalised: int64[n], first position with the same normalised text.
        near_links: Links of near-duplicates at or above the threshold; a spanning forest is enough.
        semantic_links: The same for semantic ones, None where they were not asked for.
    """
    n = len(exact)
    own = np.arange(n, dtype=np.int64)
    certain = np.ones(n, np.float32)
    copies = np.flatnonzero((exact != own) | (normalised != own))
    same = components(n, np.concatenate([copies, copies]), np.concatenate([exact[copies], normalised[copies]]))
    labels, weakest = [exact, same], [certain, certain]
    for links in (near_links, semantic_links):
        if links is None:
            continue
        below = labels[-1]
        merged = components(n, below[links.first], below[links.second])[below]
        joining = below[links.first] != below[links.second]
        score = np.ones(n, np.float32)
        np.minimum.at(score, merged[links.first[joining]], links.scores[joining])
        labels.append(merged)
        weakest.append(score)
    return Levels(tuple(labels), tuple(weakest), near_links.floor, None if semantic_links is None else semantic_links.floor)


@dataclass(frozen=True)
class GroupTable:
    """Groups in columns; the members of group i are `members[starts[i]:starts[i + 1]]`, in file order.

    Attributes:
        kinds: uint8[g], places in `KINDS`.
        scores: float32[g], the weakest link that holds the group together; 1 where the texts are the same.
        starts: int64[g + 1].
        members: int64[m], positions of readable rows.
        outermost: bool[g], whether no group of a looser kind holds this one.
        near: Threshold of near-duplicates.
        semantic: Threshold of semantic duplicates, None where they were left out.
    """

    kinds: npt.NDArray[np.uint8]
    scores: F32
    starts: I64
    members: I64
    outermost: npt.NDArray[np.bool_]
    near: float
    semantic: float | None

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def sizes(self) -> I64:
        """int64[g], members of each group."""
        return np.diff(self.starts)

    def members_of(self, group: int) -> I64:
        """Positions of one group's members."""
        return self.members[self.starts[group] : self.starts[group + 1]]

    def __iter__(self) -> Iterator[I64]:
        return (self.members_of(group) for group in range(len(self)))

    def group_of_member(self) -> I64:
        """int64[m], the group that each entry of `members` belongs to."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.sizes)

    def where(self, wanted: npt.NDArray[np.bool_]) -> GroupTable:
        """Only the groups where `wanted` holds."""
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.sizes[wanted])])
        members = self.members[wanted[self.group_of_member()]]
        return replace(self, kinds=self.kinds[wanted], scores=self.scores[wanted], starts=starts, members=members, outermost=self.outermost[wanted])

    def without(self, gone: npt.NDArray[np.bool_]) -> GroupTable:
        """The groups without some positions (bool[n]), and without the groups of which fewer than two members are left."""
        stays = ~gone[self.members]
        left = np.bincount(self.group_of_member()[stays], minlength=len(self))
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(left)])
        return replace(self, starts=starts, members=self.members[stays]).where(left > 1)

    def of_kind(self, kind: Kind) -> GroupTable:
        """Only the groups of one kind."""
        return self.where(self.kinds == KINDS.index(kind))

    def outer(self) -> GroupTable:
        """Only the groups that no looser group holds: every row is in one of them at most."""
        return self.where(self.outermost)


def group_table(found: Levels) -> GroupTable:
    """The groups of all kinds, kind by kind in file order. A kind lists a component only where it joins at least two of the kind before."""
    tables = [_level_table(found, level) for level in range(len(found.labels))]
    sizes = np.concatenate([sizes for _, _, sizes, _ in tables])
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    kinds = np.concatenate([np.full(len(table[0]), level, np.uint8) for level, table in enumerate(tables)])
    roots = np.concatenate([table[0] for table in tables])
    scores = np.concatenate([table[1] for table in tables])
    outermost = np.ones(len(roots), bool)
    for level in range(len(tables) - 1):
        inner = kinds == level
        for looser in range(level + 1, len(tables)):
            listed = np.zeros(len(found.labels[0]), bool)
            listed[tables[looser][0]] = True
            outermost[inner] &= ~listed[found.labels[looser][roots[inner]]]
    return GroupTable(kinds, scores, starts, np.concatenate([table[3] for table in tables]), outermost, found.near, found.semantic)


def _level_table(found: Levels, level: int) -> tuple[I64, F32, I64, I64]:
    """Roots, weakest links, sizes and members of the groups of one kind."""
    labels = found.labels[level]
    parts = np.arange(len(labels)) if level == 0 else np.flatnonzero(found.labels[level - 1] == np.arange(len(labels)))
    joins_several = np.bincount(labels[parts], minlength=len(labels)) > 1
    member = np.flatnonzero(joins_several[labels])
    member = member[np.argsort(labels[member], kind="stable")]
    starts = np.flatnonzero(np.diff(labels[member], prepend=-1))
    roots = labels[member[starts]]
    return roots, found.weakest[level][roots], np.diff(np.append(starts, len(member))), member
