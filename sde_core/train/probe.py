"""A short probe: the real run's own steps on its shortest, median and longest batches, timed in a process of its own."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sde_core.dataset import Dataset
from sde_core.jobs import Job, JobContext, launch, read_events
from sde_core.jobs.prepared import prepared_folder
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.train.batches import steps_of
from sde_core.train.launch import check_before_launch, prepared_run
from sde_core.train.order import epoch_order
from sde_core.train.recipe import Recipe, read_recipe
from sde_core.train.samples import Sample, Samples, Sequenced

PROBE_VERSION = 1
_ROUNDS = 3
"""How often each of the three batches is timed; the first steps of all, which are slower, are not."""
_EVALUATED = 16


@dataclass(frozen=True)
class Probe:
    """What was measured.

    Attributes:
        areas: Tokens of each timed batch with padding, ascending.
        step_seconds: Median seconds of an optimizer step over each.
        start_seconds: From the job's start to its first step, reading `rows` rows among it.
        rows: Rows that were read.
        evaluation_tokens: Tokens of an evaluation with padding, 0 where none was made.
        evaluation_seconds: Seconds that it took.
        checkpoint_seconds: Seconds of a checkpoint.
        finish_seconds: From the last step to the job's end.
        memory: Bytes of main memory that the process held at most.
        gpu_memory: Bytes of GPU memory that it held at most, 0 without a GPU.
        device: The device in words.
        made: When, in seconds since 1970.
    """

    areas: tuple[int, ...]
    step_seconds: tuple[float, ...]
    start_seconds: float
    rows: int
    evaluation_tokens: int
    evaluation_seconds: float
    checkpoint_seconds: float
    finish_seconds: float
    memory: int
    gpu_memory: int
    device: str
    made: float

    def seconds_of(self, areas: np.ndarray) -> np.ndarray:
        """float64[m]: seconds of a step over batches of so many tokens: straight lines between what was measured, gone on with beyond it.

        More tokens never take less time: where noise says so, the longer batch's time is taken for both.
        """
        at = np.array(self.areas, dtype=np.float64)
        took = np.maximum.accumulate(np.array(self.step_seconds))
        inside: np.ndarray = np.interp(areas, at, took)
        if len(at) < 2 or at[-1] == at[0]:
            return inside
        slope = (took[-1] - took[0]) / (at[-1] - at[0])
        longer: np.ndarray = np.maximum(inside + slope * (np.maximum(areas - at[-1], 0) + np.minimum(areas - at[0], 0)), took[0] / 4)
        return longer


def launch_probe(
    dataset: Dataset,
    rows: Sequence[int],
    recipe: Recipe,
    jobs_dir: Path,
    *,
    name: str,
    beside: bool = False,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> Job:
    """Start a probe of this run as a detached job.

    Args:
        dataset: Where the rows are.
        rows: Those of the run.
        recipe: The run's.
        jobs_dir: The dataset's job folders.
        name: The name that what it measures is kept under; see `probe_name`.
        beside: Begin at once; else it waits for its device, since beside another run it would measure both.
        cancel: Looked at between batches of rows.
        progress: In rows.

    Raises:
        SdeError: When the run itself would be refused.
        CancelledError: When stopped; no job was started.
    """
    check_before_launch(dataset, rows, recipe, cancel=cancel)
    title = f"Probe of a fine-tune on {len(rows):,} rows of {dataset.name}"
    with prepared_folder(jobs_dir, "probe") as folder:
        spec = prepared_run(folder, dataset, rows, recipe, jobs_dir, cancel=cancel, progress=progress)
        return launch(jobs_dir, "probe", {**spec, "probe": name}, title=title, folder=folder, beside=beside)


def run_probe(context: JobContext) -> None:
    """Do the job in the context's folder: a run of few steps, its events read as a stopwatch.

    Raises:
        SdeError: When it cannot train.
        CancelledError: When it was asked to stop.
    """
    from sde_core.train.device import use_one_gpu
    from sde_core.train.imports import import_ahead, imported
    from sde_core.train.job import run_samples
    from sde_core.train.probe_store import keep_probe
    from sde_core.train.tokenizer import load_tokenizer

    recipe = read_recipe(context.folder / "recipe.json")
    use_one_gpu()
    import_ahead(lean=True)
    context.say("Reading the rows.", unit="rows")
    tokenizer = load_tokenizer(recipe.model)
    samples = run_samples(context, recipe, tokenizer)
    context.say("Loading torch.", unit="steps")
    imported()
    from sde_core.train.device import plan_device
    from sde_core.train.lora import train_adapter

    chosen, batches = probed(samples, recipe)
    plan = plan_device(replace(recipe, processes=1))
    train_adapter(context, _few_steps(recipe, len(batches)), plan, chosen, tokenizer)
    context.event("measured")
    probe = measured(context, batches, chosen, len(samples.checks), plan)
    (context.result_dir / "probe.json").write_bytes(orjson.dumps(asdict(probe)))
    keep_probe(Path(context.spec["cache"]), context.spec["probe"], probe)
    context.say(f"Measured {len(batches)} steps.")


def probed(samples: Samples, recipe: Recipe) -> tuple[Samples, list[list[Sequenced]]]:
    """The shortest, the median and the longest batch that the run sees in its first epoch, in the order in which they are timed.

    Returns:
        What to train on as it stands, and the same by batch: two that warm up, then the three in turn.
    """
    lengths = np.array([len(sequence) for sequence in samples.train])
    order = epoch_order(lengths, recipe.batch_size, seed=recipe.seed, epoch=0, grouped=recipe.groups_lengths).tolist()
    batches = [order[start : start + recipe.batch_size] for start in range(0, len(order), recipe.batch_size)]
    seen = batches[: steps_of(len(lengths), recipe) * recipe.accumulation]
    whole = [batch for batch in seen if len(batch) == len(batches[0])]
    ranked = sorted(whole, key=lambda batch: int(lengths[batch].max()))
    three = [ranked[0], ranked[len(ranked) // 2], ranked[-1]]
    timed = [ranked[len(ranked) // 2], ranked[-1], *(three * _ROUNDS)]
    chosen = [[samples.train[i] for i in batch] for batch in timed]
    held_out: Sequence[Sample] = samples.held_out
    count = min(len(held_out), _EVALUATED)
    spread = [held_out[i * len(held_out) // count] for i in range(count)]
    return Samples([sequence for batch in chosen for sequence in batch], spread, samples.checks, in_order=True), chosen


def _few_steps(recipe: Recipe, steps: int) -> Recipe:
    return replace(
        recipe,
        max_steps=steps,
        accumulation=1,
        log_steps=1,
        eval_steps=max(steps // 2, 1),
        save_steps=max(steps // 2, 1),
        sample_every=0,
        report_to="",
        processes=1,
    )


def measured(context: JobContext, batches: Sequence[Sequence[Sequenced]], chosen: Samples, rows: int, plan: Any) -> Probe:
    """What the run's events and its process tell.

    Args:
        context: The probe's job, whose events are the stopwatch.
        batches: What trained in each step.
        chosen: The samples that these were of, and those evaluated on.
        rows: Rows that were read before.
        plan: Where it ran.
    """
    events = _events(context.folder / "events.jsonl")
    spans = _spans(events)
    areas = [len(batch) * max(map(len, batch)) for batch in batches]
    timed = sorted({(area, i % 3) for i, area in enumerate(areas[2:])})
    steps = [took for kind, took in spans if kind == "step"]
    medians = [float(np.median(steps[2 + which :: 3])) for _, which in timed]
    evaluations = [took for kind, took in spans if kind == "eval"]
    begun, first = (next(event["t"] for event in events if event["event"] == kind) for kind in ("start", "train"))
    saved = [took for kind, took in spans if kind == "checkpoint"]
    last = max(event["t"] for event in events if event["event"] in ("step", "eval", "checkpoint"))
    return Probe(
        tuple(area for area, _ in timed),
        tuple(round(seconds, 5) for seconds in medians),
        start_seconds=round(first - begun, 3),
        rows=rows,
        evaluation_tokens=_evaluated_tokens(chosen.held_out, len(batches[0])) if evaluations else 0,
        evaluation_seconds=round(min(evaluations, default=0.0), 4),
        checkpoint_seconds=round(float(np.median(saved)), 4) if saved else 0.0,
        finish_seconds=round(events[-1]["t"] - last, 3),
        memory=_peak_memory(),
        gpu_memory=_peak_gpu_memory(plan.device),
        device=plan.name,
        made=round(time.time(), 1),
    )


def _events(path: Path) -> list[dict[str, Any]]:
    events, offset = read_events(path)
    while found := read_events(path, offset)[0]:
        events += found
        offset = read_events(path, offset)[1]
    return events


def _spans(events: Sequence[dict[str, Any]]) -> list[tuple[str, float]]:
    """What each step, evaluation and checkpoint took: the time since the one before it ended."""
    marks = [(event["event"], event["t"]) for event in events if event["event"] in ("train", "step", "eval", "checkpoint")]
    return [(kind, at - marks[i][1]) for i, (kind, at) in enumerate(marks[1:])]


def _evaluated_tokens(samples: Sequence[Sample], batch_size: int) -> int:
    """Tokens of an evaluation with padding."""
    parts = [samples[start : start + batch_size] for start in range(0, len(samples), batch_size)]
    return sum(len(part) * max(map(len, part)) for part in parts)


def _peak_memory() -> int:
    """Bytes that this process held at most; the system counts in KiB, but for macOS."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _peak_gpu_memory(device: str) -> int:
    if device != "cuda":
        return 0
    import torch

    return int(torch.cuda.max_memory_reserved())
