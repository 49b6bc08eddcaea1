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
MOST_GUESSES = 6
"""So often the number of rows is guessed from the tokens of the rows chosen last; from then on the interval is halved."""


class WithinBudget:
    """A selector that keeps to the quotas and the token budget of its parameters.

    With a token budget the rows are taken in the selector's order until the first that does not fit. With quotas too, that many rows would not keep
    to them: then rows are chosen for one number after another, until that is found which fits and with one row more does not.

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
        if pool.groups is not None:
            return self._of_tokens_within_quotas(pool, params, tokens, cancel, progress)
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
            raise _none_fits(pool, tokens, choice)
        return _first(choice, fitting, used, budget)

    def _of_tokens_within_quotas(
        self, pool: Pool, params: SelectionParams, tokens: npt.NDArray[np.int64], cancel: Cancel, progress: Progress
    ) -> Choice:
        budget, wanted, held = params.tokens or 0, min(params.k, int(pool.allowed.sum())), len(pool.locked)
        most = most_within_quotas(pool, params, max(1, held), wanted)
        fits, too_many, best = max(0, held - 1), most + 1, None
        guess = round(budget / max(1.0, float(tokens[pool.allowed].mean())))
        guesses = 0
        while too_many - fits > 1:
            k = min(max(guess, fits + 1), too_many - 1) if guesses < MOST_GUESSES else (fits + too_many) // 2
            choice = self._of_size(pool, params, k, cancel, progress)
            total = int(tokens[choice.positions].sum())
            fits, too_many, best = (k, too_many, (choice, total)) if total <= budget else (fits, k, best)
            guess, guesses = k * budget // max(total, 1), guesses + 1
        if best is None:
            raise _none_fits(pool, tokens, choice)
        why = "one row more is too many" if fits < most else "no more rows were wanted" if fits == wanted else "the quotas allow no more rows"
        return _said_of_tokens(*best, f"{fits:,} rows with {best[1]:,} of {budget:,} tokens, so many that the quotas hold: {why}.")


def most_within_quotas(pool: Pool, params: SelectionParams, least: int, most: int) -> int:
    """The largest number of rows up to `most` for which no group lacks rows for its quota.

    Raises:
        UsageError: When the quotas cannot be met for `least` rows either.
    """
    try:
        quota_for(pool, params, most)
    except UsageError:
        quota_for(pool, params, least)
    else:
        return most
    while most - least > 1:
        middle = (least + most) // 2
        try:
            quota_for(pool, params, middle)
        except UsageError:
            most = middle
        else:
            least = middle
    return least


def _none_fits(pool: Pool, tokens: npt.NDArray[np.int64], choice: Choice) -> UsageError:
    first = choice.positions[0]
    return UsageError(
        f"Not even the first row chosen, row {int(pool.rows[first])}, fits: it has {int(tokens[first]):,} tokens.", "Allow more tokens."
    )


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
    if n == len(used):
        return _said_of_tokens(choice, total, said)
    return Choice(choice.positions[:n], choice.notes[:n], (said,), (("tokens", float(total)),))


def _said_of_tokens(choice: Choice, total: int, said: str) -> Choice:
    return replace(choice, remarks=(said, *choice.remarks), figures=(("tokens", float(total)), *choice.figures))
