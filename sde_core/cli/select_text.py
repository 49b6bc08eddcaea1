"""What `sde select` says: the picks on stdout, what is to be known of them on stderr."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import click

from sde_core.cli.common import talk
from sde_core.select import SELECTORS, Coverage, Selection
from sde_core.select.coverage_table import column_names, coverage_lines
from sde_core.visible import in_column, in_lines, visible
from sde_core.wording import count_of

WIDTH, HELP_WIDTH = 79, 76
_NAME = 24

METHODS = "\n".join(
    textwrap.fill(selector.definition, HELP_WIDTH, initial_indent=f"  {selector.name:<15}", subsequent_indent=" " * 17) for selector in SELECTORS
)
"""One sentence a method, for the help."""


def list_picks(selection: Selection) -> None:
    """One line a pick on stdout, tabs between the columns."""
    click.echo("rank\trow\tquality\tgain\tnearest\tsimilarity\twhy")
    for rank, pick in enumerate(selection.picks, start=1):
        quality = "" if pick.quality is None else f"{pick.quality:.4f}"
        nearest = "\t" if pick.nearest_similarity is None else f"{pick.nearest_row}\t{pick.nearest_similarity:.4f}"
        click.echo(f"{rank}\t{pick.row}\t{quality}\t{pick.gain:.6f}\t{nearest}\t{visible(pick.reason)}")


def talk_labels(rules: Sequence[str], labels: str) -> None:
    """That quality is not the default one, and what it is worth instead."""
    said = f"Quality is that of {count_of(len(rules), 'rule')} weighted by a fit to {labels}. --quality rules takes the default, which needs none."
    talk(textwrap.fill(visible(said, 600), WIDTH, subsequent_indent="  "))


def talk_selection(selection: Selection, token_source: str) -> None:
    """What the selector says of the choice as a whole."""
    for remark in selection.remarks:
        talk(in_lines(visible(remark, 600), WIDTH, "  "))
    if selection.params.tokens is not None and token_source:
        talk(f"Tokens by {visible(token_source, 60)}.")


def talk_coverage(coverage: Coverage) -> None:
    """The coverage table on stderr, within 80 columns."""
    talk(f"{'':<{_NAME}}" + "".join(f"{name:>13}" for name in column_names(coverage)))
    for line in coverage_lines(coverage):
        talk(f"{in_column(line.name, _NAME - 1)} {line.full:>13}{line.proposal:>13}{line.random:>13}")
    if coverage.measured_rows is not None:
        talk(f"Distance and radius on a sample of {coverage.measured_rows:,} rows left out, seed {coverage.seed};\nthe radius may be larger.")
