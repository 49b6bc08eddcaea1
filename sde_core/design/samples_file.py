"""Samples of one design as a file that trains: JSON Lines of prompt and completion."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from sde_core.design.options import Design
from sde_core.design.sample import render_sample
from sde_core.design.task import Task, TaskRecord
from sde_core.errors import UsageError
from sde_core.files import atomic_write


def write_samples(path: Path, records: Mapping[int, TaskRecord], task: Task, design: Design, *, wording: int = 0) -> int:
    """Writes records as samples, whole or not at all.

    Args:
        path: The file.
        records: By row.
        task: What they are records of.
        design: In which they are written.
        wording: Which of the task's instructions, from 0.

    Returns:
        How many were written.

    Raises:
        UsageError: When there are none, the design makes no sense for the task, or a dataset was read from that file.
        ReadOnlyError: When it cannot be written.
    """
    if not records:
        raise UsageError("No row fits the task.", "See that its fields and values are those of the rows.")
    lines = list(_lines(records, task, design, wording))
    atomic_write(path, lines)
    return len(lines)


def _lines(records: Mapping[int, TaskRecord], task: Task, design: Design, wording: int) -> Iterator[bytes]:
    for record in records.values():
        sample = render_sample(record, task, design, wording=wording)
        row = {"prompt": sample.prompt, "completion": sample.answer}
        try:
            yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        except TypeError:  # lone surrogates have no UTF-8 form; JSON can still escape them
            yield json.dumps(row).encode() + b"\n"
