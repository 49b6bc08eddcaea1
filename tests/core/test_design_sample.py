"""Prompts around a text, and records from the shapes that they come in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.design.answer import entries_shown, render_answer
from sde_core.design.inference import infer_task
from sde_core.design.options import PRESETS, Design, why_not
from sde_core.design.parse import parse_answer
from sde_core.design.readers import iob2_rows, read_records
from sde_core.design.rows import column_rows, dataset_rows, is_in_columns
from sde_core.design.sample import render_sample, text_in
from sde_core.design.task import Entry, Task, TaskRecord
from sde_core.errors import UsageError
from tests.core.test_design_answer import ASPECTS, DESIGNS, ENTITIES, EVENTS, INTENT, REVIEW, TERMS

FORM = "Aspects: Food, Drinks, Wait. Values: positive, neutral, negative. Answer in the format aspect 1: sentiment"


@pytest.mark.parametrize(
    ("place", "prompt"),
    [
        ("first", "Read the review. {form}\n---\nGood food.\nOutput:"),
        ("last", "Good food.\n---\nRead the review. {form}\nOutput:"),
        ("none", "Good food.\nOutput:"),
    ],
)
def test_where_the_instruction_stands(place, prompt):
    record = TaskRecord("Good food.", REVIEW.entries)
    form = f"{FORM}, aspect 2: sentiment … Where the text does not mention it, write unmentioned."
    assert render_sample(record, ASPECTS, Design(instruction=place)).prompt == prompt.format(form=form)


@pytest.mark.parametrize(
    ("task", "design", "words"),
    [
        (ASPECTS, PRESETS["es-sde"], "aspect 1: sentiment, one aspect a line. Where the text does not mention it, write unmentioned."),
        (ASPECTS, PRESETS["ew-sde"], "Leave out what the text does not mention; if that is all, answer none."),
        (ASPECTS, Design(labels="number"), "Write values as numbers: 1 = positive, 0 = neutral, -1 = negative."),
        (ASPECTS, Design(output="json", reasoning="cot"), '{"aspect": "…", "description": "…", "sentiment": "…"}, one object a line.'),
        (ENTITIES, PRESETS["es-sde"], "'entity_type 1': 'entity_names', one entity_type a line. Where the text does not mention it, write ''."),
        (EVENTS, Design(output="json"), '{"event_type": "…", "trigger word": […]}, one object a line. Where the text has none, write an empty list.'),
        (INTENT, Design(output="lines"), "Answer in the format value"),
        (TERMS, Design(output="pairs"), '["target", "value"], one a line. If there is none, answer []'),
    ],
)
def test_the_instruction_says_the_form_that_is_wanted(task, design, words):
    assert words in render_sample(TaskRecord("x", (Entry("intent", "none"),) if task is INTENT else ()), task, design).prompt


@given(
    text=st.one_of(st.text(), st.just("\n---\n"), st.just("\nOutput:")),
    design=st.sampled_from(DESIGNS),
    place=st.sampled_from(["first", "last", "none"]),
)
def test_the_text_is_found_again_in_its_prompt(text, design, place):
    design = Design(place, design.output, design.placeholder, design.labels)
    sample = render_sample(TaskRecord(text), ASPECTS, design)
    assert text_in(sample.prompt, ASPECTS, design) == (text, 0)


def test_another_wording_is_no_prompt_of_this_design():
    assert text_in("Please.\n---\nx\nOutput:", ASPECTS, PRESETS["es-sde"]) is None
    with pytest.raises(UsageError, match="wording 3"):
        render_sample(REVIEW, ASPECTS, Design(), wording=3)


@pytest.mark.parametrize(
    ("task", "value", "entries"),
    [
        (INTENT, "U.S.", (Entry("intent", "U.S."),)),
        (ASPECTS, {"Wait": "negative", "Food": "positive", "Drinks": "unmentioned"}, (Entry("Food", "positive"), Entry("Wait", "negative"))),
        (TERMS, [{"term": "bread", "polarity": "positive"}] * 2, (Entry("bread", "positive"),)),
        (ENTITIES, [{"type": "DNA", "span": "c-fos"}], (Entry("DNA", "c-fos"),)),
        (EVENTS, {"hopper": [{"events": [{"type": "Motion", "nugget": {"text": "flew"}, "argument": [{"role": {"type": "agent"}, "text": "it"}]}]}]},
         (Entry("Motion", "flew", details=(("agent", "it"),)),)),
    ],
)  # fmt: skip
def test_every_usual_shape_is_read(task, value, entries):
    records, misfits = read_records([(0, {"t": "text", "s": value})], task, text_field="t", said_field="s")
    assert misfits == []
    assert records == {0: TaskRecord("text", entries)}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("no object", "no object"),
        ({"t": "x"}, "no field “s”"),
        ({"t": 7.5, "s": None}, "no mapping"),
        ({"t": ["x"], "s": {}}, "text “['x']” is no text"),
        ({"t": "x", "s": {"Food": "great"}}, "“great” is no value"),
        ({"t": "x", "s": {"Price": "positive"}}, "“Price” is no target"),
    ],
)
def test_a_row_that_does_not_fit_is_listed_with_the_reason(row, reason):
    records, misfits = read_records([(0, row)], ASPECTS, text_field="t", said_field="s")
    assert records == {}
    assert [misfit.row for misfit in misfits] == [0]
    assert reason in misfits[0].reason


def test_nested_spans_of_tag_columns():
    lines = ["IL-2\tB-protein\tB-DNA", "gene\tO\tI-DNA", ".\tO\tO", "", "RNA\tB-cell\tO"]
    assert list(iob2_rows(lines)) == [
        {"text": "IL-2 gene .", "spans": [{"type": "DNA", "span": "IL-2 gene"}, {"type": "protein", "span": "IL-2"}]},
        {"text": "RNA", "spans": [{"type": "cell", "span": "RNA"}]},
    ]


GENIA = Task("genia", "spans", ("DNA", "RNA", "protein", "cell_type", "cell_line"), (), ("Find the entities.",), absent="", quote="'")
SEMEVAL = Task("reviews", "terms", (), ("positive", "neutral", "negative", "conflict"), ("Find the terms.",))
CASIE = Task("casie", "spans", ("Attack", "Vulnerability-related"), (), ("Find the events.",))


@pytest.mark.parametrize(
    ("file", "task", "fields", "records", "misfits"),
    [
        ("Restaurants_Train.jsonl", SEMEVAL, ("text", "aspects"), 1_999, 10),
        ("Restaurants_Test_Gold.jsonl", SEMEVAL, ("text", "aspects"), 610, 0),
        ("Laptops_Train.jsonl", SEMEVAL, ("text", "aspects"), 1_471, 12),
        ("Laptops_Test_Gold.jsonl", SEMEVAL, ("text", "aspects"), 416, 2),
        ("genia.dev.iob2", GENIA, ("text", "spans"), 1_669, 0),
        ("casie.jsonl", CASIE, ("content", "cyberevent"), 1_000, 0),
        ("../labels/clinc_full.json", None, ("text", "label"), 23_700, 0),
    ],
)
def test_all_real_rows_are_read_back_or_listed(file, task, fields, records, misfits, shared_data):
    """Every row of most files in one design, and every design with many rows; the only rows that do not fit give one term several values."""
    path = str(shared_data / "structured" / file)
    rows = list(column_rows(Path(path)) if is_in_columns(path) else dataset_rows(open_dataset(path)))
    task = task or infer_task([row for _, row in rows], name="x").task
    read, left = read_records(rows, task, text_field=fields[0], said_field=fields[1])
    assert (len(read), len(left)) == (records, misfits)
    assert all("several values" in misfit.reason for misfit in left)
    designs = [design for design in DESIGNS if not why_not(design, task)]
    for place, record in enumerate(list(read.values())[:: 1 + len(read) // 8_000]):
        design = designs[place % len(designs)]
        told = parse_answer(render_answer(record, task, design), task, design)
        assert (told.faults, told.entries) == ((), entries_shown(record, task, design)), (record, design)
