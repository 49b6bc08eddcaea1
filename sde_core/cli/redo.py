"""`sde redo`: restore what was undone last."""

from __future__ import annotations

import click

from sde_core.cli.common import data_options, emit_json, journal_of, json_option, talk
from sde_core.dataset import Dataset
from sde_core.visible import visible


@click.command("redo", epilog="Example:  sde redo data.jsonl")
@data_options
@json_option
def command(dataset: Dataset, as_json: bool) -> None:
    """Restore the decision that was undone last, unless something was decided since."""
    with journal_of(dataset) as journal:
        decision = journal.redo()
        if as_json:
            emit_json({"redo": decision.seq if decision else None, "head": journal.head})
        else:
            talk(f"redo #{decision.seq}: {visible(decision.summary())}" if decision else "There is nothing to redo.")
