"""The same token budget for every arm: how many optimizer steps it takes to read so many tokens, in the order in which a run reads them.

Tokens are those that the model reads, padding left out: they are what a run costs. An arm with fewer rows reads them more often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sde_core.errors import UsageError
from sde_core.train.order import epoch_order
from sde_core.train.preflight import steps_of
from sde_core.train.recipe import Recipe


def step_tokens(lengths: Sequence[int], recipe: Recipe) -> Iterator[int]:
    """Tokens of each optimizer step of a run on one device, without end.

    Args:
        lengths: Tokens of each sample.
        recipe: Batch, accumulation, grouping and seed decide the order.
    """
    array, of_step, epoch = np.asarray(lengths, np.int64), recipe.batch_size * recipe.accumulation, 0
    while True:
        order = epoch_order(array, recipe.batch_size, seed=recipe.seed, epoch=epoch, grouped=recipe.group_by_length)
        read = array[order]
        yield from (int(read[start : start + of_step].sum()) for start in range(0, len(read), of_step))
        epoch += 1


def default_budget(lengths: Sequence[int], recipe: Recipe) -> int:
    """The tokens that the recipe itself would read of these samples: its epochs, or its steps where it says those."""
    if not recipe.max_steps:
        return round(recipe.epochs * sum(lengths))
    steps = step_tokens(lengths, recipe)
    return sum(next(steps) for _ in range(steps_of(len(lengths), recipe)))


def steps_for(lengths: Sequence[int], recipe: Recipe, budget: int) -> tuple[int, int]:
    """The number of steps whose tokens come nearest to the budget, one at least, and those tokens.

    Args:
        lengths: Tokens of every sample of the arm.
        recipe: Its batch, order and seed; its epochs and steps are not looked at.
        budget: In tokens, padding left out.

    Raises:
        UsageError: When there is nothing to read.
    """
    if not sum(lengths):
        raise UsageError("An arm has nothing that trains.", "sde preflight says what each row trains on.")
    read = count = 0
    for tokens in step_tokens(lengths, recipe):
        if count and abs(read + tokens - budget) >= abs(read - budget):
            return count, read
        count, read = count + 1, read + tokens
    raise AssertionError
