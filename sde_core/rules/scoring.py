"""One score matrix of a rule book: formula rules, and plain rules as far as a judge has rated them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.rules.book import RuleBook
from sde_core.rules.matrix import RatingSummary, ScoreMatrix, score_matrix
from sde_core.rules.plain_rule import PlainRule

BATCH_ROWS = 1_000
"""Rows of a batch whose mean stands in for an answer that could not be read (arXiv 2410.04715, released code)."""


class RatedScores(Protocol):
    """A judge's ratings by one rule of n rows.

    Attributes:
        scores: float32[n], NaN where a row is not rated.
        unparseable: bool[n], rows whose answer held no score.
    """

    @property
    def scores(self) -> NDArray[np.float32]:
        """float32[n]."""
        ...

    @property
    def unparseable(self) -> NDArray[np.bool_]:
        """bool[n]."""
        ...


class Ratings(Protocol):
    """Where ratings are kept, such as `sde_core.rules.rating.cache.RatingCache`."""

    def column(self, rule: PlainRule, judge_id: str, prompt_version: str, texts: pl.DataFrame) -> RatedScores:
        """The ratings of these rows, as far as there are any."""
        ...


@dataclass(frozen=True, slots=True)
class _Rated:
    """A plain rule's column: scores float32[n] with imputed means, NaN where a row was never put to the judge."""

    rule: PlainRule
    scores: NDArray[np.float32]
    unparseable: NDArray[np.bool_]


def book_matrix(
    texts: pl.DataFrame,
    book: RuleBook,
    *,
    ratings: Ratings | None = None,
    judge_id: str = "",
    prompt_version: str = "",
    cache_dir: Path | None = None,  # noqa: ARG001
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> ScoreMatrix:
    """Scores of all rules of a book that are on (arXiv 2410.04715, the score matrix of a batch: rate some rows, choose, then rate all).

    Where plain rules are rated on some rows only, the matrix has those rows that all of them are rated on, and `rows_of_sample` says so.
    Plain rules that are not rated at all are `unrated` and left out.

    Args:
        texts: `Dataset.texts()`.
        book: Which rules.
        ratings: Where the judge's ratings are kept; None for the formula rules alone.
        judge_id: Whose ratings.
        prompt_version: By which prompt.
        cache_dir: Where formula columns are kept; None computes them anew.
        cancel: Asked between blocks.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    wanted = book.rated_rules
    rated = _rated_columns(wanted, texts, ratings, judge_id, prompt_version)
    unrated = tuple(rule.name for rule in wanted if rule.name not in {column.rule.name for column in rated})
    formula = score_matrix(texts, book.formula_rules, cancel=cancel, progress=progress)
    return replace(_joined(formula, rated), unrated=unrated)


def _rated_columns(rules: Sequence[PlainRule], texts: pl.DataFrame, ratings: Ratings | None, judge_id: str, prompt_version: str) -> list[_Rated]:
    """The rules that have at least one score."""
    if ratings is None or not len(texts):
        return []
    found = []
    for rule in rules:
        column = ratings.column(rule, judge_id, prompt_version, texts)
        if np.isfinite(column.scores).any():
            found.append(_Rated(rule, imputed(column.scores, column.unparseable), column.unparseable))
    return found


def _joined(formula: ScoreMatrix, rated: Sequence[_Rated]) -> ScoreMatrix:
    if not rated:
        return formula
    shared = np.logical_and.reduce([np.isfinite(column.scores) for column in rated])
    scores = np.column_stack([formula.scores[shared], *(column.scores[shared] for column in rated)]).astype(np.float32)
    return ScoreMatrix(
        formula.rows[shared], (*formula.rules, *(column.rule.name for column in rated)), scores, formula.answer_words[shared],
        ratings={column.rule.name: _summary(column, shared) for column in rated}, rows_of_sample=not shared.all(),
    )  # fmt: skip


def _summary(column: _Rated, rows: NDArray[np.bool_]) -> RatingSummary:
    unparseable = int(column.unparseable[rows].sum())
    return RatingSummary(column.rule.name, rated=int(rows.sum()) - unparseable, unparseable=unparseable, imputed=unparseable)


def imputed(scores: NDArray[np.float32], unparseable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The scores with the mean of the batch of 1,000 rows where an answer could not be read, or of all rows where its batch has no score.

    Args:
        scores: float32[n], NaN where there is none.
        unparseable: bool[n]; other rows without a score stay NaN.
    """
    filled: NDArray[np.float32] = scores.copy()
    known = np.isfinite(scores)
    if not known.any():
        return filled
    overall = scores[known].mean(dtype=np.float64)
    put = np.flatnonzero(known | unparseable)
    for start in range(0, len(put), BATCH_ROWS):
        batch = put[start : start + BATCH_ROWS]
        valid = scores[batch][known[batch]]
        filled[batch[~known[batch]]] = valid.mean(dtype=np.float64) if len(valid) else overall
    return filled
