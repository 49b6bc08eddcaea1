"""Budgets and quotas around a selector: how many rows there are to be is settled here, which rows by the selector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sde_core.errors import UsageError
from sde_core.progress import Cancel, Progress
from sde_core.select.protocol import Choice, Pool, SelectionParams, Selector
from sde_core.select.quotas import choose_within, quota_for

GROWTH = 1.5
"""A selection that leaves tokens over is chosen again with so many times the rows."""


class WithinBudget:
    """A selector that keeps to the quotas and the token budget of its parameters.

    With a token budget the rows are taken in the selector's order until the first that does not fit.

    Args:
        inner: The selector that says which rows.
    """

    def __init__(self, inner: Selector) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        """As `--method` takes it."""
        return self.inner.name

    @property
    def definition(self) -> str:
        """What it chooses, in one sentence."""
        return self.inner.definition

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Rows of the inner selector.

        Raises:
            UsageError: When a quota or the token budget cannot be met.
        """
        if params.tokens is None:
            return self._of_size(pool, params, params.k, cancel, progress)
        return self._of_tokens(pool, params, params.tokens, cancel, progress)

    def _of_size(self, pool: Pool, params: SelectionParams, k: int, cancel: Cancel, progress: Progress) -> Choice:
        within = pool if pool.groups is None else replace(pool, quota=quota_for(pool, params, k))
        return choose_within(self.inner, within, replace(params, k=k), cancel, progress)

    def _of_tokens(self, pool: Pool, params: SelectionParams, budget: int, cancel: Cancel, progress: Progress) -> Choice:
        tokens = _counted(pool)
        _require_room(pool, tokens, budget)
        most = min(params.k, int(pool.allowed.sum()))
        k = min(most, max(1, len(pool.locked), round(GROWTH * budget / max(1.0, float(tokens[pool.allowed].mean())))))
        while True:
            choice = self._of_size(pool, params, k, cancel, progress)
            used = np.cumsum(tokens[choice.positions])
            fitting = int(np.searchsorted(used, budget, side="right"))
            if fitting < k or k == most:
                break
            k = min(most, int(k * GROWTH) + 1)
        if not fitting:
            row = int(pool.rows[choice.positions[0]])
            raise UsageError(f"Not even the first row chosen, row {row}, fits: it has {int(used[0]):,} tokens.", "Allow more tokens.")
        return _first(choice, fitting, used, budget)


def _counted(pool: Pool) -> npt.NDArray[np.int64]:
    if pool.tokens is None:
        raise UsageError("A token budget needs the tokens of each row, which were not counted.", "Give a number of rows instead.")
    return pool.tokens


def _require_room(pool: Pool, tokens: npt.NDArray[np.int64], budget: int) -> None:
    if budget < 1:
        raise UsageError(f"A budget of {budget:,} tokens is no budget.", "Allow at least 1 token; 200k is written --tokens 200k.")
    held = int(tokens[pool.locked].sum())
    if held > budget:
        raise UsageError(f"The locked rows alone have {held:,} tokens, more than the {budget:,} allowed.", "Unlock some rows or allow more tokens.")


def _first(choice: Choice, n: int, used: npt.NDArray[np.int64], budget: int) -> Choice:
    """The first `n` rows of a choice; what was said of the whole is kept only where all of it is taken."""
    total = int(used[n - 1])
    if n < len(used):
        why = f"the next row has {int(used[n] - used[n - 1]):,}"
    else:
        why = "no more rows were wanted" if total < budget else "none is left over"
    said = f"{n:,} rows with {total:,} of {budget:,} tokens, taken in order of choice until one did not fit: {why}."
    whole = n == len(used)
    figures = (("tokens", float(total)), *(choice.figures if whole else ()))
    return Choice(choice.positions[:n], choice.notes[:n], (said, *choice.remarks) if whole else (said,), figures)
