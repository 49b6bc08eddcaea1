"""What the user decided: an append-only journal, and the state that it adds up to.

One line of JSON is one action. It is written and synced before anything else happens, so an action that was seen on the screen is on the disk.
Undo and redo are lines too: history is never rewritten. Records are named by their keys, so a verdict stays with its record when the file is
sorted or added to. A torn last line (the machine lost power while writing) is cut off and kept aside.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from sde_core.dataset.turns import Edit, FieldPath
from sde_core.errors import ReadOnlyError, UsageError
from sde_core.journal_file import Decision, decisions_in, line_of, opened_entries, write_synced

if TYPE_CHECKING:
    from sde_core.dataset import Dataset

__all__ = ["ACCEPTED", "REJECTED", "UNDECIDED", "Decision", "DecisionState", "Journal", "training_rows"]

ACCEPTED, UNDECIDED, REJECTED = 1, 0, -1
_STATUS_NAMES = {ACCEPTED: "accepted", UNDECIDED: "", REJECTED: "rejected"}
_STATUS_OF = {"accept": ACCEPTED, "reject": REJECTED, "clear": UNDECIDED}


@dataclass(slots=True)
class DecisionState:
    """What all decisions add up to for the records of one dataset.

    Attributes:
        statuses: int8[n]: 1 accepted, 0 undecided, -1 rejected.
        edits: The user's texts by row and path.
        missing: How many decided records the dataset holds no more.
    """

    statuses: np.ndarray
    edits: dict[int, dict[FieldPath, str]] = field(default_factory=dict)
    missing: int = 0
    _reason_index: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    _reasons: list[str] = field(default_factory=lambda: [""])

    def status(self, row: int) -> str:
        """ "accepted", "rejected" or "" for a row."""
        return _STATUS_NAMES[int(self.statuses[row])]

    def reason(self, row: int) -> str:
        """Why the row has its status, "" where it has none."""
        return self._reasons[int(self._reason_index[row])]

    def accepted_rows(self) -> np.ndarray:
        """Row positions in file order, int64."""
        return np.flatnonzero(self.statuses == ACCEPTED)

    def rejected_rows(self) -> np.ndarray:
        """Row positions in file order, int64."""
        return np.flatnonzero(self.statuses == REJECTED)

    def training_rows(self) -> np.ndarray:
        """The rows to train on as far as they can be read, int64 in file order: the accepted ones, or all not rejected where none was accepted."""
        accepted = self.accepted_rows()
        return accepted if len(accepted) else np.flatnonzero(self.statuses != REJECTED)

    def counts_by_reason(self) -> dict[str, int]:
        """How many rows are rejected for each reason, most first."""
        indices, counts = np.unique(self._reason_index[self.statuses == REJECTED], return_counts=True)
        named = {self._reasons[int(index)]: int(count) for index, count in zip(indices, counts, strict=True)}
        return dict(sorted(named.items(), key=lambda item: -item[1]))


def training_rows(dataset: Dataset, state: DecisionState) -> np.ndarray:
    """The rows to train on, int64 in file order: the accepted ones, or all that are readable and not rejected where none was accepted."""
    readable = dataset.texts()["row"].to_numpy()
    return np.intersect1d(state.training_rows(), readable)


class Journal:
    """The decisions of one dataset.

    Only one process may write; a second one opens it read-only and says so (`read_only`).
    """

    def __init__(self, path: Path, dataset_keys: np.ndarray, decisions: list[Decision], file: int | None, torn: bytes) -> None:
        self.path = path
        self.torn = torn
        self._keys = dataset_keys
        self._order = np.argsort(dataset_keys, kind="stable")
        self._sorted = dataset_keys[self._order]
        self._decisions = decisions
        self._file = file
        self._active, self._undone = _standing(decisions)
        self._state: DecisionState | None = None

    @classmethod
    def open(cls, path: Path, dataset_keys: np.ndarray, *, writing: bool = True) -> Journal:
        """Opens or creates the journal.

        Args:
            path: The file; its folder must exist.
            dataset_keys: uint64[n], the records' keys in file order.
            writing: False reads what is there, creates nothing and takes no lock.

        Raises:
            InputError: When a line other than the last cannot be read.
            ReadOnlyError: When the file exists and cannot be read.
        """
        file, decisions, torn = opened_entries(path, decisions_in, writing=writing)
        return cls(path, dataset_keys, decisions, file, torn)

    @property
    def read_only(self) -> bool:
        """Whether another process writes this journal, or the folder cannot be written."""
        return self._file is None

    @property
    def decisions(self) -> Sequence[Decision]:
        """All lines, oldest first."""
        return self._decisions

    @property
    def standing(self) -> Sequence[Decision]:
        """The decisions that are not taken back, oldest first: `undo` takes back the last."""
        return self._active

    @property
    def undone(self) -> bool:
        """Whether `redo` has something to restore."""
        return bool(self._undone)

    @property
    def head(self) -> str:
        """Names the state of the journal: number of lines and a hash over them."""
        lines = b"".join(line_of(decision) for decision in self._decisions)
        return f"{len(self._decisions)}-{xxhash.xxh3_64_hexdigest(lines)}"

    @property
    def state(self) -> DecisionState:
        """What the decisions add up to."""
        if self._state is None:
            self._state = self._folded(self._active)
        return self._state

    # ---- actions

    def accept(self, rows: Iterable[int], reason: str | Sequence[str] = "") -> Decision:
        """Marks rows as accepted; one reason for all, or one for each."""
        return self._decide("accept", rows, reason)

    def reject(self, rows: Iterable[int], reason: str | Sequence[str]) -> Decision:
        """Marks rows as rejected; they stay and can be taken back."""
        return self._decide("reject", rows, reason)

    def clear(self, rows: Iterable[int], reason: str | Sequence[str] = "") -> Decision:
        """Makes rows undecided again."""
        return self._decide("clear", rows, reason)

    def edit(self, edits: Sequence[Edit], reason: str = "") -> Decision:
        """Replaces texts; where a text was edited before, the later edit stands."""
        named = tuple((int(self._keys[edit.row]), tuple(edit.path), edit.before, edit.after) for edit in edits)
        empty = np.empty(0, np.uint64)
        return self._append(Decision(self._next(), "edit", time.time(), empty, (reason,), np.empty(0, np.int32), named))

    def undo(self) -> Decision | None:
        """Takes the last standing decision back; returns it, None where there is none."""
        if not self._active:
            return None
        undone = self._active[-1]
        self._append(Decision(self._next(), "undo", time.time(), np.empty(0, np.uint64), (), np.empty(0, np.int32), (), undone.seq))
        return undone

    def redo(self) -> Decision | None:
        """Restores what was undone last, unless something was decided since; returns it."""
        if not self._undone:
            return None
        restored = self._undone[-1]
        self._append(Decision(self._next(), "redo", time.time(), np.empty(0, np.uint64), (), np.empty(0, np.int32), (), restored.seq))
        return restored

    def close(self) -> None:
        """Lets another process write."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # ---- inside

    def _next(self) -> int:
        return len(self._decisions) + 1

    def _decide(self, op: str, rows: Iterable[int], reason: str | Sequence[str]) -> Decision:
        positions = np.fromiter(rows, dtype=np.int64)
        if len(positions) and not 0 <= positions.min() <= positions.max() < len(self._keys):
            raise UsageError(
                f"There is no row {positions.min() if positions.min() < 0 else positions.max()}.", f"Rows are 0 to {len(self._keys) - 1}."
            )
        reasons, reason_of = _distinct_reasons(reason, len(positions))
        return self._append(Decision(self._next(), op, time.time(), self._keys[positions], reasons, reason_of))

    def _append(self, decision: Decision) -> Decision:
        """Writes the line, then takes it into account.

        Raises:
            ReadOnlyError: When the line cannot be written; then nothing was decided.
        """
        if self._file is None:
            raise ReadOnlyError(
                f"Decisions cannot be written to {self.path}.", "Another sde has this dataset open, or the folder is read-only; close the other one."
            )
        state = self.state
        write_synced(self._file, line_of(decision), self.path)
        self._decisions.append(decision)
        _stand(decision, self._active, self._undone)
        if decision.of:
            self._state = None
        else:
            self._apply(decision, state)
        return decision

    def _folded(self, active: Sequence[Decision]) -> DecisionState:
        state = DecisionState(np.zeros(len(self._keys), np.int8), _reason_index=np.zeros(len(self._keys), np.int32))
        for decision in active:
            self._apply(decision, state)
        return state

    def _apply(self, decision: Decision, state: DecisionState) -> None:
        if decision.op == "edit":
            for key, path, _, after in decision.edits:
                rows = self._rows_of(np.array([key], np.uint64))
                state.missing += not len(rows)
                for row in rows.tolist():
                    state.edits.setdefault(row, {})[path] = after
            return
        if decision.op not in _STATUS_OF:  # a later version's; it stays in the file
            return
        found = self._positions_of(decision.keys)
        rows, reason_of = found[found >= 0], decision.reason_of[found >= 0]
        state.missing += int((found < 0).sum())
        state.statuses[rows] = _STATUS_OF[decision.op]
        state._reason_index[rows] = reason_of + len(state._reasons)
        state._reasons.extend(decision.reasons or ("",))

    def _rows_of(self, keys: np.ndarray) -> np.ndarray:
        found = self._positions_of(keys)
        return found[found >= 0]

    def _positions_of(self, keys: np.ndarray) -> np.ndarray:
        """int64[n]: the row of each key, -1 where the dataset holds it no more."""
        if not len(self._sorted):
            return np.full(len(keys), -1)
        at = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        return np.where(self._sorted[at] == keys, self._order[at], -1)


def _standing(decisions: Iterable[Decision]) -> tuple[list[Decision], list[Decision]]:
    """The decisions that stand, and those undone that can be restored, in order."""
    active: list[Decision] = []
    undone: list[Decision] = []
    for decision in decisions:
        _stand(decision, active, undone)
    return active, undone


def _stand(decision: Decision, active: list[Decision], undone: list[Decision]) -> None:
    if decision.op == "undo":
        undone.extend([active.pop()] if active else [])
    elif decision.op == "redo":
        active.extend([undone.pop()] if undone else [])
    else:
        active.append(decision)
        undone.clear()


def _distinct_reasons(reason: str | Sequence[str], count: int) -> tuple[tuple[str, ...], np.ndarray]:
    if isinstance(reason, str):
        return (reason,), np.zeros(count, np.int32)
    distinct = {text: index for index, text in enumerate(dict.fromkeys(reason))}
    return tuple(distinct), np.array([distinct[text] for text in reason], np.int32)
