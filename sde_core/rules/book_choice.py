"""From a rule book to every row's quality: score, ask what can be relied on, choose, average.

Command line and app both go this way, so that one book gives one choice and one quality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.project import Project
from sde_core.rules.against_random import RANDOM_SUBSETS
from sde_core.rules.book import RuleBook
from sde_core.rules.choose import DEFAULT_METHOD, RuleChoice, choose_rules
from sde_core.rules.contrast import RuleContrast, rule_weights, weighted_quality
from sde_core.rules.matrix import ScoreMatrix, quality
from sde_core.rules.reliability import DroppedRule, Reliability, reliability_of
from sde_core.rules.scoring import book_matrix, project_matrix
from sde_core.rules.truth import RowTruth
from sde_core.wording import count_of

NOT_RATED = "not rated yet: no judge has read a row by it"


@dataclass(frozen=True)
class RuleScores:
    """What a choice of rules is made from.

    Attributes:
        matrix: Scores of the rules that are on.
        known: How far each of them can be relied on.
        truth: True quality of some rows; None where nobody judged any.
    """

    matrix: ScoreMatrix
    known: Reliability
    truth: RowTruth | None = None

    @property
    def tells_rows_apart(self) -> bool:
        """Whether any rule gives two rows different scores."""
        scores = self.matrix.scores
        return bool(scores.size) and bool((scores.max(axis=0) > scores.min(axis=0)).any())


@dataclass(frozen=True, slots=True)
class ChosenQuality:
    """The mean of the chosen rules, each by its weight.

    Attributes:
        rows: uint32[n], record positions.
        values: float32[n] in [0, 1].
        rules: The rules whose mean it is.
        weights: How much each of them counts; they sum to 1.
        not_rated: Chosen rules that a judge has rated some rows by, but not all: they are not in the mean.
        labels: Where it is a fit to labels rather than that mean: whose, and what the fit is worth.
    """

    rows: NDArray[np.uint32]
    values: NDArray[np.float32]
    rules: tuple[str, ...]
    weights: tuple[float, ...]
    not_rated: tuple[str, ...] = ()
    labels: str = ""


def rule_scores(
    texts: pl.DataFrame,
    book: RuleBook,
    project: Project | None = None,
    *,
    truth: RowTruth | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> RuleScores:
    """Scores the rows by the rules of a book that are on, and gathers what is known of the rules.

    Args:
        texts: `Dataset.texts()`.
        book: Which rules.
        project: Where ratings and scores are kept; None scores by formula rules alone, and anew.
        truth: True quality of some rows.
        cancel: Asked between blocks.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    matrix = scored_by_book(texts, book, project, cancel=cancel, progress=progress)
    return RuleScores(matrix, reliability_of(matrix, texts, book.formula_rules, truth=truth, cancel=cancel), truth)


def choose_by_book(
    scores: RuleScores,
    book: RuleBook,
    r: int | None = None,
    *,
    method: str = DEFAULT_METHOD,
    seed: int = 0,
    random_subsets: int = RANDOM_SUBSETS,
    gated: bool | None = None,
) -> RuleChoice:
    """`choose_rules` with the pins and bans of a book; see there for the arguments and what is refused.

    Rules of the book that no judge has rated yet are among the dropped ones, pinned ones too.

    Raises:
        UsageError: When the wishes cannot be met.
    """
    matrix = scores.matrix
    pinned, banned = (tuple(name for name in names if name in matrix.rules) for names in (book.pinned, book.banned))
    choice = choose_rules(
        matrix, r, method=method, seed=seed, pinned=pinned, banned=banned, random_subsets=random_subsets, known=scores.known,
        truth=scores.truth, gated=gated,
    )  # fmt: skip
    unrated = tuple(DroppedRule(name, "banned" if name in book.banned else _why_unrated(matrix, name), "not rated") for name in matrix.unrated)
    return replace(choice, dropped=(*choice.dropped, *unrated))


def scored_by_book(
    texts: pl.DataFrame,
    book: RuleBook,
    project: Project | None = None,
    rules: Sequence[str] | None = None,
    *,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> ScoreMatrix:
    """Scores by the rules of a book that are on, or by those of them that are named.

    Args:
        texts: `Dataset.texts()`.
        book: Which rules.
        project: Where ratings and scores are kept; None scores by formula rules alone, and anew.
        rules: Names; None for all.
        cancel: Asked between blocks.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    if project is None:
        return book_matrix(texts, book, rules=rules, cancel=cancel, progress=progress)
    return project_matrix(texts, project, book, rules=rules, cancel=cancel, progress=progress)


def quality_of_choice(texts: pl.DataFrame, book: RuleBook, project: Project | None, scores: RuleScores, choice: RuleChoice) -> ChosenQuality:
    """Every row's quality: the mean of the chosen rules, each weighed by what it tells (`sde_core.rules.contrast.rule_weights`).

    In the paper's mode, by map-plain, and wherever reliability was not asked for, it is the plain mean (arXiv 2410.04715).

    Args:
        texts: `Dataset.texts()`.
        book: Which rules.
        project: Where ratings and scores are kept.
        scores: What the choice was made from.
        choice: Of rules.

    Raises:
        UsageError: When none of the chosen rules scores every row.
    """
    return quality_by_mean(texts, book, project, scores.matrix, choice.chosen, scores.known.contrasts if choice.weighted else {})


def quality_by_mean(
    texts: pl.DataFrame,
    book: RuleBook,
    project: Project | None,
    matrix: ScoreMatrix,
    rules: Sequence[str],
    contrasts: Mapping[str, RuleContrast] = MappingProxyType({}),
) -> ChosenQuality:
    """Every row's quality as the mean of rules (arXiv 2410.04715: rules are chosen on a batch, then all rows are rated by them).

    Where the matrix has a sample of the rows because a judge has rated no more, the mean is that of those of the rules that score every row.

    Args:
        texts: `Dataset.texts()`.
        book: Which rules there are.
        project: Where ratings and scores are kept.
        matrix: Scores, with these rules among its columns.
        rules: Names.
        contrasts: What each of them tells, by which they are weighed; where empty, all alike.

    Raises:
        UsageError: When a rule is not rated, or none of the rules scores every row.
    """
    unrated = next((name for name in rules if name in matrix.unrated), None)
    if unrated is not None:
        raise UsageError(f"The rule {unrated!r} is not rated yet.", "`sde rules rate` asks a judge.")
    partly: tuple[str, ...] = ()
    if matrix.rows_of_sample:
        partly = tuple(name for name in rules if name in matrix.ratings and scored_by_book(texts, book, project, (name,)).rows_of_sample)
        rules = tuple(name for name in rules if name not in partly)
        matrix = scored_by_book(texts, book, project, rules) if rules else matrix
    if not rules and partly:
        raise UsageError("A judge has rated some of the rows only by the chosen rules.", "Rate all rows, or choose a formula rule too.")
    weights = tuple(map(float, rule_weights(rules, contrasts)))
    return ChosenQuality(
        matrix.rows, weighted_quality(matrix, rules, contrasts) if contrasts else quality(matrix, rules), tuple(rules), weights, partly
    )


def _why_unrated(matrix: ScoreMatrix, name: str) -> str:
    asked = matrix.ratings.get(name)
    if asked is None:
        return NOT_RATED
    if asked.rated:
        return f"rated on {count_of(asked.rated, 'row')} with too few in common with the other rules: rate more rows"
    return f"unparseable: no score in any of {asked.unparseable:,} answers of the judge"
