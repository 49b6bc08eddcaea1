"""The loss of every row at every step: written by the run from the logits that the step computes anyway, read by whoever asks which rows are hard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sde_core.train.encode import IGNORED
from sde_core.train.rows import HELD_OUT, TRAIN


@dataclass(frozen=True, slots=True)
class RowLosses:
    """Losses in the order they were computed; of a step that was repeated after a resume only the last time counts.

    Attributes:
        steps: int64[m], the optimizer step that the loss belongs to, from 1.
        rows: int64[m], record positions at the time of the launch.
        losses: float64[m], mean negative log-likelihood of the row's trained tokens, in nats.
        tokens: int64[m], how many those are.
        held_out: bool[m], whether the row was only evaluated on.
    """

    steps: np.ndarray
    rows: np.ndarray
    losses: np.ndarray
    tokens: np.ndarray
    held_out: np.ndarray

    def of_step(self, step: int) -> list[tuple[int, float]]:
        """(row, loss) of what trained in a step, the highest loss first."""
        inside = np.flatnonzero((self.steps == step) & ~self.held_out)
        order = inside[np.argsort(-self.losses[inside], kind="stable")]
        return [(int(self.rows[i]), float(self.losses[i])) for i in order]

    def latest(self) -> dict[int, float]:
        """The last loss of every row."""
        return dict(zip(self.rows.tolist(), self.losses.tolist(), strict=True))


class RowLossRecorder:
    """Computes a batch's loss for the Trainer and keeps what each row contributes to it.

    Args:
        path: The file to append to, one line a step.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: dict[bool, list[tuple[Any, Any, Any]]] = {False: [], True: []}
        self.rows: Any = None
        self.held_out = False
        self._begun = False

    def loss(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """The loss of a batch as transformers' causal-LM loss has it: the sum over trained tokens divided by their number.

        Only the logits of trained tokens are widened to float32, which saves most of that work where prompts are masked.

        Args:
            outputs: The model's, with logits [b, k, v].
            labels: int64[b, k], `IGNORED` where a token carries no loss.
            num_items_in_batch: Trained tokens of the whole optimizer step; those of this batch when omitted.
        """
        import torch

        targets = labels[:, 1:]
        places = targets != IGNORED
        each = torch.nn.functional.cross_entropy(outputs["logits"][:, :-1][places].float(), targets[places], reduction="none")
        counts = places.sum(dim=1)
        of_row = torch.repeat_interleave(torch.arange(len(labels), device=labels.device), counts)
        sums = torch.zeros(len(labels), dtype=torch.float32, device=labels.device).index_add_(0, of_row, each.detach())
        if self.rows is not None:
            self._waiting[self.held_out].append((self.rows, sums, counts))
        return each.sum() / (num_items_in_batch if num_items_in_batch is not None else counts.sum().clamp(min=1))

    def write(self, step: int, *, held_out: bool) -> None:
        """Append what the batches since the last call have cost, as one line."""
        batches, self._waiting[held_out] = self._waiting[held_out], []
        rows = [row for part, _, _ in batches for row in part.tolist()]
        counts = [count for _, _, part in batches for count in part.tolist()]
        losses = [total / max(count, 1) for (_, sums, part) in batches for total, count in zip(sums.tolist(), part.tolist(), strict=True)]
        if rows:
            line = {"step": step, "split": HELD_OUT if held_out else TRAIN, "rows": rows, "losses": [round(x, 6) for x in losses], "tokens": counts}
            with self._path.open("ab") as file:
                file.write(self._before_first_line() + orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def _before_first_line(self) -> bytes:
        """A line break where a killed process left its last line torn, so that only that line is lost; asked once."""
        if self._begun or not self._path.exists():
            self._begun = True
            return b""
        self._begun = True
        with self._path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - 1, 0))
            return b"" if file.read(1) in (b"", b"\n") else b"\n"


@dataclass
class _Columns:
    steps: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    held_out: list[bool] = field(default_factory=list)


def row_losses_path(folder: Path, process: int = 0) -> Path:
    """Where a process of a run keeps its rows' losses."""
    return folder / f"row_losses-{process}.jsonl"


def read_row_losses(folder: Path) -> RowLosses:
    """What a run has recorded so far, of all its processes; a last line that is not whole yet is left out."""
    columns = _Columns()
    for line in _last_of_each_step(sorted(folder.glob("row_losses-*.jsonl"))):
        count = len(line["rows"])
        columns.steps += [line["step"]] * count
        columns.rows += line["rows"]
        columns.losses += [float("nan") if loss is None else loss for loss in line["losses"]]
        columns.tokens += line["tokens"]
        columns.held_out += [line["split"] == HELD_OUT] * count
    return RowLosses(
        np.array(columns.steps, np.int64), np.array(columns.rows, np.int64), np.array(columns.losses, np.float64),
        np.array(columns.tokens, np.int64), np.array(columns.held_out, bool),
    )  # fmt: skip


def _last_of_each_step(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """By step over all files, since a row may be in one process's share now and in another's in the next epoch."""
    lines = {(path, line["step"], line["split"]): line for path in paths for line in map(_parsed, path.read_bytes().split(b"\n")) if line}
    yield from sorted(lines.values(), key=lambda line: int(line["step"]))


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        parsed: Any = json.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) and parsed.keys() >= {"step", "split", "rows", "losses", "tokens"} else None
