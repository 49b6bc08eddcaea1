"""A full memory: smaller batches give the same steps, what fits is remembered, and in the end one sentence says what to change."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import ModelError
from sde_core.jobs import JobContext, JobStatus
from sde_core.train.device import DevicePlan
from sde_core.train.out_of_memory import does_not_fit, fitting_recipe, is_out_of_memory, keep_fitting, with_smaller_batches
from sde_core.train.recipe import Recipe
from sde_core.train.row_losses import read_row_losses
from sde_core.train.rows import write_snapshot

torch = pytest.importorskip("torch")

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


def test_the_last_word_names_what_to_change():
    error = does_not_fit(Recipe(batch_size=1), DevicePlan("cuda", "bf16", "none", "a GPU"), 900)
    assert "one sample of up to 900 tokens" in error.message
    assert "max_length=450 --set gradient_checkpointing=true --set quantize=4bit" in error.hint
    assert "4bit" not in does_not_fit(Recipe(), CPU, 900).hint


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
