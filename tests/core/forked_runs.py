"""Training jobs in processes that really die: `python forked_runs.py PLAN.json` loads the libraries once and forks a process for every attempt.

The plan is a list of {"folder": a job's folder, "attempts": [...]}. An attempt is null, or [point, count, act]: when that point is reached for the
count-th time, "kill" kills its whole process group (SIGKILL, as a power cut would), "fill" fills the disk that the job is on until it ends, "stop"
and "pause" ask for that; ["extend", steps] gives the run more to do and lets it.
Each attempt's last status is appended to a file beside the job's folder. A run with a "disk" has a small file system for itself meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sde_core.jobs.context as context_module
import sde_core.train.checkpoints as checkpoints
import sde_core.train.row_losses as row_losses
from sde_core.errors import JobError
from sde_core.jobs import Job
from sde_core.jobs.main import main
from sde_core.train.extend import write_extension

FILLER = "filler"


def die() -> None:
    os.killpg(0, signal.SIGKILL)


def fill(folder: Path) -> None:
    """Takes all room that is left."""
    with (folder / FILLER).open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass


class Countdown:
    """Acts when it is called for the `count`-th time."""

    def __init__(self, count: int, act: Callable[[], None]) -> None:
        self.left = count
        self.act = act

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.act()


def before(owner: Any, name: str, then: Callable[..., None]) -> None:
    """Calls `then` with the arguments of each call of a function before the function itself."""
    function = getattr(owner, name)

    def called(*args: Any, **kwargs: Any) -> Any:
        then(*args, **kwargs)
        return function(*args, **kwargs)

    setattr(owner, name, called)


def after(owner: Any, name: str, then: Callable[..., None]) -> None:
    function = getattr(owner, name)

    def called(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        then(*args, **kwargs)
        return result

    setattr(owner, name, called)


def in_training(tick: Countdown) -> None:
    from transformers import LlamaForCausalLM

    before(LlamaForCausalLM, "forward", lambda self, *_, **__: tick() if self.training else None)


def in_evaluation(tick: Countdown) -> None:
    from transformers import LlamaForCausalLM

    before(LlamaForCausalLM, "forward", lambda self, *_, **__: None if self.training else tick())


def in_file(tick: Countdown) -> None:
    """In the middle of one of a checkpoint's files."""

    def write_half(writer: checkpoints.CheckpointWriter, name: str, content: bytes) -> None:
        (writer.scratch / name).write_bytes(content[: len(content) // 2])
        tick()

    before(checkpoints.CheckpointWriter, "add", write_half)


def in_event(tick: Countdown) -> None:
    """In the middle of the line of a step."""

    def write_half(path: Path, event: dict[str, Any]) -> None:
        if event["event"] == "step" and tick.left == 1:
            with path.open("ab") as file:
                file.write(json.dumps(event).encode()[:20])
        if event["event"] == "step":
            tick()

    before(context_module, "append_event", write_half)


def in_row_losses(tick: Countdown) -> None:
    """In the middle of what a step appends to the rows' losses."""

    def cut(path: Path, *_: Any, **__: Any) -> None:
        if tick.left == 1:
            os.truncate(path, (sizes.get(path, 0) + path.stat().st_size) // 2)
        sizes[path] = path.stat().st_size
        tick()

    sizes: dict[Path, int] = {}
    after(row_losses, "append_block", cut)


POINTS: dict[str, Callable[[Countdown], None]] = {
    "training": in_training,
    "evaluation": in_evaluation,
    "file": in_file,
    "event": in_event,
    "row losses": in_row_losses,
    "checkpoint unnamed": lambda tick: before(Path, "rename", lambda path, *_: tick() if path.name.startswith("checkpoint-") else None),
    "checkpoint named": lambda tick: after(Path, "rename", lambda path, *_: tick() if path.name.startswith("checkpoint-") else None),
    "older half removed": lambda tick: after(Path, "unlink", lambda path, **_: tick() if path.name == checkpoints.COMPLETE else None),
    "adapter put aside": lambda tick: after(Path, "rename", lambda path, *_: tick() if path.name == "adapter" else None),
    "adapter unnamed": lambda tick: before(Path, "rename", lambda path, *_: tick() if path.name == "adapter.unfinished" else None),
    "metrics": lambda tick: before(checkpoints, "atomic_write", lambda path, _: tick() if path.name == "metrics.json" else None),
}


def memory_for(samples: int, passes: int) -> None:
    """From so many forward passes on, more samples at a time do not fit into memory."""
    import torch
    from transformers import LlamaForCausalLM

    done = [0]

    def refuse(_self: Any, *_: Any, **inputs: Any) -> None:
        done[0] += 1
        if len(inputs["input_ids"]) > samples and done[0] > passes:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    before(LlamaForCausalLM, "forward", refuse)


def attempt(folder: Path, point: list[Any] | None, memory: list[int] | None) -> None:
    if point and point[0] == "extend":
        write_extension(Job(folder), steps=point[1])
        point = None
    child = os.fork()
    if child == 0:
        os.setsid()
        log = os.open(folder / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        (folder / "STOP").unlink(missing_ok=True)
        context_module._LOOK_SECONDS = 0.0
        if memory:
            memory_for(*memory)
        if point:
            name, count, act = point
            acts = {"kill": die, "fill": lambda: fill(folder), "stop": Job(folder).stop, "pause": Job(folder).pause}
            POINTS[name](Countdown(count, acts[act]))
        os._exit(main(folder))
    _, status = os.waitpid(child, 0)
    (folder / FILLER).unlink(missing_ok=True)
    with (folder.parent / f"{folder.name}.attempts.jsonl").open("ab") as file:
        file.write((folder / "status.json").read_bytes() + b"\n")
    if status != {"kill": signal.SIGKILL, "fill": JobError.exit_code << 8}.get(point[2] if point else "", 0):
        sys.exit(f"{folder.name}: {point} ended with {status}")


@contextmanager
def disk_of(folder: Path, size: str | None) -> Iterator[None]:
    """Puts the job on a file system of this size until all attempts are made; this process must have mounts of its own."""
    if size is None:
        yield
        return
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    try:
        yield
        shutil.copytree(folder, kept, dirs_exist_ok=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    shutil.rmtree(folder)
    kept.rename(folder)


def load_libraries(model: str) -> None:
    """Imports what a run needs and fills the caches that all attempts share; computes nothing, since threads do not survive a fork."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

    import sde_core.train.lora

    loaded = (LoraConfig, Trainer, TrainingArguments, sde_core.train.lora, get_peft_model)
    AutoModelForCausalLM.from_pretrained(model)
    assert all(loaded)


if __name__ == "__main__":
    plan = json.loads(Path(sys.argv[1]).read_text())
    load_libraries(json.loads((Path(plan[0]["folder"]) / "recipe.json").read_text())["model"])
    for run in plan:
        with disk_of(Path(run["folder"]), run.get("disk")):
            for each in run["attempts"]:
                attempt(Path(run["folder"]), each, run.get("memory"))
