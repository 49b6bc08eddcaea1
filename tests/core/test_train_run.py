"""Fine-tunes for real, on a model of a few thousand weights: they learn, go on when their starter is gone, and leave an adapter that loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.jobs import list_jobs
from sde_core.jobs.job import new_job_folder
from sde_core.train.launch import launch_training
from sde_core.train.recipe import Recipe, read_recipe
from sde_core.train.row_losses import read_row_losses

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240
STEPS = 40
WORDS = ["the cat sat on a mat", "the dog ran to the barn", "two birds sang in the tree", "the old red barn"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A model, a dataset, and the recipe that all runs share."""
    folder = tmp_path_factory.mktemp("training")
    model = make_tiny_model(folder / "model")
    rows = [{"prompt": f"say {i % 30}", "response": WORDS[i % 4] + " and" * (i % 5)} for i in range(60)]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = Recipe(
        model=str(model),
        max_steps=STEPS,
        batch_size=4,
        learning_rate=1e-2,
        lora_r=4,
        lora_dropout=0.1,
        save_steps=4,
        eval_steps=10,
        device="cpu",
        processes=1,
    )
    return folder, recipe


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def launch(world, name, **options):
    folder, recipe = world
    dataset = open_dataset(folder / "data.jsonl")
    dataset.read_all()
    return launch_training(dataset, range(len(dataset)), replace(recipe, **options), folder / name)


@pytest.fixture(scope="module")
def finished(world):
    """One run that nothing disturbs."""
    patch = pytest.MonkeyPatch()
    patch.setenv("OMP_NUM_THREADS", "1")
    job = launch(world, "undisturbed")
    patch.undo()
    status = job.wait(PATIENCE)
    assert status.state == "done", f"{status.message}\n{job.log_path.read_text()[-3000:]}"
    return job


def events_of(job, kind):
    return [event for event in job.events(max_bytes=1 << 30)[0] if event["event"] == kind]


def test_it_learns_and_tells_about_every_step(finished):
    steps = events_of(finished, "step")
    assert [event["step"] for event in steps] == list(range(1, STEPS + 1))
    losses = [event["loss"] for event in steps]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
    assert {"lr", "grad_norm", "tokens", "tokens_s", "memory", "steps", "epoch"} <= set(steps[-1])
    assert steps[-1]["tokens"] > steps[0]["tokens"] > 0
    assert steps[-1]["tokens_s"] > 0
    assert steps[-1]["memory"] > 1e7
    evaluations = events_of(finished, "eval")
    assert [event["step"] for event in evaluations] == [10, 20, 30, 40]
    assert evaluations[-1]["loss"] < evaluations[0]["loss"]
    kept = read_row_losses(finished.folder)
    last = kept.held_out & (kept.steps == STEPS)
    assert evaluations[-1]["loss"] == pytest.approx(np.average(kept.losses[last], weights=kept.tokens[last]), abs=1e-4)
    status = finished.status()
    assert (status.done, status.total, status.unit) == (STEPS, STEPS, "steps")
    assert status.message.startswith(f"Trained {STEPS} steps on 58 rows; loss ")


def test_the_job_folder_says_exactly_what_was_trained(world, finished):
    recipe = read_recipe(finished.folder / "recipe.json")
    assert recipe == world[1]
    kept = [json.loads(line) for line in (finished.folder / "rows.jsonl").read_text().splitlines()]
    assert [row["row"] for row in kept] == list(range(60))
    held_out = [row["record"]["prompt"] for row in kept if row["split"] == "held-out"]
    assert not set(held_out) & {row["record"]["prompt"] for row in kept if row["split"] == "train"}
    metrics = json.loads((finished.result_dir / "metrics.json").read_text())
    assert (metrics["steps"], metrics["training_rows"], metrics["held_out_rows"]) == (STEPS, len(kept) - len(held_out), len(held_out))
    for name in ("recipe.json", "manifest.json"):
        assert (finished.result_dir / name).read_bytes() == (finished.folder / name).read_bytes()
    assert not list(finished.result_dir.rglob("*.bin"))


def test_every_row_of_every_step_has_its_loss(finished):
    losses, steps = read_row_losses(finished.folder), {event["step"]: event["loss"] for event in events_of(finished, "step")}
    for step, loss in steps.items():
        here = (losses.steps == step) & ~losses.held_out
        assert len(losses.of_step(step)) == here.sum() > 0
        assert np.average(losses.losses[here], weights=losses.tokens[here]) == pytest.approx(loss, rel=1e-3)
    kept = [json.loads(line) for line in (finished.folder / "rows.jsonl").read_text().splitlines()]
    assert set(losses.rows[losses.held_out].tolist()) == {row["row"] for row in kept if row["split"] == "held-out"}
    assert set(losses.steps[losses.held_out].tolist()) == {10, 20, 30, 40}


