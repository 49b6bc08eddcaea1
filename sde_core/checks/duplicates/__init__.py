"""Duplicates: exact, the same after normalising, near (weighted token overlap) and semantic (cosine of embeddings)."""

from __future__ import annotations

from sde_core.checks.duplicates.groups import KINDS, GroupTable, Kind
from sde_core.checks.duplicates.index import (
    NEAR_DEFAULT,
    SEMANTIC_DEFAULT,
    DuplicateIndex,
    DuplicateParams,
    find_duplicates,
    semantic_duplicates,
)  # fmt: skip
from sde_core.checks.duplicates.keepers import KEEP_POLICIES, POLICY_WORDS, KeepPolicy, KeptGroups, drop_reasons
from sde_core.checks.duplicates.pairs import ScoredPairs
from sde_core.features.embedding import PARTS, Part

__all__ = [
    "KEEP_POLICIES", "KINDS", "NEAR_DEFAULT", "PARTS", "POLICY_WORDS", "SEMANTIC_DEFAULT", "DuplicateIndex", "DuplicateParams",
    "GroupTable", "KeepPolicy", "KeptGroups", "Kind", "Part", "ScoredPairs", "drop_reasons", "find_duplicates", "semantic_duplicates",
]  # fmt: skip
