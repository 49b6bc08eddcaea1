"""`sde undo`: take the last decision back."""

from __future__ import annotations

import click

from sde_core.cli.common import data_options, json_option, talk_of_step
from sde_core.dataset import Dataset


@click.command("undo", epilog="Example:  sde undo data.jsonl")
@data_options
@json_option
def command(dataset: Dataset, as_json: bool) -> None:
    """Take the last decision of DATA back; nothing is ever erased."""
    talk_of_step("undo", dataset, lambda journal: journal.undo(), as_json)
