"""One score matrix of a rule book: formula rules, and plain rules as far as a judge has rated them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.project import Project
from sde_core.rules.book import RuleBook
from sde_core.rules.matrix import RatingSummary, ScoreMatrix
from sde_core.rules.plain_rule import PlainRule
from sde_core.rules.ranks import rank_correlation
from sde_core.rules.rating.cache import RatingCache, RowKeys
from sde_core.rules.score_cache import cached_matrix

BATCH_ROWS = 1_000
"""Rows of a batch whose mean stands in for an answer that could not be read (arXiv 2410.04715, released code)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rated:
    """A plain rule's column.

    Attributes:
        scores: float32[n] with imputed means, NaN where a row was never put to the judge.
        unparseable: bool[n].
        asked: bool[n], rows that were put to the judge.
        covers: Whether those are all rows in which there is something to judge.
        has_scores: Whether any of the answers held a score.
        retest, retest_rows: As in `RatingSummary`.
    """

    rule: PlainRule
    scores: NDArray[np.float32]
    unparseable: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    covers: bool
    has_scores: bool
    retest: float | None
    retest_rows: int


@dataclass(frozen=True, slots=True)
class JudgeRatings:
    """Ratings of one judge by one prompt.

    Attributes:
        cache: Where they are.
        judge_id, prompt_version: Whose, and by which prompt.
    """

    cache: RatingCache
    judge_id: str
    prompt_version: str

    @classmethod
    def latest(cls, folder: Path) -> JudgeRatings | None:
        """Those of the judge that rated last, None where none did.

        Args:
            folder: `Project.ratings_dir`.
        """
        cache = RatingCache(folder)
        judges = cache.judges()
        return cls(cache, *judges[-1]) if judges else None


def book_matrix(
    texts: pl.DataFrame,
    book: RuleBook,
    *,
    ratings: JudgeRatings | None = None,
    rules: Collection[str] | None = None,
    cache_dir: Path | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> ScoreMatrix:
    """Scores of the rules of a book that are on (arXiv 2410.04715, the score matrix of a batch: rate some rows, choose, then rate all).

    Where plain rules are rated on some rows only, the matrix has those rows that all of them are rated on, and `rows_of_sample` says so.
    Plain rules without any score are `unrated` and left out, as are those that would leave no two rows; `ratings` tells of those that were asked.

    Args:
        texts: `Dataset.texts()`.
        book: Which rules.
        ratings: The ratings of plain rules; None for the formula rules alone.
        rules: Names of the rules to score, such as the chosen ones; None for all that are on.
        cache_dir: `Project.cache_dir`, where formula columns are kept; None computes them anew.
        cancel: Asked between blocks.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    wanted = [rule for rule in book.rated_rules if rules is None or rule.name in rules]
    formulas = [rule for rule in book.formula_rules if rules is None or rule.name in rules]
    shown = RowKeys(texts)
    asked = [_rated_column(rule, texts, ratings, shown) for rule in wanted] if ratings is not None else []
    rated = _sharing([column for column in asked if column.has_scores])
    left_out = {column.rule.name: _summary(column, column.asked) for column in asked if column not in rated and column.asked.any()}
    unrated = tuple(rule.name for rule in wanted if rule.name not in {column.rule.name for column in rated})
    joined = _joined(cached_matrix(texts, formulas, cache_dir, cancel=cancel, progress=progress), rated)
    return replace(joined, unrated=unrated, ratings={**joined.ratings, **left_out})


def project_matrix(
    texts: pl.DataFrame,
    project: Project,
    book: RuleBook,
    *,
    rules: Collection[str] | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> ScoreMatrix:
    """`book_matrix` with the ratings and the cache of a project; see there."""
    ratings = JudgeRatings.latest(project.ratings_dir) if book.rated_rules else None
    return book_matrix(texts, book, ratings=ratings, rules=rules, cache_dir=project.cache_dir, cancel=cancel, progress=progress)


def rated_scores(texts: pl.DataFrame, project: Project, rules: Collection[PlainRule]) -> dict[str, NDArray[np.float32]]:
    """What a judge made of every row by each rule alone; of several rules, `book_matrix` has the rows that they share.

    Args:
        texts: `Dataset.texts()`.
        project: Where ratings are kept.
        rules: Which rules.

    Returns:
        float32[n] by the rule's name, NaN for rows that no judge has rated by it.
    """
    ratings, shown = JudgeRatings.latest(project.ratings_dir), RowKeys(texts)
    columns = [_rated_column(rule, texts, ratings, shown) for rule in rules] if ratings is not None else []
    return {column.rule.name: column.scores if column.covers else np.where(column.asked, column.scores, np.float32(np.nan)) for column in columns}


def _rated_column(rule: PlainRule, texts: pl.DataFrame, ratings: JudgeRatings, shown: RowKeys) -> _Rated:
    column = ratings.cache.column(rule, ratings.judge_id, ratings.prompt_version, texts, shown)
    pairs = ratings.cache.retest_pairs(rule, ratings.judge_id, ratings.prompt_version)
    empty = _is_empty(texts, rule)
    own = np.where(empty, np.float32(np.nan), column.scores)
    scores = np.where(empty, np.float32(0), imputed(own, column.unparseable))
    agreement = rank_correlation(pairs.first, pairs.second) if len(pairs.first) > 1 else float("nan")
    return _Rated(
        rule, scores, column.unparseable, asked=column.rated & ~empty, covers=bool((column.rated | empty).all()),
        has_scores=bool(np.isfinite(own).any()), retest=None if agreement != agreement else agreement, retest_rows=len(pairs.first),
    )  # fmt: skip


def _is_empty(texts: pl.DataFrame, rule: PlainRule) -> NDArray[np.bool_]:
    """bool[n], rows that show nothing to a judge of this rule."""
    shown = {"answer": ("answer",), "prompt": ("system", "prompt"), "pair": ("system", "prompt", "answer")}[rule.about]
    bare = [pl.col(name).fill_null("").str.strip_chars() == "" for name in shown if name in texts.columns]
    empty: NDArray[np.bool_] = texts.select(pl.all_horizontal(bare)).to_series().to_numpy()
    return empty


def _sharing(rated: Sequence[_Rated]) -> list[_Rated]:
    """Those that a matrix can hold together, in their order: rules rated on most rows come first, and each has to leave two rows or more."""
    if all(column.covers for column in rated):
        return list(rated)
    kept: list[_Rated] = []
    for column in sorted(rated, key=lambda column: -int(column.asked.sum())):
        if np.logical_and.reduce([one.asked for one in (*kept, column)]).sum() > 1:
            kept.append(column)
    return [column for column in rated if column in kept]


def _joined(formula: ScoreMatrix, rated: Sequence[_Rated]) -> ScoreMatrix:
    if not rated:
        return formula
    whole = all(column.covers for column in rated)
    shared = np.logical_and.reduce([np.isfinite(column.scores) if whole else column.asked for column in rated])
    scores = np.column_stack([formula.scores[shared], *(column.scores[shared] for column in rated)])
    return ScoreMatrix(
        formula.rows[shared], (*formula.rules, *(column.rule.name for column in rated)), np.asfortranarray(scores, np.float32),
        formula.answer_words[shared], ratings={column.rule.name: _summary(column, shared) for column in rated}, rows_of_sample=not whole,
    )  # fmt: skip


def _summary(column: _Rated, rows: NDArray[np.bool_]) -> RatingSummary:
    unparseable, asked = int(column.unparseable[rows].sum()), int((column.asked & rows).sum())
    return RatingSummary(column.rule.name, asked - unparseable, unparseable, unparseable, column.retest, column.retest_rows)


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
