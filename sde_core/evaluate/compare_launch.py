"""Starting a comparison: the split, the arms' rows, and everything that can be known to be wrong before a job exists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.evaluate.arms import DEFAULT_ARMS, Arm, RowSources, arm_names, resolve_arms
from sde_core.evaluate.cell_context import compared_recipe
from sde_core.evaluate.forgetting import general_source, general_texts, keep_texts
from sde_core.evaluate.split import Split, choose_split, held_out_size, split_rows
from sde_core.evaluate.wanted_facts import with_wanted_facts
from sde_core.jobs import Job, launch
from sde_core.jobs.prepared import prepared_folder
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.project import Project
from sde_core.proposal import RowQuality, proposed, quality_by_rules, row_features
from sde_core.rules.book import RuleBook
from sde_core.rules.truth import truth_by_people
from sde_core.select import SelectionParams
from sde_core.select.protocol import rows_wanted
from sde_core.train.device import devices_of, refuse_missing_packages
from sde_core.train.launch import check_before_launch, write_recipe
from sde_core.train.recipe import Recipe
from sde_core.train.rows import write_snapshot
from sde_core.train.tokenizer import model_location
from sde_core.visible import visible
from sde_core.wording import count_of

KIND = "compare"
DEFAULT_SEEDS, MOST_SEEDS = 3, 50


@dataclass(frozen=True)
class CompareRequest:
    """What is to be compared.

    Attributes:
        arms: Arms separated by commas; see `sde_core.evaluate.arms.GRAMMAR`.
        seeds: Runs of each arm.
        budget: Tokens that every run reads; None for what the recipe itself reads of the largest arm.
        held_out: Rows or share to hold out, or a file of rows; None for a tenth.
        general: File of general texts for the forgetting check; None for those that come with sde.
    """

    arms: str = DEFAULT_ARMS
    seeds: int = DEFAULT_SEEDS
    budget: int | None = None
    held_out: str | None = None
    general: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise UsageError(f"{self.seeds} seeds are not possible.", f"Use 1 to {MOST_SEEDS}; 3 is usual.")
        if self.budget is not None and self.budget < 1:
            raise UsageError(f"A budget of {self.budget:,} tokens trains nothing.", "Leave --budget out, or write --budget 200k.")


def launch_compare(
    dataset: Dataset,
    project: Project,
    request: CompareRequest,
    recipe: Recipe,
    *,
    accepted: Sequence[int],
    rejected: Sequence[int],
    read_rows: Callable[[Path], Sequence[int]],
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> Job:
    """Start the detached job that trains and evaluates every arm with every seed.

    Args:
        dataset: Read to its end; its edits are trained on.
        project: The dataset's.
        request: What is compared.
        recipe: How all arms are trained; its steps are set by the budget.
        accepted: Record positions that the user accepted.
        rejected: Those that the user rejected: they are neither trained nor evaluated on.
        read_rows: Reads row numbers from a file.
        cancel: Looked at between stages.
        progress: In rows.

    Raises:
        UsageError: When an arm, the split or the budget makes no sense.
        MissingExtraError: When a package is not installed.
        ModelError: When the model cannot be used.
        ReadOnlyError: When the job folder cannot be written.
        CancelledError: When stopped; no job was started.
    """
    refuse_missing_packages("Training")
    recipe, names, texts = compared_recipe(recipe), arm_names(request.arms), general_texts(request.general)
    split = _split(dataset, rejected, request, recipe.seed, read_rows, cancel, progress)
    sources = _row_sources(dataset, project, split, recipe.seed, accepted, read_rows, cancel, progress)
    plan = _Plan(names, resolve_arms(names, sources), split, recipe, texts)
    check_before_launch(dataset, [row for arm in plan.arms for row in arm.rows], plan.recipe, cancel=cancel)
    title = f"Compare {', '.join(visible(name, 30) for name in plan.names)} of {dataset.name}, {count_of(request.seeds, 'seed')}"
    with prepared_folder(project.created().jobs_dir, KIND) as folder:
        spec = _write_input(folder, dataset, request, plan, cancel, progress)
        return launch(project.jobs_dir, KIND, spec, title=title, folder=folder)


@dataclass(frozen=True)
class _Plan:
    """What is compared: the arms' names as asked for, the arms and those that they are measured by, the split, the recipe, the general texts."""

    names: tuple[str, ...]
    arms: tuple[Arm, ...]
    split: Split
    recipe: Recipe
    texts: Sequence[str]


