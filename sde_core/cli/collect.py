"""`sde collect`: the queue of failures of tried models, and how it becomes data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sde_core.cli.common import data_options_as, emit_json, json_option, talk
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.export import EXPORT_LAYOUTS
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.evaluate.to_collect import ToCollect

_ACTIONS = ("list", "export", "answer", "remove", "undo", "redo")


@click.command(
    "collect",
    epilog="""\b
Examples:
  sde collect data.jsonl                       what is in the queue
  sde collect data.jsonl answer 1f0a93be --text "On its way."
  sde collect data.jsonl export -o new.jsonl   in the dataset's layout
  sde collect data.jsonl remove 1f0a93be
  sde collect data.jsonl undo

Prompts without a wanted answer go to NEW.awaiting.jsonl beside the rows.""",
)
@data_options_as("--read-as")
@click.argument("action", type=click.Choice(_ACTIONS), default="list")
@click.argument("ids", nargs=-1)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="With export: a new .jsonl file.")
@click.option("--layout", default="as-is", show_default=True, type=click.Choice(["as-is", *EXPORT_LAYOUTS]),
              help="With export: as-is is the dataset's own layout.")  # fmt: skip
@click.option("--text", help="With answer: what the model should have said.")
@json_option
def command(dataset: Dataset, action: str, ids: tuple[str, ...], output: Path | None, layout: str, text: str | None, as_json: bool) -> None:
    """Failures of tried models, waiting to become rows of DATA."""
    from sde_core.evaluate.to_collect import ToCollect
    from sde_core.project import Project

    project = Project.of(dataset.path)
    queue = ToCollect.of(project if action in ("list", "export") else project.created())
    if action == "list":
        _list(queue, as_json)
    elif action == "export":
        _export(queue, dataset, output, layout, as_json)
    elif action == "answer":
        if text is None or len(ids) != 1:
            raise UsageError("An answer needs one id and its text.", "sde collect DATA answer ID --text TEXT")
        queue.answer(ids[0], text)
        _done(f"{ids[0]} has its answer.", {"answered": ids[0]}, as_json)
    elif action == "remove":
        removed = queue.remove(ids)
        _done(f"{count_of(removed, 'failure')} removed. Take it back with: sde collect {visible(dataset.path)} undo", {"removed": removed}, as_json)
    else:
        done = queue.undo() if action == "undo" else queue.redo()
        _done(f"{action}: {done}." if done else f"There is nothing to {action}.", {action: done or None}, as_json)


def _done(words: str, told: dict[str, object], as_json: bool) -> None:
    if as_json:
        emit_json(told)
    else:
        talk(words)


def _list(queue: ToCollect, as_json: bool) -> None:
    failures = queue.standing()
    if as_json:
        emit_json({"failures": [asdict(failure) for failure in failures]})
        return
    if not failures:
        talk("The queue is empty. Try a model with sde try DATA, and tag what it gets wrong.")
    for failure in failures:
        has = "answered" if failure.wanted else "awaiting"
        click.echo(f"{visible(failure.id, 8)}  {failure.tag:<9}{has:<9} run {visible(failure.run[-4:])}  {visible(failure.question, 40)}")


def _export(queue: ToCollect, dataset: Dataset, output: Path | None, layout: str, as_json: bool) -> None:
    from sde_core.evaluate.collected_rows import export_collected

    if output is None:
        raise UsageError("Where shall the rows go?", "Name a new file with -o FILE.")
    written = export_collected(queue.standing(), output, dataset.layout if layout == "as-is" else layout)
    if as_json:
        emit_json(asdict(written))
        return
    if written.answered is not None:
        talk(f"{count_of(written.answered_rows, 'row')} written to {visible(str(written.answered))}.")
    if written.awaiting is not None:
        talk(f"{count_of(written.awaiting_rows, 'prompt')} without a wanted answer: {visible(str(written.awaiting))}.")
    if written.other_layout:
        talk(f"{written.other_layout:,} of them do not fit the layout {dataset.layout.name} and are written as messages.")
