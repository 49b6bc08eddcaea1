"""`sde templates`: the template that each prompt was made from, mined from the prompts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.tables import refuse_other_suffix, write_table
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    import polars as pl

    from sde_core.features.templates import Templates

_FIELDS = ("prompt", "answer", "system")
_WIDTH = 60


@click.command(
    "templates",
    epilog="""\b
Each row gets a group, numbered by size, and its template: the fixed words as
they stand, ‹…› where rows differ. Group -1 has no template. Templates are
mined from at most 20,000 rows; every row is then held against them.

\b
JSON: {"sampled","templates":[{"group","template","rows","share"}],
"rows":[{"row","group","template"}]}

\b
Examples:
  sde templates data.jsonl
  sde templates data.jsonl -o groups.parquet
  sde templates data.jsonl --field answer --json | jq '.templates[].template'""",
)
@data_options
@click.option("--field", type=click.Choice(_FIELDS), default=_FIELDS[0], show_default=True, help="The text to find templates in.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write every row to .parquet, .jsonl or .csv.")
@click.option("--seed", default=0, show_default=True, help="Chooses the sample where there are more rows than are mined.")
@click.option("--show", default=20, show_default=True, metavar="N", help="Templates to print; --json and -o have all.")
@json_option
def command(dataset: Dataset, field: str, output: Path | None, seed: int, show: int, as_json: bool) -> None:
    """Find the templates that the prompts of DATA were made from."""
    from sde_core.features.templates import prompt_templates

    if output is not None:
        refuse_other_suffix(output, "groups")
    with stderr_progress("reading") as progress:
        texts = dataset.texts(progress=progress)
    with stderr_progress("comparing") as progress:
        found = prompt_templates(texts[field], seed=seed, progress=progress)
    if output is not None:
        write_table(_table(texts, found), output)
        talk(f"{count_of(texts.height, 'row')} written to {visible(str(output))}.")
    if as_json:
        emit_json(_listed(texts, found))
    elif output is None:
        _print(found, field, show)


def _table(texts: pl.DataFrame, found: Templates) -> pl.DataFrame:
    """Row, group and template of every readable row."""
    import polars as pl

    names = pl.DataFrame({"group": range(len(found.titles)), "template": found.titles}, schema={"group": pl.Int32, "template": pl.String})
    rows = texts.select("row").with_columns(pl.Series("group", found.groups, pl.Int32))
    return rows.join(names, on="group", how="left", maintain_order="left").with_columns(pl.col("template").fill_null(""))


def _listed(texts: pl.DataFrame, found: Templates) -> dict[str, Any]:
    templates = [
        {"group": group, "template": title, "rows": rows, "share": round(rows / texts.height, 4)}
        for group, (title, rows) in enumerate(zip(found.titles, found.rows, strict=True))
    ]
    return {"sampled": found.sampled, "templates": templates, "rows": _table(texts, found).to_dicts()}


def _print(found: Templates, field: str, show: int) -> None:
    total = len(found.groups)
    in_templates = sum(found.rows)
    count = f"{count_of(len(found.titles), 'template')} in {count_of(total, field)}"
    mined = f", mined from {found.sampled:,} of them" if found.sampled < total else ""
    click.echo(f"{count}{mined}; {total - in_templates:,} {'has' if total - in_templates == 1 else 'have'} none.")
    for group, (title, rows) in enumerate(list(zip(found.titles, found.rows, strict=True))[: max(show, 0)]):
        click.echo(f"{group:>4} {rows:>7,} {rows / total:>4.0%}  {visible(' '.join(title.split()), _WIDTH)}")
    hidden = len(found.titles) - show
    if hidden > 0:
        talk(f"{count_of(hidden, 'more template')}: --show {len(found.titles)} prints all.")
