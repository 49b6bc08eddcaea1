"""Runs killed at any moment and resumed end as the run that nothing disturbed: every point of the curve, every row's loss, the adapter to the bit."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import JobError, UsageError
from sde_core.jobs import Job
from sde_core.train.checkpoints import last_checkpoint, step_of
from sde_core.train.extend import extend_training
from sde_core.train.recipe import Recipe, read_recipe
from sde_core.train.row_losses import read_row_losses
from sde_core.train.rows import write_snapshot

ROOT = Path(__file__).resolve().parents[2]
FORKS = Path(__file__).with_name("forked_runs.py")
WORDS = ["the cat sat on a mat", "the dog ran to the barn", "two birds sang in the tree", "the old red barn"]
STEPS = 12
FAMILIES = {
    "accumulating": {"accumulation": 2, "lora_dropout": 0.1},
    "packed, a point every five steps": {"packing": True, "max_length": 48, "batch_size": 1, "max_steps": 12, "log_steps": 5, "scheduler": "linear"},
    "out of memory": {"batch_size": 4},
    "longer": {"accumulation": 2, "lora_dropout": 0.1, "max_steps": 17, "extended_at": "12,14"},
}
MEMORY = {"out of memory": [2, 5]}
"""Samples that fit, from which forward pass on."""
KILLED = {
    "before there is a checkpoint": ("accumulating", [("training", 3), ("file", 2), ("checkpoint unnamed", 1)]),
    "between checkpoints and in evaluations": ("accumulating", [("training", 15), ("evaluation", 3), ("row losses", 2), ("event", 2)]),
    "while it saves": ("accumulating", [("checkpoint named", 2), ("older half removed", 1), ("file", 6)]),
    "while it writes the result": ("accumulating", [("adapter unnamed", 1), ("metrics", 1), ("adapter put aside", 1)]),
    "between points of the curve": ("packed, a point every five steps", [("training", 4), ("training", 8)]),
    "with half the batch": ("out of memory", [("training", 9), ("training", 6)]),
}
OWNED = [("training", 3, "stop"), ("training", 9, "pause"), None, ("extend", 2), ("extend", 3)]
"""What its owner does with a run that was to make twelve steps."""
FULL = [("event", 1), ("file", 8), ("row losses", 3), ("adapter unnamed", 1)]
"""Moments at which the disk is full from then on."""


def own_mounts():
    """A command that gives a program mounts of its own, which go with it; empty where this account may not have any."""
    command = ["unshare", "--mount", "--map-root-user"]
    allowed = (
        shutil.which("unshare")
        and subprocess.run([*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False).returncode == 0
    )
    return command if allowed else []


OWN_MOUNTS = own_mounts()


@dataclass
class Runs:
    """The job folders of all runs of this module, all ended."""

    folder: Path

    def job(self, name):
        return Job(self.folder / name)


def make_job(folder, dataset, recipe):
    (folder / "result").mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "t", "spec": {}}))
    (folder / "recipe.json").write_text(json.dumps(recipe.to_json()))
    write_snapshot(folder, dataset, range(len(dataset)), held_out=recipe.held_out, seed=0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """All runs, from one process that forks them."""
    folder = tmp_path_factory.mktemp("killed")
    rows = [{"prompt": f"say {i}", "response": WORDS[i % 4] + " and" * (i % 5)} for i in range(26)]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = open_dataset(folder / "data.jsonl")
    dataset.read_all()
    settings = {
        "model": str(make_tiny_model(folder / "model")),
        "learning_rate": 1e-2,
        "lora_r": 4,
        "held_out": 0.15,
        "device": "cpu",
        "processes": 1,
    }
    common = Recipe(**settings, epochs=2, batch_size=2, save_steps=2, eval_steps=3)
    plan = []
    for family, options in FAMILIES.items():
        make_job(folder / family, dataset, replace(common, **options))
        plan.append({"folder": str(folder / family), "attempts": [None], "memory": MEMORY.get(family)})
    for name, (family, points) in KILLED.items():
        make_job(folder / name, dataset, replace(common, **FAMILIES[family]))
        plan.append({"folder": str(folder / name), "attempts": [*([*point, "kill"] for point in points), None], "memory": MEMORY.get(family)})
    make_job(folder / "owned", dataset, replace(common, **FAMILIES["accumulating"]))
    plan.append({"folder": str(folder / "owned"), "attempts": OWNED})
    if OWN_MOUNTS:
        make_job(folder / "full", dataset, replace(common, **FAMILIES["accumulating"]))
        plan.append({"folder": str(folder / "full"), "attempts": [*([*point, "fill"] for point in FULL), None], "disk": "1m"})
    (folder / "plan.json").write_text(json.dumps(plan))
    ran = subprocess.run(
        [*OWN_MOUNTS, sys.executable, "-W", "ignore", str(FORKS), str(folder / "plan.json")], capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    return Runs(folder)


def events_of(job, kind):
    return [event for event in job.events(max_bytes=1 << 30)[0] if event["event"] == kind]


def attempts_of(runs, name):
    """The status that each attempt ended with."""
    return [json.loads(line) for line in (runs.folder / f"{name}.attempts.jsonl").read_text().splitlines()]


def curve_of(job):
    """Last value of every step, as a reader takes it: all that does not depend on the clock."""
    points = {event["step"]: [event[name] for name in ("loss", "lr", "grad_norm", "tokens", "epoch")] for event in events_of(job, "step")}
    return points, {event["step"]: event["loss"] for event in events_of(job, "eval")}


@pytest.mark.parametrize("name", KILLED)
def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(runs, name):
    job, undisturbed = runs.job(name), runs.job(KILLED[name][0])
    status = job.status()
    assert status.state == "done", f"{status.message}\n{job.log_path.read_text()[-3000:]}"
    assert curve_of(job) == curve_of(undisturbed)
    assert sorted(curve_of(job)[0]) == ([5, 10] if "log_steps" in FAMILIES[KILLED[name][0]] else list(range(1, STEPS + 1)))
    found, expected = read_row_losses(job.folder), read_row_losses(undisturbed.folder)
    for part in ("steps", "rows", "losses", "tokens", "held_out"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))
    for file in ("adapter/adapter_model.safetensors", "metrics.json", "recipe.json"):
        assert (job.result_dir / file).read_bytes() == (undisturbed.result_dir / file).read_bytes()


@pytest.mark.parametrize("name", [*FAMILIES, *KILLED])
def test_nothing_half_written_stays_and_the_last_checkpoint_does(runs, name):
    job = runs.job(name)
    last = FAMILIES.get(name, {}).get("max_steps", STEPS)
    assert [path.name for path in (job.folder / "checkpoints").iterdir()] == [f"checkpoint-{last}"]
    assert step_of(last_checkpoint(job.folder / "checkpoints")) == last
    assert sorted(path.name for path in job.result_dir.iterdir()) == ["adapter", "manifest.json", "metrics.json", "recipe.json"]
    assert {path.suffix for path in (job.folder / "checkpoints").rglob("checkpoint-*/*")} == {".json", ".safetensors"}
    assert not (job.folder / "room").exists()


@pytest.mark.skipif(not OWN_MOUNTS, reason="this account may not mount a small file system")
def test_a_full_disk_stops_it_with_one_sentence_and_costs_nothing_that_was_saved(runs):
    job, undisturbed = runs.job("full"), runs.job("accumulating")
    *stopped, done = attempts_of(runs, "full")
    for status in stopped:
        assert status["state"] == "failed"
        needs = r"(saving its state takes \d+(\.\d+)? kB in|nothing more can be written to)"
        assert re.fullmatch(rf"The disk is full: {needs} {job.folder}\.", status["message"])
        assert status["hint"].startswith("Free some space, then resume it")
    saved = [status["hint"].removeprefix("Free some space, then resume it").removeprefix(": it goes on from ") for status in stopped]
    assert [" takes " in status["message"] for status in stopped[1:]] == [True] * 3
    assert saved == [".", "step 2.", "step 2.", "step 12."]
    assert done["state"] == "done"
    assert curve_of(job) == curve_of(undisturbed)
    assert (job.result_dir / "adapter/adapter_model.safetensors").read_bytes() == (
        undisturbed.result_dir / "adapter/adapter_model.safetensors"
    ).read_bytes()


def test_stopped_paused_resumed_and_extended_twice_it_is_the_run_that_was_longer_from_the_start(runs):
    job, longer = runs.job("owned"), runs.job("longer")
    told = attempts_of(runs, "owned")
    assert [status["state"] for status in told] == ["stopped", "paused", "done", "done", "done"]
    assert [status["done"] for status in told[2:]] == [12, 14, 17]
    assert told[0]["message"] == "Stopped and saved at step 2 of 12."
    assert told[1]["message"] == "Paused and saved at step 7 of 12."
    points, held_out = curve_of(job)
    assert points == curve_of(longer)[0]
    assert held_out[17] == curve_of(longer)[1][17]
    assert (job.result_dir / "adapter/adapter_model.safetensors").read_bytes() == (
        longer.result_dir / "adapter/adapter_model.safetensors"
    ).read_bytes()
    assert read_recipe(job.folder / "recipe.json") == read_recipe(longer.folder / "recipe.json")
    assert [read_recipe(job.folder / f"recipe-{number}.json").max_steps for number in (1, 2)] == [0, 14]


def test_an_extended_run_rises_from_where_it_was_and_its_loss_does_not_jump(runs):
    points, _ = curve_of(runs.job("owned"))
    rates = {step: point[1] for step, point in points.items()}
    assert rates[12] < 0.2 * max(rates.values())
    assert rates[13] == pytest.approx(0.0, abs=1e-9)  # where the cosine ended
    assert rates[14] == pytest.approx(1e-2)
    usual = np.abs(np.diff([points[step][0] for step in range(4, 13)])).max()
    assert abs(points[13][0] - points[12][0]) < 2 * usual


def test_a_checkpoint_is_an_adapter_that_loads(runs):
    from safetensors.numpy import load_file

    checkpoint = last_checkpoint(runs.job("longer").folder / "checkpoints")
    assert json.loads((checkpoint / "adapter_config.json").read_text())["r"] == 4
    saved, result = (load_file(path / "adapter_model.safetensors") for path in (checkpoint, runs.job("longer").result_dir / "adapter"))
    assert saved.keys() == result.keys()
    assert all((saved[name] == result[name]).all() for name in saved)


def test_what_cannot_be_extended_says_so(runs, tmp_path):
    job = runs.job("accumulating")
    for wrong in ({}, {"steps": 3, "epochs": 1.0}, {"steps": -1}):
        with pytest.raises(UsageError, match="either steps or epochs"):
            extend_training(job, **wrong)
    (tmp_path / "spec.json").write_text(json.dumps({"kind": "train", "title": "t", "spec": {}}))
    (tmp_path / "status.json").write_text(json.dumps({"state": "stopped"}))
    with pytest.raises(JobError, match="no checkpoint"):
        extend_training(Job(tmp_path), steps=2)
    (tmp_path / "spec.json").write_text(json.dumps({"kind": "embed", "title": "t", "spec": {}}))
    with pytest.raises(UsageError, match="no fine-tune"):
        extend_training(Job(tmp_path), steps=2)
