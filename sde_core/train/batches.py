"""The forward passes of a run, without running it: how many sequences each holds, and how long they are padded to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sde_core.train.order import epoch_order
from sde_core.train.packing import best_fit_decreasing
from sde_core.train.recipe import Recipe
from sde_core.train.schedule import planned_first

_EPOCHS_LOOKED_AT = 3
"""Of longer runs the batches of so many epochs stand for all: every epoch is drawn alike."""

_CHECKPOINTS = 10
_EVALUATIONS = 6
"""Checkpoints and evaluations in a run, where the recipe does not say."""
_EVALUATED_SHARE = 0.05
_LEAST_EVALUATED = 16
"""An evaluation looks at this share of the samples that the run trains on, and at least at so many: all of them then take a tenth of its time."""


@dataclass(frozen=True, slots=True)
class RunBatches:
    """The forward passes of a run in their order, of all its processes together; `weight` of them are alike.

    Attributes:
        sequences: int64[m], how many each holds.
        widths: int64[m], tokens that each sequence is padded to.
        tokens: int64[m], how many of them are no padding.
        steps: Optimizer steps of the run.
        weight: How many forward passes of the run each of these stands for; above 1 where there are too many epochs to look at all.
        held_out: int64[h], tokens of each held-out sample, ascending.
    """

    sequences: np.ndarray
    widths: np.ndarray
    tokens: np.ndarray
    steps: int
    weight: float = 1.0
    held_out: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def areas(self) -> np.ndarray:
        """int64[m]: tokens of each with padding."""
        areas: np.ndarray = self.sequences * self.widths
        return areas

    @property
    def padding_share(self) -> float:
        """Share of all tokens that is padding."""
        area = int(self.areas.sum())
        return round(1 - int(self.tokens.sum()) / area, 4) if area else 0.0


def sequence_lengths(samples: Sequence[int] | np.ndarray, recipe: Recipe, max_length: int) -> np.ndarray:
    """int64[n]: tokens of each sequence that samples of these lengths become; fewer than samples where they are packed.

    Args:
        samples: int[n], tokens of each sample.
        recipe: Whether it packs.
        max_length: Tokens that a sequence may have.
    """
    lengths = np.asarray(samples, dtype=np.int64)
    if not recipe.packing:
        return lengths
    return np.array([int(lengths[chosen].sum()) for chosen in best_fit_decreasing(lengths, max_length)], dtype=np.int64)


def steps_of(sequences: int, recipe: Recipe, processes: int = 1) -> int:
    """Optimizer steps of a run over this many sequences.

    Args:
        sequences: Sequences of one epoch.
        recipe: Its batch, accumulation, epochs and steps.
        processes: Processes that share every batch.
    """
    if recipe.max_steps:
        return recipe.max_steps
    batches = math.ceil(sequences / (recipe.batch_size * processes))
    return math.ceil(recipe.epochs * max(math.ceil(batches / recipe.accumulation), 1)) if batches else 0


def run_batches(lengths: np.ndarray, recipe: Recipe, *, processes: int = 1) -> RunBatches:
    """The forward passes over these sequences as training will order them.

    Args:
        lengths: int64[n], tokens of every sequence, in the order of the rows; see `sequence_lengths`.
        recipe: Its batch, order, epochs and steps.
        processes: Processes that share every batch.
    """
    steps = steps_of(len(lengths), recipe, processes)
    batch = recipe.batch_size * processes
    epoch_passes = math.ceil(len(lengths) / batch)
    epoch_steps = max(math.ceil(epoch_passes / recipe.accumulation), 1)
    wanted = math.ceil(steps / epoch_steps) if epoch_passes else 0
    parts = [_epoch_batches(lengths, recipe, processes, epoch) for epoch in range(min(wanted, _EPOCHS_LOOKED_AT))]
    if wanted <= _EPOCHS_LOOKED_AT and parts:
        parts[-1] = parts[-1][:, : (steps - (wanted - 1) * epoch_steps) * recipe.accumulation]
    sequences, widths, tokens = np.concatenate(parts, axis=1) if parts else np.zeros((3, 0), dtype=np.int64)
    weight = steps / (epoch_steps * len(parts)) if wanted > _EPOCHS_LOOKED_AT else 1.0
    return RunBatches(sequences, widths, tokens, steps, weight)


def _epoch_batches(lengths: np.ndarray, recipe: Recipe, processes: int, epoch: int) -> np.ndarray:
    """int64[3, m]: sequences, width and tokens of each forward pass of one epoch."""
    per_pass = recipe.batch_size * processes
    order = epoch_order(lengths, per_pass, seed=recipe.seed, epoch=epoch, grouped=recipe.groups_lengths)
    starts = np.arange(0, len(order), per_pass)
    ordered = lengths[order]
    sizes = np.diff(np.append(starts, len(order)))
    return np.stack([sizes, np.maximum.reduceat(ordered, starts), np.add.reduceat(ordered, starts)])


def evaluation_interval(recipe: Recipe, steps: int) -> int:
    """Steps from one evaluation to the next in a run of so many."""
    return recipe.eval_steps or max(math.ceil(steps / _EVALUATIONS), 1)


def checkpoint_interval(recipe: Recipe, steps: int) -> int:
    """Steps from one checkpoint to the next in a run of so many."""
    return recipe.save_steps or max(math.ceil(steps / _CHECKPOINTS), 1)


def evaluated_positions(held_out: int, sequences: int, recipe: Recipe, processes: int = 1) -> list[int]:
    """Which of the held-out samples, the shortest first, a run evaluates on: all, or evenly spaced ones where they would cost more than they tell.

    Args:
        held_out: Held-out samples that there are.
        sequences: Sequences of one epoch of training.
        recipe: Says how much is trained.
        processes: Processes that share every batch.
    """
    trained_on = planned_first(recipe, steps_of(sequences, recipe, processes)) * recipe.batch_size * recipe.accumulation * processes
    count = min(max(round(_EVALUATED_SHARE * trained_on), _LEAST_EVALUATED), held_out)
    return [i * held_out // count for i in range(count)]
