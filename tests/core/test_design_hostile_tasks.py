"""Tasks whose own words are hostile: what is written in any design is read back, or the task is refused where it is made."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sde_core.design.answer import entries_shown
from sde_core.design.options import Design, why_not
from sde_core.design.parse import parse_answer
from sde_core.design.sample import render_sample, text_in
from sde_core.design.task import QUOTES, Entry, Task, TaskError, TaskRecord
from tests.core.test_design_answer import ASPECTS, DESIGNS, ENTITIES, HOSTILE, TERMS, records

KINDS = st.sampled_from(["label", "attributes", "terms", "spans"])


@st.composite
def hostile_tasks(draw):
    kind = draw(KINDS)
    words = st.lists(HOSTILE, min_size=1, max_size=1 if kind == "label" else 3, unique=True).map(tuple)
    values = draw(st.lists(HOSTILE, min_size=1, max_size=3, unique=True).map(tuple))
    plain = st.sampled_from(["unmentioned", "(none)", "not said"])
    try:
        return Task(
            draw(HOSTILE), kind, () if kind == "terms" else draw(words), () if kind == "spans" else values, ("Read it.",),
            absent=draw(st.one_of(plain, HOSTILE)), none=draw(st.one_of(st.just("none"), HOSTILE)), quote=draw(st.sampled_from(QUOTES)),
            keys=draw(st.one_of(st.just(("target", "value", "why", "arguments")), st.tuples(*[HOSTILE] * 4))),
        )  # fmt: skip
    except TaskError:
        return assume(False)


@settings(max_examples=120)
@given(data=st.data(), task=hostile_tasks(), place=st.sampled_from(["first", "last", "none"]))
def test_every_record_of_a_hostile_task_is_read_back(data, task, place):
    record = data.draw(records(task))
    options = data.draw(st.sampled_from([design for design in DESIGNS if not why_not(design, task)]))
    design = Design(place, options.output, options.placeholder, options.labels, options.reasoning)
    sample = render_sample(record, task, design)
    read = parse_answer(sample.answer, task, design)
    assert (read.faults, read.entries) == ((), entries_shown(record, task, design))
    assert text_in(sample.prompt, task, design) == (record.text, 0)


def made(task, **changes):
    return Task(**{name: changes.get(name, getattr(task, name)) for name in Task.__dataclass_fields__})


@pytest.mark.parametrize("absent", ["n/a, none", "(none)", "none; unknown", "a [b", "", " ", '"', "line\nfeed", "unmentioned.", "\x85"])
def test_any_word_can_stand_for_what_is_not_mentioned(absent):
    """Bare where it can, as a JSON string elsewhere, and its prompt shows it as the answer has it."""
    task = made(ASPECTS, absent=absent, numbers={})
    record = TaskRecord("…", (Entry("Food", "positive", "good soup"), Entry("Wait", "negative", "")))
    for design in DESIGNS:
        if design.placeholder and not why_not(design, task):
            sample = render_sample(record, task, design)
            read = parse_answer(sample.answer, task, design)
            assert (read.faults, read.entries) == ((), entries_shown(record, task, design))
            if design.output in ("natural", "lines"):
                written = sample.answer.removesuffix(".").replace("\n", ", ").split("Drinks: ")[1].split(", Wait")[0]
                assert f"write {written}." in sample.prompt


@pytest.mark.parametrize(
    ("task", "change", "field"),
    [
        (ENTITIES, {"quote": '"'}, "quote"),
        (ENTITIES, {"quote": ", "}, "quote"),
        (ENTITIES, {"quote": "1"}, "quote"),
        (ENTITIES, {"absent": "it's"}, "absent"),
        (ENTITIES, {"absent": "", "quote": ""}, "absent"),
        (ENTITIES, {"absent": "none, at all", "quote": ""}, "absent"),
        (TERMS, {"none": ""}, "none"),
        (TERMS, {"none": "none "}, "none"),
        (ASPECTS, {"none": "Food: positive"}, "none"),
        (ASPECTS, {"instructions": ("Read.", "Read.")}, "instructions"),
    ],
)
def test_words_that_could_not_be_told_apart_are_refused(task, change, field):
    with pytest.raises(TaskError) as refused:
        made(task, **change)
    assert refused.value.field == field
    assert refused.value.hint
