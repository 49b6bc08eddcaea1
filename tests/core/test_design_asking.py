"""Asking a model in a design: how much room an answer has, how far it is, what a kill leaves, examples that fit, and draws by seed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tiny_model import make_tiny_model

from sde_core.design.answer import render_answer
from sde_core.design.options import PRESETS, design_named
from sde_core.design.sample import render_sample
from sde_core.design.task import Entry, Task, TaskRecord
from sde_core.errors import CancelledError
from sde_core.evaluate import design_asking, design_compare_job
from sde_core.evaluate.design_asking import Asked, DesignAsker
from sde_core.evaluate.design_compare_job import run_design_compare
from sde_core.evaluate.design_cost import sample_turns
from sde_core.evaluate.design_fitting import encoded_whole
from sde_core.evaluate.design_grid import DesignInput, DesignRequest
from sde_core.jobs import JobContext, JobStatus
from sde_core.train.encode import Encoder
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import load_tokenizer

TASK = Task("reviews", "attributes", ("Food", "Wait"), ("good", "bad"), ("Judge food and wait.", "Food? Wait?"))
RECORDS = [
    TaskRecord(f"the cat {i}", (Entry("Food", ("good", "bad")[i % 2]), *((Entry("Wait", "bad"),) if i % 3 else ()))) for i in range(24)
]  # fmt: skip
DESIGN = PRESETS["es-sde"]
ROOMY = 1024


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A model of random weights that reads 1,024 tokens, and its recipe."""
    from sde_core.evaluate.forgetting import adapted_model
    from sde_core.train.device import plan_device

    folder = make_tiny_model(tmp_path_factory.mktemp("asking") / "model", context=ROOMY)
    recipe = Recipe(model=str(folder), device="cpu", batch_size=4, seed=5)
    return adapted_model(recipe, plan_device(recipe), None), recipe


def asker(recipe, *, test=RECORDS[16:], ood=None, request=None, **options):
    tasks, records = {"test": TASK} | ({"ood": TASK} if ood else {}), {"test": test} | ({"ood": ood} if ood else {})
    given = DesignInput(request or DesignRequest(("es-sde",), sizes=(16,)), recipe, tasks, RECORDS[:16], records)
    return DesignAsker(given, Encoder(load_tokenizer(recipe.model), recipe), **options)


def test_an_answer_has_the_room_of_the_longest_one_there_is_and_samples_are_read_once(small, monkeypatch):
    _, recipe = small
    read = []
    encode = Encoder.encode_all
    monkeypatch.setattr(Encoder, "encode_all", lambda self, batch: read.append(len(batch)) or encode(self, batch))
    long = TaskRecord("x", (Entry("Food", "good"), Entry("Wait", "good")))
    asking, encoder = asker(recipe, test=RECORDS[16:20], ood=[long]), Encoder(load_tokenizer(recipe.model), recipe)

    def longest(records):
        return max(int(encode(encoder, [sample_turns(render_sample(record, TASK, DESIGN))])[0].full_trained.sum()) for record in records)

    assert asking.max_new_tokens(Asked(DESIGN, "test")) == longest(RECORDS[:20])
    assert asking.max_new_tokens(Asked(DESIGN, "ood", wording=1, seed=3)) == longest([*RECORDS[:16], long])
    assert asking.max_new_tokens(Asked(DESIGN, "test", examples=2)) == longest(RECORDS[:20])
    assert read == [16, 4, 1]
    assert asker(recipe, request=DesignRequest(("es-sde",), max_new_tokens=7)).max_new_tokens(Asked(DESIGN, "test")) == 7


def test_how_far_it_is_is_told_in_answers(small, tmp_path):
    model, recipe = small
    told = []
    found = asker(recipe, progress=lambda done, total: told.append((done, total))).scored(model, Asked(DESIGN, "test"), tmp_path / "log")
    assert len(told) > found["max_new_tokens"] // 2
    assert (told[0], told[-1]) == ((0, 8), (8, 8))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert (len(found["answers"]), len(found["of_record"]), found["notes"]) == (8, 8, [])
    assert 0 <= found["unended"] <= 8


