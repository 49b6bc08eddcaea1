"""The defects of the code that was published with the paper (arXiv 2404.13033), each with a test that it is not made here.

That equal answers count as often on both sides stands in test_design_metrics.py.
"""

from __future__ import annotations

import builtins
from dataclasses import replace

import chat_forms
import pytest
from tiny_model import make_tiny_model

from sde_core.design.answer import render_answer
from sde_core.design.options import PRESETS, Design, design_named, design_words
from sde_core.design.parse import FAULT_KINDS, parse_answer
from sde_core.design.sample import around_text, render_sample
from sde_core.design.task import Entry, TaskRecord
from sde_core.evaluate.design_cost import sample_turns
from sde_core.evaluate.design_fitting import encoded_whole
from sde_core.evaluate.design_results import record_scores
from sde_core.train.encode import IGNORED, Encoder
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import load_tokenizer
from tests.core.test_design_answer import ASPECTS, ENTITIES, EVENTS, REVIEW, TASKS, TERMS

LONG = replace(REVIEW, text="the cat sat on a mat, " * 300)
TEMPLATES = {"plain": "", "chatml": chat_forms.CHATML}


@pytest.fixture(scope="module", params=TEMPLATES)
def tokenizer(request, tmp_path_factory):
    return load_tokenizer(str(make_tiny_model(tmp_path_factory.mktemp("defects") / "model", template=TEMPLATES[request.param], context=2048)))


def trained_text(tokenizer, encoded):
    ids = encoded.ids[encoded.labels != IGNORED].tolist()
    return tokenizer.backend.decode(ids, skip_special_tokens=False)


@pytest.mark.parametrize("design", PRESETS.values(), ids=PRESETS)
def test_the_last_prompt_token_carries_no_loss(tokenizer, design):
    """The published collator masks one token too few."""
    encoded = Encoder(tokenizer, Recipe()).encode(sample_turns(render_sample(REVIEW, ASPECTS, design)))
    first = int((encoded.labels != IGNORED).argmax())
    assert tokenizer.backend.decode(encoded.ids[:first].tolist()).endswith(("Assistant:\n", "assistant\n"))
    end = tokenizer.backend.decode([int(encoded.ids[encoded.labels != IGNORED][-1])], skip_special_tokens=False)
    assert trained_text(tokenizer, encoded) == f"{render_answer(REVIEW, ASPECTS, design)}{end}"
    assert end in ("</s>", "<|im_end|>")


def test_loss_on_the_input_is_the_only_option_that_trains_a_prompt(tokenizer):
    for design in (Design(), replace(Design(), loss_on_input=True)):
        encoded = Encoder(tokenizer, Recipe(completion_only=not design.loss_on_input)).encode(sample_turns(render_sample(REVIEW, ASPECTS, design)))
        masked = (encoded.labels == IGNORED).sum()
        assert masked == 1 if design.loss_on_input else masked > len(encoded.ids) // 2


@pytest.mark.parametrize("design", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("room", [500, 700])
def test_the_end_token_survives_where_a_sample_is_too_long(tokenizer, design, room):
    """The published code appends it and cuts afterwards; here the text gives way, and instruction and answer stay whole."""
    encoder = Encoder(tokenizer, Recipe(max_length=room))
    (short, cut), shortened = encoded_whole([REVIEW, LONG], lambda record: sample_turns(render_sample(record, ASPECTS, design)), encoder)
    assert trained_text(tokenizer, cut) == trained_text(tokenizer, short)
    assert (cut.verdict, shortened) == ("ok", 1)
    assert room - 16 < len(cut.ids) <= room
    prompt = tokenizer.backend.decode(cut.ids.tolist())
    assert all(part in prompt for part in around_text(ASPECTS, design))


@pytest.mark.parametrize("name", ["ew-sde", "placeholder=no", "output=lines,placeholder=no", "output=json,placeholder=no"])
def test_what_is_omitted_is_read_as_not_mentioned(name):
    """The published code compares a text with a list, so that its reading of omitted targets never runs."""
    design, record = design_named(name), TaskRecord("…", (Entry("Food", "positive"),))
    answer = render_answer(record, ASPECTS, design)
    assert ASPECTS.absent not in answer
    read = parse_answer(answer, ASPECTS, design)
    assert (read.faults, read.entries) == ((), record.entries)
    told = record_scores([record.entries], [read], ASPECTS)
    assert (told["scores"]["accuracy"], told["scores"]["adherence"]) == (1.0, 1.0)
    missing = {fault.kind for fault in parse_answer(answer, ASPECTS, replace(design, placeholder=True)).faults}
    assert missing == {"missing target"}


@pytest.mark.parametrize("task", [ENTITIES, EVENTS, TERMS], ids=lambda task: task.name)
def test_records_without_any_entry_break_no_scoring(task):
    """The published code asks for the best match in an empty list."""
    for design in (Design(), PRESETS["heuristic"], PRESETS["es-sde"]):
        answers = [parse_answer(text, task, design) for text in (render_answer(TaskRecord("…"), task, design), "", "what?")]
        told = record_scores([(), (), ()], answers, task)
        assert told["of_record"] == [1.0, 1.0, 1.0]
        assert told["scores"]["f1"] == told["scores"]["soft_f1"] == 1.0
        assert told["scores"]["adherence"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("design", [*PRESETS.values(), design_named("output=json"), design_named("output=lines,labels=number")], ids=design_words)
def test_an_answer_is_never_evaluated(name, design, monkeypatch, tmp_path):
    """The published code reads JSON with eval."""
    monkeypatch.chdir(tmp_path)
    evaluated = []
    call = "__import__('pathlib').Path('made').touch()"
    hostile = [
        call,
        f'{{"aspect": {call}}}',
        f"[{call}]",
        f"Food: {call}",
        "[" * 100_000,
        "9" * 10_000,
        '{"a": 1e999}',
        "{'aspect': 'Food'}",
        "None",
        "NaN",
    ]
    with monkeypatch.context() as patched:
        for builtin in ("eval", "exec", "compile"):
            patched.setattr(builtins, builtin, lambda *given, **_: evaluated.append(given))
        found = [parse_answer(text, TASKS[name], design) for text in hostile]
    assert not evaluated
    assert not list(tmp_path.iterdir())
    assert all(fault.kind in FAULT_KINDS for read in found for fault in read.faults)
    assert all(read.faults or read.entries for read in found)
