"""`sde export`: write the rows that are left."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from sde_core.cli.common import data_options_as, emit_json, journal_of, json_option, talk
from sde_core.dataset import Dataset
from sde_core.decisions import training_rows
from sde_core.export import EXPORT_LAYOUTS, export_rows, manifest_path
from sde_core.visible import visible


@click.command(
    "export",
    epilog="""\b
Examples:
  sde export data.jsonl -o clean.jsonl
  sde export data.json -o clean.jsonl --layout messages
  sde export data.jsonl -o rejected.jsonl --rows rejected""",
)
@data_options_as("--read-as")
@click.option("-o", "--output", "output", required=True, type=click.Path(path_type=Path), help="A new file; its ending says the format.")
@click.option("--layout", "export_layout", default="as-is", type=click.Choice(["as-is", *EXPORT_LAYOUTS]), help="Layout to write.", show_default=True)
@click.option("--rows", "which", default="kept", type=click.Choice(["kept", "accepted", "rejected", "all"]), show_default=True,
              help="kept: the accepted rows, or all that were not rejected where none was accepted.")  # fmt: skip
@json_option
def command(dataset: Dataset, output: Path, export_layout: str, which: str, as_json: bool) -> None:
    """Write rows of DATA to a new file beside a manifest; rows nobody edited come out byte for byte.

    The source is never changed. Malformed lines are left out and counted.
    """
    readable = dataset.texts()["row"].to_numpy()
    with journal_of(dataset, writing=False) as journal:
        state = journal.state
        chosen = {
            "kept": training_rows(dataset, state),
            "accepted": np.intersect1d(state.accepted_rows(), readable),
            "rejected": np.intersect1d(state.rejected_rows(), readable),
            "all": readable,
        }[which]
        undecided = len(readable) - len(chosen) - len(state.rejected_rows())
        left_out = _left_out(len(dataset) - len(readable), state.counts_by_reason(), undecided) if which != "rejected" else {}
        manifest = export_rows(dataset, chosen.tolist(), output, layout=export_layout, left_out=left_out, decisions_head=journal.head,
                               parameters={"rows": which})  # fmt: skip
    if as_json:
        emit_json(asdict(manifest))
    else:
        talk(f"{manifest.rows:,} of {manifest.source_rows:,} rows written to {visible(str(output))}.")
        talk(f"Why the others were not: {visible(str(manifest_path(output)))}")


def _left_out(malformed: int, by_reason: dict[str, int], undecided: int) -> dict[str, int]:
    return {**by_reason, **({"not accepted": undecided} if undecided > 0 else {}), **({"malformed": malformed} if malformed else {})}
