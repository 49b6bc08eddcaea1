"""The batches of a run known beforehand, the probe that times three of them, and what is said from it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.jobs import JobContext, JobStatus
from sde_core.train.batches import RunBatches, evaluated_positions, run_batches, sequence_lengths, steps_of
from sde_core.train.encode import Encoder
from sde_core.train.estimate import estimate
from sde_core.train.launch import prepared_run
from sde_core.train.order import EpochSampler
from sde_core.train.preflight import preflight
from sde_core.train.probe import Probe, probed, run_probe
from sde_core.train.probe_store import keep_probe, kept_probe, probe_name
from sde_core.train.recipe import Recipe
from sde_core.train.rows import read_snapshot
from sde_core.train.samples import Collator, encode_rows
from sde_core.train.tokenizer import load_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "the", "dog", "ran", "to", "the", "old", "red", "barn"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(make_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data.jsonl"
    rows = [{"prompt": " ".join(WORDS[: 1 + i % 9]) + f" {i}", "response": " ".join(WORDS[: 1 + (7 * i) % 13] * (1 + i % 3))} for i in range(60)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_dataset(path)


def batches_of_training(folder, dataset, recipe):
    """(sequences, width, tokens) of every forward pass, by what training itself uses."""
    folder.mkdir()
    prepared_run(folder, dataset, range(len(dataset)), recipe, folder)
    samples = encode_rows(read_snapshot(folder), Encoder(load_tokenizer(recipe.model), recipe), total=60)
    sampler = EpochSampler(np.array([len(one) for one in samples.train]), recipe.batch_size, seed=recipe.seed, grouped=recipe.groups_lengths)
    collator, made, steps = Collator(0), [], 0
    for epoch in range(20):
        sampler.set_epoch(epoch)
        order = list(sampler)
        passes = [order[start : start + recipe.batch_size] for start in range(0, len(order), recipe.batch_size)]
        for start in range(0, len(passes), recipe.accumulation):
            if steps == steps_of(len(order), recipe):
                return samples, made
            steps += 1
            for batch in passes[start : start + recipe.accumulation]:
                tensors = collator([samples.train[i] for i in batch])
                made.append((len(batch), tensors["input_ids"].shape[1], int(tensors["attention_mask"].sum())))
    return samples, made


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"group_by_length": False, "epochs": 2.5},
        {"packing": True, "max_length": 80, "batch_size": 3, "epochs": 2},
        {"too_long": "split", "max_length": 20, "batch_size": 5, "accumulation": 3},
        {"max_steps": 17, "batch_size": 7},
    ],
)
def test_preflight_sees_the_very_batches_that_training_makes(tmp_path, dataset, model, options):
    recipe = Recipe(model=model, held_out=0.2, **options)
    samples, made = batches_of_training(tmp_path / "run", dataset, recipe)
    report = preflight(dataset, recipe)
    batches = report.batches
    assert list(zip(batches.sequences.tolist(), batches.widths.tolist(), batches.tokens.tolist(), strict=True)) == made
    assert batches.weight == 1.0
    assert report.summary.sequences == len(samples.train)
    assert batches.held_out.tolist() == [len(one) for one in samples.held_out]
    assert report.summary.padding_share == pytest.approx(1 - sum(tokens for *_, tokens in made) / sum(n * width for n, width, _ in made), abs=1e-4)
    assert report.summary.longest_batch == max(n * width for n, width, _ in made)


def test_of_many_epochs_some_stand_for_all():
    recipe = Recipe(batch_size=4, epochs=50)
    batches = run_batches(np.arange(1, 41), recipe)
    assert (len(batches.widths), batches.steps) == (30, 500)
    assert batches.weight * len(batches.widths) == pytest.approx(500)


def test_no_rows_are_no_batches():
    for recipe in (Recipe(), Recipe(packing=True), Recipe(max_steps=5)):
        batches = run_batches(sequence_lengths([], recipe, 64), recipe)
        assert (len(batches.areas), batches.padding_share) == (0, 0.0)


@given(st.integers(0, 900), st.integers(1, 2000))
def test_evaluated_rows_are_spread_over_all(held_out, sequences):
    chosen = evaluated_positions(held_out, sequences, Recipe())
    assert chosen == sorted(set(chosen))
    assert all(0 <= i < held_out for i in chosen)
    assert len(chosen) >= min(held_out, 16)


# ---- estimates


def probe_of(**changes) -> Probe:
    values = {
        "areas": (100, 200, 400), "step_seconds": (0.1, 0.2, 0.3), "start_seconds": 5.0, "rows": 60, "evaluation_tokens": 100, "evaluation_seconds": 0.5,
        "checkpoint_seconds": 1.0, "finish_seconds": 2.0, "memory": 1000, "gpu_memory": 0, "device": "CPU", "made": 0.0,
    }  # fmt: skip
    return Probe(**{**values, **changes})


def test_time_lies_on_lines_between_what_was_measured():
    assert probe_of().seconds_of(np.array([100, 150, 300, 400])) == pytest.approx([0.1, 0.15, 0.25, 0.3])
    assert probe_of().seconds_of(np.array([700])) == pytest.approx([0.5])
    assert probe_of(step_seconds=(0.3, 0.2, 0.1)).seconds_of(np.array([100, 400])) == pytest.approx([0.3, 0.3])
    assert probe_of(areas=(100, 100, 100)).seconds_of(np.array([50])) == pytest.approx([0.3], rel=1)


def test_an_estimate_adds_up_to_what_a_run_does(dataset, model):
    recipe = Recipe(model=model, held_out=0.2, batch_size=4, eval_steps=5, save_steps=4)
    report = preflight(dataset, recipe)
    steps = report.summary.steps
    probe = probe_of(areas=(1, 2, 10_000), step_seconds=(0.25, 0.25, 0.25))
    taken = estimate(report, recipe, probe, free=2000)
    assert taken.training_seconds == pytest.approx(0.25 * steps)
    assert taken.checkpoint_seconds == -(-steps // 4)
    held = report.batches.held_out
    padded = sum(len(part) * part.max() for part in np.split(held, range(4, len(held), 4)))
    assert taken.evaluation_seconds == pytest.approx(-(-steps // 5) * 0.5 * padded / 100, abs=0.01)
    assert taken.seconds == pytest.approx(5 + 2 + taken.training_seconds + taken.evaluation_seconds + taken.checkpoint_seconds, abs=0.01)
    assert taken.fits
    assert not taken.beyond_probe
    assert not estimate(report, recipe, probe, free=999).fits
    assert estimate(report, recipe, probe_of(areas=(1, 2, 3)), free=0).beyond_probe


def test_probes_are_kept_by_what_they_depend_on(tmp_path, model):
    name = probe_name(Recipe(model=model), "rows")
    assert name == probe_name(Recipe(model=model, epochs=9, learning_rate=1.0, seed=5), "rows")
    others = {probe_name(Recipe(model=model, **change), "rows") for change in ({"batch_size": 2}, {"lora_r": 4}, {"packing": True})}
    assert len({name, probe_name(Recipe(model=model), "other"), *others}) == 5
    assert kept_probe(tmp_path, name) is None
    keep_probe(tmp_path, name, probe_of())
    assert kept_probe(tmp_path, name) == probe_of()
    (tmp_path / "probes" / f"{name}.json").write_text("{}")
    assert kept_probe(tmp_path, name) is None


@pytest.mark.parametrize("packing", [False, True])
def test_the_probed_batches_are_batches_of_the_run(tmp_path, dataset, model, packing):
    recipe = Recipe(model=model, batch_size=4, packing=packing, max_length=64)
    samples, made = batches_of_training(tmp_path / "run", dataset, recipe)
    chosen, batches = probed(samples, recipe)
    assert chosen.in_order
    assert [len(batch) for batch in batches] == [4] * 11
    widths = [max(map(len, batch)) for batch in batches]
    whole = sorted(width for count, width, _ in made if count == 4)
    assert widths[2:5] == [whole[0], whole[len(whole) // 2], whole[-1]]
    assert widths[5:8] == widths[8:11] == widths[2:5]
    assert [one for batch in batches for one in batch] == list(chosen.train)


def test_a_probe_runs_the_real_steps_and_keeps_what_it_measured(tmp_path, dataset, model, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("sde_core.train.imports.import_ahead", lambda **_: None)  # it hides packages, for a process of its own
    recipe = Recipe(model=model, batch_size=4, held_out=0.2, device="cpu")
    folder = tmp_path / "state" / "jobs" / "one"
    (folder / "result").mkdir(parents=True)
    spec = {**prepared_run(folder, dataset, range(60), recipe, folder.parent), "probe": "name"}
    (folder / "spec.json").write_text(json.dumps({"kind": "probe", "title": "t", "spec": spec}))
    context = JobContext(folder, JobStatus())
    context.event("start", attempt=1)
    run_probe(context)
    found = kept_probe(tmp_path / "state" / "cache", "name")
    report = preflight(dataset, recipe)
    assert found.areas[-1] <= report.summary.longest_batch
    assert list(found.areas) == sorted(found.areas)
    assert all(seconds > 0 for seconds in (*found.step_seconds, found.start_seconds, found.evaluation_seconds, found.checkpoint_seconds))
    assert (found.rows, found.gpu_memory) == (60, 0)
    assert found.memory > 50_000_000
    taken = estimate(report, recipe, found, free=found.memory)
    assert taken.fits
    assert taken.seconds > taken.training_seconds > 0
    assert isinstance(report.batches, RunBatches)
