"""What the proposal's threads do: nothing here touches the screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from sde_core.errors import CancelledError, SdeError

if TYPE_CHECKING:
    from sde_core.dataset import Dataset
    from sde_core.evaluate.token_counts import TokenCounts
    from sde_core.project import Project
    from sde_core.select import Coverage, RowFeatures, Selection, SelectionParams
    from sde_core.select.coverage import Clusters
    from sde_core.select.resolve import Solution
    from sde_tui.session_decisions import DecisionsPart
    from sde_tui.session_selection_wishes import SelectionWishes


@dataclass(frozen=True, slots=True)
class Move:
    """A row that came into the proposal or left it when it was last solved.

    Attributes:
        row: Record position.
        way: "in" or "out".
        rank: Its rank in the proposal that holds it, from 1.
        why: In words.
    """

    row: int
    way: Literal["in", "out"]
    rank: int
    why: str


def asked_for(wishes: SelectionWishes, decisions: DecisionsPart) -> Callable[[int], str]:
    """Tells what the user did with a very row, in words; "" where it moved for the sake of others."""

    def words(row: int) -> str:
        if row in wishes.banned or row in wishes.locked:
            return f"you {'banned' if row in wishes.banned else 'locked'} it"
        status = decisions.status(row)
        return f"you {status} it" if status else ""

    return words


def embedded(dataset: Dataset, encoder: str, cache_dir: Any, cancel: Any, progress: Any) -> tuple[RowFeatures, TokenCounts]:
    """Embeddings, classes and lengths of all readable rows, without quality, and how many tokens they may have."""
    from sde_core.evaluate.token_counts import estimated_tokens
    from sde_core.features.embedding import embed_rows
    from sde_core.proposal import row_features

    matrix = embed_rows(dataset, encoder, cache_dir=cache_dir, cancel=cancel, progress=progress)
    return row_features(dataset, matrix.vectors, None), estimated_tokens(dataset, cancel=cancel)


def clustered(dataset: Dataset, features: RowFeatures, cancel: Any) -> Clusters:
    """What the rows are about."""
    from sde_core.select.clusters import clusters_of

    return clusters_of(features.vectors, dataset.texts()["prompt"], cancel=cancel)


def solved(
    dataset: Dataset,
    project: Project,
    model: str,
    features: RowFeatures,
    params: SelectionParams,
    before: Solution | None,
    cancel: Any,
    progress: Any,
) -> tuple[Solution, dict[int, str], RowFeatures] | SdeError:
    """The proposal, why each row moved, and the features with what it needed beside; or why it cannot be made."""
    from sde_core.evaluate.wanted_facts import with_wanted_facts
    from sde_core.proposal import resolved
    from sde_core.select.move_words import reasons_of

    try:
        complete = with_wanted_facts(features, params, dataset, project, model=model, cancel=cancel, progress=progress)
        solution = resolved(complete, params, before, cancel, progress)
    except CancelledError:
        raise
    except SdeError as error:
        return error
    return solution, reasons_of(solution), complete


def covered(
    features: RowFeatures, estimate: TokenCounts | None, selection: Selection, clusters: Clusters | None, earlier: Coverage | None, cancel: Any
) -> Coverage:
    """Coverage, with tokens estimated where they were not counted."""
    from sde_core.proposal import COVERAGE_SAMPLE
    from sde_core.select import coverage_of

    if features.tokens is None and estimate is not None:
        features = replace(features, tokens=estimate.tokens, token_source=estimate.source)
    return coverage_of(features, selection, sample=COVERAGE_SAMPLE, clusters=clusters, earlier=earlier, cancel=cancel)
