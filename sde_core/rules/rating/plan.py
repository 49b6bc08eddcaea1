"""Which questions are still to be asked, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sde_core.errors import UsageError
from sde_core.rules.plain_rule import PlainRule
from sde_core.rules.rating.cache import FIRST, RETEST, RatingCache, row_keys
from sde_core.wording import count_of

DEFAULT_SAMPLE = 200
DEFAULT_RETEST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class RatingParams:
    """How much to rate, and what it may cost.

    Attributes:
        sample: Rows of the sample, chosen by the seed; they are rated first whatever else is.
        everything: Rate all other rows too, in file order.
        retest_share: Share of the sample's rows that are rated twice.
        seed: Of the sample.
        unread_again: Ask again about rows whose reply was no rating.
        input_price, output_price: Per million tokens, in any currency.
        max_cost: Stop before this is spent, in the same currency; None for no bound. Needs a price.
        run: Names the run in the records of what was spent, so that a resumed one keeps its bound; empty counts this process alone.
    """

    sample: int = DEFAULT_SAMPLE
    everything: bool = False
    retest_share: float = DEFAULT_RETEST_SHARE
    seed: int = 0
    unread_again: bool = False
    input_price: float = 0.0
    output_price: float = 0.0
    max_cost: float | None = None
    run: str = ""

    def refuse_nonsense(self) -> None:
        """Raises:
        UsageError: When a value makes no sense.
        """
        if self.sample < 1:
            raise UsageError(f"A sample of {count_of(self.sample, 'row')} says nothing.", "Take at least one; 200 is the default.")
        if self.seed < 0:
            raise UsageError(f"{self.seed} is no seed.", "A seed is a whole number from 0 on.")
        if not 0 <= self.retest_share <= 1:
            raise UsageError("The share of rows that are rated twice lies between 0 and 1.", "0.25 is the default.")
        if not all(0 <= price < inf for price in (self.input_price, self.output_price, self.max_cost or 0.0)):
            raise UsageError("A price or a cost is a number from 0 on.", "Give them per million tokens, such as --price-in 0.15.")
        if self.max_cost is not None and not self.priced:
            raise UsageError("A bound on the cost needs a price.", "Give what a million tokens cost: --price-in 0.15 --price-out 0.60.")

    @property
    def priced(self) -> bool:
        """Whether tokens cost anything."""
        return bool(self.input_price or self.output_price)

    def cost(self, tokens_in: float, tokens_out: float) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.input_price + tokens_out * self.output_price) / 1e6


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: rule and row by their places, the key of what is shown, and which of the two ratings it is."""

    rule: int
    row: int
    key: int
    slot: int


@dataclass(frozen=True)
class Plan:
    """Questions still to be asked. Rows with the same texts are asked about once, rows without text never.

    Attributes:
        order: int64[m], places of rows in the order of asking; those of the sample first.
        sample: How many of them are the sample.
        first: bool[m, R], what is still to be rated.
        again: bool[t, R], t up to the sample's size: what is still to be rated a second time.
        keys: uint64[n] by rule.
    """

    order: NDArray[np.int64]
    sample: int
    first: NDArray[np.bool_]
    again: NDArray[np.bool_]
    keys: tuple[NDArray[np.uint64], ...]

    @cached_property
    def sample_calls(self) -> int:
        """Questions about the sample."""
        return int(self.first[: self.sample].sum()) + int(self.again.sum())

    @cached_property
    def all_calls(self) -> int:
        """Questions about all rows."""
        return int(self.first.sum()) + int(self.again.sum())

    def questions(self, everything: bool) -> Iterator[Asked]:
        """The sample's questions, its retest, then those about all other rows where asked for.

        All rules of a row follow each other, since servers keep what they have read of a text.
        """
        yield from self._asked(self.first, 0, self.sample, FIRST)
        yield from self._asked(self.again, 0, len(self.again), RETEST)
        if everything:
            yield from self._asked(self.first, self.sample, len(self.order), FIRST)

    def _asked(self, wanted: NDArray[np.bool_], start: int, stop: int, slot: int) -> Iterator[Asked]:
        for at in start + np.flatnonzero(wanted[start:stop].any(axis=1)):
            row = int(self.order[at])
            for rule in np.flatnonzero(wanted[at]):
                yield Asked(int(rule), row, int(self.keys[rule][row]), slot)


def plan_of(texts: pl.DataFrame, rules: Sequence[PlainRule], judge_id: str, prompt_version: str, cache: RatingCache, params: RatingParams) -> Plan:
    """What the cache does not hold yet.

    Args:
        texts: `Dataset.texts()`.
        rules: By what is rated.
        judge_id: Who rates.
        prompt_version: How it is asked.
        cache: What was rated before.
        params: Sample, retest share and seed are looked at.
    """
    sampled = sample_rows(len(texts), params.sample, params.seed)
    order = np.concatenate([sampled, np.setdiff1d(np.arange(len(texts)), sampled)])
    by_subject = {rule.about: row_keys(rule, texts) for rule in {rule.about: rule for rule in rules}.values()}
    retested = ceil(len(sampled) * params.retest_share)
    first, again = np.zeros((len(order), len(rules)), np.bool_), np.zeros((retested, len(rules)), np.bool_)
    definitions = [rule.definition for rule in rules]
    for at, rule in enumerate(rules):
        if rule.definition in definitions[:at]:
            continue  # two names for one sentence share their ratings
        keys, empty = by_subject[rule.about]
        ordered, there = keys[order], ~empty[order]
        once = np.zeros(len(order), np.bool_)
        once[np.unique(ordered, return_index=True)[1]] = True
        known, known_again = (_known_rows(cache.ratings(rule, judge_id, prompt_version, slot), params) for slot in (FIRST, RETEST))
        first[:, at] = there & once & ~np.isin(ordered, known)
        again[:, at] = (there & once & ~np.isin(ordered, known_again))[:retested]
    return Plan(order, len(sampled), first, again, tuple(by_subject[rule.about][0] for rule in rules))


def _known_rows(records: NDArray[np.void], params: RatingParams) -> NDArray[np.uint64]:
    known: NDArray[np.uint64] = records["row"]
    return known[~np.isnan(records["score"])] if params.unread_again else known


def sample_rows(rows: int, size: int, seed: int) -> NDArray[np.int64]:
    """int64[min(rows, size)], places of the sample in the order of asking; a larger sample of the same seed begins with the smaller one."""
    return np.random.default_rng(seed).permutation(rows)[:size].astype(np.int64)
