"""Training jobs in processes that really die: `python forked_runs.py PLAN.json` loads the libraries once and forks a process for every attempt.

The plan is a list of {"folder": a job's folder, "attempts": [[point, count] or null, ...]}. An attempt with a point kills its whole process group
(SIGKILL, as a power cut would) when that point is reached for the count-th time; one with null is left alone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sde_core.jobs.context as context_module
import sde_core.train.checkpoints as checkpoints
import sde_core.train.row_losses as row_losses
from sde_core.jobs.main import main


def die() -> None:
    os.killpg(0, signal.SIGKILL)


class Countdown:
    """Dies when it is called for the `count`-th time."""

    def __init__(self, count: int) -> None:
        self.left = count

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            die()


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
    child = os.fork()
    if child == 0:
        os.setsid()
        log = os.open(folder / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        (folder / "STOP").unlink(missing_ok=True)
        if memory:
            memory_for(*memory)
        if point:
            POINTS[point[0]](Countdown(point[1]))
        os._exit(main(folder))
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    if killed != bool(point):
        sys.exit(f"{folder.name}: {point} was {'not ' * (not killed)}reached")


if __name__ == "__main__":
    from sde_core.train import lora  # noqa: F401
    import accelerate, peft, torch, transformers  # noqa: E401, F401
    from transformers import LlamaForCausalLM, Trainer  # noqa: F401

    for run in json.loads(Path(sys.argv[1]).read_text()):
        for each in run["attempts"]:
            attempt(Path(run["folder"]), each, run.get("memory"))
