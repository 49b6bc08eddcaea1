from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest

from sde_tui.lanes import Task
from sde_tui.session import PARTS, Session
from sde_tui.session_findings import FindingsPart
from sde_tui.session_work import WorkPart


def classes():
    paths = [path.partition(":") for _, path in PARTS]
    found = [FindingsPart, *(getattr(importlib.import_module(module), name) for module, _, name in paths)]
    return [part for part in found if issubclass(part, WorkPart)]


def test_every_part_that_computes_has_a_lane_of_its_own():
    lanes = [part.lane for part in classes()]
    assert {"balance", "check", "comparisons", "design", "duplicates", "labels", "leaks", "rules"} <= set(lanes)
    assert len(set(lanes)) == len(lanes)


@pytest.mark.parametrize("part_class", classes())
def test_it_waits_for_all_rows_and_for_what_runs(part_class):
    task = Task(part_class.lane, "working", 1)
    tasks = {part_class.lane: task, "another": Task("another", "other work", 2)}
    session = SimpleNamespace(dataset=SimpleNamespace(complete=False), lanes=SimpleNamespace(running=tasks.get))
    session.still_reading = lambda needs: Session.still_reading(session, needs)
    part = part_class.__new__(part_class)
    WorkPart.__init__(part, session)
    assert part.why_not_run() == f"The file is still being read; {part.needs} all of it."
    session.dataset.complete = True
    assert part.running
    assert part.why_not_run() == part.running_words() == "working…; ctrl+x stops."
    del tasks[part.lane]
    assert not part.running
    assert part.why_not_run() == part.running_words() == ""
