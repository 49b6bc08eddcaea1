"""Answers in every design: the paper's own strings, and every record read back as it was, whatever its texts are made of."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.design.alike import alike
from sde_core.design.answer import entries_shown, render_answer
from sde_core.design.options import PRESETS, Design, design_named, design_words, why_not
from sde_core.design.parse import FAULT_KINDS, parse_answer
from sde_core.design.task import Entry, Task, TaskRecord
from sde_core.errors import UsageError

ASPECTS = Task(
    "reviews", "attributes", ("Food", "Drinks", "Wait"), ("positive", "neutral", "negative"), ("Read the review.",),
    numbers={"positive": 1, "neutral": 0, "negative": -1, "unmentioned": -2}, keys=("aspect", "sentiment", "description", "arguments"),
)  # fmt: skip
ENTITIES = Task(
    "genia", "spans", ("DNA", "RNA", "protein"), (), ("Find the entities.",), absent="", quote="'",
    keys=("entity_type", "entity_names", "description", "arguments"),
)  # fmt: skip
EVENTS = Task(
    "events", "spans", ("Attack", "Motion"), (), ("Find the events.",), absent="NONE",
    numbers={"Attack": 1, "Motion": 6, "NONE": 0}, keys=("event_type", "trigger word", "description", "arguments"),
)  # fmt: skip
TERMS = Task("terms", "terms", (), ("positive", "negative"), ("Find the terms.",))
INTENT = Task("intents", "label", ("intent",), ("book flight", "none", "U.S."), ("Name the intent.",))
TASKS = {"attributes": ASPECTS, "entities": ENTITIES, "events": EVENTS, "terms": TERMS, "label": INTENT}
DESIGNS = [
    Design(output=output, placeholder=placeholder, labels=labels, reasoning=reasoning)
    for output, placeholder, labels, reasoning in product(
        ("natural", "lines", "json", "pairs"), (True, False), ("text", "number"), ("none", "cot", "r-cot")
    )
]
REVIEW = TaskRecord("…", (Entry("Food", "positive"), Entry("Wait", "negative", "waited 40 minutes")))
SENTENCE = TaskRecord("…", (Entry("protein", "IL-2"), Entry("DNA", "IL-2 gene")))
FLIGHT = TaskRecord("…", (Entry("Motion", "flew"),))


@pytest.mark.parametrize(
    ("task", "record", "design", "answer"),
    [
        (ASPECTS, REVIEW, Design(), "Food: positive, Drinks: unmentioned, Wait: negative."),
        (ASPECTS, REVIEW, Design(placeholder=False), "Food: positive, Wait: negative."),
        (ASPECTS, REVIEW, Design(output="lines"), "Food: positive\nDrinks: unmentioned\nWait: negative"),
        (ASPECTS, REVIEW, Design(labels="number"), "Food: 1, Drinks: -2, Wait: -1."),
        (ASPECTS, REVIEW, Design(output="json", placeholder=False, reasoning="cot"),
         '{"aspect": "Food", "description": "", "sentiment": "positive"}\n'
         '{"aspect": "Wait", "description": "waited 40 minutes", "sentiment": "negative"}'),
        (ASPECTS, REVIEW, Design(output="json", placeholder=False, reasoning="r-cot"),
         '{"aspect": "Food", "sentiment": "positive", "description": ""}\n'
         '{"aspect": "Wait", "sentiment": "negative", "description": "waited 40 minutes"}'),
        (ASPECTS, REVIEW, Design(output="lines", reasoning="cot", placeholder=False), 'Food: ("") positive\nWait: (waited 40 minutes) negative'),
        (ENTITIES, SENTENCE, PRESETS["es-sde"], "'DNA': 'IL-2 gene'\n'RNA': ''\n'protein': 'IL-2'"),
        (ENTITIES, SENTENCE, PRESETS["ew-sde"], "'DNA': 'IL-2 gene'; 'protein': 'IL-2'"),
        (ENTITIES, SENTENCE, PRESETS["heuristic"], '["DNA", "IL-2 gene"]\n["protein", "IL-2"]'),
        (ENTITIES, TaskRecord("…"), PRESETS["heuristic"], "[]"),
        (EVENTS, FLIGHT, Design(output="lines"), "Attack: NONE\nMotion: flew"),
        (EVENTS, FLIGHT, Design(labels="number", placeholder=False), "6: flew"),
        (EVENTS, TaskRecord("…", (Entry("Motion", "flew", details=(("agent", "the plane"),)),)), Design(placeholder=False),
         "Motion: flew [agent: the plane]"),
        (EVENTS, FLIGHT, Design(output="json"), '{"event_type": "Attack", "trigger word": []}\n{"event_type": "Motion", "trigger word": ["flew"]}'),
        (TERMS, TaskRecord("…"), Design(), "none."),
        (INTENT, TaskRecord("…", (Entry("intent", "none"),)), Design(output="lines"), "none"),
    ],
)  # fmt: skip
def test_the_answer_of_a_design(task, record, design, answer):
    assert render_answer(record, task, design) == answer


HOSTILE = st.one_of(
    st.sampled_from(
        ["", " ", "NONE", "none", "unmentioned", "a: b", "a, b", "a; b", "x (y)", "[x]", "(x", '"', "'", "''", "\\", "\n---\n", "U.S.", "]", ")", "1", "-2", "\ud800", "\u2028x\u2028", "a:", "a,", "null", "[]", "{}"]
    ),
    st.text(max_size=12),
)  # fmt: skip


@st.composite
def records(draw, task):
    details = st.lists(st.tuples(HOSTILE, HOSTILE), max_size=2).map(tuple)
    if task.kind == "spans":
        entries = draw(st.lists(st.builds(Entry, st.sampled_from(task.targets), HOSTILE, HOSTILE, details), max_size=5))
    else:
        targets = st.sampled_from(task.targets) if task.targets else HOSTILE
        least = 1 if task.kind == "label" else 0
        names = draw(st.lists(targets, unique=True, min_size=least, max_size=4))
        entries = [Entry(name, draw(st.sampled_from(task.values)), draw(HOSTILE), draw(details)) for name in names]
    return TaskRecord(draw(HOSTILE), tuple(entries))


@pytest.mark.parametrize("name", TASKS)
@settings(max_examples=300)
@given(data=st.data())
def test_every_record_is_read_back_from_every_design(name, data):
    task = TASKS[name]
    record = data.draw(records(task))
    for design in data.draw(st.lists(st.sampled_from([design for design in DESIGNS if not why_not(design, task)]), min_size=4, max_size=4)):
        read = parse_answer(render_answer(record, task, design), task, design)
        assert read.faults == ()
        assert read.entries == entries_shown(record, task, design)


@pytest.mark.parametrize("name", TASKS)
@settings(max_examples=150)
@given(text=st.one_of(st.text(max_size=60), st.lists(HOSTILE, max_size=8).map("".join)), design=st.sampled_from(DESIGNS))
def test_nothing_that_a_model_answers_breaks_the_reading(name, text, design):
    read = parse_answer(text, TASKS[name], design)
    assert all(fault.kind in FAULT_KINDS for fault in read.faults)
    assert not TASKS[name].misfits(TaskRecord("", read.entries)) or not read.entries


@pytest.mark.parametrize(
    ("answer", "design", "kind", "kept"),
    [
        ("", Design(), "empty", 0),
        ("all of it was fine", Design(output="lines"), "split", 0),
        ("Food: positive\nDrinks positive\nWait: negative", Design(output="lines"), "split", 2),
        ('{"aspect": "Food", "sentiment": "positive"', Design(output="json"), "syntax", 0),
        ("__import__('os').system('true')", Design(output="json"), "syntax", 0),
        ("Price: positive\nFood: negative", Design(output="lines", placeholder=False), "unknown target", 1),
        ("Food: great\nWait: negative", Design(output="lines", placeholder=False), "unknown value", 1),
        ("Food: positive\nFood: negative", Design(output="lines", placeholder=False), "repeated target", 1),
        ("Food: positive, Drinks: negative.", Design(), "missing target", 2),
        ("Food: 7, Drinks: 1, Wait: 1.", Design(labels="number"), "unknown value", 2),
    ],
)  # fmt: skip
def test_each_kind_of_fault_is_told_and_the_rest_is_read(answer, design, kind, kept):
    read = parse_answer(answer, ASPECTS, design)
    assert kind in {fault.kind for fault in read.faults}
    assert len(read.entries) == kept


def test_omitting_is_read_for_the_preset_too():
    """The published code compares the mode with a list and never gets there."""
    read = parse_answer("Food: positive.", ASPECTS, PRESETS["ew-sde"])
    assert read.faults == ()
    assert read.entries == (Entry("Food", "positive"),)


def test_designs_are_named_by_preset_and_options():
    assert design_named("es-sde") == Design(instruction="first", output="lines")
    assert design_named("ES-SDE, output=json, placeholder=no") == Design(instruction="first", output="json", placeholder=False)
    assert design_named("labels=number") == Design(labels="number")
    for wrong in ("", "best", "es-sde,output=xml", "es-sde,colour=red", "placeholder=maybe"):
        with pytest.raises(UsageError):
            design_named(wrong)


@given(
    design=st.sampled_from(
        [
            replace(design, instruction=place, loss_on_input=loss)
            for design in DESIGNS
            for place in ("first", "last", "none")
            for loss in (True, False)
        ]
    )
)
def test_a_design_in_words_is_read_as_that_design(design):
    assert design_named(design_words(design)) == design


def test_senseless_designs_say_why():
    assert "other domain" in why_not(Design(instruction="none"), ASPECTS, other_domain=True)
    assert not why_not(Design(instruction="none"), ASPECTS)
    assert "description" in why_not(Design(output="pairs", reasoning="cot"), ASPECTS)


def test_designs_that_write_the_same_are_told():
    label = [TaskRecord("…", (Entry("intent", "none"),))]
    omits = [design_named(name) for name in ("es-sde", "baseline", "es-sde,placeholder=no")]
    assert alike(omits, INTENT, label) == (0, 2)
    assert alike(omits, ASPECTS, [REVIEW]) is None
    assert alike([Design(), replace(Design(), loss_on_input=True)], INTENT, label) is None
    assert alike(omits, INTENT, []) is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"targets": ("Food", "Food", "Wait")}, "twice"),
        ({"absent": "neutral"}, "placeholder"),
        ({"keys": ("aspect", "aspect", "description", "arguments")}, "JSON"),
        ({"numbers": {"positive": 1, "neutral": 1, "negative": -1, "unmentioned": -2}}, "number"),
        ({"values": ()}, "values"),
        ({"instructions": ()}, "instruction"),
    ],
)  # fmt: skip
def test_tasks_that_clash_with_themselves_are_refused(change, word):
    with pytest.raises(UsageError, match=word):
        replace(ASPECTS, **change)


def test_a_record_that_does_not_fit_is_not_written():
    for entry, word in ((Entry("Price", "positive"), "no target"), (Entry("Food", "great"), "no value")):
        with pytest.raises(UsageError, match=word):
            render_answer(TaskRecord("…", (entry,)), ASPECTS, Design())
    with pytest.raises(UsageError, match="several values"):
        render_answer(TaskRecord("…", (Entry("Food", "positive"), Entry("Food", "negative"))), ASPECTS, Design())