def test_the_adapter_loads_and_has_learnt(world, finished):
    text = "User:\nsay 1\n\nAssistant:\nthe dog ran to the barn"
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(ROOT / "tests" / "core" / "adapter_loss.py"),
        world[1].model,
        str(finished.result_dir / "adapter"),
        text,
    ]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    base, adapted = json.loads(printed.stdout)
    assert adapted < base - 0.3


def test_two_processes_learn_as_one_with_the_same_global_batch(world, monkeypatch):
    """For real, by accelerate over gloo: the same rows in every step, and the same losses; and nobody writes the environment down.

    Neither the rows nor those held out are a whole number of batches, and training goes on into a second epoch.
    """
    monkeypatch.setenv("WANDB_API_KEY", "a-key-that-nobody-may-keep")
    settings = {"max_steps": 16, "lora_dropout": 0.0, "save_steps": 8, "eval_steps": 16}
    one = launch(world, "one-process", batch_size=4, **settings)
    assert one.wait(PATIENCE).state == "done"
    two = launch(world, "two-processes", batch_size=2, processes=2, **settings)
    try:
        status = two.wait(PATIENCE)
    finally:
        two.kill()
    assert status.state == "done", f"{status.message}\n{two.log_path.read_text()[-3000:]}"
    expected, found = ({event["step"]: event["loss"] for event in events_of(job, "step")} for job in (one, two))
    assert found == pytest.approx(expected, rel=2e-3)
    assert len(list(two.folder.glob("row_losses-*.bin"))) == 2
    for step in expected:
        rows_of_two, rows_of_one = (sorted(row for row, _ in read_row_losses(job.folder).of_step(step)) for job in (two, one))
        assert rows_of_two == rows_of_one
    metrics = [json.loads((job.result_dir / "metrics.json").read_text()) for job in (one, two)]
    assert metrics[0]["training_rows"] % 4 and metrics[0]["held_out_rows"] % 4
    assert metrics[1]["held_out_loss"] == pytest.approx(metrics[0]["held_out_loss"], rel=1e-3)
    losses = read_row_losses(two.folder)
    first_epoch = losses.rows[(losses.epochs == 0) & ~losses.held_out]
    assert len(first_epoch) == len(set(first_epoch.tolist())) == metrics[1]["training_rows"]
    assert len(losses.rows[losses.held_out]) == metrics[1]["held_out_rows"] * len(set(losses.steps[losses.held_out].tolist()))
    assert json.loads((two.folder / "accelerate.json").read_text())["num_processes"] == 2
    assert not [path for path in two.folder.rglob("*") if path.is_file() and b"a-key-that-nobody-may-keep" in path.read_bytes()]


def test_layers_that_are_not_there_are_named_before_there_is_a_job(world):
    with pytest.raises(UsageError, match="no layers named query_key_value") as told:
        launch(world, "targets", lora_targets="query_key_value")
    assert "q_proj" in str(told.value)
    assert list_jobs(world[0] / "targets") == []


LAUNCHER = """
import sys
from pathlib import Path
from sde_core.dataset import open_dataset
from sde_core.train.launch import launch_training
from sde_core.train.recipe import read_recipe
dataset = open_dataset({data!r})
dataset.read_all()
sys.stdout.write(launch_training(dataset, range(len(dataset)), read_recipe(Path({recipe!r})), Path({jobs!r})).id)
"""


def test_the_run_goes_on_when_its_starter_is_gone_and_killed_before_its_result_it_only_finishes(world):
    folder, recipe = world
    (folder / "short.json").write_text(json.dumps({**recipe.to_json(), "max_steps": 6}))
    program = LAUNCHER.format(data=str(folder / "data.jsonl"), recipe=str(folder / "short.json"), jobs=str(folder / "alone"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-W", "ignore", "-c", program], stdout=subprocess.PIPE, env=environment, start_new_session=True)
    identifier, _ = parent.communicate(timeout=PATIENCE)
    job = next(job for job in list_jobs(folder / "alone") if job.id == identifier.decode())
    assert job.wait(PATIENCE).state == "done"
    assert [event["step"] for event in events_of(job, "step")] == [1, 2, 3, 4, 5, 6]

    weights = job.result_dir / "adapter" / "adapter_model.safetensors"
    first = weights.read_bytes()
    weights.unlink()
    status = json.loads((job.folder / "status.json").read_text())
    (job.folder / "status.json").write_text(json.dumps({**status, "state": "running", "ended": None}))
    assert job.wait(PATIENCE).state == "lost"
    job.resume()
    assert job.wait(PATIENCE).state == "done", job.log_path.read_text()[-2000:]
    assert [event["step"] for event in events_of(job, "step")] == [1, 2, 3, 4, 5, 6]
    assert weights.read_bytes() == first


def test_new_folders_never_collide(tmp_path):
    assert len({new_job_folder(tmp_path, "train") for _ in range(50)}) == 50
