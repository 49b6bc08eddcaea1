"""Tokens a second of a LoRA fine-tune as the job runs it, and how the time is spent: `python benchmarks/train_throughput.py [--model M] [--data D]`.

Prints seconds to the first step from the launch, tokens/s of the steps after it, and with --profile the costliest operators.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from sde_core.dataset import open_dataset
from sde_core.embedded import embedded_path
from sde_core.train.launch import launch_training
from sde_core.train.recipe import Recipe, with_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="")
    parser.add_argument("--data", default=None, help="a dataset; the sample data when omitted")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--profile", action="store_true", help="run the steps in this process under torch's profiler")
    options = parser.parse_args()
    recipe = with_settings(Recipe(model=options.model, max_steps=40, held_out=0.0, save_steps=1000), options.set)
    dataset = open_dataset(options.data or embedded_path("dataset"))
    dataset.read_all()
    rows = range(min(options.rows, len(dataset)))
    folder = Path(tempfile.mkdtemp(prefix="sde-throughput-"))
    try:
        run_job(dataset, rows, recipe, folder)
        if options.profile:
            profile_steps(folder)
    finally:
        shutil.rmtree(folder)


def run_job(dataset, rows, recipe, folder):
    started = time.time()
    job = launch_training(dataset, rows, recipe, folder)
    launched = time.time()
    status = job.wait()
    events = job.events(max_bytes=1 << 30)[0]
    steps = [event for event in events if event["event"] == "step"]
    if status.state != "done" or len(steps) < 3:
        raise SystemExit(f"{status.state}: {status.message}\n{job.log_path.read_text()[-2000:]}")
    seconds = steps[-1]["t"] - steps[0]["t"]
    tokens = steps[-1]["tokens"] - steps[0]["tokens"]
    print(f"launch          {launched - started:8.2f} s")
    print(f"first step after {steps[0]['t'] - launched:7.2f} s")
    print(f"steps           {len(steps):8d}   batch {recipe.batch_size}, group_by_length {recipe.group_by_length}")
    print(f"tokens/s        {tokens / seconds:8.0f}   (padding not counted)")
    print(f"loss            {steps[0]['loss']:8.3f} -> {steps[-1]['loss']:.3f}")


def profile_steps(folder):
    import torch

    from sde_core.jobs import JobContext, JobStatus, list_jobs
    from sde_core.train.job import train_in_this_process
    from sde_core.train.recipe import read_recipe

    job = list_jobs(folder)[0]
    shutil.rmtree(job.folder / "checkpoints")
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        train_in_this_process(JobContext(job.folder, JobStatus()), read_recipe(job.folder / "recipe.json"))
    print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=25, max_name_column_width=45))


if __name__ == "__main__":
    main()
