"""What has come of rating: by rule how far a judge's scores can be read and repeated, and what rating all rows would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from sde_core.rules.plain_rule import PlainRule
from sde_core.rules.ranks import rank_correlation
from sde_core.rules.rating.cache import RatingCache, RowKeys
from sde_core.rules.rating.judge import Judge
from sde_core.rules.rating.plan import RatingParams, plan_of
from sde_core.rules.rating.prompts import PromptForm

_FEWEST_PAIRS = 3
"""Fewer rows that were rated twice say nothing of agreement."""
_FEWEST_CALLS = 5
"""Fewer calls say nothing of the rate."""


@dataclass(frozen=True, slots=True)
class PassFigures:
    """What one pass over the questions did.

    Attributes:
        calls: Questions that were answered.
        lost: Questions that found no answer; they are asked again next time.
        problem: Why the first of them did not.
        seconds: How long it took.
        spent: What it cost, earlier attempts of the same run included; guessed where the judge counts no tokens.
        bounded: Whether it ended for the bound on the cost.
    """

    calls: int = 0
    lost: int = 0
    problem: str = ""
    seconds: float = 0.0
    spent: float = 0.0
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class RuleRatings:
    """One rule's ratings so far.

    Attributes:
        rule: Its name.
        rated: Rows with a score of the judge's own.
        unparseable: Rows whose reply was no rating.
        mean, sd: Of the scores; None where there are none.
        twice: Rows of which both ratings, test and retest, have a score.
        agreement: Spearman's correlation of the two; None below three rows, or where one of them never varies.
        difference: Mean distance of the two, on the scale from 0 to 1; None where there are none.
    """

    rule: str
    rated: int
    unparseable: int
    mean: float | None
    sd: float | None
    twice: int
    agreement: float | None
    difference: float | None

    @property
    def unparseable_share(self) -> float:
        """Of all replies; 0 where there are none."""
        return self.unparseable / max(self.rated + self.unparseable, 1)


@dataclass(frozen=True)
class RatingReport:
    """What a judge made of a dataset's rules so far, and what rating all rows would take.

    Attributes:
        judge: The model's short name.
        judge_id, prompt_version: Where the ratings stand in the cache.
        rows: Rows of the dataset.
        sample: Rows of the sample.
        shortened: Rows of which the judge sees a text without its middle.
        rules: By rule, in the order in which they were given.
        run: What the last pass did.
        sample_calls_left, calls_left: Questions still to be asked about the sample, and about all rows.
        tokens_in, tokens_out: Of a call on average, over all calls by this judge in this form; None where it counts none.
        eta_s: Seconds that the calls left would take at the last pass's rate; None where that is not known.
        cost_left: What they would cost; None without prices or counted tokens.
    """

    judge: str
    judge_id: str
    prompt_version: str
    rows: int
    sample: int
    shortened: int
    rules: tuple[RuleRatings, ...]
    run: PassFigures
    sample_calls_left: int
    calls_left: int
    tokens_in: float | None
    tokens_out: float | None
    eta_s: float | None
    cost_left: float | None

    def to_json(self) -> dict[str, Any]:
        """The report as the command line and a job's result hold it."""
        return asdict(self)


def report_from_json(value: dict[str, Any]) -> RatingReport:
    """The report that `to_json` wrote.

    Raises:
        KeyError, TypeError: When it is of another version.
    """
    return RatingReport(**{**value, "rules": tuple(RuleRatings(**rule) for rule in value["rules"]), "run": PassFigures(**value["run"])})


def rating_report(
    judge: Judge, form: PromptForm, cache: RatingCache, texts: pl.DataFrame, rules: Sequence[PlainRule], params: RatingParams, run: PassFigures
) -> RatingReport:  # fmt: skip
    """Reads the report off the cache.

    Args:
        judge: Who rated.
        form: In which form it was asked.
        cache: The ratings.
        texts: `Dataset.texts()`.
        rules: By what was rated.
        params: Sample and prices.
        run: What the last pass did.
    """
    plan = plan_of(texts, rules, judge.id, form.version, cache, params)
    used, shown = cache.usage(judge.id, form.version), RowKeys(texts)
    tokens_in, tokens_out = (used.tokens_in / used.counted, used.tokens_out / used.counted) if used.counted else (None, None)
    priced = params.priced and tokens_in is not None and tokens_out is not None
    return RatingReport(
        judge.name, judge.id, form.version, len(texts), plan.sample, _shortened(texts, form.max_chars),
        tuple(_rule_ratings(rule, judge.id, form.version, cache, texts, shown) for rule in rules), run, plan.sample_calls, plan.all_calls,
        tokens_in, tokens_out,
        eta_s=plan.all_calls * run.seconds / run.calls if run.calls >= _FEWEST_CALLS else None,
        cost_left=plan.all_calls * params.cost(tokens_in or 0.0, tokens_out or 0.0) if priced else None,
    )  # fmt: skip


def _rule_ratings(rule: PlainRule, judge_id: str, prompt_version: str, cache: RatingCache, texts: pl.DataFrame, shown: RowKeys) -> RuleRatings:
    column = cache.column(rule, judge_id, prompt_version, texts, shown)
    scores = column.scores[np.isfinite(column.scores)].astype(np.float64)
    pairs = cache.retest_pairs(rule, judge_id, prompt_version)
    mean, sd = (float(scores.mean()), float(scores.std())) if len(scores) else (None, None)
    agreement = rank_correlation(pairs.first, pairs.second) if len(pairs.first) >= _FEWEST_PAIRS else float("nan")
    difference = float(np.abs(pairs.first - pairs.second).mean(dtype=np.float64)) if len(pairs.first) else None
    return RuleRatings(
        rule.name, len(scores), int(column.unparseable.sum()), mean, sd, len(pairs.first), None if np.isnan(agreement) else agreement, difference
    )  # fmt: skip


def _shortened(texts: pl.DataFrame, max_chars: int) -> int:
    long = [pl.col(name).str.len_chars() > max_chars for name in ("system", "prompt", "answer") if name in texts.columns]
    return int(texts.select(pl.any_horizontal(long).sum()).item()) if long else 0
