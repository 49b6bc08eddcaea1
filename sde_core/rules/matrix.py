"""The score matrix: every rule's score of every row, and what can be read off it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent
from sde_core.rules.measures import measured
from sde_core.rules.packs import GENERAL_RULES
from sde_core.rules.ranks import average_ranks, pearson
from sde_core.rules.rule import Rule, scored

BINS = 20
"""Histogram bins over [0, 1], each closed on the left; the last one holds 1 too."""

_BLOCK_ROWS = 8192
"""The rules' expressions cost about 60 ms a block, however few its rows are."""

_BLOCK_BYTES, _FEWEST_BLOCK_ROWS = 8_000_000, 256
"""Blocks of long texts have fewer rows: their words and sentences take many times the room of the texts."""

_BLOCKS_AT_ONCE = 2
"""Within a block polars works on as many cores as there are, but for the parts that numpy and zlib do; two blocks fill each other's gaps."""


@dataclass(frozen=True, slots=True)
class RatingSummary:
    """What a judge made of a plain rule, over the rows of a matrix.

    Attributes:
        rule: The rule's name.
        rated: Rows with a score of the judge's own.
        unparseable: Rows for which no score could be read from the answer.
        imputed: Rows that got the mean of the batch instead: the unparseable ones.
        retest: Spearman's correlation of two ratings of the same rows; None where they were rated once.
        retest_rows: How many rows have two ratings.
    """

    rule: str
    rated: int
    unparseable: int
    imputed: int
    retest: float | None = None
    retest_rows: int = 0

    @property
    def unparseable_share(self) -> float:
        """Of all rows that were put to the judge; 0 where there were none."""
        return self.unparseable / max(self.rated + self.unparseable, 1)


@dataclass(frozen=True)
class ScoreMatrix:
    """Scores of n rows by R rules.

    Attributes:
        rows: uint32[n], record positions.
        rules: Names of the R rules.
        scores: float32[n, R] in [0, 1].
        answer_words: uint32[n], words of each answer: the length that a rule should not merely repeat.
        ratings: Of each plain rule that a judge was asked about, how it was rated; among the rules, one without an entry is a formula.
        rows_of_sample: Whether the rows are only those that every plain rule among the rules was rated on.
        unrated: Plain rules that are on but not among the rules: not asked about, never answered by a score, or rated on too few rows that
            the others are rated on too.
    """

    rows: NDArray[np.uint32]
    rules: tuple[str, ...]
    scores: NDArray[np.float32]
    answer_words: NDArray[np.uint32]
    ratings: Mapping[str, RatingSummary] = field(default_factory=dict)
    rows_of_sample: bool = False
    unrated: tuple[str, ...] = ()

    def column(self, rule: str) -> NDArray[np.float32]:
        """float32[n], the rule's scores.

        Raises:
            UsageError: When the matrix has no such rule.
        """
        return self.scores[:, self.index(rule)]

    def index(self, rule: str) -> int:
        """The rule's column.

        Raises:
            UsageError: When the matrix has no such rule.
        """
        if rule not in self.rules:
            raise UsageError(f"There is no rule {rule!r}.", "`sde rules list` names them.")
        return self.rules.index(rule)

    @cached_property
    def histograms(self) -> NDArray[np.int64]:
        """int64[R, BINS], rows by rule and bin."""
        counts = np.zeros((len(self.rules), BINS), np.int64)
        for i in range(len(self.rules)):
            counts[i] = np.bincount(bins_of(self.scores[:, i]), minlength=BINS)
        return counts

    @cached_property
    def summaries(self) -> tuple[RuleSummary, ...]:
        """One summary a rule, in column order."""
        length_ranks = average_ranks(self.answer_words)
        return tuple(_summary(name, self.scores[:, i], length_ranks) for i, name in enumerate(self.rules))

    def rows_in_bin(self, rule: str, bin_: int) -> NDArray[np.uint32]:
        """uint32[c], record positions of a histogram bin, lowest score first."""
        column = self.column(rule)
        inside = np.flatnonzero(bins_of(column) == bin_)
        return self.rows[inside[np.argsort(column[inside], kind="stable")]]

    def lowest_rows(self, rule: str, count: int) -> NDArray[np.uint32]:
        """uint32[count], record positions of the lowest scores, lowest first, file order among equals."""
        return self.rows[np.argsort(self.column(rule), kind="stable")[:count]]


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """How a rule's scores are spread.

    Attributes:
        rule: The rule's name.
        mean, sd: Of the scores; NaN where there are no rows, as for `length_correlation` where the scores are all equal.
        share_at_0, share_at_1: Rows at either end of the scale.
        most_common_share: Rows that share the commonest score.
        length_correlation: Spearman's correlation of the scores with the words of the answer.
    """

    rule: str
    mean: float
    sd: float
    share_at_0: float
    share_at_1: float
    most_common_share: float
    length_correlation: float

    def to_json(self) -> dict[str, Any]:
        """The summary with null for NaN."""
        return {key: None if value != value else value for key, value in asdict(self).items()}