def _write_input(folder: Path, dataset: Dataset, request: CompareRequest, plan: _Plan, cancel: Cancel, progress: Progress) -> dict[str, Any]:
    """Write what the job reads into its folder; its spec."""
    recipe, held_out = plan.recipe, frozenset(plan.split.held_out)
    rows = sorted({*held_out, *(row for arm in plan.arms for row in arm.rows)})
    manifest = write_snapshot(folder, dataset, rows, held_out=held_out, seed=recipe.seed, cancel=cancel, progress=progress)
    write_recipe(folder, recipe, model_location(recipe.model))
    (folder / "arms.json").write_bytes(orjson.dumps(_asked(plan, request)))
    keep_texts(folder, plan.texts)
    return {
        "dataset": manifest["dataset"]["path"],
        "arms": list(plan.names),
        "seeds": request.seeds,
        "model": recipe.model or "embedded",
        "devices": devices_of(recipe),
    }


def _asked(plan: _Plan, request: CompareRequest) -> dict[str, Any]:
    return {
        "names": list(plan.names),
        "arms": [arm.to_json() for arm in plan.arms],
        "seeds": request.seeds,
        "budget": request.budget,
        "held_out": plan.split.held_out,
        "clusters": plan.split.clusters,
        "how": plan.split.how,
        "general": general_source(request.general),
    }


def _split(
    dataset: Dataset,
    rejected: Sequence[int],
    request: CompareRequest,
    seed: int,
    read_rows: Callable[[Path], Sequence[int]],
    cancel: Cancel,
    progress: Progress,
) -> Split:
    readable = dataset.texts(cancel=cancel)["row"].to_numpy().astype(np.int64)
    offered = np.setdiff1d(readable, np.asarray(rejected, np.int64)).tolist()
    found = split_rows(dataset, offered, seed=seed, cancel=cancel, progress=progress)
    if request.held_out is None:
        return choose_split(found)
    if Path(request.held_out).is_file():
        return choose_split(found, named=read_rows(Path(request.held_out)))
    return choose_split(found, held_out_size(request.held_out, len(offered)))


def _row_sources(
    dataset: Dataset,
    project: Project,
    split: Split,
    seed: int,
    accepted: Sequence[int],
    read_rows: Callable[[Path], Sequence[int]],
    cancel: Cancel,
    progress: Progress,
) -> RowSources:
    """Where the arms' rows come from; quality and embedding are computed only where an arm needs them."""

    def quality() -> RowQuality:
        book = RuleBook.load(project.rule_book_path)
        truth = truth_by_people(dataset)
        return quality_by_rules(dataset.texts(), book=book, project=project, truth=truth, cancel=cancel, progress=progress)

    def ranked() -> list[int]:
        found = quality()
        if found.values is None:
            raise UsageError("No rule tells these rows apart, so there are no best ones.", "Use random:ARM, or add rules: sde rules list.")
        order = found.rows[np.argsort(-found.values, kind="stable")]
        return [row for row in order.tolist() if row in pool]

    def selected_by(method: str, size: str) -> Sequence[int]:
        from sde_core.features.embedding import embed_rows

        vectors = embed_rows(dataset, "static", cache_dir=project.created().cache_dir, cancel=cancel, progress=progress).vectors
        features = row_features(dataset, vectors, quality())
        banned = tuple(sorted(set(features.rows.tolist()) - pool))
        params = SelectionParams(k=rows_wanted(size, len(pool)), method=method, seed=seed, banned=banned)
        features = with_wanted_facts(features, params, dataset, project, cancel=cancel, progress=progress)
        return proposed(features, params, cancel, progress).rows

    pool = set(split.pool)
    return RowSources(split.pool, accepted, read_rows, ranked, selected_by)
