"""A full memory: smaller batches give the same steps, what fits is remembered, and in the end one sentence says what to change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import CancelledError, JobError, ModelError
from sde_core.jobs import JobContext, JobStatus
from sde_core.train import out_of_memory, processes
from sde_core.train.device import DevicePlan
from sde_core.train.job import _last_word
from sde_core.train.machine import Gpu, Machine
from sde_core.train.memory_need import ModelSizes, needed_bytes
from sde_core.train.out_of_memory import (
    does_not_fit,
    fitting_recipe,
    fitting_settings,
    is_out_of_memory,
    keep_fitting,
    refuse_if_too_big,
    with_smaller_batches,
)
from sde_core.train.recipe import Recipe, recipe_from
from sde_core.train.row_losses import read_row_losses
from sde_core.train.rows import write_snapshot
from sde_core.train.weights import Weights

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from sde_core.train.job import train_in_this_process  # noqa: E402

CPU = DevicePlan("cpu", "float32", "none", "2 CPU threads")


@given(st.integers(1, 96), st.integers(1, 8))
def test_smaller_batches_keep_the_step_and_end_at_one_sample(size, accumulation):
    recipe: Recipe | None = Recipe(batch_size=size, accumulation=accumulation)
    while (smaller := with_smaller_batches(recipe)) is not None:
        assert smaller.batch_size * smaller.accumulation == size * accumulation
        assert smaller.batch_size <= recipe.batch_size // 2
        recipe = smaller
    assert recipe.batch_size == 1


def test_full_memory_is_told_from_other_errors():
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert is_out_of_memory(RuntimeError("[enforce fail at alloc_cpu.cpp:114] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_the_allocator_of_this_machine_says_it_in_these_words():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(refused.value)


def test_what_fits_is_remembered_unless_the_recipe_changed(tmp_path):
    recipe = Recipe(batch_size=8)
    assert fitting_recipe(tmp_path, recipe) is recipe
    keep_fitting(tmp_path, Recipe(batch_size=2, accumulation=4))
    assert fitting_recipe(tmp_path, recipe) == Recipe(batch_size=2, accumulation=4)
    other = Recipe(batch_size=6)
    assert fitting_recipe(tmp_path, other) is other
    (tmp_path / "fitting_batch.json").write_text('{"batch_size": 0')
    assert fitting_recipe(tmp_path, recipe) is recipe


SEVEN = ModelSizes(Weights(7_000_000_000, 14_000_000_000), 4096, 11008, 32, 32, 32000)


@given(st.integers(1, 90), st.integers(64, 8192), st.booleans(), st.sampled_from(["cpu", "cuda"]))
def test_settings_that_are_named_fit_by_the_estimate(gigabytes, longest, checkpointed, device):
    plan = DevicePlan(device, "bf16", "none", "it", free=gigabytes * 1_000_000_000)
    recipe = Recipe(batch_size=1, gradient_checkpointing=checkpointed)
    failed = needed_bytes(SEVEN, recipe, plan, longest)
    settings = fitting_settings(SEVEN, recipe, plan, longest)
    if settings is None:  # not even the least there is
        least = replace(recipe, gradient_checkpointing=True, quantize="4bit" if device == "cuda" else "none")
        assert needed_bytes(SEVEN, least, plan, 32) > 0.9 * min(plan.free, failed) or longest < 64
        return
    changed = recipe_from(settings, recipe)
    assert changed != recipe
    assert needed_bytes(SEVEN, changed, plan, changed.max_length or longest) <= 0.9 * min(plan.free, failed)
    assert device == "cuda" or changed.quantize == "none"


def test_more_of_anything_needs_more_memory_and_saving_saves():
    def need(precision="bf16", length=1024, **settings):
        return needed_bytes(SEVEN, Recipe(**{"batch_size": 1, **settings}), replace(CPU, precision=precision), length)

    assert need(length=512) < need() < need(batch_size=2)
    assert need(gradient_checkpointing=True) < need() < need(precision="float32")
    assert need(quantize="4bit") < need() - 9_000_000_000
    assert need() < need(attention="eager")


@pytest.mark.parametrize(
    ("losses", "held_out_rows", "told"),
    [
        ((2.3754, 0.869), 3, "loss 2.375, held-out 0.869."),
        ((2.3754, None), 0, "loss 2.375."),
        ((None, None), 3, "loss not a number, held-out not a number."),
        ((None, None), 0, "loss not a number."),
    ],
)
def test_a_run_whose_loss_became_no_number_ends_with_its_last_word_too(tmp_path, losses, held_out_rows, told):
    metrics = {"steps": 7, "training_rows": 56, "train_loss": losses[0], "held_out_loss": losses[1], "held_out_rows": held_out_rows}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    assert _last_word(SimpleNamespace(result_dir=tmp_path)) == f"Trained 7 steps on 56 rows; {told}"


def test_the_last_word_names_what_to_change(monkeypatch):
    monkeypatch.setattr(out_of_memory, "model_sizes", lambda model: SEVEN)
    error = does_not_fit(Recipe(batch_size=1), DevicePlan("cuda", "bf16", "none", "a GPU", free=24_000_000_000), 2048)
    assert error.message == "The memory of a GPU (24 GB were free) is too small for this model and one sample of 2,048 tokens."
    assert error.hint.startswith("Set --set gradient_checkpointing=true, which needs about 1")
    error = does_not_fit(Recipe(batch_size=1), DevicePlan("cuda", "bf16", "none", "a GPU", free=8_000_000_000), 2048)
    assert "--set gradient_checkpointing=true --set quantize=4bit, which needs about " in error.hint
    assert "take a smaller model" in does_not_fit(Recipe(batch_size=1), replace(CPU, free=8_000_000_000), 2048).hint
    monkeypatch.setattr(out_of_memory, "model_sizes", lambda model: None)
    assert does_not_fit(Recipe(batch_size=1), CPU, 900).hint == "Try --set gradient_checkpointing=true --set max_length=450, or a smaller model."


def test_weights_that_memory_has_no_room_for_are_not_even_loaded(monkeypatch):
    gpu = Gpu("a GPU", 24_000_000_000, 6_000_000_000, (8, 0), bf16=True, held_by=("python (process 7) 18 GB",))
    monkeypatch.setattr(out_of_memory, "this_machine", lambda: Machine(gpu=gpu, free=9_000_000_000))
    plan = DevicePlan("cuda", "bf16", "none", "a GPU")
    with pytest.raises(
        ModelError, match=r"weights take 14 GB, and a GPU has 6 GB of 24 GB free\. python \(process 7\) 18 GB held the rest"
    ) as refusal:
        refuse_if_too_big(SEVEN.weights, plan)
    assert "quantize=4bit" in refusal.value.hint
    refuse_if_too_big(SEVEN.weights, replace(plan, quantize="4bit"))
    with pytest.raises(ModelError, match="weights take 28 GB, and this machine has 9 GB of memory free"):
        refuse_if_too_big(SEVEN.weights, CPU)


def test_processes_that_run_out_of_memory_are_all_started_again_with_half_the_batch(tmp_path, monkeypatch):
    """What starts them stands in for accelerate: it leaves what a process that has no room for more than two samples leaves."""
    starter = tmp_path / "starter.py"
    starter.write_text(
        "import json, sys\nfrom pathlib import Path\nfolder = Path(sys.argv[3])\nkept = folder / 'fitting_batch.json'\n"
        "size = json.loads(kept.read_text())['batch_size'] if kept.exists() else 8\n"
        "told = {'stopped': False, 'smaller': True, 'message': 'full', 'hint': ''}\n"
        "size > 2 and (folder / 'failure.json').write_text(json.dumps(told)) and sys.exit(1)\n"
    )
    monkeypatch.setattr(processes, "_launcher", lambda folder, count: [sys.executable, str(starter)])
    folder, recipe = job_folder(tmp_path, "several", batch_size=8)
    context = JobContext(folder, JobStatus())
    context.event("start")
    processes.run_processes(context, recipe, 2)
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [(event["batch_size"], event["accumulation"]) for event in events if event["event"] == "memory"] == [(4, 2), (2, 4)]
    (folder / "fitting_batch.json").unlink()
    with pytest.raises(JobError, match="ran out of memory"):
        processes.run_processes(context, replace(recipe, batch_size=1), 2)


@pytest.mark.parametrize(("asked", "error"), [(True, CancelledError), (False, JobError)])
def test_processes_that_a_signal_to_stop_ended_have_not_failed(tmp_path, monkeypatch, asked, error):
    monkeypatch.setattr(processes, "_launcher", lambda folder, count: [sys.executable, "-c", "raise SystemExit(143)"])
    folder, recipe = job_folder(tmp_path, "several")
    context = JobContext(folder, JobStatus())
    context.event("start")
    if asked:
        context.on_terminate()
    with pytest.raises(error):
        processes.run_processes(context, recipe, 2)


# ---- real runs with an allocator that refuses large batches


def job_folder(tmp_path, name, **options):
    rows = [{"prompt": f"say {i % 9}", "response": "the cat sat" + " and" * (i % 5)} for i in range(26)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = make_tiny_model(tmp_path / "model")
    recipe = Recipe(**{"model": str(model), "batch_size": 4, "epochs": 2, "learning_rate": 1e-2, "lora_r": 4, "device": "cpu", "processes": 1, "held_out": 0.1, **options})  # fmt: skip
    dataset = open_dataset(tmp_path / "data.jsonl")
    dataset.read_all()
    folder = tmp_path / name
    (folder / "result").mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "t", "spec": {}}))
    (folder / "recipe.json").write_text(json.dumps(recipe.to_json()))
    write_snapshot(folder, dataset, range(26), held_out=recipe.held_out, seed=0)
    return folder, recipe


def losses_of(folder):
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return {event["step"]: event["loss"] for event in events if event["event"] == "step"}, events


def refuse_more_than(patch, samples, after=0):
    """Makes the model run out of memory with more samples at a time, after so many forward passes."""
    from transformers import LlamaForCausalLM

    forward, passes = LlamaForCausalLM.forward, [0]

    def limited(self, *args, **kwargs):
        passes[0] += 1
        if len(kwargs["input_ids"]) > samples and passes[0] > after:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, *args, **kwargs)

    patch.setattr(LlamaForCausalLM, "forward", limited)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("after", [0, 9])
def test_a_run_that_does_not_fit_goes_on_with_smaller_batches_to_the_same_losses(tmp_path, monkeypatch, after):
    whole, recipe = job_folder(tmp_path, "whole", save_steps=4)
    train_in_this_process(JobContext(whole, JobStatus()), recipe)
    squeezed, _ = job_folder(tmp_path, "squeezed", save_steps=4)
    refuse_more_than(monkeypatch, 2, after)
    train_in_this_process(JobContext(squeezed, JobStatus()), recipe)
    (expected, _), (found, events) = losses_of(whole), losses_of(squeezed)
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=2e-3)
    assert [(event["batch_size"], event["accumulation"]) for event in events if event["event"] == "memory"] == [(2, 2)]
    metrics = json.loads((squeezed / "result" / "metrics.json").read_text())
    assert (metrics["batch_size"], metrics["accumulation"]) == (2, 2)
    for step in expected:
        assert sorted(row for row, _ in read_row_losses(squeezed).of_step(step)) == sorted(row for row, _ in read_row_losses(whole).of_step(step))


@pytest.mark.filterwarnings("ignore")
def test_a_run_that_no_batch_fits_ends_with_one_sentence(tmp_path, monkeypatch):
    folder, recipe = job_folder(tmp_path, "hopeless")
    refuse_more_than(monkeypatch, 0)
    with pytest.raises(ModelError, match="too small for this model and one sample"):
        train_in_this_process(JobContext(folder, JobStatus()), recipe)


def test_a_real_limit_halves_the_batch_and_the_recipe_that_is_named_fits_under_it(tmp_path):
    """A wide model, four samples of a few hundred tokens, and 450 MB more than Python and torch have."""
    folder, _ = job_folder(tmp_path, "limited", max_steps=1, held_out=0.0)
    model = tmp_path / "model"
    config = {**json.loads((model / "config.json").read_text()), "hidden_size": 64, "intermediate_size": 4096, "num_hidden_layers": 6}
    config["max_position_embeddings"] = 1024
    (model / "config.json").write_text(json.dumps(config))
    options = {name: value for name, value in config.items() if name not in ("architectures", "model_type", "dtype")}
    transformers.LlamaForCausalLM(transformers.LlamaConfig(**options)).save_pretrained(model)
    recipe = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(json.dumps({**recipe, "max_length": 700}))
    (tmp_path / "data.jsonl").write_text("".join(json.dumps({"prompt": "say", "response": "the cat sat on a mat " * 90}) + "\n" for _ in range(4)))
    dataset = open_dataset(tmp_path / "data.jsonl")
    dataset.read_all()
    write_snapshot(folder, dataset, range(4), held_out=0.0, seed=0)
    message, hint = limited_run(folder)
    assert "is too small for this model and one sample of" in message
    _, events = losses_of(folder)
    assert [(event["batch_size"], event["accumulation"]) for event in events if event["event"] == "memory"] == [(2, 2), (1, 4)]
    named = [setting.split(",")[0].strip() for setting in hint.split("--set ")[1:]]
    assert [name.partition("=")[0] for name in named] == ["gradient_checkpointing", "max_length"]
    assert limited_run(folder, *named) == "trained"


def limited_run(folder, *settings):
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("full_memory_run.py")), str(folder), "450", *settings]
    limits = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env={**os.environ, **limits})
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