def score_matrix(texts: pl.DataFrame, rules: Sequence[Rule] = GENERAL_RULES, *, cancel: Cancel = NEVER, progress: Progress = silent) -> ScoreMatrix:
    """Scores every row by every rule (arXiv 2410.04715, the score matrix Q, here rows x rules).

    Args:
        texts: `Dataset.texts()`.
        rules: Which rules, in the order of the columns.
        cancel: Asked between blocks of at most 8,192 rows.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    scores = np.zeros((len(texts), len(rules)), dtype=np.float32, order="F")
    answer_words, size = np.zeros(len(texts), dtype=np.uint32), block_rows(texts)

    def score_block(start: int) -> None:
        raise_if_cancelled(cancel)
        block = measured(texts.slice(start, size))
        end = start + len(block)
        answer_words[start:end] = block["answer_word_count"].to_numpy()
        if rules:
            scores[start:end] = scored(block, rules).to_numpy()

    starts = range(0, len(texts), size)
    with ThreadPoolExecutor(_BLOCKS_AT_ONCE) as pool:
        blocks = pool.map(score_block, starts)
        for start in starts:
            progress(start, len(texts))
            raise_if_cancelled(cancel)
            next(blocks)
    progress(len(texts), len(texts))
    return ScoreMatrix(texts["row"].cast(pl.UInt32).to_numpy(), tuple(rule.name for rule in rules), scores, answer_words)


def block_rows(texts: pl.DataFrame) -> int:
    """How many of these rows are scored at a time."""
    fitting = _BLOCK_BYTES * len(texts) // max(int(texts.estimated_size()), 1)
    return min(_BLOCK_ROWS, max(fitting, _FEWEST_BLOCK_ROWS))


def bins_of(column: NDArray[np.float32]) -> NDArray[np.int64]:
    """int64[n], the histogram bin of each score."""
    return np.minimum((column.astype(np.float64) * BINS + 1e-6).astype(np.int64), BINS - 1)


def quality(matrix: ScoreMatrix, chosen: Sequence[str]) -> NDArray[np.float32]:
    """Mean score of the chosen rules (arXiv 2410.04715, released code, full rating).

    Args:
        matrix: Scores of all rules.
        chosen: Names of the rules to average, at least one.

    Returns:
        float32[n] in [0, 1].

    Raises:
        UsageError: When no rule is given or a name is unknown.
    """
    if not chosen:
        raise UsageError("A row's quality is the mean of at least one rule.", "Choose rules first.")
    means: NDArray[np.float32] = matrix.scores[:, [matrix.index(name) for name in chosen]].mean(axis=1, dtype=np.float64).astype(np.float32)
    return means


def _summary(name: str, column: NDArray[np.float32], length_ranks: NDArray[np.float64]) -> RuleSummary:
    if not len(column):
        nan = float("nan")
        return RuleSummary(name, nan, nan, nan, nan, nan, nan)
    wide = column.astype(np.float64)
    commonest = np.unique(column, return_counts=True)[1].max()
    return RuleSummary(
        name, float(wide.mean()), float(wide.std()), float((column == 0).mean()), float((column == 1).mean()), float(commonest / len(column)),
        pearson(average_ranks(column), length_ranks),
    )  # fmt: skip
