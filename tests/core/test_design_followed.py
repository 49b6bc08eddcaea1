"""Finding out which design samples follow, and turning one into another."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.design.conversion import DatasetDesigns
from sde_core.design.followed import NO_INSTRUCTION, converted, followed_designs
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
    found = followed_designs(samples, ASPECTS)
    assert found.stray == (1, 2)
    assert found.reasons[0] == ""
    assert "names no target" in found.reasons[1]
    assert found.reasons[2] == NO_INSTRUCTION


def test_an_answer_in_another_form_than_its_prompt_asks_for_counts_by_its_answer():
    """Prompts all alike, answers mixed: exactly the shares of the answers, and the rows that contradict their prompt."""
    lines = [render_sample(record, ASPECTS, Design("first", "lines")) for record in reviews(10)]
    others = [render_sample(record, ASPECTS, Design("first", output)) for record, output in zip(reviews(3), ("json", "json", "natural"), strict=True)]
    samples = [*lines[3:], *(replace(sample, answer=other.answer) for sample, other in zip(lines, others, strict=False))]
    found = followed_designs(samples, ASPECTS)
    assert [(design.output, count) for design, count in found.counts.items()] == [("lines", 7), ("json", 2), ("natural", 1)]
    assert found.contradicted == (7, 8, 9)
    for sample, asked, design, wanted in zip(samples[7:], found.asked[7:], found.designs[7:], lines, strict=False):
        assert converted(sample, ASPECTS, design, PRESETS["es-sde"], asked=asked) == wanted


def test_other_bytes_that_say_the_same_follow_nothing_yet_can_be_read():
    good = render_sample(REVIEW, ASPECTS, Design("first", "json"))
    found = followed_designs([good, replace(good, answer=good.answer.replace(": ", ":")), replace(good, answer=good.answer + "\n")], ASPECTS)
    assert found.stray == (1, 2)
    assert found.readable == (Design("first", "json"),) * 3
    assert "not byte for byte" in found.reasons[1]
    assert "not byte for byte" in found.reasons[2]


def test_the_instruction_of_another_task_is_no_part_of_the_text():
    """Converting by the wrong task file would put a second instruction before the first."""
    other = replace(ASPECTS, instructions=("Say what the review says.",))
    samples = [render_sample(record, ASPECTS, Design("first", output)) for record, output in zip(reviews(3), ("lines", "lines", "json"), strict=True)]
    found = followed_designs(samples, other)
    assert found.answers_alone
    assert [(design.output, count) for design, count in found.counts.items()] == [("lines", 2), ("json", 1)]
    ours = [render_sample(record, other, Design("none", "lines")) for record in reviews(4)]
    mixed = followed_designs([*ours, samples[0]], other)
    assert [design.instruction for design in mixed.designs] == ["none"] * 5
    assert not mixed.answers_alone


def test_prompts_of_others_stay_and_answers_alone_are_compared():
    samples = [Sample("What do you think?", render_sample(REVIEW, ASPECTS, Design("first", output)).answer) for output in ("lines", "lines", "json")]
    found = followed_designs(samples, ASPECTS)
    assert found.answers_alone
    assert [(design.output, count) for design, count in found.counts.items()] == [("lines", 2), ("json", 1)]
    assert converted(samples[2], ASPECTS, found.designs[2], found.designs[0], keeps_prompt=True) == samples[0]


@pytest.mark.parametrize("task", [ASPECTS, ENTITIES], ids=["attributes", "spans"])
@settings(max_examples=25)
@given(data=st.data())
def test_whatever_is_rendered_is_found_in_a_design_of_the_same_bytes(task, data):
    """Quotes, line feeds, separators and the placeholder as a value included."""
    designs = data.draw(
        st.lists(
            st.builds(Design, PLACES, st.sampled_from(["natural", "lines", "json", "pairs"]), st.booleans(), st.sampled_from(["text", "number"])),
            min_size=1,
            max_size=4,
        )
    )
    samples = [render_sample(data.draw(records(task)), task, design) for design in designs]
    found = followed_designs(samples, task)
    assert found.stray == ()
    for sample, design, asked in zip(samples, found.designs, found.asked, strict=True):
        assert converted(sample, task, design, design, asked=asked, keeps_prompt=found.answers_alone).answer == sample.answer


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


def test_reasons_that_differ_only_in_what_they_quote_are_one():
    samples = [Sample("What is said?", f"nothing that fits {number}") for number in range(4)]
    found = DatasetDesigns((3, 5, 6, 9), tuple(samples), followed_designs(samples, ASPECTS), ASPECTS)
    assert {reason.count("“…”"): rows for reason, rows in found.stray_by_reason().items()} == {1: (3, 5, 6, 9)}
    alone = DatasetDesigns((3,), tuple(samples[:1]), followed_designs(samples[:1], ASPECTS), ASPECTS)
    assert "nothing that fits 0" in next(iter(alone.stray_by_reason()))
