"""Three records of three tasks in every design, byte for byte: tests/golden/design_*.txt, written anew with SDE_UPDATE_GOLDEN=1; read the diff.

The designs are the baseline with its options switched one by one, and the presets. A file shows each design's prompt once, with the first record's
text, and the answers of all three records.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from sde_core.design.answer import entries_shown, render_answer
from sde_core.design.options import PRESETS, Design, design_named, why_not
from sde_core.design.parse import parse_answer
from sde_core.design.sample import render_sample, text_in
from sde_core.design.task import Entry, Task, TaskRecord

GOLDEN = Path(__file__).parents[1] / "golden"
SWITCHED = (
    "instruction=first", "instruction=none", "loss_on_input=yes", "output=lines", "output=json", "output=pairs", "placeholder=no", "labels=number",
    "reasoning=cot", "reasoning=r-cot", "output=json,reasoning=cot", "output=json,reasoning=r-cot",
)  # fmt: skip
DESIGNS = {**PRESETS, **{name: design_named(name) for name in SWITCHED}}

REVIEWS = Task(
    "reviews", "attributes", ("Food", "Drinks", "Wait"), ("positive", "neutral", "negative"), ("Read the review and say what it thinks of each aspect.",),
    numbers={"positive": 1, "neutral": 0, "negative": -1, "unmentioned": -2}, keys=("aspect", "sentiment", "description", "arguments"),
)  # fmt: skip
ENTITIES = Task(
    "entities", "spans", ("DNA", "RNA", "protein"), (), ("Find the names of molecules, also those inside others.",), absent="", quote="'",
    keys=("entity_type", "entity_names", "description", "arguments"),
)  # fmt: skip
EVENTS = Task(
    "events", "spans", ("Attack", "Motion"), (), ("Find the words that tell of an event.",), absent="NONE",
    numbers={"Attack": 1, "Motion": 6, "NONE": 0}, keys=("event_type", "trigger word", "description", "arguments"),
    roles=("agent", "goal", "role: odd"),
)  # fmt: skip
TASKS = {task.name: task for task in (REVIEWS, ENTITIES, EVENTS)}
RECORDS = {
    "reviews": (
        TaskRecord("Good soup, but forty minutes for it.", (Entry("Food", "positive", "good soup"), Entry("Wait", "negative", "waited 40 minutes"))),
        TaskRecord("We were there on a Monday."),
        TaskRecord(
            'Tea: "fine".\n---\nOutput: none?',
            (Entry("Food", "neutral"), Entry("Drinks", "neutral", 'they say "fine", (tea)'), Entry("Wait", "neutral")),
        ),
    ),
    "entities": (
        TaskRecord("The IL-2 gene binds c-Fos .", (Entry("DNA", "IL-2 gene"), Entry("protein", "IL-2"), Entry("protein", "c-Fos"))),
        TaskRecord("Nothing was found ."),
        TaskRecord("5' ends , cap ' s tail ; A: B", (Entry("RNA", "5' ends"), Entry("RNA", ""), Entry("protein", "cap ; A: B"))),
    ),
    "events": (
        TaskRecord("The plane flew to Rome.", (Entry("Motion", "flew", "it moved", (("agent", "the plane"), ("goal", "Rome"))),)),
        TaskRecord("It was late."),
        TaskRecord("NONE hit, ran", (Entry("Attack", "NONE"), Entry("Attack", "hit, ran", "", (("role: odd", "a]b"),)), Entry("Motion", "ran"))),
    ),
}


def drawing(task: Task) -> str:
    """All designs of a task as people read them."""
    parts = []
    for name, design in DESIGNS.items():
        if reason := why_not(design, task):
            parts.append(f"════ {name}\n{reason}\n")
            continue
        loss = "prompt and answer" if design.loss_on_input else "answer"
        answers = [f"──── answer {i}\n{render_answer(record, task, design)}\n" for i, record in enumerate(RECORDS[task.name], 1)]
        parts.append(f"════ {name} · loss on the {loss}\n{render_sample(RECORDS[task.name][0], task, design).prompt}\n{''.join(answers)}")
    return "\n".join(parts)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_design_writes_what_it_wrote(task):
    path, drawn = GOLDEN / f"design_{task.name}.txt", drawing(task)
    if os.environ.get("SDE_UPDATE_GOLDEN"):
        path.write_text(drawn, "utf-8")
    assert path.exists(), f"{path} is missing; SDE_UPDATE_GOLDEN=1 writes it"
    assert drawn == path.read_text("utf-8"), f"{path.name} has changed: say why, then run with SDE_UPDATE_GOLDEN=1"


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_what_is_drawn_is_read_back(task):
    for design in (design for design in DESIGNS.values() if not why_not(design, task)):
        for record in RECORDS[task.name]:
            sample = render_sample(record, task, design)
            read = parse_answer(sample.answer, task, design)
            assert (read.faults, read.entries) == ((), entries_shown(record, task, design))
            assert text_in(sample.prompt, task, design) == (record.text, 0)


def test_no_option_leaves_all_samples_as_they_were():
    """Each switch changes a prompt, an answer, or what carries loss, in some task that it makes sense for."""
    plain = Design()
    for name in SWITCHED:
        design = design_named(name)
        shown = [
            render_sample(record, task, replace(design, loss_on_input=False)) != render_sample(record, task, plain)
            for task in TASKS.values()
            for record in RECORDS[task.name]
            if not why_not(design, task)
        ]
        assert any(shown) or design.loss_on_input, name
