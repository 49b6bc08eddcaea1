"""Kills one fine-tune again and again at moments drawn at random, resumes it each time, and compares it with a run that nothing disturbed.

    python benchmarks/kill_and_resume.py [--kills 20] [--steps 120] [--processes 1] [--seed 0]

Every attempt is a real job. It is killed from outside by SIGKILL, of its process or of its whole group in turn (a power cut), some time after it was
started or after one of its steps. Printed: what was repeated, and the largest differences in loss, learning rate, held-out and row losses.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sde_core.dataset import open_dataset
from sde_core.jobs import Job
from sde_core.train.launch import launch_training
from sde_core.train.recipe import Recipe
from sde_core.train.row_losses import read_row_losses

DATA = Path(__file__).resolve().parents[1] / "sample_data" / "support.jsonl"
ROWS = 160


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    recipe = Recipe(
        max_steps=asked.steps, batch_size=2, accumulation=2, lora_dropout=0.1, save_steps=5, eval_steps=20, max_length=128, device="cpu",
        processes=asked.processes, seed=asked.seed,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = launched(recipe, Path(folder) / "undisturbed")
        if undisturbed.wait().state != "done":
            sys.exit(undisturbed.status().message)
        killed = launched(recipe, Path(folder) / "killed")
        torture(killed, asked.kills, random.Random(asked.seed))
        report(killed, undisturbed)


def launched(recipe: Recipe, jobs_dir: Path) -> Job:
    dataset = open_dataset(DATA)
    dataset.read_all()
    return launch_training(dataset, range(ROWS), recipe, jobs_dir, beside=True)


def torture(job: Job, kills: int, chance: random.Random) -> None:
    """Kills and resumes; a run that is done earlier than all kills were made is left alone."""
    for number in range(kills):
        steps, reached = chance.choice([0, 1, 3, 8, 15]), progress(job)
        while job.status().active and steps and progress(job) < reached + steps:
            time.sleep(0.002)
        time.sleep(chance.random() * (0.4 if steps else 6.0))
        identity = job.status().identity
        if not job.status().active:
            break
        if identity is not None:
            (os.killpg if number % 2 else os.kill)(identity.pid, signal.SIGKILL)
        while job.status().active:
            time.sleep(0.01)
        sys.stdout.write(f"kill {number + 1:>2}: {'group' if number % 2 else 'process'}, {progress(job)} steps told\n")
        sys.stdout.flush()
        job.resume(beside=True)
    job.wait()


def progress(job: Job) -> int:
    """Steps told so far, repeated ones too."""
    return (job.folder / "events.jsonl").read_bytes().count(b'"event":"step"') if (job.folder / "events.jsonl").exists() else 0


def curve(job: Job) -> dict[tuple[str, int], np.ndarray]:
    """By kind and step: loss, and of steps the learning rate, gradient norm and tokens."""
    points = {}
    for event in job.events(max_bytes=1 << 30)[0]:
        if event["event"] in ("step", "eval"):
            points[event["event"], event["step"]] = np.array([event.get(name) or 0.0 for name in ("loss", "lr", "grad_norm", "tokens")])
    return points


def report(killed: Job, undisturbed: Job) -> None:
    told, expected = curve(killed), curve(undisturbed)
    rows, expected_rows = read_row_losses(killed.folder), read_row_losses(undisturbed.folder)
    weights = [(job.result_dir / "adapter" / "adapter_model.safetensors").read_bytes() for job in (killed, undisturbed)]
    difference = np.max([np.abs(told[at] - expected[at]) for at in expected if at in told], axis=0)
    same_rows = np.array_equal(rows.steps, expected_rows.steps) and np.array_equal(rows.rows, expected_rows.rows)
    sys.stdout.write(
        f"{killed.status().state} after {killed.status().attempt} attempts; {progress(killed)} steps told, {progress(undisturbed)} needed\n"
        f"points missing or too many: {len(told.keys() ^ expected.keys())}\n"
        f"largest difference: loss {difference[0]:g}, learning rate {difference[1]:g}, gradient norm {difference[2]:g}, tokens {difference[3]:g}\n"
        f"row losses: {'the same rows, ' if same_rows else 'OTHER ROWS '}"
        + (f"largest difference {np.abs(rows.losses - expected_rows.losses).max():g}\n" if same_rows else "\n")
        + f"adapters {'equal to the bit' if weights[0] == weights[1] else 'DIFFER'}\n"
    )


if __name__ == "__main__":
    main()
