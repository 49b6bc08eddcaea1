"""Failures of a tried model as rows: in the dataset's own layout where the wanted answer is known, else as prompts that wait for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sde_core.dataset import Layout, Turns
from sde_core.dataset.json_text import dumped
from sde_core.dataset.layouts import turns_of
from sde_core.dataset.turns import ASSISTANT, SYSTEM, USER, Turn
from sde_core.errors import UsageError
from sde_core.evaluate.to_collect import Failure
from sde_core.export import EXPORT_LAYOUTS
from sde_core.files import atomic_write, refuse_source

ORIGIN = "origin"
"""The field that says where a row comes from."""


@dataclass(frozen=True, slots=True)
class CollectedFiles:
    """What was written.

    Attributes:
        answered: The file with rows to train on, None where no failure has its wanted answer yet.
        awaiting: The file with prompts that wait for an answer, None where none does.
        answered_rows: Rows in the first.
        awaiting_rows: Rows in the second.
        other_layout: Rows that the layout asked for has no place for, written as messages.
    """

    answered: Path | None
    awaiting: Path | None
    answered_rows: int
    awaiting_rows: int
    other_layout: int


def export_collected(failures: Sequence[Failure], path: Path, layout: Layout | str) -> CollectedFiles:
    """Writes failures as JSON Lines, each with its origin; the failures stay in the queue.

    Prompts without a wanted answer go to a file of their own (`NAME.awaiting.jsonl`): beside the others they would train a model to say nothing.

    Args:
        failures: What the queue holds.
        path: The file of the answered ones.
        layout: The dataset's own, or the name of one of `EXPORT_LAYOUTS`.

    Raises:
        UsageError: When there is nothing to write, or a file is the data itself.
        ReadOnlyError: When a file cannot be written.
    """
    if not failures:
        raise UsageError("Nothing is in the queue.", "Try a model with sde try DATA, and tag what it gets wrong.")
    awaiting_path = path.with_name(f"{path.stem}.awaiting.jsonl")
    for written in (path, awaiting_path):
        refuse_source(written)
        if not written.parent.is_dir():
            raise UsageError(f"The folder {written.parent} does not exist.", "Create it first, or choose another name for -o.")
    answered = [row_of(failure, layout) for failure in failures if failure.wanted]
    awaiting = [row_of(failure, layout) for failure in failures if not failure.wanted]
    for rows, file in ((answered, path), (awaiting, awaiting_path)):
        if rows:
            atomic_write(file, (dumped(row) + b"\n" for row, _ in rows))
    return CollectedFiles(
        path if answered else None,
        awaiting_path if awaiting else None,
        len(answered),
        len(awaiting),
        sum(not fits for _, fits in (*answered, *awaiting)),
    )


def row_of(failure: Failure, layout: Layout | str) -> tuple[dict[str, Any], bool]:
    """A failure as a row with its origin, and whether the layout has a place for it; else it is in messages."""
    turns = (*failure.turns(), *([Turn(ASSISTANT, failure.wanted)] if failure.wanted else []))
    if isinstance(layout, str):
        return {**EXPORT_LAYOUTS[layout](Turns(turns)), ORIGIN: failure.origin()}, True
    row = _shaped(turns, failure.answer, layout)
    if row is not None and _says(turns_of(row, layout).turns, turns):
        return {**row, ORIGIN: failure.origin()}, True
    return {**EXPORT_LAYOUTS["messages"](Turns(turns)), ORIGIN: failure.origin()}, False


def _says(read: Sequence[Turn], wanted: Sequence[Turn]) -> bool:
    """Whether the layout reads back what was meant; an answer that nobody has written may be missing or empty."""
    return [(turn.role, turn.text) for turn in read if turn.text] == [(turn.role, turn.text) for turn in wanted if turn.text]


def _shaped(turns: Sequence[Turn], failed: str, layout: Layout) -> dict[str, Any] | None:
    """The turns in a layout's own fields, None where it has no place for them; a pair gets the failed answer as the one that is rejected."""
    roles = layout.roles
    if layout.nested:
        return None
    system = next((turn.text for turn in turns if turn.role == SYSTEM), "")
    user = next((turn.text for turn in turns if turn.role == USER), "")
    answer = next((turn.text for turn in turns if turn.role == ASSISTANT), None)
    if "messages" in roles and "chosen" not in roles:
        written = EXPORT_LAYOUTS["sharegpt" if layout.name == "sharegpt" else "messages"](Turns(tuple(turns)))
        return {roles["messages"]: next(iter(written.values()))}
    prompt, reply = roles.get("prompt", roles.get("text")), roles.get("answer", roles.get("chosen", roles.get("label")))
    if prompt is None or reply is None:
        return None
    row = {prompt: user, **({roles["input"]: ""} if "input" in roles else {})}
    row |= {roles["system"]: system} if "system" in roles else {}
    row |= {} if answer is None else {reply: answer, **({roles["rejected"]: failed} if "rejected" in roles else {})}
    return row
