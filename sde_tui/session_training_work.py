"""What the training part computes in threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from sde_core.dataset import Dataset
    from sde_core.decisions import DecisionState
    from sde_core.jobs import Job
    from sde_core.train.curve import RunCurve
    from sde_core.train.encode import Encoder
    from sde_core.train.estimate import RunEstimate
    from sde_core.train.preflight import Preflight
    from sde_core.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a fine-tune started now would train on.

    Attributes:
        rows: int64[n] record positions.
        accepted: Whether they were accepted one by one; else they are all that were not rejected.
        report: What they contribute, None where that was not computed.
        checked: The same for all readable rows, to be asked again after other decisions.
        taken: What the run will take, None where nothing of its shape was measured on this machine.
    """

    rows: np.ndarray
    accepted: bool
    report: Preflight | None
    checked: Preflight | None
    taken: RunEstimate | None = None


def training_set_of(
    dataset: Dataset,
    state: DecisionState | None,
    recipe: Recipe,
    known: Preflight | None,
    whole: bool,
    cancel: Any,
    progress: Any,
    cache_dir: Any = None,
) -> TrainingSet | SdeError:
    from sde_core.decisions import training_rows
    from sde_core.train.preflight import preflight

    if state is None:
        return UsageError("Decisions are not open yet.")
    rows, accepted = training_rows(dataset, state), len(state.accepted_rows()) > 0
    try:
        checked = known or (preflight(dataset, recipe, cache_dir=cache_dir, cancel=cancel, progress=progress) if whole else None)
    except SdeError as error:
        if cancel.is_set():
            raise
        return error
    report = checked.of_rows(set(rows.tolist()), recipe) if checked is not None else None
    return TrainingSet(rows, accepted, report, checked, _taken(dataset, recipe, report, cache_dir))


def _taken(dataset: Dataset, recipe: Recipe, report: Preflight | None, cache_dir: Any) -> RunEstimate | None:
    """What the run will take, by a probe that was made before."""
    from sde_core.train.estimate import estimate, free_on
    from sde_core.train.probe_store import kept_probe, probe_name

    if report is None or cache_dir is None or not report.summary.sequences:
        return None
    found = kept_probe(cache_dir, probe_name(recipe, dataset.fingerprint))
    return None if found is None else estimate(report, recipe, found, free=free_on(found))


def refused_if_nothing_trains(found: TrainingSet) -> bool:
    from sde_core.train.preflight import refuse_if_nothing_trains

    if found.report is not None:
        refuse_if_nothing_trains(found.report.rows, found.report.working)
    return True


def launched(dataset: Dataset, rows: np.ndarray, recipe: Recipe, jobs_dir: Any, cancel: Any, progress: Any) -> Job:
    from sde_core.train.launch import launch_training

    return launch_training(dataset, rows.tolist(), recipe, jobs_dir, cancel=cancel, progress=progress)


def whole_curve(job: Job, cancel: Any) -> tuple[RunCurve, int]:
    from sde_core.train.curve_file import read_curve

    return read_curve(job.folder, cancel)


def rows_of_run(folder: Any, dataset: Dataset) -> list[int]:
    from sde_core.train.rows import read_row_keys

    found = [dataset.row_of_key(key) for key in read_row_keys(folder)]
    return [row for row in found if row is not None]


def encoder_of(recipe: Recipe) -> Encoder:
    from sde_core.train.encode import Encoder
    from sde_core.train.tokenizer import load_tokenizer

    return Encoder(load_tokenizer(recipe.model), recipe)
