"""Time and memory that `sde preflight --probe` predicts, against what the run then takes.

    python benchmarks/preflight_estimate.py [--steps 120] [--only NAME]

Every run is launched as `sde train` launches it and is watched from outside: seconds from its start to its end, and the most memory that the system
saw its process hold. Load is the machine's average over the last minute at the probe and at the run: where they differ, so must the figures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from sde_core.dataset import Dataset, open_dataset
from sde_core.jobs import Job
from sde_core.train.estimate import estimate, free_on
from sde_core.train.launch import launch_training
from sde_core.train.preflight import preflight
from sde_core.train.probe import launch_probe
from sde_core.train.probe_store import kept_probe, probe_name
from sde_core.train.recipe import Recipe
from sde_core.wording import size_of

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SDE_SHARED", ROOT.parent / "shared"))
STORIES = str(SHARED / "models" / "stories260K")
SUPPORT, GSM8K = ROOT / "sample_data" / "support.jsonl", SHARED / "data" / "math" / "gsm8k_train.jsonl"
RECIPES: dict[str, tuple[Path, Recipe]] = {
    "support, bundled, batch 8, grouped": (SUPPORT, Recipe(batch_size=8)),
    "support, bundled, batch 4, chance": (SUPPORT, Recipe(batch_size=4, group_by_length=False)),
    "support, bundled, batch 2, packed": (SUPPORT, Recipe(batch_size=2, packing=True, max_length=512)),
    "gsm8k, bundled, batch 8, grouped": (GSM8K, Recipe(batch_size=8)),
    "gsm8k, stories260K, batch 16, grouped": (GSM8K, Recipe(model=STORIES, batch_size=16)),
    "gsm8k, stories260K, batch 16, chance": (GSM8K, Recipe(model=STORIES, batch_size=16, group_by_length=False)),
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--steps", type=int, default=120)
    arguments.add_argument("--only", default="")
    asked = arguments.parse_args()
    print(f"{'run':<38} {'predicted':>9} {'taken':>9} {'off by':>7} {'memory':>9} {'taken':>9} {'off by':>7}  load")
    for name, (source, recipe) in RECIPES.items():
        if asked.only in name and source.exists() and (not recipe.model or Path(recipe.model).exists()):
            print(line(name, source, Recipe(**{**recipe.to_json(), "max_steps": asked.steps})), flush=True)


def line(name: str, source: Path, recipe: Recipe) -> str:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(shutil.copy(source, folder))
        dataset = open_dataset(data)
        dataset.read_all()
        rows = dataset.texts()["row"].to_list()
        return _compared(name, dataset, rows, recipe, Path(folder))


def _compared(name: str, dataset: Dataset, rows: list[int], recipe: Recipe, state: Path) -> str:
    report = preflight(dataset, recipe, rows=rows, cache_dir=state / "cache")
    probe = probe_name(recipe, dataset.fingerprint)
    watched(launch_probe(dataset, rows, recipe, state / "jobs", name=probe, beside=True))
    probed_at, measured = os.getloadavg()[0], kept_probe(state / "cache", probe)
    if measured is None:
        return f"{name:<38} the probe failed"
    told = estimate(report, recipe, measured, free=free_on(measured))
    taken, memory = watched(launch_training(dataset, rows, recipe, state / "jobs", beside=True))
    return (
        f"{name:<38} {told.seconds:>8.1f}s {taken:>8.1f}s {told.seconds / taken - 1:>+7.0%} {size_of(told.memory):>9} {size_of(memory):>9}"
        f" {told.memory / memory - 1:>+7.0%}  {probed_at:.1f}, {os.getloadavg()[0]:.1f}"
    )


def watched(job: Job) -> tuple[float, int]:
    """Seconds from the job's start to its end, and the most bytes that its process was seen to hold."""
    most = 0
    while (status := job.status()).active:
        if status.identity is not None:
            most = max(most, _most_held(status.identity.pid))
        time.sleep(0.05)
    if status.state != "done" or status.started is None or status.ended is None:
        raise SystemExit(f"{job.title}: {status.state}: {status.message} {status.hint}")
    return status.ended - status.started, most


def _most_held(pid: int) -> int:
    try:
        told = Path(f"/proc/{pid}/status").read_text().split("\n")
    except OSError:
        return 0
    return next((int(entry.split()[1]) * 1024 for entry in told if entry.startswith("VmHWM")), 0)


if __name__ == "__main__":
    main()
