"""The rows of a run as files that other tools read, without those that trained on nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sde_core.dataset.json_text import dumped
from sde_core.dataset.turns import ASSISTANT, TEXT, Turn
from sde_core.handover.plan import RowForm
from sde_core.train.encode import Encoder
from sde_core.train.generation import prompt_text
from sde_core.train.rows import HELD_OUT, TRAIN, SnapshotRow, read_snapshot

_BATCH = 512
_FILES = {"train.jsonl": TRAIN, "valid.jsonl": HELD_OUT}


@dataclass(frozen=True, slots=True)
class ExportedRows:
    """What was written, and what it is like.

    Attributes:
        form: How the rows are shaped.
        train: Rows to train on.
        held_out: Rows to evaluate on.
        left_out: Rows of the run that are in neither, by reason.
        several_answers: Whether some row has several answers that train.
        earlier_answers: Whether some row has answers before the last that do not train.
    """

    form: RowForm
    train: int
    held_out: int
    left_out: dict[str, int]
    several_answers: bool
    earlier_answers: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    split: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class TrainedRows:
    """The rows of a run that carried loss, encoded once for all files that are made of them.

    Attributes:
        kept: Rows of the form that most have, up to their last answer.
        form: That form.
        left_out: Rows of the run that are not among them, by reason.
        several_answers: Whether some row has several answers that train.
        earlier_answers: Whether some row has answers before the last that do not train.
    """

    kept: tuple[_Kept, ...]
    form: RowForm
    left_out: dict[str, int]
    several_answers: bool
    earlier_answers: bool

    def of(self, split: str) -> Iterator[tuple[Turn, ...]]:
        """The turns of each row of one side of the split."""
        return (row.turns for row in self.kept if row.split == split)


def trained_rows(run: Path, encoder: Encoder) -> TrainedRows:
    """What a run trained on and was evaluated on.

    Args:
        run: The run's folder, which holds its rows.
        encoder: The run's, which says what trained.
    """
    kept, left_out = _kept_rows(run, encoder)
    form = _form_of(kept, encoder)
    fitting = tuple(row for row in kept if _fits(row, form))
    if len(fitting) < len(kept):
        left_out["conversations beside plain text" if form == "text" else "plain text beside conversations"] = len(kept) - len(fitting)
    several = any(sum(turn.role == ASSISTANT for turn in row.turns) > 1 for row in fitting)
    last_only = encoder.recipe.answers == "last"
    return TrainedRows(fitting, form, left_out, several and not last_only, several and last_only and form == "messages")


def export_rows(found: TrainedRows, encoder: Encoder, folder: Path) -> ExportedRows:
    """Writes `train.jsonl` and `valid.jsonl`, and beside them the form that mlx-lm needs.

    Args:
        found: The rows.
        encoder: The run's.
        folder: Where the files go.
    """
    counts = {name: _write(folder / name, (_row(turns, found, encoder) for turns in found.of(split))) for name, split in _FILES.items()}
    _write_for_mlx(folder, found, encoder)
    return ExportedRows(found.form, counts["train.jsonl"], counts["valid.jsonl"], found.left_out, found.several_answers, found.earlier_answers)


def _kept_rows(run: Path, encoder: Encoder) -> tuple[list[_Kept], dict[str, int]]:
    """The rows that carried loss, and how many did not, by verdict."""
    kept: list[_Kept] = []
    left_out: dict[str, int] = {}
    for batch in _batched(read_snapshot(run)):
        for row, encoded in zip(batch, encoder.encode_all([row.turns for row in batch]), strict=True):
            if encoded.parts:
                kept.append(_Kept(row.split, _until_last_answer(row.turns.turns)))
            else:
                left_out[encoded.verdict] = left_out.get(encoded.verdict, 0) + 1
    return kept, left_out


def _until_last_answer(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    last = max((i for i, turn in enumerate(turns) if turn.role in (ASSISTANT, TEXT)), default=len(turns) - 1)
    return tuple(turns[: last + 1])


def _form_of(kept: Sequence[_Kept], encoder: Encoder) -> RowForm:
    texts = sum(any(turn.role == TEXT for turn in row.turns) for row in kept)
    if texts > len(kept) / 2:
        return "text"
    return "messages" if encoder.renderer.form == "chat template" else "prompt-completion"


def _fits(row: _Kept, form: RowForm) -> bool:
    """Whether a row is plain text where the file is, or turns where that is what the file holds."""
    return any(turn.role == TEXT for turn in row.turns) == (form == "text")


def _row(turns: Sequence[Turn], found: TrainedRows, encoder: Encoder) -> dict[str, Any]:
    if found.form == "text":
        return {"text": "\n\n".join(turn.text for turn in turns)}
    if found.form == "messages":
        return {"messages": [_message(turn, i == len(turns) - 1, found) for i, turn in enumerate(turns)]}
    return {"prompt": prompt_text(encoder.tokenizer, turns, "plain")[0], "completion": turns[-1].text}


def _message(turn: Turn, last: bool, found: TrainedRows) -> dict[str, Any]:
    marked = {"train": last and turn.role == ASSISTANT} if found.earlier_answers else {}
    return {"role": turn.role, "content": turn.text, **marked}


def write_rows_for_trl(found: TrainedRows, encoder: Encoder, folder: Path, *, pairs: bool) -> None:
    """Writes TRL's own folder: TRL takes every file below it whose name says train or valid.

    Args:
        found: The rows.
        encoder: The run's.
        folder: Where the other files are.
        pairs: Prompt and completion apart, as messages; else the same rows as the others'.
    """
    (folder / "trl").mkdir()
    for name, split in _FILES.items():
        told = (
            {"prompt": _plain_messages(turns[:-1]), "completion": _plain_messages(turns[-1:])} if pairs else _row(turns, found, encoder)
            for turns in found.of(split)
        )
        _write(folder / "trl" / name, told)


def _write_for_mlx(folder: Path, found: TrainedRows, encoder: Encoder) -> None:
    """The plain form as joined text: mlx-lm would put a prompt and its completion into a chat template."""
    if found.form != "prompt-completion":
        return
    (folder / "mlx").mkdir()
    for name, split in _FILES.items():
        rows = (_row(turns, found, encoder) for turns in found.of(split))
        _write(folder / "mlx" / name, ({"text": row["prompt"] + row["completion"]} for row in rows))


def _plain_messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.text} for turn in turns]


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Writes rows a line each; no file where there are none. Returns how many."""
    lines = [dumped(row) + b"\n" for row in rows]
    if lines:
        path.write_bytes(b"".join(lines))
    return len(lines)


def _batched(rows: Iterable[SnapshotRow]) -> Iterator[list[SnapshotRow]]:
    batch: list[SnapshotRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
