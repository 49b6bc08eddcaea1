"""A run's folder as training leaves it, made without training: the adapter is random, all else is what the engine writes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch

from sde_core.dataset import open_dataset
from sde_core.jobs import Job, JobStatus
from sde_core.jobs.job import new_job_folder
from sde_core.jobs.status import write_status
from sde_core.project import Project
from sde_core.train.device import DevicePlan
from sde_core.train.model import load_model, with_adapter
from sde_core.train.recipe import Recipe
from sde_core.train.rows import write_snapshot

CPU = DevicePlan("cpu", "float32", "none", "CPU")


def make_finished_run(data: Path, recipe: Recipe, *, strength: float = 0.3) -> Job:
    """Write a finished run of a dataset whose adapter changes what the model says."""
    dataset = open_dataset(data)
    dataset.read_all()
    folder = new_job_folder(Project.of(data).created().jobs_dir, "train")
    manifest = write_snapshot(folder, dataset, range(len(dataset)), held_out=recipe.held_out, seed=recipe.seed)
    (folder / "recipe.json").write_text(json.dumps({**recipe.to_json(), "learning_rate": recipe.peak_learning_rate}))
    spec = {"dataset": str(data), "rows": manifest["rows"], "model": recipe.model}
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "LoRA", "spec": spec}))
    now = time.time()
    write_status(folder / "status.json", JobStatus(state="done", created=now, started=now, ended=now, beat=now))
    model = with_adapter(load_model(recipe, CPU), recipe, CPU)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=strength)
    model.save_pretrained(folder / "result" / "adapter", safe_serialization=True)
    metrics = {
        "steps": 8,
        "train_loss": 1.5,
        "held_out_loss": 1.75,
        "tokens": 1234,
        "training_rows": manifest["rows"]["train"],
        "held_out_rows": manifest["rows"]["held-out"],
        "batch_size": recipe.batch_size,
        "accumulation": recipe.accumulation,
    }
    (folder / "result" / "metrics.json").write_text(json.dumps(metrics))
    return Job(folder)
