"""A run handed over to TRL's own command: its loss curve beside the run's, on the same rows and options. Prints a table.

    python benchmarks/handover_trl.py [--rows 400] [--steps 30]

Both start from the same loss only where their first batches hold the same rows, which two programs' shuffling never does; so curves are compared
by their means over thirds, and the adapters by their loss on the held-out rows.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sde_core.dataset import open_dataset
from sde_core.handover.hand_over import hand_over
from sde_core.train.launch import launch_training
from sde_core.train.recipe import Recipe

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Train with both and print what they lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")  # a queue of its own, so that no other run is waited for
        os.environ["HF_DATASETS_CACHE"] = str(folder / "cache")
        ours, held_out, seconds = _ours(folder, options.rows, options.steps)
        theirs, their_held_out, their_seconds = _theirs(folder / "handed")
    print(f"{'':<28}{'sde':>10}{'TRL':>10}")
    for third, name in enumerate(("first", "second", "last")):
        print(f"{f'loss, {name} third':<28}{_third(ours, third):>10.4f}{_third(theirs, third):>10.4f}")
    print(f"{'held-out loss at the end':<28}{held_out:>10.4f}{their_held_out:>10.4f}")
    print(f"{'CPU seconds, imports included':<28}{seconds:>9.1f}{their_seconds:>10.1f}")


def _ours(folder: Path, rows: int, steps: int) -> tuple[list[float], float, float]:
    dataset = open_dataset(ROOT / "sample_data" / "support.jsonl")
    dataset.read_all()
    recipe = Recipe(max_steps=steps, eval_steps=steps, save_steps=steps, device="cpu", processes=1)
    readable = dataset.texts()["row"].to_list()[:rows]
    before = _children_seconds()
    job = launch_training(dataset, readable, recipe, folder / "jobs")
    status = job.wait()
    assert status.state == "done", status.message
    hand_over(job.folder, folder / "handed")
    events, _ = job.events(max_bytes=1 << 28)
    evaluations = [event["loss"] for event in events if event["event"] == "eval"]
    return [event["loss"] for event in events if event["event"] == "step"], evaluations[-1], _children_seconds() - before


def _theirs(folder: Path) -> tuple[list[float], float, float]:
    before = _children_seconds()
    command = [str(Path(sys.executable).with_name("trl")), "sft", "--config", "trl.yaml"]
    env = {**os.environ, "TRL_EXPERIMENTAL_SILENCE": "1", "HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "true"}
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    state = max(folder.glob("trl-output/checkpoint-*/trainer_state.json"), key=lambda path: int(path.parent.name.rpartition("-")[2]))
    history = json.loads(state.read_text())["log_history"]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    return losses, [entry["eval_loss"] for entry in history if "eval_loss" in entry][-1], _children_seconds() - before


def _third(losses: list[float], third: int) -> float:
    size = max(len(losses) // 3, 1)
    part = losses[third * size :] if third == 2 else losses[third * size : (third + 1) * size]
    return sum(part) / len(part)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s in all", file=sys.stderr)
