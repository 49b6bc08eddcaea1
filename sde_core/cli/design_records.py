"""Records and task of a file that a command names, and the options that name them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import open_data, stderr_progress
from sde_core.errors import UsageError
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.dataset import Dataset
    from sde_core.design.readers import Misfit
    from sde_core.design.task import Task, TaskRecord
    from sde_core.design.task_file import TaskFile

COMPARED = ("es-sde", "ew-sde", "heuristic")
"""Designs that are compared where none is named."""

data_argument = click.argument("data")
task_option = click.option(
    "--task", "task_path", metavar="FILE", type=click.Path(path_type=Path), help="The task in YAML; DATA.task.yaml, or guessed, when omitted."
)
field_options = (
    click.option("--text", "text_field", metavar="FIELD", default="", help="Where no task is named: the field with the text."),
    click.option("--said", "said_field", metavar="FIELD", default="", help="Where no task is named: the field with what is said of it."),
)


def designs_in(texts: Sequence[str]) -> tuple[str, ...]:
    """The designs that --design names, each of which may be a list."""
    from sde_core.design.options import names_in

    return tuple(name for text in texts for name in names_in(text))


def refuse_senseless(name: str, task: Task, records: Collection[TaskRecord]) -> None:
    """Refuses a design that makes no sense for these records.

    Raises:
        UsageError: When the task has no place for it, or no record says why where the design reasons.
    """
    from sde_core.design.options import design_named, why_not

    design = design_named(name)
    if reason := why_not(design, task):
        raise UsageError(f"The design {visible(name, 60)} makes no sense: {reason}", "Leave the one or the other out.")
    entries = [entry for record in records for entry in record.entries]
    if design.reasoning != "none" and entries and not any(entry.description for entry in entries):
        hint = "Name the field that says why as description in the task file, or leave reasoning out."
        raise UsageError(f"The design {visible(name, 60)} reasons, and no record says why.", hint)


def with_task(function: Any) -> Any:
    """Adds DATA, --task, --text and --said."""
    for option in (*reversed(field_options), task_option, data_argument):
        function = option(function)
    return function


def task_of(data: str, task_path: Path | None, text_field: str, said_field: str) -> TaskFile:
    """The task in a file, that of the file beside DATA where no fields are named, or the one that the rows look like."""
    from sde_core.design.task_file import beside, read_task

    task_path = task_path or (None if text_field or said_field else beside(data))
    return read_task(task_path) if task_path is not None else guessed_task(data, text_field, said_field)


def guessed_task(data: str, text_field: str, said_field: str) -> TaskFile:
    """The task that the rows of DATA look like."""
    from sde_core.design.inference import LOOKED_AT, infer_task

    return infer_task([value for _, value in _rows(data, LOOKED_AT)], name=Path(data).stem, text_field=text_field, said_field=said_field)


def task_of_samples(dataset: Dataset, task_path: Path | None) -> Task:
    """The task that prompts and answers are samples of: in the file that is named, or in the one beside the data.

    Raises:
        UsageError: When there is neither: samples do not say what they were made of.
    """
    from sde_core.design.task_file import beside, read_task

    path = task_path or beside(dataset.path)
    if path is None:
        raise UsageError("Samples do not say which task they answer.", "Name its file with --task; sde design task writes one to begin with.")
    return read_task(path).task


def _rows(data: str, limit: int | None, *, decided: bool = False) -> Iterator[tuple[int, Any]]:
    """Rows, all of them or those that were decided to train on."""
    from sde_core.design.rows import column_rows, dataset_rows, is_in_columns

    if is_in_columns(data):
        yield from column_rows(Path(data), limit=limit)
        return
    dataset = open_data(data)
    wanted = _rows_to_train(data, dataset) if decided else None
    with stderr_progress("reading") as progress:
        for row, value in dataset_rows(dataset, limit=limit, progress=progress):
            if wanted is None or row in wanted:
                yield row, value


def _rows_to_train(data: str, dataset: Dataset) -> frozenset[int] | None:
    from sde_core.evaluate.design_records import rows_to_train
    from sde_core.project import Project

    return rows_to_train(Project.of(data), dataset)


def records_of(data: str, file: TaskFile, limit: int | None = None, *, decided: bool = True) -> tuple[dict[int, TaskRecord], list[Misfit]]:
    """The records of DATA by row, and the rows that do not fit.

    Args:
        data: What the command was given.
        file: The task and its fields.
        limit: Rows to read at most.
        decided: Leaves out what `sde train` would not train on: rejected rows, and all but the accepted ones where some are.
    """
    from sde_core.design.readers import read_records

    rows = _rows(data, limit, decided=decided)
    return read_records(rows, file.task, text_field=file.text_field, said_field=file.said_field, description_field=file.description_field)
