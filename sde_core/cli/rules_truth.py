"""`sde rules truth`: how every rule agrees with what people said of the rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress, talk
from sde_core.cli.rule_options import book_option, pack_option, rule_book
from sde_core.dataset import Dataset
from sde_core.errors import InputError, UsageError
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.rules.matrix import ScoreMatrix
    from sde_core.rules.truth.fit import RuleFit
    from sde_core.rules.truth.yardstick import Yardstick

_DEFAULT_QUALITY = "default quality"


# ---- truth


@click.command(
    "truth",
    epilog="""\b
Examples:
  sde rules truth data.csv --field score
  sde rules truth data.jsonl --field verdict --positive good --fit
  sde rules truth data.jsonl           people's comparisons
  sde rules truth pairs.jsonl --source dataset
  sde rules truth data.csv --field score --scores scores.parquet --json""",
)
@data_options
@click.option("--field", metavar="FIELD", help="The field that says how good a row is: numbers, or two classes.")
@click.option("--positive", metavar="CLASS", help="The class of the field that is good; all others are bad.")
@click.option("--lower-is-better", is_flag=True, help="Small numbers in the field are good.")
@click.option(
    "--source",
    type=click.Choice(["comparisons", "dataset", "judge"]),
    help="People's comparisons, the dataset's chosen and rejected answers, or a model's comparisons.",
)
@click.option("--rules", "names", metavar="RULE,…", help="Only these rules.  [default: all that are on]")
@click.option("--scores", type=click.Path(path_type=Path), help="Hold the columns of this Parquet file against the truth instead of rules.")
@click.option("--bands", is_flag=True, help="Show the figure inside each band of answer length.")
@click.option("--fit", is_flag=True, help="Fit a weight for each rule, measured on rows that the fit did not see.")
@click.option("--nonnegative", is_flag=True, help="With --fit: no weight below 0.")
@click.option("--weights", type=click.Path(path_type=Path), help="With --fit: write the weights to this JSON file.")
@pack_option
@book_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of resampling and of the folds.")
@json_option
def truth_command(
    dataset: Dataset, field: str | None, positive: str | None, lower_is_better: bool, source: str | None, names: str | None, scores: Path | None,
    bands: bool, fit: bool, nonnegative: bool, weights: Path | None, pack: str | None, no_book: bool, seed: int, as_json: bool,
) -> int | None:  # fmt: skip
    """Hold every rule against what people said of DATA.

    The figure of a rule is AUROC or pairwise accuracy: how often it scores the better of two rows higher; 0.50 says nothing. At equal
    length it is the same among answers that differ by at most 10 % in words: a rule that is length in disguise has 0.50 there.
    """
    from sde_core.cli.rules_truth_text import fit_lines, report_lines
    from sde_core.rules.truth.agreement import MOST_ROWS, agreement_with
    from sde_core.rules.truth.fit import fit_rules

    _refuse_senseless(field, positive, lower_is_better, source, fit, nonnegative, weights)
    whole = _yardstick(dataset, field, positive, lower_is_better, source)
    yardstick = whole.sampled(MOST_ROWS, seed=seed)
    matrix, columns = _columns(dataset, yardstick, names, scores, pack, no_book)
    report = agreement_with(columns, matrix.rows, matrix.answer_words, yardstick.truth, yardstick.pairs, seed=seed)
    report = replace(report, known_rows=max(report.known_rows, whole.known_rows if len(yardstick.texts) < len(whole.texts) else 0))
    fitted: RuleFit | None = None
    if fit:
        fitted = fit_rules(
            matrix, yardstick.truth, yardstick.pairs, prompts=_prompts(yardstick, matrix), nonnegative=nonnegative, seed=seed
        )  # fmt: skip
    if fitted is not None and weights is not None:
        _write_json(fitted.weights.to_json(), weights)
    if as_json:
        emit_json({**report.to_json(), "note": yardstick.note, **({"fit": fitted.to_json()} if fitted else {})})
        return None
    for line in [*report_lines(report, yardstick.note, bands), *(fit_lines(fitted) if fitted else [])]:
        click.echo(line)
    return None


def _refuse_senseless(
    field: str | None, positive: str | None, lower_is_better: bool, source: str | None, fit: bool, nonnegative: bool, weights: Path | None
) -> None:
    if field is None and (positive is not None or lower_is_better):
        raise UsageError("--positive and --lower-is-better are about a field.", "Name it with --field FIELD.")
    if field is not None and source is not None:
        raise UsageError("--field and --source are two different truths.", "Drop one of the two.")
    if positive is not None and lower_is_better:
        raise UsageError("--positive names a class, --lower-is-better is about numbers.", "Drop one of the two.")
    if not fit and (nonnegative or weights is not None):
        raise UsageError("--nonnegative and --weights are about a fit.", "Add --fit.")


def _yardstick(dataset: Dataset, field: str | None, positive: str | None, lower_is_better: bool, source: str | None) -> Yardstick:
    from sde_core.rules.truth.yardstick import yardstick_of_field, yardstick_of_pairs

    with stderr_progress("reading the truth", "records") as progress:
        if field is not None:
            return yardstick_of_field(dataset, field, higher_is_better=not lower_is_better, positive=positive, progress=progress)
        return yardstick_of_pairs(dataset, source=source or "", progress=progress)


def _columns(
    dataset: Dataset, yardstick: Yardstick, names: str | None, scores: Path | None, pack: str | None, no_book: bool
) -> tuple[ScoreMatrix, dict[str, Any]]:
    """The scores of the rules or of the file, and what is held against the truth: summaries first, then each column."""
    if scores is not None:
        if names is not None or pack is not None:
            raise UsageError("--scores brings its own columns.", "Drop --rules and --pack.")
        matrix = _of_file(yardstick, scores)
        return matrix, {name: matrix.scores[:, at] for at, name in enumerate(matrix.rules)}
    from sde_core.project import Project
    from sde_core.rules.book_choice import choose_by_book, quality_of_choice, rule_scores, scored_by_book

    book, project = rule_book(dataset, no_book=no_book, pack=pack), Project.of(dataset.path)
    asked = [name.strip() for name in names.split(",") if name.strip()] if names else None
    unknown = next((name for name in asked or () if not book.knows(name)), None)
    if unknown is not None:
        raise UsageError(f"There is no rule {visible(unknown, 60)!r}.", "`sde rules list` names them.")
    with stderr_progress("scoring") as progress:
        if asked is not None:
            named = replace(book, pinned=tuple(asked), banned=(), disabled=tuple(name for name in book.disabled if name not in asked))
            matrix = scored_by_book(yardstick.texts, named, project, asked, progress=progress)
        else:
            found = rule_scores(yardstick.texts, book, project, progress=progress)
            matrix = found.matrix
    if asked is not None and matrix.unrated:
        raise UsageError(f"The rule {matrix.unrated[0]!r} is not rated yet.", "`sde rules rate` asks a judge.")
    columns: dict[str, Any] = {}
    if asked is None and found.tells_rows_apart:
        choice = choose_by_book(found, book, random_subsets=0)
        quality = quality_of_choice(yardstick.texts, book, project, found, choice)
        values = dict(zip(quality.rows.tolist(), quality.values.tolist(), strict=True))
        columns[f"{_DEFAULT_QUALITY}, {len(quality.rules)} rules"] = np.array([values.get(row, np.nan) for row in matrix.rows.tolist()])
    if len(matrix.rules) > 1:
        columns[f"mean of all {len(matrix.rules)} rules"] = matrix.scores.mean(axis=1)
    return matrix, {**columns, **{name: matrix.scores[:, at] for at, name in enumerate(matrix.rules)}}


def _of_file(yardstick: Yardstick, path: Path) -> ScoreMatrix:
    """The numeric columns of a Parquet file as a matrix; rows that it lacks have no score."""
    import polars as pl

    from sde_core.rules.matrix import ScoreMatrix, score_matrix

    shown = visible(str(path), 200)
    if yardstick.truth is None:
        raise UsageError("Scores of rows say nothing about chosen and rejected answers inside a row.", "Use rules, or a truth about rows.")
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{shown} cannot be read as Parquet.", f"`sde rules score DATA -o {shown}` writes such a file.") from error
    names = [name for name, kind in table.schema.items() if kind.is_numeric() and name != "row"]
    if "row" not in table.columns or not table["row"].dtype.is_integer() or not names:
        raise InputError(f"{shown} lacks the column row, or any other column of numbers.", f"It has: {visible(', '.join(table.columns), 200)}.")
    lengths = score_matrix(yardstick.texts, [])
    wanted = pl.DataFrame({"row": lengths.rows.astype(np.int64)})
    known = table.select(pl.col("row").cast(pl.Int64, strict=False), *names).drop_nulls("row").unique()
    twice = known["row"].filter(known["row"].is_duplicated()).min()
    if twice is not None:
        raise UsageError(f"{shown} gives row {twice} two different scores.", "Keep one of the two lines.")
    joined = wanted.join(known, on="row", how="left", maintain_order="left")
    if joined[names[0]].null_count() == len(joined):
        raise UsageError(f"{shown} has no score for any row of this dataset.", "Score this dataset.")
    return ScoreMatrix(lengths.rows, tuple(names), joined.select(names).cast(pl.Float32).to_numpy(), lengths.answer_words)


def _prompts(yardstick: Yardstick, matrix: ScoreMatrix) -> list[str]:
    known = dict(zip(yardstick.texts["row"].to_list(), yardstick.texts["prompt"].to_list(), strict=True))
    return [known[row] for row in matrix.rows.tolist()]


def _write_json(value: Any, path: Path) -> None:
    import orjson

    from sde_core.files import atomic_write

    atomic_write(path, [orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"])
    talk(f"Weights written to {visible(str(path))}.")
