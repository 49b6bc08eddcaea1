"""The records of a comparison of designs: those that train, and those that are tested on in and out of domain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sde_core.dataset import Dataset, open_dataset
from sde_core.design.readers import read_records
from sde_core.design.rows import column_rows, dataset_rows, is_in_columns
from sde_core.design.task import Task, TaskRecord
from sde_core.design.task_file import TaskFile, read_task
from sde_core.evaluate.design_grid import split_records, training_records
from sde_core.files import from_home
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.project import Project


@dataclass(frozen=True)
class ComparedRecords:
    """Who trains and who is tested on; no text is on two sides.

    Attributes:
        train: In the order in which sizes take them.
        test: Of the same domain.
        ood: The other domain's task and records, None where there is none.
    """

    train: Sequence[TaskRecord]
    test: Sequence[TaskRecord]
    ood: tuple[Task, Sequence[TaskRecord]] | None


def rows_to_train(project: Project, dataset: Dataset) -> frozenset[int] | None:
    """The rows of a dataset that a run would train on by the decisions on them, as far as they can be read; None for all.

    Args:
        project: The dataset's.
        dataset: With the user's edits or without.

    Raises:
        InputError: When a line of the journal cannot be read.
    """
    if not project.journal_path.exists():
        return None
    with closing(project.open_journal(dataset, writing=False)) as journal:
        chosen = journal.state.training_rows().tolist()
    return None if len(chosen) == len(dataset) else frozenset(chosen)


def records_in_file(path: str, file: TaskFile, *, cancel: Cancel = NEVER, progress: Progress = silent) -> list[TaskRecord]:
    """The records of a file that fit a task, without those that were rejected; the accepted ones where some were.

    Args:
        path: Rows, or tokens and tags in columns.
        file: The task and its fields.
        cancel: Looked at between batches.
        progress: In rows.

    Raises:
        InputError: When it cannot be read.
    """
    place = str(from_home(path))
    rows: Iterable[tuple[int, Any]]
    if is_in_columns(place):
        rows = column_rows(Path(place))
    else:
        project, dataset = Project.of(place), open_dataset(place)
        wanted = rows_to_train(project, dataset)
        read = dataset_rows(project.with_edits(dataset), cancel=cancel, progress=progress)
        rows = ((row, value) for row, value in read if wanted is None or row in wanted)
    records, _ = read_records(rows, file.task, text_field=file.text_field, said_field=file.said_field, description_field=file.description_field)
    return list(records.values())


def compared_records(
    records: Sequence[TaskRecord],
    file: TaskFile,
    seed: int,
    *,
    test: str = "",
    ood: str = "",
    ood_task: str = "",
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> ComparedRecords:
    """The records of each side.

    Args:
        records: Of the data.
        file: Its task.
        seed: Of the draw of training records.
        test: A file to test on; "" for a part of the data.
        ood: A file of another domain; "" for none.
        ood_task: Its task file; "" where the task is the same.
        cancel: Looked at between batches.
        progress: In rows.

    Raises:
        InputError: When a file cannot be read.
        UsageError: When a task file makes no sense, or too few records are left.
    """
    if test:
        tested = records_in_file(test, file, cancel=cancel, progress=progress)
        train = training_records(records, {record.text for record in tested}, seed)
    else:
        train, tested = split_records(records, None, seed)
    if not ood:
        return ComparedRecords(train, tested, None)
    other = read_task(from_home(ood_task)) if ood_task else file
    elsewhere = records_in_file(ood, other, cancel=cancel, progress=progress)
    return ComparedRecords(training_records(train, {record.text for record in elsewhere}, seed), tested, (other.task, elsewhere))
