"""Everything about a dataset's duplicates that does not depend on a threshold, computed once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.checks.duplicates.anchors import TextAnchors, text_anchors
from sde_core.checks.duplicates.cosine import cosine_pairs
from sde_core.checks.duplicates.groups import GroupTable, group_table, levels
from sde_core.checks.duplicates.keepers import KeepPolicy, KeptGroups, kept_groups, label_agreement, preference
from sde_core.checks.duplicates.lessons import bounded_by_parts
from sde_core.checks.duplicates.likeness import KnownScores, Likeness
from sde_core.checks.duplicates.near import NEAR_FLOOR, first_of_equal, part_of, verified_pairs
from sde_core.checks.duplicates.overlap import Comparer, comparer
from sde_core.checks.duplicates.pairs import ScoredPairs, strongest_forest
from sde_core.checks.duplicates.parts import ComparedTexts, compared_texts
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.features.embedding import Part
from sde_core.progress import NEVER, Cancel, Progress, silent

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

NEAR_DEFAULT, SEMANTIC_DEFAULT = 0.8, 0.9
_KEEPER_SLACK = 0.2
_FEWEST_TO_JUDGE = 50
_INDISTINCT = 0.05  # share of all pairs above the floor; texts that really differ give well below a hundredth


@dataclass(frozen=True)
class DuplicateParams:
    """What is computed once.

    Attributes:
        part: Which part of the rows is compared.
        near_floor: Near-duplicates are verified down to this similarity (see `overlap`); a threshold may move above it.
        semantic_floor: The same for the cosine of embeddings.
    """

    part: Part = "row"
    near_floor: float = NEAR_FLOOR
    semantic_floor: float = 0.8

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return asdict(self)


@dataclass(frozen=True)
class DuplicateIndex:
    """Classes of equal rows and scored pairs of similar ones; groups at any threshold come from it without computing again.

    Attributes:
        params: What was asked for.
        compared: The texts; position i below is the i-th readable row.
        comparer: Compares any two of them.
        normalised: int64[n], first position with the same text after normalising.
        near: Verified near-duplicates among the first positions of `normalised`, sorted.
        vectors: float32[n, d] embeddings, None until asked for.
        encoder: What made them, "" where there are none.
        semantic: Pairs by cosine, None until asked for.
    """

    params: DuplicateParams
    compared: ComparedTexts
    comparer: Comparer
    normalised: I64
    near: ScoredPairs
    vectors: F32 | None = None
    encoder: str = ""
    semantic: ScoredPairs | None = None

    @property
    def rows(self) -> npt.NDArray[np.uint32]:
        """uint32[n], record position of each position."""
        return self.compared.rows

    @cached_property
    def _near_forest(self) -> ScoredPairs:
        return strongest_forest(len(self.rows), self.near)

    @cached_property
    def _known_scores(self) -> KnownScores:
        return KnownScores(self.near)

    @cached_property
    def _semantic_forest(self) -> ScoredPairs | None:
        return None if self.semantic is None else strongest_forest(len(self.rows), self.semantic)

    def groups(self, near: float = NEAR_DEFAULT, semantic: float | None = None) -> GroupTable:
        """Groups of all kinds at these thresholds.

        Args:
            near: Least similarity of near-duplicates, `params.near_floor` to 1.
            semantic: Least cosine of semantic duplicates, `params.semantic_floor` to 1; None leaves them out.

        Raises:
            UsageError: When a threshold lies below what was verified.
        """
        _require(near, self.params.near_floor, "near")
        semantic_links = None
        if semantic is not None and self._semantic_forest is not None:
            _require(semantic, self.params.semantic_floor, "semantic")
            semantic_links = self._semantic_forest.at_least(semantic)
        return group_table(levels(self.compared.exact, self.normalised, self._near_forest.at_least(near), semantic_links))

    def kept(
        self,
        groups: GroupTable,
        policy: KeepPolicy = "first",
        quality: F32 | None = None,
        *,
        accepted: Collection[int] = (),
    ) -> KeptGroups:
        """Which row of each group stays, and what each row that goes is to it.

        Args:
            groups: Groups that share no row, such as `GroupTable.outer()` or those of one kind; `GroupTable.without` takes rejected rows out.
            policy: What makes a row worth keeping.
            quality: float32[n], needed by "quality".
            accepted: Record positions that are kept rather than any other.

        Raises:
            UsageError: When the policy needs a quality and there is none.
        """
        if policy == "quality" and quality is None:
            raise UsageError("Keeping the best row needs a quality score for every row.", "Score the rules first, or keep the first or the longest.")
        preferred = np.isin(self.rows, np.fromiter(accepted, np.uint32, len(accepted)))
        agreement = label_agreement(groups, self.compared.taught) if policy == "agreement" else None
        ranks = preference(policy, self.compared.answer_lengths, quality, preferred, agreement)
        return kept_groups(groups, ranks, self.likeness(groups.near, groups.semantic))

    def likeness(self, near: float = NEAR_DEFAULT, semantic: float | None = None) -> Likeness:
        """Compares any two positions; by their embeddings too where a least cosine is given.

        Two edited copies of one text differ by both their edits. So near-duplicates count down to 0.2 below the threshold, but not below
        `params.near_floor`; embeddings are too coarse for such leniency.
        """
        vectors = self.vectors if semantic is not None else None
        least = max(self.params.near_floor, near - _KEEPER_SLACK)
        return Likeness(
            self.compared.exact, self.normalised, self.comparer, self._known_scores, self.params.near_floor, least, vectors, semantic or 1.0
        )

    @property
    def semantic_warning(self) -> str:
        """Why semantic duplicates should not be trusted here, "" where nothing speaks against them."""
        n = len(self.representatives)
        if self.semantic is None or n < _FEWEST_TO_JUDGE or (self.semantic.complete and len(self.semantic) < _INDISTINCT * n * (n - 1) / 2):
            return ""
        return f"The encoder {self.encoder} finds most of these rows alike, perhaps for want of their language. Use another one."

    def with_vectors(
        self, rows: npt.NDArray[np.uint32], vectors: F32, encoder: str, *, cancel: Cancel = NEVER, progress: Progress = silent
    ) -> DuplicateIndex:
        """The index with semantic duplicates by these embeddings.

        Args:
            rows: uint32[m], record positions, ascending; every readable row must be among them.
            vectors: float32[m, d] of unit norm.
            encoder: What made them.
            cancel: Looked at between blocks.
            progress: Called with rows compared.

        Raises:
            CancelledError: When stopped.
        """
        own = vectors[np.searchsorted(rows, self.rows)]
        pairs = cosine_pairs(own, self.representatives, self.params.semantic_floor, cancel=cancel, progress=progress)
        return replace(self, vectors=own, encoder=encoder, semantic=pairs)

    @property
    def representatives(self) -> I64:
        """One position for every distinct normalised text that has a token."""
        positions = np.arange(len(self.rows))
        return np.flatnonzero((self.normalised == positions) & (self.comparer.n_tokens > 0))


def _require(threshold: float, floor: float, kind: str) -> None:
    if not floor <= threshold <= 1:
        raise UsageError(f"The {kind} threshold {threshold:g} is outside {floor:g} to 1.", f"Pairs are verified down to {floor:g} only.")


def find_duplicates(
    dataset: Dataset, params: DuplicateParams | None = None, *, cancel: Cancel = NEVER, progress: Progress = silent
) -> DuplicateIndex:
    """Exact, normalised and near-duplicates; progress in rows, each stage counted as a share of all rows.

    Raises:
        CancelledError: When stopped.
    """
    params = params or DuplicateParams()
    total = len(dataset) if dataset.complete else None
    compared = compared_texts(dataset, params.part, cancel=cancel, progress=part_of(progress, 0.0, 0.3, total))
    total = len(compared.rows)
    anchors = text_anchors(compared.texts, cancel=cancel, progress=part_of(progress, 0.3, 0.7, total))
    normalised = _normalised_classes(compared, anchors)
    representative = normalised == np.arange(total)
    progress_here = part_of(progress, 0.7, 1.0, total)
    comparing = comparer(compared.texts, anchors, representative)
    near = verified_pairs(comparing, anchors, representative, params.near_floor, cancel=cancel, progress=progress_here)
    if params.part == "row":
        near = bounded_by_parts(near, comparing, dataset.texts(cancel=cancel), cancel=cancel)
    progress(total, total)
    index = DuplicateIndex(params, compared, comparing, normalised, near)
    index.groups(max(NEAR_DEFAULT, params.near_floor))  # builds what every threshold stands on, so that moving it is quick from the first time on
    return index


def semantic_duplicates(
    index: DuplicateIndex,
    dataset: Dataset,
    encoder: str = "static",
    *,
    cache_dir: Path | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> DuplicateIndex:
    """The index with semantic duplicates by the embeddings of an encoder; progress in rows.

    Raises:
        CancelledError: When stopped.
        ModelError: When the encoder cannot be loaded.
        MissingExtraError: When it needs a package that is not installed.
    """
    from sde_core.features.embedding import embed_rows

    total = len(index.rows)
    matrix = embed_rows(dataset, encoder, part=index.params.part, cache_dir=cache_dir, cancel=cancel, progress=part_of(progress, 0.0, 0.6, total))
    return index.with_vectors(matrix.rows, matrix.vectors, matrix.encoder, cancel=cancel, progress=part_of(progress, 0.6, 1.0, total))


def _normalised_classes(compared: ComparedTexts, anchors: TextAnchors) -> I64:
    """First position with the same token stream and the same system prompt; rows without any token are like none but exact copies."""
    systems = compared.systems.str.to_lowercase().str.strip_chars().hash(seed=0).to_numpy()
    classes = first_of_equal(anchors.sequence_keys ^ systems, anchors.n_tokens)
    return np.minimum(classes, classes[compared.exact])
