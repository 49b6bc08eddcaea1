"""From a dataset to what a selector needs: an embedding, a quality, a class and a length for each row.

The command line and the app both go this way, so that the same request gives the same rows in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from sde_core.dataset import Dataset
from sde_core.errors import InputError, UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.project import Project
from sde_core.rules.book import RuleBook
from sde_core.rules.book_choice import ChosenQuality, choose_by_book, quality_by_mean, quality_of_choice, rule_scores, scored_by_book
from sde_core.rules.choose import DEFAULT_METHOD
from sde_core.rules.truth import RowTruth
from sde_core.rules.truth.fit import BY_MODEL, RuleWeights, weights_of_json
from sde_core.select import RowFacts, RowFeatures, Selection, SelectionParams, Selector, select
from sde_core.select.resolve import Solution, resolve
from sde_core.visible import visible

QUALITY_BY_RULES, NO_QUALITY = "rules", "none"

COVERAGE_SAMPLE = 20_000
"""Rows left out on which the distances to the chosen ones are measured, in the command line and in the app."""


@dataclass(frozen=True, slots=True)
class RowQuality:
    """How good each row is.

    Attributes:
        values: float32[n] for `rows`; None where nothing tells the rows apart.
        rows: Record positions, int64[n].
        source: "rules", "none", or the file that it was read from.
        rules: The rules whose mean it is; empty where it comes from elsewhere.
        weights: How much each of them counts.
        labels: Where rules are weighted by a fit to people's judgement: whose, and what it is worth on rows that the fit did not see.
        not_rated: Rules that were chosen but are not in the mean, because a judge has rated some of the rows only.
    """

    values: npt.NDArray[np.float32] | None
    rows: npt.NDArray[np.int64]
    source: str
    rules: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    not_rated: tuple[str, ...] = ()
    labels: str = ""


@dataclass(frozen=True, slots=True)
class RuleWishes:
    """What is asked of the choice of rules beside the rule book.

    Attributes:
        r: How many rules; None for 10, or as many as are independent.
        method: A name in `sde_core.rules.METHODS`.
        seed: Of sampling and of the random sets to compare with.
    """

    r: int | None = None
    method: str = DEFAULT_METHOD
    seed: int = 0


def quality_by_rules(
    texts: pl.DataFrame,
    rules: Sequence[str] = (),
    *,
    book: RuleBook | None = None,
    project: Project | None = None,
    truth: RowTruth | None = None,
    wishes: RuleWishes | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> RowQuality:
    """The plain mean of the named rules, or the quality that follows from the choice of rules from a rule book (arXiv 2410.04715).

    Args:
        texts: `Dataset.texts()`.
        rules: Names of rules; empty for a choice. Where no rule tells the rows apart the choice gives no quality.
        book: Which rules there are, pinned and banned; None for the general formula rules.
        project: Where ratings and scores are kept; None scores by formula rules alone.
        truth: True quality of some rows, which rules are held against before they are chosen.
        wishes: How to choose; None for the default.
        cancel: Stops the work.
        progress: In rows.

    Raises:
        UsageError: When a name is unknown, a wish cannot be met, or a rule is rated on no row or on some of them only.
    """
    book, wishes = book or RuleBook(), wishes or RuleWishes()
    if rules:
        return _quality_by_named(texts, rules, book, project, cancel, progress)
    scores = rule_scores(texts, book, project, truth=truth, cancel=cancel, progress=progress)
    if not scores.tells_rows_apart:
        return RowQuality(None, texts["row"].to_numpy().astype(np.int64), QUALITY_BY_RULES)
    choice = choose_by_book(scores, book, wishes.r, method=wishes.method, seed=wishes.seed, random_subsets=0)
    return _row_quality(quality_of_choice(texts, book, project, scores, choice))


def _quality_by_named(
    texts: pl.DataFrame, rules: Sequence[str], book: RuleBook, project: Project | None, cancel: Cancel, progress: Progress
) -> RowQuality:
    unknown = next((name for name in rules if not book.knows(name)), None)
    if unknown is not None:
        raise UsageError(f"There is no rule {visible(unknown, 60)}.", "`sde rules list` names them.")
    named = replace(book, pinned=tuple(rules), banned=(), disabled=tuple(name for name in book.disabled if name not in rules))
    matrix = scored_by_book(texts, named, project, rules, cancel=cancel, progress=progress)
    return _row_quality(quality_by_mean(texts, named, project, matrix, rules))


def _row_quality(found: ChosenQuality) -> RowQuality:
    return RowQuality(found.values, found.rows.astype(np.int64), QUALITY_BY_RULES, found.rules, found.weights, found.not_rated)


def quality_by_weights(
    texts: pl.DataFrame,
    path: Path,
    *,
    book: RuleBook | None = None,
    project: Project | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> RowQuality:
    """Quality by the weights that `sde rules truth DATA --fit --weights FILE.json` fitted to people's judgement.

    Args:
        texts: `Dataset.texts()`.
        path: The weights.
        book: Where plain rules stand; None for the formula rules.
        project: Where ratings and scores are kept; None scores by formula rules alone.
        cancel: Stops the work.
        progress: In rows.

    Raises:
        InputError: When the file cannot be read.
        UsageError: When it holds no weights, or a rule with a weight is unknown or not rated on all rows.
    """
    weights, book = _weights_in(path), book or RuleBook()
    unknown = next((name for name in weights.used if not book.knows(name)), None)
    if unknown is not None:
        raise UsageError(f"{visible(str(path), 200)} weighs the rule {visible(unknown, 60)}, which there is not.", "Fit the weights again.")
    named = replace(book, pinned=weights.used, banned=(), disabled=tuple(name for name in book.disabled if name not in weights.used))
    matrix = scored_by_book(texts, named, project, weights.used, cancel=cancel, progress=progress)
    if matrix.unrated or matrix.rows_of_sample:
        lacking = visible(", ".join(matrix.unrated or matrix.ratings), 200)
        raise UsageError(f"Not every row is rated by {lacking}, which {visible(str(path), 200)} weighs.", "Rate all rows: sde rules rate DATA")
    whose = "a model's" if weights.source.endswith(BY_MODEL) else "human"
    labels = f"{whose} labels ({weights.source}): {weights.worth or 'what that is worth was not measured'}"
    counts = tuple(weight for weight in weights.weights if weight)
    return RowQuality(weights.quality(matrix), matrix.rows.astype(np.int64), str(path), weights.used, counts, labels=labels)


def _weights_in(path: Path) -> RuleWeights:
    shown = visible(str(path), 200)
    try:
        return weights_of_json(orjson.loads(path.read_bytes()))
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror}.", "`sde rules truth DATA --fit --weights FILE` writes such a file.") from error
    except ValueError as error:
        raise InputError(f"{shown} is not JSON.", "`sde rules truth DATA --fit --weights FILE` writes such a file.") from error


def quality_from_file(path: Path, rows: npt.NDArray[np.int64], column: str = "quality") -> RowQuality:
    """Quality from a Parquet file with the columns `row` and `column`, as `sde rules score` writes it.

    Raises:
        InputError: When the file cannot be read or has no such columns.
        UsageError: When a row has no quality in it, or one that is not a number.
    """
    shown = visible(str(path), 200)
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{shown} cannot be read as Parquet.", f"`sde rules score DATA -o {shown}` writes such a file.") from error
    if not {"row", column} <= set(table.columns) or not table["row"].dtype.is_integer() or not table[column].dtype.is_numeric():
        held = visible(", ".join(table.columns), 200)
        raise InputError(f"{shown} lacks the columns row and {visible(column, 60)} with numbers.", f"It has: {held}.")
    known = table.select(pl.col("row").cast(pl.Int64, strict=False), column).unique()
    twice = known["row"].filter(known["row"].is_duplicated()).min()
    if twice is not None:
        raise UsageError(f"{shown} gives row {twice} two different qualities.", "Keep one of the two lines.")
    joined = pl.DataFrame({"row": rows}).join(known, on="row", how="left", maintain_order="left")
    values = joined[column].cast(pl.Float32).to_numpy()
    lacking = np.flatnonzero(~np.isfinite(values))
    if len(lacking):
        raise UsageError(f"{shown} gives no quality for {len(lacking):,} rows; the first is row {rows[lacking[0]]}.", "Score this dataset again.")
    return RowQuality(values, rows, str(path))


def row_features(dataset: Dataset, vectors: npt.NDArray[np.float32], row_quality: RowQuality | None) -> RowFeatures:
    """Everything that selecting and its coverage look at, for all readable records.

    Args:
        dataset: Read to its end.
        vectors: `embed_rows(dataset).vectors`.
        row_quality: For the same rows; None for no quality.
    """
    texts = dataset.texts()
    labels = texts["label"]
    return RowFeatures(
        rows=texts["row"].to_numpy().astype(np.int64),
        vectors=vectors,
        quality=None if row_quality is None else row_quality.values,
        labels=None if labels.null_count() == len(labels) else labels.fill_null("").to_list(),
        lengths=texts["answer"].str.len_chars().fill_null(0).to_numpy().astype(np.int64),
    )


def proposed(
    features: RowFeatures,
    params: SelectionParams,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
    *,
    through: Callable[[Selector], Selector] | None = None,
) -> Selection:
    """`select` over features."""
    facts = RowFacts(features.labels, features.sources, features.tokens, features.scores)
    return select(features.rows, features.vectors, features.quality, params, cancel, progress, facts=facts, through=through)


def resolved(
    features: RowFeatures, params: SelectionParams, before: Solution | None = None, cancel: Cancel = NEVER, progress: Progress = silent
) -> Solution:
    """The rows of `proposed`, found sooner by going on from the solution before, with what moved since."""
    return resolve(lambda through: proposed(features, params, cancel, progress, through=through), before)


def selection_reason(params: SelectionParams) -> str:
    """The reason of the decision that accepts a proposal."""
    parts = [f"{params.k:,} rows" if params.tokens is None else f"rows within {params.tokens:,} tokens"]
    parts += [f"balance {params.balance:g}"] if params.method == "dpp" else []
    parts += [f"τ {params.tau:g}{' standard deviations' if params.standardized else ''}"] if params.method in ("gumbel", "softmax") else []
    parts += [f"quotas by {params.quota_by} ({'by hand' if params.quotas else params.quota_split})"] if params.quota_by else []
    return f"selected by {params.method}: {', '.join(parts)}, seed {params.seed}"
