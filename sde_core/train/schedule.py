"""The learning rate as a function of the step alone, so that a resumed run need not remember it and an extended one goes on without a jump."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sde_core.train.recipe import Recipe, listed


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps that share one rise and one course of the learning rate.

    Attributes:
        first: Steps done before it.
        stop: Steps done after it.
        warmup: Steps over which the learning rate rises.
        risen_from: Share of the peak that the rise begins at.
    """

    first: int
    stop: int
    warmup: int
    risen_from: float


class LearningRateCourse:
    """The share of the peak learning rate at each step: it rises, then falls as the recipe's scheduler says.

    A run that was extended has a stretch more for each extension. In each the rate rises again, from where the stretch before left it, to the
    recipe's peak, and takes the whole course anew (re-warming and re-decaying; Ibrahim et al. 2024, "Simple and Scalable Strategies to Continually
    Pre-train Large Language Models", section 4). Of a run that is not extended it is transformers' schedule with warm-up, to the bit.

    Args:
        recipe: Says the scheduler, the warm-up and where the run was extended.
        steps: Optimizer steps of the whole run.
    """

    def __init__(self, recipe: Recipe, steps: int) -> None:
        self._scheduler = recipe.scheduler
        ends = [*stretch_ends(recipe, steps), max(steps, 1)]
        self.stretches: list[Stretch] = []
        for first, stop in zip([0, *ends], ends, strict=False):
            risen_from = self._within(self.stretches[-1], first) if self.stretches else 0.0
            self.stretches.append(Stretch(first, stop, math.ceil(recipe.warmup * (stop - first)), risen_from))

    def __call__(self, step: int) -> float:
        """The share of the peak at which the step after `step` steps is made."""
        inside = next((stretch for stretch in self.stretches if step < stretch.stop), self.stretches[-1])
        return self._within(inside, step)

    def _within(self, stretch: Stretch, step: int) -> float:
        done = step - stretch.first
        if done < stretch.warmup:
            return stretch.risen_from + (1.0 - stretch.risen_from) * (done / stretch.warmup)
        if self._scheduler == "constant":
            return 1.0
        length, left = max(1, stretch.stop - stretch.first - stretch.warmup), stretch.stop - step
        return (
            max(0.0, 0.5 * (1.0 + math.cos(math.pi * ((done - stretch.warmup) / length)))) if self._scheduler == "cosine" else max(0.0, left / length)
        )


def stretch_ends(recipe: Recipe, steps: int) -> list[int]:
    """The steps at which the run was extended, those within `steps`."""
    return sorted({int(end) for end in listed(recipe.extended_at) if 0 < int(end) < steps})


def planned_first(recipe: Recipe, steps: int) -> int:
    """Steps of the run as it was launched: how often it evaluates and saves, and on how many rows, is not changed by extending it."""
    return next(iter(stretch_ends(recipe, steps)), steps)
