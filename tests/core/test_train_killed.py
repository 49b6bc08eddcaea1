"""Runs killed at any moment and resumed end as the run that nothing disturbed: every point of the curve, every row's loss, the adapter to the bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.jobs import Job
from sde_core.train.checkpoints import last_checkpoint, step_of
from sde_core.train.recipe import Recipe
from sde_core.train.row_losses import read_row_losses
from sde_core.train.rows import write_snapshot

ROOT = Path(__file__).resolve().parents[2]
FORKS = Path(__file__).with_name("forked_runs.py")
WORDS = ["the cat sat on a mat", "the dog ran to the barn", "two birds sang in the tree", "the old red barn"]
STEPS = 12
FAMILIES = {
    "accumulating": {"accumulation": 2, "lora_dropout": 0.1},
    "not grouped, a point every five steps": {"batch_size": 4, "group_by_length": False, "log_steps": 5, "warmup": 0.2, "scheduler": "linear"},
    "out of memory": {"batch_size": 4},
}
MEMORY = {"out of memory": [2, 5]}
"""Samples that fit, from which forward pass on."""
KILLED = {
    "before there is a checkpoint": ("accumulating", [("training", 3), ("event", 2), ("file", 2), ("checkpoint unnamed", 1)]),
    "between checkpoints": ("accumulating", [("training", 15), ("row losses", 4), ("event", 2)]),
    "while it saves": ("accumulating", [("checkpoint named", 2), ("older half removed", 1), ("file", 6)]),
    "while it evaluates": ("accumulating", [("evaluation", 4), ("training", 12)]),
    "while it writes the result": ("accumulating", [("adapter unnamed", 1), ("metrics", 1), ("adapter put aside", 1)]),
    "between points of the curve": ("not grouped, a point every five steps", [("training", 4), ("training", 8)]),
    "with half the batch": ("out of memory", [("training", 9), ("training", 6)]),
}


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
        plan.append({"folder": str(folder / name), "attempts": [*points, None], "memory": MEMORY.get(family)})
    (folder / "plan.json").write_text(json.dumps(plan))
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(FORKS), str(folder / "plan.json")], capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    return Runs(folder)


def events_of(job, kind):
    return [event for event in job.events(max_bytes=1 << 30)[0] if event["event"] == kind]


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
    every = FAMILIES[KILLED[name][0]].get("log_steps", 1)
    assert sorted(curve_of(job)[0]) == list(range(every, STEPS + 1, every))
    found, expected = read_row_losses(job.folder), read_row_losses(undisturbed.folder)
    for part in ("steps", "rows", "losses", "tokens", "held_out"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))
    for file in ("adapter/adapter_model.safetensors", "metrics.json", "recipe.json"):
        assert (job.result_dir / file).read_bytes() == (undisturbed.result_dir / file).read_bytes()


@pytest.mark.parametrize("name", [*FAMILIES, *KILLED])
def test_nothing_half_written_stays_and_the_last_checkpoint_does(runs, name):
    job = runs.job(name)
    left = [path.name for path in (job.folder / "checkpoints").iterdir()]
    assert left == [f"checkpoint-{STEPS}"]
    assert step_of(last_checkpoint(job.folder / "checkpoints")) == STEPS
    assert sorted(path.name for path in job.result_dir.iterdir()) == ["adapter", "manifest.json", "metrics.json", "recipe.json"]
    assert {path.suffix for path in (job.folder / "checkpoints").rglob("checkpoint-*/*")} == {".json", ".safetensors"}
    assert not (job.folder / "room").exists()
