"""`sde decide`: accept or reject rows."""

from __future__ import annotations

from collections.abc import Sequence

import click

from sde_core.cli.common import data_options, emit_json, journal_of, json_option, parsed_rows, talk_of_decision
from sde_core.dataset import Dataset
from sde_core.errors import UsageError


@click.command(
    "decide",
    epilog="""\b
Examples:
  sde decide data.jsonl reject 17 40-52 --reason "answers are cut off"
  sde decide data.jsonl accept 3,7,9
  sde decide data.jsonl clear 17""",
)
@data_options
@click.argument("verdict", type=click.Choice(["accept", "reject", "clear"]))
@click.argument("rows", nargs=-1, required=True)
@click.option("--reason", default="", help="Why; needed to reject.")
@json_option
def command(dataset: Dataset, verdict: str, rows: tuple[str, ...], reason: str, as_json: bool) -> None:
    """Accept, reject or clear rows of DATA, given as 3, 10-20 or 3,7,10-20 (counted from 0)."""
    if verdict == "reject" and not reason.strip():
        raise UsageError("A row is rejected for a reason.", 'Add --reason "…".')
    dataset.read_all()
    positions = parsed_rows(rows, len(dataset))
    if verdict == "accept":
        _refuse_unreadable(dataset, positions)
    with journal_of(dataset) as journal:
        decision = getattr(journal, verdict)(positions, reason)
        if as_json:
            emit_json({"seq": decision.seq, "op": decision.op, "rows": positions, "reason": reason, "head": journal.head})
        else:
            talk_of_decision(decision, dataset)


def _refuse_unreadable(dataset: Dataset, rows: Sequence[int]) -> None:
    """Accepts nothing that could not train.

    Raises:
        UsageError: When a row is malformed.
    """
    readable = {row for batch in dataset.value_batches(rows=rows) for row, _ in batch}
    unreadable = next((row for row in rows if row not in readable), None)
    if unreadable is not None:
        raise UsageError(
            f"Row {unreadable} (line {dataset.line(unreadable)}) cannot be read, so it cannot be accepted.", "Leave it out; nothing was decided."
        )
