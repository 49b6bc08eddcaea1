"""Training in several processes: started by `accelerate launch`, watched by the job, which tells how far they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson

from sde_core.errors import CancelledError, JobError
from sde_core.jobs import JobContext, read_events
from sde_core.train.out_of_memory import fitting_recipe, keep_fitting, with_smaller_batches
from sde_core.train.recipe import Recipe

_POLL_SECONDS = 0.5


def run_processes(context: JobContext, recipe: Recipe, processes: int) -> None:
    """Start the processes, watch them, and pass their progress on.

    Where the memory of one is full, all are started again with half the batch and twice as many to a step; they go on from the last checkpoint.

    Args:
        context: The job.
        recipe: How they train.
        processes: How many, one a GPU or all on the CPU.

    Raises:
        CancelledError: When the job was asked to stop.
        JobError: When a process failed, in its words.
    """
    while not _ran_through(context, processes):
        fitting = with_smaller_batches(fitting_recipe(context.folder, recipe))
        if fitting is None:
            raise JobError("The training processes ran out of memory.", "The whole story is in log.txt.")
        keep_fitting(context.folder, fitting)
        context.event("memory", batch_size=fitting.batch_size, accumulation=fitting.accumulation)


def _ran_through(context: JobContext, processes: int) -> bool:
    """Whether the processes came to an end; False where they wish for smaller batches."""
    context.say(f"Starting {processes} processes.", unit="steps")
    command = [*_launcher(context.folder, processes), "-m", "sde_core.train.worker", str(context.folder), str(os.getpid())]
    failure = context.folder / "failure.json"
    failure.unlink(missing_ok=True)
    offset = (context.folder / "events.jsonl").stat().st_size
    children = subprocess.Popen(command, cwd=context.folder)
    try:
        while (code := _exit_code(children)) is None:
            offset = _pass_progress_on(context, offset)
    finally:
        children.terminate()
        children.wait()
    if failure.exists():
        told = orjson.loads(failure.read_bytes())
        if told.get("smaller"):
            return False
        raise CancelledError(told["message"]) if told["stopped"] else JobError(told["message"], told["hint"])
    if code and context.is_set():
        raise CancelledError("Broken off; it can go on from its last checkpoint.")
    if code:
        raise JobError(f"The training processes ended with code {code}.", "The whole story is in log.txt.")
    return True


def _exit_code(children: subprocess.Popen[bytes]) -> int | None:
    try:
        return children.wait(_POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _pass_progress_on(context: JobContext, offset: int) -> int:
    events, offset = read_events(context.folder / "events.jsonl", offset)
    steps = [event for event in events if event.get("event") == "step"]
    if steps:
        if context.status.message != "Training.":
            context.say("Training.", unit="steps")
        context.report(steps[-1]["step"], steps[-1]["steps"])
    return offset


def _launcher(folder: Path, processes: int) -> list[str]:
    """The command before the module that trains.

    `--multi_gpu` is what makes accelerate start processes of its own: with `--cpu` it leaves that to mpirun. The processes themselves decide by the
    recipe what they compute on, and talk over gloo on a CPU. A configuration file of the user's, for whatever else he trains, must not change this.
    """
    config = folder / "accelerate.json"
    settings = {"compute_environment": "LOCAL_MACHINE", "distributed_type": "MULTI_GPU", "mixed_precision": "no", "use_cpu": False, "debug": False}
    config.write_bytes(orjson.dumps({**settings, "num_processes": processes, "num_machines": 1, "machine_rank": 0}))
    threads = os.environ.get("OMP_NUM_THREADS") or str(max((os.cpu_count() or 1) // processes, 1))
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config), "--multi_gpu"]
    numbers = {"num_processes": processes, "num_machines": 1, "machine_rank": 0, "main_process_port": 0, "num_cpu_threads_per_process": threads}
    fixed = {"mixed_precision": "no", "dynamo_backend": "no"}
    return launch + [str(word) for name, value in {**numbers, **fixed}.items() for word in (f"--{name}", value)]
