"""What the parts of screen 8 compute in threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError, UsageError
from sde_tui.session_work import found_or_error

if TYPE_CHECKING:
    from sde_core.design.conversion import DatasetDesigns
    from sde_core.design.options import Design
    from sde_core.design.readers import Misfit
    from sde_core.design.sample import Sample
    from sde_core.design.task import Task, TaskRecord
    from sde_core.design.task_file import TaskFile
    from sde_core.evaluate.design_cost import DesignTokens
    from sde_core.evaluate.design_perplexity_job import MeasuredPerplexity
    from sde_core.jobs import Job
    from sde_core.project import Project
    from sde_core.train.encode import Encoder

FIRST_COUNTED = 200
"""Records whose tokens are counted before the others: enough for a mean, few enough for a moment."""
DesignKey = tuple[Any, int, Any]
"""(design, wording, recipe): what tokens depend on beside the records."""


@dataclass(frozen=True)
class DesignRecords:
    """The rows as records of a task.

    Attributes:
        file: The task and its fields.
        named: Where the task was read from; "" where it was guessed.
        records: By row.
        misfits: Rows that do not fit, with the reason.
        samples: Where the rows are prompts and answers that the records were read back from; else None.
        rows: The rows of the records, in order.
    """

    file: TaskFile
    named: str
    records: Mapping[int, TaskRecord]
    misfits: tuple[Misfit, ...]
    samples: DatasetDesigns | None = None
    rows: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(self.records))


@dataclass(frozen=True)
class Counted:
    """What is known of designs.

    Attributes:
        tokens: Of the records counted so far.
        perplexity: As far as it was measured before.
        encoders: By whether the input carries loss.
        senseless: Designs that make no sense for the task.
        fault: Why something could not be counted, "" where all was.
    """

    tokens: Mapping[DesignKey, DesignTokens]
    perplexity: Mapping[DesignKey, MeasuredPerplexity]
    encoders: Mapping[tuple[bool, Any], Encoder]
    senseless: frozenset[DesignKey] = frozenset()
    fault: str = ""


def read_design_records(dataset: Any, named: str, cancel: Any, progress: Any) -> DesignRecords | SdeError:
    """The records by a task file, or by the task that the rows look like."""
    from sde_core.design.task_file import read_task
    from sde_core.files import from_home

    def work() -> DesignRecords:
        file = read_task(from_home(named)) if named else guessed_task(dataset, cancel, progress)
        return records_of_task(dataset, file, named, cancel, progress)

    return found_or_error(work)


def guessed_task(dataset: Any, cancel: Any, progress: Any) -> TaskFile:
    """The task that the rows look like.

    Raises:
        UsageError: When they look like none.
        CancelledError: When stopped.
    """
    from sde_core.design.inference import LOOKED_AT, infer_task
    from sde_core.design.rows import dataset_rows

    rows = [value for _, value in dataset_rows(dataset, limit=LOOKED_AT, cancel=cancel, progress=progress)]
    return infer_task(rows, name=Path(dataset.name).stem)


def records_of_task(dataset: Any, file: TaskFile, named: str, cancel: Any, progress: Any) -> DesignRecords:
    """The records by a task: of its fields, or read back from prompts and answers where no row has these fields.

    Raises:
        CancelledError: When stopped.
    """
    from sde_core.design.conversion import dataset_designs
    from sde_core.design.readers import read_records
    from sde_core.design.rows import dataset_rows

    rows = dataset_rows(dataset, cancel=cancel, progress=progress)
    records, misfits = read_records(rows, file.task, text_field=file.text_field, said_field=file.said_field, description_field=file.description_field)
    if not records and misfits:
        designs = dataset_designs(dataset, file.task, cancel=cancel, progress=progress)
        told, left = designs.records()
        if told:
            return DesignRecords(file, named, told, tuple(left), designs)
    return DesignRecords(file, named, records, tuple(misfits))


def count_designs(
    records: Sequence[TaskRecord],
    measured: Sequence[TaskRecord],
    task: Task,
    wanted: Sequence[DesignKey],
    project: Project,
    cancel: Any,
    progress: Any,
) -> Counted:
    """Tokens of records in designs, and what was measured of them before.

    Args:
        records: Whose tokens are counted; none where only what was measured is wanted.
        measured: Whose perplexity may have been measured.
        task: Of the records.
        wanted: The designs.
        project: The dataset's.
        cancel: Looked at between some hundreds of samples.
        progress: In samples.

    Raises:
        CancelledError: When stopped.
    """
    found = Counted({}, {}, {})
    for number, key in enumerate(wanted):

        def tick(done: int, of: int | None, before: int = number) -> None:
            progress(before * (of or 0) + done, len(wanted) * (of or 0))

        try:
            one = _count_design(records, measured, task, key, project, cancel, tick)
        except UsageError:  # the pane of the sample says why
            one = Counted({}, {}, {}, frozenset([key]))
        except SdeError as error:
            if cancel.is_set():
                raise
            one = Counted({}, {}, {}, fault=f"{error.message} {error.hint}".strip())
        found = Counted(
            {**found.tokens, **one.tokens}, {**found.perplexity, **one.perplexity}, {**found.encoders, **one.encoders},
            found.senseless | one.senseless, found.fault or one.fault,
        )  # fmt: skip
    return found


def _count_design(
    records: Sequence[TaskRecord], measured: Sequence[TaskRecord], task: Task, key: DesignKey, project: Project, cancel: Any, progress: Any
) -> Counted:
    from sde_core.evaluate.design_cost import design_encoder, design_tokens
    from sde_core.evaluate.design_perplexity_job import kept_perplexity

    design, wording, recipe = key
    encoder = design_encoder(recipe.model, loss_on_input=design.loss_on_input, recipe=recipe)
    tokens = {}
    if records:
        tokens[key] = design_tokens(_rendered(records, task, design, wording), encoder, cancel=cancel, progress=progress)
    kept = kept_perplexity(project, _rendered(measured, task, design, wording), recipe)
    return Counted(tokens, {} if kept is None else {key: kept}, {(design.loss_on_input, recipe): encoder})


def launched_perplexity(measured: Sequence[TaskRecord], task: Task, wanted: Mapping[str, DesignKey], project: Project, dataset: str) -> Job:
    """The job that measures designs, the one that runs already where there is one.

    Raises:
        SdeError: When it cannot be launched.
    """
    from sde_core.evaluate.design_perplexity_job import launch_design_perplexity, running_design_perplexity

    running = running_design_perplexity(project)
    if running is not None:
        return running
    designs = {name: _rendered(measured, task, design, wording) for name, (design, wording, _) in wanted.items()}
    return launch_design_perplexity(project, designs, next(iter(wanted.values()))[2], dataset=dataset)


def _rendered(records: Sequence[TaskRecord], task: Task, design: Design, wording: int) -> list[Sample]:
    from sde_core.design.sample import render_sample

    return [render_sample(record, task, design, wording=wording) for record in records]
