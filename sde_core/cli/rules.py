"""`sde rules`: the rule bank, the scores of every row, and the choice of the rules that say different things."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sde_core.cli.common import CommandFunction, data_options, emit_json, json_option, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.rules import (
    DEFAULT_METHOD,
    DEFAULT_PACK,
    DEFAULT_RULE_COUNT,
    FAMILIES,
    METHODS,
    PACKS,
    RULES,
    Rule,
    RuleChoice,
    ScoreMatrix,
    choose_rules,
    method_named,
    pack_rules,
    quality,
    score_matrix,
)
from sde_core.visible import visible

_PACK_LINES = f"""\b
Packs: {", ".join(PACKS)}.
Each of a domain holds the general rules and its own; see `sde rules list`."""
_METHOD_LINES = "\n".join(textwrap.fill(method.title, 78, initial_indent=f"  {method.name:<17} ", subsequent_indent=" " * 20) for method in METHODS)


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


def choice_options(function: CommandFunction) -> CommandFunction:
    """Adds what a choice of rules depends on: `r`, `method`, `pack`, `seed`, `pinned`, `banned`."""
    for option in (
        click.option("--ban", "banned", metavar="RULE", multiple=True, help="Never choose this rule; repeatable."),
        click.option("--pin", "pinned", metavar="RULE", multiple=True, help="Always choose this rule; repeatable."),
        click.option("--pack", type=click.Choice(list(PACKS)), default=DEFAULT_PACK, show_default=True, help="Which rules there are to choose from."),
        click.option("--seed", default=0, show_default=True, help="Seed of sampling and of the random sets to compare with."),
        click.option("--method", default=DEFAULT_METHOD, show_default=True, metavar="NAME", help="How to choose; see below."),
        click.option("-r", "r", type=int, metavar="N", help=f"How many rules.  [default: {DEFAULT_RULE_COUNT}, fewer where fewer are independent]"),
    ):
        function = option(function)
    return function


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
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A new .parquet or .csv file.")
@choice_options
@json_option
def score_command(
    dataset: Dataset, output: Path, r: int | None, method: str, pack: str, seed: int, pinned: Sequence[str], banned: Sequence[str], as_json: bool
) -> None:
    """Score every readable row of DATA by every rule of a pack.

    The file has the columns row, quality (mean of the chosen rules), and one a rule.
    """
    if output.suffix not in (".parquet", ".csv"):
        raise UsageError(f"{visible(str(output))} is neither .parquet nor .csv.", "Name the output scores.parquet or scores.csv.")
    _refuse_unknown(method, (*pinned, *banned))
    matrix = _scored(dataset, pack_rules(pack, (*pinned, *banned)))
    choice = choose_rules(matrix, r, method=method, seed=seed, pinned=pinned, banned=banned)
    row_quality = quality(matrix, choice.chosen)
    _write_scores(matrix, row_quality, output)
    if as_json:
        emit_json({"path": str(output), "rows": len(matrix.rows), "quality_is_mean_of": choice.chosen, "mean_quality": float(row_quality.mean()),
                   "choice": choice.to_json()})  # fmt: skip
        return
    talk(f"{len(matrix.rows):,} rows by {len(matrix.rules)} rules written to {visible(str(output))}.")
    talk(f"Quality, mean {row_quality.mean():.3f}, is the mean of {', '.join(choice.chosen)}.")


def _refuse_unknown(method: str, names: Sequence[str]) -> None:
    """Raises before the long part of the work, not after it."""
    method_named(method)
    unknown = next((name for name in names if name not in {rule.name for rule in RULES}), None)
    if unknown is not None:
        raise UsageError(f"There is no rule {unknown!r}.", "`sde rules list` names them.")


def _scored(dataset: Dataset, rules: Sequence[Rule]) -> ScoreMatrix:
    with stderr_progress("reading") as progress:
        texts = dataset.texts(progress=progress)
    with stderr_progress("scoring") as progress:
        return score_matrix(texts, rules, progress=progress)


def _write_scores(matrix: ScoreMatrix, row_quality: Any, output: Path) -> None:
    import polars as pl

    from sde_core.files import atomic_write

    columns = {"row": matrix.rows, "quality": row_quality} | {name: matrix.scores[:, i] for i, name in enumerate(matrix.rules)}
    frame, written = pl.DataFrame(columns), io.BytesIO()
    if output.suffix == ".csv":
        frame.write_csv(written)
    else:
        frame.write_parquet(written)
    atomic_write(output, [written.getvalue()])


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
def choose_command(
    dataset: Dataset, r: int | None, method: str, pack: str, seed: int, pinned: Sequence[str], banned: Sequence[str], as_json: bool
) -> None:
    """Choose the rules that overlap least on DATA.

    rho is the Frobenius norm of (correlation of the chosen rules - identity) over r: 0 for rules that say unrelated things.
    """
    _refuse_unknown(method, (*pinned, *banned))
    matrix = _scored(dataset, pack_rules(pack, (*pinned, *banned)))
    choice = choose_rules(matrix, r, method=method, seed=seed, pinned=pinned, banned=banned)
    if as_json:
        row_quality = quality(matrix, choice.chosen)
        emit_json({**choice.to_json(), "rows": len(matrix.rows), "mean_quality": float(row_quality.mean()), "sd_quality": float(row_quality.std()),
                   "rules": [summary.to_json() for summary in matrix.summaries]})  # fmt: skip
        return
    for line in _choice_lines(matrix, choice):
        click.echo(line)


def _choice_lines(matrix: ScoreMatrix, choice: RuleChoice) -> list[str]:
    lines = [f"{len(choice.chosen)} of {len(matrix.rules)} rules over {len(matrix.rows):,} rows: {method_named(choice.method).title}", ""]
    lines.append(f"    {'rule':<18} {'gain':>7} {'mean':>6} {'sd':>6} {'length':>7}  high score means")
    rules = {rule.name: rule for rule in RULES}
    for place, (name, gain) in enumerate(zip(choice.chosen, choice.gains, strict=True), start=1):
        summary = matrix.summaries[matrix.index(name)]
        pinned = " (pinned)" if name in choice.pinned else ""
        length = "n/a" if summary.length_correlation != summary.length_correlation else f"{summary.length_correlation:+.2f}"
        lines.append(
            f"{place:>3} {name:<18} {round(gain, 3) + 0.0:>7.3f} {summary.mean:>6.3f} {summary.sd:>6.3f} {length:>7}  {rules[name].higher_is}{pinned}"
        )
    return [*lines, "", *_overlap_lines(choice), *_dropped_lines(choice)]


def _overlap_lines(choice: RuleChoice) -> list[str]:
    lines = [f"rho {choice.rho:.3f}"]
    random = choice.against_random
    if random is None:
        lines.append("There is no other set of as many candidates to compare with.")
    else:
        lines.append(
            f"{random.subsets:,} random sets of as many candidates (seed {random.seed}): rho {random.mean_rho:.3f} on average, "
            f"median {random.median_rho:.3f}, lowest {random.lowest_rho:.3f}; this choice overlaps less than "
            f"{round(random.win_rate * random.subsets):,} of them"
        )
    lines.append("gain: what the rule adds to log det of the kernel · length: Spearman correlation with the words of the answer")
    return [line for text in lines for line in textwrap.wrap(text, 80)]


def _dropped_lines(choice: RuleChoice) -> list[str]:
    if not choice.dropped:
        return []
    return ["", "No candidates:", *(f"  {drop.rule:<18} {drop.reason}" for drop in choice.dropped)]