def test_answers_that_were_kept_are_not_asked_again(small, tmp_path, monkeypatch):
    model, recipe = small
    whole = asker(recipe).scored(model, Asked(DESIGN, "test"), tmp_path / "whole")
    monkeypatch.setattr("sde_core.train.generation.BATCH_PROMPTS", {"cpu": 3})
    log, batches, asked = tmp_path / "log", [], []

    class AfterTwoBatches:
        def is_set(self):
            return len(batches) >= 2

    keep = design_asking.append_event
    monkeypatch.setattr(design_asking, "append_event", lambda path, event: batches.append(len(event["answers"])) or keep(path, event))
    with pytest.raises(CancelledError):
        asker(recipe, cancel=AfterTwoBatches()).scored(model, Asked(DESIGN, "test"), log)
    assert batches == [3, 3]
    log.write_bytes(log.read_bytes() + b'{"answers": {"7": {"te')
    generate = design_asking.generate_answers
    monkeypatch.setattr(design_asking, "generate_answers", lambda *args, **options: asked.append(len(args[2])) or generate(*args, **options))
    assert asker(recipe).scored(model, Asked(DESIGN, "test"), log) == whole
    assert asker(recipe).scored(model, Asked(DESIGN, "test"), log) == whole
    assert asked == [2, 0]


