"""Designs that come to the same thing for a task: comparing them would measure chance alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from sde_core.design.options import Design, why_not
from sde_core.design.sample import render_sample
from sde_core.design.task import Task, TaskRecord

LOOKED_AT = 200


def alike(designs: Sequence[Design], task: Task, records: Sequence[TaskRecord]) -> tuple[int, int] | None:
    """The places of the first two designs that write the same samples with the same loss; None where all differ.

    Args:
        designs: Such as make sense for the task; others count as unlike all.
        task: What the records say.
        records: The first `LOOKED_AT` are looked at; without any record nothing is alike.
    """
    written = [
        [render_sample(record, task, design) for record in records[:LOOKED_AT]] if not why_not(design, task) else [design] for design in designs
    ]
    for first, second in combinations(range(len(designs)), 2):
        if records and designs[first].loss_on_input == designs[second].loss_on_input and written[first] == written[second]:
            return first, second
    return None
