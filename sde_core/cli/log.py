"""`sde log`: the decisions."""

from __future__ import annotations

import time

import click

from sde_core.cli.common import data_options, emit_json, journal_of, json_option
from sde_core.dataset import Dataset
from sde_core.decisions import Decision
from sde_core.visible import visible


@click.command("log", epilog="Example:  sde log data.jsonl --json")
@data_options
@json_option
def command(dataset: Dataset, as_json: bool) -> None:
    """All decisions about DATA, oldest first, and what they add up to."""
    with journal_of(dataset, writing=False) as journal:
        state = journal.state
        if as_json:
            emit_json(
                {
                    "head": journal.head,
                    "accepted": len(state.accepted_rows()),
                    "rejected": len(state.rejected_rows()),
                    "edited": len(state.edits),
                    "reasons": state.counts_by_reason(),
                    "decisions": [_as_json(decision) for decision in journal.decisions],
                }
            )
            return
        for decision in journal.decisions:
            click.echo(f"#{decision.seq:<4} {time.strftime('%Y-%m-%d %H:%M', time.localtime(decision.time))}  {visible(decision.summary(), 120)}")
        click.echo(f"{len(state.accepted_rows()):,} accepted, {len(state.rejected_rows()):,} rejected, {len(state.edits):,} edited")


def _as_json(decision: Decision) -> dict[str, object]:
    return {
        "seq": decision.seq,
        "op": decision.op,
        "time": decision.time,
        "count": decision.count,
        "reasons": decision.reasons,
        "of": decision.of or None,
    }
