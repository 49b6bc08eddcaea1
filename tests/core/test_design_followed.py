"""Finding out which design samples follow, and turning one into another."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.design.followed import converted, followed_designs
from sde_core.design.options import PRESETS, Design
from sde_core.design.parse import parse_answer
from sde_core.design.sample import Sample, render_sample
from sde_core.design.task import Entry, TaskRecord
from sde_core.errors import UsageError
from tests.core.test_design_answer import ASPECTS, ENTITIES, REVIEW, records

PLACES = st.sampled_from(["first", "last", "none"])


def reviews(count):
    wait = ("positive", "neutral", "negative")
    return [TaskRecord(f"Review {i}.", (Entry("Food", wait[i % 3]), Entry("Wait", wait[i // 3 % 3]))) for i in range(count)]


def test_a_mixed_file_is_told_in_its_exact_shares():
    designs = [Design("first", output) for output in ["lines"] * 70 + ["json"] * 20 + ["natural"] * 10]
    samples = [render_sample(record, ASPECTS, design) for record, design in zip(reviews(100), designs, strict=True)]
    found = followed_designs(samples, ASPECTS)
    assert list(found.designs) == designs
    assert [(design.output, count) for design, count in found.counts.items()] == [("lines", 70), ("json", 20), ("natural", 10)]
    assert found.stray == ()


def test_an_answer_that_looks_alike_in_two_designs_goes_with_the_others():
    """One target alone on a line could be omitting or not."""
    one = replace(ASPECTS, targets=("Food",))
    said = [TaskRecord("a", (Entry("Food", "positive"),)), TaskRecord("b", ())]
    for placeholder in (True, False):
        design = Design("first", "lines", placeholder)
        found = followed_designs([render_sample(record, one, design) for record in said], one)
        assert Counter(found.designs) == {design: 2}


def test_what_follows_no_design_is_listed():
    good = render_sample(REVIEW, ASPECTS, PRESETS["es-sde"])
    samples = [good, Sample(good.prompt, "it was nice"), Sample("another instruction", good.answer)]
    assert followed_designs(samples, ASPECTS).stray == (1, 2)


@pytest.mark.parametrize("task", [ASPECTS, ENTITIES], ids=["attributes", "spans"])
@settings(max_examples=60)
@given(data=st.data(), before=PLACES, after=PLACES, outputs=st.tuples(*[st.sampled_from(["natural", "lines", "json", "pairs"])] * 2))
def test_converting_there_and_back_gives_the_same_bytes(task, data, before, after, outputs):
    first, second = Design(before, outputs[0]), Design(after, outputs[1])
    sample = render_sample(data.draw(records(task)), task, first)
    there = converted(sample, task, first, second)
    assert converted(there, task, second, first) == sample
    assert parse_answer(there.answer, task, second).entries == parse_answer(sample.answer, task, first).entries


def test_what_cannot_be_read_is_not_converted():
    good = render_sample(REVIEW, ASPECTS, PRESETS["es-sde"])
    for sample, after, word in (
        (Sample(good.prompt, "Food: great"), Design(), "cannot be read"),
        (Sample("Please: x", good.answer), Design(), "no instruction"),
        (good, Design(output="json", reasoning="cot"), "no description"),
    ):
        with pytest.raises(UsageError, match=word):
            converted(sample, ASPECTS, PRESETS["es-sde"], after)
