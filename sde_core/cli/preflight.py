"""`sde preflight`: what every row would train."""

from __future__ import annotations

from typing import Any

import click

from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress, talk
from sde_core.dataset import Dataset

_SHOWN_ROWS = 10


@click.command(
    "preflight",
    epilog="""\b
Examples:
  sde preflight data.jsonl --model ./my-model
  sde preflight data.jsonl --max-length 512 --json \\
    | jq '.rows[] | select(.verdict != "ok")'""",
)
@data_options
@click.option("--model", default="", help="A model folder or hub name; the base model that comes with sde when omitted.")
@click.option("--max-length", type=click.IntRange(2), help="Tokens a sample may have.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any other value of the recipe; repeatable.")
@json_option
def command(dataset: Dataset, model: str, max_length: int | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Encode every row of DATA as training would, and say what trains, what is cut and what is lost."""
    from dataclasses import replace

    from sde_core.train.preflight import preflight
    from sde_core.train.recipe import Recipe, with_settings

    recipe = with_settings(replace(Recipe(model=model), max_length=max_length), settings)
    with stderr_progress("encoding") as progress:
        report = preflight(dataset, recipe, progress=progress)
    if as_json:
        emit_json(report.to_json())
    else:
        _print(report)


def _print(report: Any) -> None:
    from sde_core.train.encode import VERDICTS

    summary = report.summary
    click.echo(
        f"{summary.training_rows:,} of {summary.rows:,} rows train: {summary.trained:,} of {summary.tokens:,} tokens carry loss ({summary.form})"
    )
    if summary.samples > summary.training_rows:
        click.echo(f"long rows are split: {summary.samples:,} samples of at most {summary.max_length:,} tokens")
    click.echo(f"longest row {summary.longest:,} tokens, median {summary.median:,}, at most {summary.max_length:,} are read; {summary.steps:,} steps")
    for verdict, count in summary.verdicts.items():
        click.echo(f"{count:>9,}  {verdict:<9} {VERDICTS[verdict]}")
    if summary.special_text_rows:
        click.echo(f"{summary.special_text_rows:>9,}  rows hold text that the tokenizer takes for a special token")
    off = [row for row in report.rows if row.verdict != "ok"]
    for row in off[:_SHOWN_ROWS]:
        click.echo(f"  row {row.row}: {row.verdict}, {row.trained:,} of {row.tokens:,} tokens train{'; ' + row.reason if row.reason else ''}")
    if len(off) > _SHOWN_ROWS:
        talk(f"… and {len(off) - _SHOWN_ROWS:,} more; --json lists every row")
