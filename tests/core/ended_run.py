"""Folders of runs as jobs leave them, with a checkpoint to go on from and no process."""

from __future__ import annotations

import json
import os
from pathlib import Path

from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.status import JobStatus, write_status
from sde_core.train.checkpoints import CheckpointWriter
from sde_core.train.recipe import Recipe


def make_ended_run(
    jobs_dir: Path, *, state: str = "done", steps: int = 40, epoch_steps: int = 10, name: str = "20260102T030405678-train-ab12"
) -> Path:
    """One that was to make `steps` steps and made them; with the state "running", this very process is the job's."""
    folder = jobs_dir / name
    (folder / "result").mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "LoRA of tiny on 11 rows", "spec": {}}))
    (folder / "recipe.json").write_text(json.dumps(Recipe(epochs=4, learning_rate=1e-3, warmup=0.1).to_json()))
    events = [
        {"event": "train", "step": 0, "steps": steps},
        *({"event": "step", "step": step, "steps": steps, "loss": 1.0} for step in range(1, steps + 1)),
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    identity = ProcessIdentity.of_pid(os.getpid())
    status = JobStatus(state=state, done=steps, total=steps, unit="steps", created=1.0, started=1.0, ended=71.0, beat=71.0, identity=identity)
    write_status(folder / "status.json", status)
    writer = CheckpointWriter(folder / "checkpoints", steps)
    writer.begin()
    writer.add("trainer_state.json", json.dumps({"global_step": steps, "max_steps": steps, "epoch": steps / epoch_steps}).encode())
    writer.add("run.json", json.dumps({"epoch_steps": epoch_steps}).encode())
    writer.finish()
    return folder