def test_draws_hold_to_the_seed(small, tmp_path):
    model, recipe = small
    drawn = asker(recipe, request=DesignRequest(("es-sde",), temperature=1.0))
    answers = [drawn.scored(model, Asked(DESIGN, "test", seed=seed), tmp_path / name)["answers"] for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert answers[0] == answers[1] != answers[2]


def test_examples_stand_before_a_prompt_as_turns_and_as_many_as_fit(small, tmp_path, monkeypatch):
    model, recipe = small
    prompts = []
    generate = design_asking.generate_answers
    monkeypatch.setattr(design_asking, "generate_answers", lambda *args, **options: prompts.extend(args[2]) or generate(*args, **options))
    tokenizer = load_tokenizer(recipe.model)
    encoder = Encoder(tokenizer, recipe)
    a_sample = encoder.encode(sample_turns(render_sample(RECORDS[0], TASK, DESIGN))).n_tokens
    long = TaskRecord("the cat " * ((ROOMY - 2 * a_sample) // 2), (Entry("Food", "good"),))
    longer = TaskRecord("the cat " * ROOMY, (Entry("Food", "good"),))
    found = asker(recipe, test=[RECORDS[20], long, longer]).scored(model, Asked(DESIGN, "test", examples=2), tmp_path / "log")
    texts = [tokenizer.backend.decode(ids) for ids in prompts]
    assert [text.count("Judge food and wait.") for text in texts] == [3, 2, 1]
    assert f"Output:\n\nAssistant:\n{render_answer(RECORDS[0], TASK, DESIGN)}" in texts[0]
    assert "2 of 3 prompts had no room for 2 examples, 1 not for one." in found["notes"]
    assert found["notes"][1].startswith("1 of 3 prompts were longer than")
    assert texts[2].startswith("User:\nJudge food and wait.")
    assert texts[2].endswith("\nOutput:\n\nAssistant:\n")


def test_where_hardly_a_training_record_is_short_the_shortest_are_examples(small, tmp_path, monkeypatch):
    model, recipe = small
    prompts = []
    generate = design_asking.generate_answers
    monkeypatch.setattr(design_asking, "generate_answers", lambda *args, **options: prompts.extend(args[2]) or generate(*args, **options))
    lengthy = [replace(record, text=f"{'the cat ' * count}{record.text}") for count, record in zip((90, 60, 80), RECORDS, strict=False)]
    given = DesignInput(DesignRequest(("es-sde",), max_new_tokens=3), recipe, {"test": TASK}, lengthy, {"test": RECORDS[16:17]})
    encoder = Encoder(load_tokenizer(recipe.model), recipe)
    found = DesignAsker(given, encoder).scored(model, Asked(DESIGN, "test", examples=2), tmp_path / "log")
    text = encoder.tokenizer.backend.decode(prompts[0])
    assert (text.count("the cat"), found["notes"]) == (60 + 80 + 3, [])


def test_every_design_is_shown_the_same_examples_however_long_its_own_samples_are(small, tmp_path, monkeypatch):
    model, recipe = small
    prompts = []
    generate = design_asking.generate_answers
    monkeypatch.setattr(design_asking, "generate_answers", lambda *args, **options: prompts.extend(args[2]) or generate(*args, **options))
    said = replace(TASK, instructions=("Judge food and wait. " * 3,))

    def length(record, name):
        return encoder.encode(sample_turns(render_sample(record, said, design_named(name)))).n_tokens

    encoder = Encoder(load_tokenizer(recipe.model), recipe)
    bare, full = "es-sde,instruction=none", "es-sde"
    room = ROOMY - 3
    # short enough without an instruction, and too long with one
    between = next(
        record
        for count in range(20, 120)
        if 4 * length(record := TaskRecord("dog " + "the cat " * count, RECORDS[0].entries), bare) <= room < 4 * length(record, full)
    )
    request = DesignRequest((full, bare), max_new_tokens=3)
    given = DesignInput(request, recipe, {"test": said}, [between, *RECORDS[:4]], {"test": RECORDS[16:17]})
    for name in request.designs:
        DesignAsker(given, encoder).scored(model, Asked(design_named(name), "test", examples=2), tmp_path / name)
    shown = [encoder.tokenizer.backend.decode(ids) for ids in prompts]
    assert all("dog" not in text and "the cat 0" in text and "the cat 1" in text for text in shown)


def test_where_no_example_fits_there_is_no_score_and_a_reason(small, tmp_path):
    model, recipe = small
    long = [TaskRecord("the cat " * ROOMY, RECORDS[0].entries)]
    found = asker(recipe, test=long).scored(model, Asked(DESIGN, "test", examples=2), tmp_path / "log")
    assert (found["scores"], found["answers"]) == ({}, [])
    assert found["notes"][0].startswith("No prompt has room for an example")
    given = DesignInput(DesignRequest(("es-sde",)), recipe, {"test": TASK}, long, {"test": RECORDS[:2]})
    found = DesignAsker(given, Encoder(load_tokenizer(recipe.model), recipe)).scored(model, Asked(DESIGN, "test", examples=2), tmp_path / "other")
    assert found["notes"][0].startswith("No training record is short enough")


def test_where_long_samples_are_dropped_or_nothing_would_help_no_text_is_shortened(small):
    _, recipe = small
    for room, too_long in ((400, "drop"), (40, "cut")):
        encoder = Encoder(load_tokenizer(recipe.model), replace(recipe, max_length=room, too_long=too_long))
        long = replace(RECORDS[1], text="the cat sat on a mat, " * 200)
        (encoded,), shortened = encoded_whole([long], lambda record: sample_turns(render_sample(record, TASK, DESIGN)), encoder)
        assert (encoded.parts, shortened) == ([], 0)


# ---- the job around it


class Told(JobContext):
    """A job's context that remembers what was said."""

    def __init__(self, folder):
        super().__init__(folder, JobStatus())
        self.said = []

    def say(self, message, *, unit=None):
        self.said.append((message, unit))
        super().say(message, unit=unit)


def test_the_untuned_model_is_asked_in_every_wording_and_a_run_that_was_trained_is_only_asked(small, tmp_path, monkeypatch):
    model, recipe = small
    request = DesignRequest(("es-sde", "ew-sde"), sizes=(16,), seeds=1, wordings=(1, 0), max_new_tokens=4)
    given = DesignInput(request, recipe, {"test": TASK}, RECORDS[:16], {"test": RECORDS[16:]})
    (tmp_path / "spec.json").write_text(json.dumps({"kind": "design-compare", "title": "", "spec": {}}))
    (tmp_path / "manifest.json").write_text("{}")
    monkeypatch.setattr(design_compare_job, "read_input", lambda _: given)
    monkeypatch.setattr(design_compare_job, "adapted_model", lambda *_: model)
    for cell in given.cells:
        adapter = tmp_path / "cells" / cell.name / "result" / "adapter" / "adapter_model.safetensors"
        adapter.parent.mkdir(parents=True)
        for path in (adapter, adapter.parents[1] / "metrics.json"):
            path.write_text("{}")
    monkeypatch.setattr("sde_core.train.lora.train_adapter", lambda *_: pytest.fail("it trained again"))
    context = Told(tmp_path)
    run_design_compare(context)
    told = {path.parent.name: json.loads(path.read_bytes()) for path in tmp_path.glob("cells/*/cell.json")}
    assert set(told) == {"before-0", "before-1", "before-0-w0", "before-1-w0", *(cell.name for cell in given.cells)}
    assert (told["before-0"]["wording"], told["before-0-w0"]["wording"]) == (1, 0)
    assert all(told[name]["in-context"]["scores"] for name in told if name.startswith("before"))
    assert all(told[cell.name]["answering_seconds"] <= told[cell.name]["seconds"] for cell in given.cells)
    assert ("Run 1 of 4: es-sde, 16 records, seed 5: asking the test records.", "answers") in context.said
    assert (context.status.unit, context.status.done, context.status.total) == ("steps", 16, 16)
    assert not list(tmp_path.glob("cells/*/answers-*"))
    said = len(context.said)
    left = tmp_path / "cells" / given.cells[0].name / "answers-test.jsonl"
    left.write_text("")
    run_design_compare(context)
    assert len(context.said) == said + 2
    assert not left.exists()
