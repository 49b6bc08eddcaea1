"""`sde rules`: the rule bank, the scores of every row, and the choice of the rules that say different things."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from sde_core.cli.common import data_options, emit_json, json_option, talk
from sde_core.cli.rules_book import BOOK_COMMANDS
from sde_core.cli.rules_choice import ChoiceRequest, ChosenRules, choice_options, chosen_rules
from sde_core.cli.rules_compare import compare_command
from sde_core.cli.rules_generate import generate_command
from sde_core.cli.rules_rate import rate_command
from sde_core.cli.rules_text import choice_lines
from sde_core.cli.rules_truth import truth_command
from sde_core.dataset import Dataset
from sde_core.files import refuse_source
from sde_core.rules import (
    FAMILIES,
    METHODS,
    PACKS,
    RULES,
    ChosenQuality,
    Rule,
    scored_by_book,
)
from sde_core.rules.scoring import rated_scores
from sde_core.tables import refuse_other_suffix, write_table
from sde_core.visible import visible

_PACK_LINES = f"""\b
Packs: {", ".join(PACKS)}.
Each of a domain holds the general rules and its own; see `sde rules list`."""
_METHOD_LINES = "\n".join(textwrap.fill(method.title, 78, initial_indent=f"  {method.name:<17} ", subsequent_indent=" " * 20) for method in METHODS)
_METHOD_LINES += """

\b
map-correlation and map-cosine favour rules that tell a row from the same
prompt with another row's answer, as strongly as leaves the chosen ones
overlapping no more than the median random set. A row's quality is the mean
of the chosen rules, each weighed by what it tells; with kdpp-gram, map-plain
or --no-gate it is their plain mean. docs/rules.md has the formulas."""


@click.group(
    "rules",
    epilog="""\b
Examples:
  sde rules list
  sde rules choose data.jsonl -r 10
  sde rules score data.jsonl -o scores.parquet""",
)
def command() -> None:
    """Score rows by rules, 0 to 1; choose the rules that say different things."""


for each in (rate_command, generate_command, truth_command, compare_command, *BOOK_COMMANDS):
    command.add_command(each)


# ---- list


@command.command("list", epilog="\b\nExamples:\n  sde rules list\n  sde rules list --json")
@json_option
def list_command(as_json: bool) -> None:
    """Every rule with its definition, by family. 1 is always best."""
    if as_json:
        emit_json([_described(rule) for rule in RULES])
        return
    for family in FAMILIES:
        click.echo(family)
        for rule in (rule for rule in RULES if rule.family == family):
            click.echo(textwrap.fill(f"{rule.name:<18} {rule.definition}", 80, initial_indent="  ", subsequent_indent=" " * 21))
        click.echo()
    click.echo(f"{len(RULES)} rules. A row in which a text that the rule reads is empty scores 0.")


def _described(rule: Rule) -> dict[str, str]:
    return {"name": rule.name, "family": rule.family, "definition": rule.definition, "higher_is": rule.higher_is, "reads": rule.about,
            "source": rule.source}  # fmt: skip


# ---- score


@command.command(
    "score",
    epilog=f"""\b
Methods:
{_METHOD_LINES}

{_PACK_LINES}

\b
Examples:
  sde rules score data.jsonl -o scores.parquet
  sde rules score code.jsonl -o scores.parquet --pack code
  sde rules score data.jsonl -o scores.csv -r 6 --pin asked-count
  sde rules score data.json -o scores.parquet --method kdpp-gram --seed 7""",
)
@data_options
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A new .parquet, .jsonl or .csv file.")
@choice_options
@json_option
def score_command(dataset: Dataset, output: Path, asked: ChoiceRequest, as_json: bool) -> None:
    """Score every row by every rule, and write the table.

    Every readable row of DATA, by the formula rules of a pack and by the plain rules of its rule book that a judge has rated it by.

    The file has the columns row, quality (mean of the chosen rules), and one a rule; a row that no judge has rated by a rule has no score there.
    """
    refuse_other_suffix(output)
    refuse_source(output)
    found = chosen_rules(dataset, asked)
    _write_scores(dataset, found, output)
    if as_json:
        emit_json({"path": str(output), **found.told(), "rows": len(found.quality.rows), "choice": found.choice.to_json()})
        return
    talk(f"{len(found.quality.rows):,} rows by {len(found.scores.matrix.rules)} rules written to {visible(str(output))}.")
    _talk_quality(found.quality)


def _talk_quality(quality: ChosenQuality) -> None:
    talk(f"Quality, mean {quality.values.mean():.3f}, is the mean of {visible(', '.join(quality.rules), 1000)}.")
    if quality.not_rated:
        talk(f"Chosen, but not in the mean, since a judge has not rated all rows by them: {visible(', '.join(quality.not_rated), 1000)}.")


def _write_scores(dataset: Dataset, found: ChosenRules, output: Path) -> None:
    import polars as pl

    frame = pl.DataFrame({"row": found.quality.rows, "quality": found.quality.values})
    matrix, columns = found.scores.matrix, {name: found.scores.matrix.column(name) for name in found.scores.matrix.rules}
    if matrix.rows_of_sample:
        texts = dataset.texts()
        whole = scored_by_book(texts, found.book, found.project, [name for name in matrix.rules if name not in matrix.ratings])
        rated = rated_scores(texts, found.project, [rule for rule in found.book.rules if rule.name in columns])
        columns = {name: whole.column(name) for name in whole.rules} | rated
    write_table(frame.with_columns(pl.Series(name, column, nan_to_null=True) for name, column in columns.items()), output)


# ---- choose


@command.command(
    "choose",
    epilog=f"""\b
Methods:
{_METHOD_LINES}

{_PACK_LINES}

\b
Examples:
  sde rules choose data.jsonl -r 10
  sde rules choose sums.jsonl -r 10 --pack maths
  sde rules choose data.jsonl -r 8 --pin asked-count --ban answer-length
  sde rules choose data.jsonl -r 10 --method kdpp-gram --seed 7 --json""",
)
@data_options
@choice_options
@json_option
def choose_command(dataset: Dataset, asked: ChoiceRequest, as_json: bool) -> None:
    """Choose rules that overlap little and can be relied on.

    Of the rules that are not held back, those that say different things of DATA.

    rho is the Frobenius norm of (correlation of the chosen rules - identity) over r: 0 for rules that say unrelated things.
    """
    found = chosen_rules(dataset, asked)
    if as_json:
        emit_json(found.told())
        return
    for line in choice_lines(found):
        click.echo(line)
    if found.quality.not_rated:
        _talk_quality(found.quality)
