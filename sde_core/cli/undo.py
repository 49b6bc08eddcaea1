"""`sde undo`: take the last decision back."""

from __future__ import annotations

import click

from sde_core.cli.common import data_options, emit_json, journal_of, json_option, talk
from sde_core.dataset import Dataset
from sde_core.visible import visible


@click.command("undo", epilog="Example:  sde undo data.jsonl")
@data_options
@json_option
def command(dataset: Dataset, as_json: bool) -> None:
    """Take the last decision of DATA back; nothing is ever erased."""
    with journal_of(dataset) as journal:
        decision = journal.undo()
        if as_json:
            emit_json({"undo": decision.seq if decision else None, "head": journal.head})
        else:
            talk(f"undo #{decision.seq}: {visible(decision.summary())}" if decision else "There is nothing to undo.")
