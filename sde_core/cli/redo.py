"""`sde redo`: restore what was undone last."""

from __future__ import annotations

import click

from sde_core.cli.common import data_options, json_option, talk_of_step
from sde_core.dataset import Dataset


@click.command("redo", epilog="Example:  sde redo data.jsonl")
@data_options
@json_option
def command(dataset: Dataset, as_json: bool) -> None:
    """Restore the decision that was undone last, unless something was decided since."""
    talk_of_step("redo", dataset, lambda journal: journal.redo(), as_json)
