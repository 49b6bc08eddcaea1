"""How long a run will take and how much memory, from a probe and the very batches that it will see; without a probe there is no figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sde_core.train.batches import RunBatches, checkpoint_interval, evaluated_positions, evaluation_interval
from sde_core.train.callbacks import CHECKPOINT_SECONDS
from sde_core.train.preflight import Preflight
from sde_core.train.probe import Probe
from sde_core.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What a run will take.

    Attributes:
        seconds: From its start to its end, all below together.
        start_seconds: Loading, to the first step.
        training_seconds: Its steps.
        evaluation_seconds: Its evaluations.
        checkpoint_seconds: Its checkpoints.
        finish_seconds: From the last step to the end.
        memory: Bytes of main memory that it will hold at most.
        gpu_memory: Bytes of GPU memory, 0 without a GPU.
        free: Bytes that are free for it now, on the GPU where it runs on one.
        fits: Whether it fits into them.
        beyond_probe: Whether its longest batch is longer than what was measured, so that memory and time are guessed beyond it.
        device: What was measured on.
    """

    seconds: float
    start_seconds: float
    training_seconds: float
    evaluation_seconds: float
    checkpoint_seconds: float
    finish_seconds: float
    memory: int
    gpu_memory: int
    free: int
    fits: bool
    beyond_probe: bool
    device: str


def estimate(report: Preflight, recipe: Recipe, probe: Probe, *, free: int) -> RunEstimate:
    """What the run that preflight looked at will take.

    Args:
        report: The rows of the run.
        recipe: The run's.
        probe: What was measured on this machine.
        free: Bytes that are free now, on the device that it was measured on.
    """
    batches = report.batches
    assert batches is not None  # noqa: S101 - `preflight` made them
    training = float(probe.seconds_of(batches.areas).sum()) * batches.weight
    evaluation = _evaluations(batches, recipe) * _evaluation_seconds(batches, report.summary.sequences, recipe, probe)
    saves = -(-batches.steps // checkpoint_interval(recipe, batches.steps)) + training // CHECKPOINT_SECONDS
    checkpoints = saves * probe.checkpoint_seconds
    beyond = bool(len(batches.areas)) and int(batches.areas.max()) > 1.05 * max(probe.areas)
    held = probe.gpu_memory or probe.memory
    return RunEstimate(
        seconds=round(probe.start_seconds + training + evaluation + checkpoints + probe.finish_seconds, 2),
        start_seconds=probe.start_seconds,
        training_seconds=round(training, 2),
        evaluation_seconds=round(evaluation, 2),
        checkpoint_seconds=round(checkpoints, 2),
        finish_seconds=probe.finish_seconds,
        memory=probe.memory,
        gpu_memory=probe.gpu_memory,
        free=free,
        fits=held <= free,
        beyond_probe=beyond,
        device=probe.device,
    )


def _evaluations(batches: RunBatches, recipe: Recipe) -> int:
    """One at every interval, and one at the end where that is none of them."""
    return -(-batches.steps // evaluation_interval(recipe, batches.steps)) if batches.steps else 0


def _evaluation_seconds(batches: RunBatches, sequences: int, recipe: Recipe, probe: Probe) -> float:
    """Seconds of one evaluation, by its tokens with padding."""
    lengths = batches.held_out
    if not len(lengths) or not probe.evaluation_tokens:
        return 0.0
    looked_at = [int(lengths[i]) for i in evaluated_positions(len(lengths), sequences, recipe)]
    return probe.evaluation_seconds * _padded(looked_at, recipe.batch_size) / probe.evaluation_tokens


def _padded(lengths: Sequence[int], batch_size: int) -> int:
    parts = [lengths[start : start + batch_size] for start in range(0, len(lengths), batch_size)]
    return sum(len(part) * max(part) for part in parts)


def free_on(probe: Probe) -> int:
    """Bytes that are free now on the device that was measured."""
    from sde_core.train.machine import free_memory
    from sde_core.train.machine_figures import nvml

    library: Any = nvml() if probe.gpu_memory else None
    if library is None:
        return free_memory()
    handles = [library.nvmlDeviceGetHandleByIndex(i) for i in range(library.nvmlDeviceGetCount())]
    return int(max(np.array([library.nvmlDeviceGetMemoryInfo(handle).free for handle in handles])))
