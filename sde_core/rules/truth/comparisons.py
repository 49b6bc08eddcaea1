"""The journal of comparisons: which of two rows a person found better, one synced line an answer.

Rows are named by their keys, so an answer stays with its rows when the file is sorted or added to. Undoing appends a line. A torn last line
is cut off and kept aside, and one process writes at a time, as with the decisions.
"""

from __future__ import annotations

import math
import os
import pwd
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
import xxhash

from sde_core.dataset.json_text import encodable, parse_json
from sde_core.errors import BadRecordError, InputError, ReadOnlyError, UsageError
from sde_core.journal_file import opened_entries, write_synced
from sde_core.visible import visible

VERSION = 1
SCORES: Mapping[str, float] = MappingProxyType({"a": 1.0, "b": 0.0, "tie": 0.5})
"""What each answer is worth for the row that stood left."""
SKIP = "skip"
WINNERS = (*SCORES, SKIP)
"""The answers there are: the left row is better, the right one is, they are alike, no answer."""

_FAULTS = (ValueError, KeyError, TypeError, OverflowError, AttributeError, BadRecordError)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One answer.

    Attributes:
        a, b: Keys of the rows that stood left and right.
        winner: One of `WINNERS`.
        by: Who answered.
        time: When, in seconds since the epoch.
        judge: The model that answered; empty where a person did.
        seq: Number of its line in the journal, from 1; 0 before it is there.
    """

    a: int
    b: int
    winner: str
    by: str
    time: float
    judge: str = ""
    seq: int = 0

    @property
    def id(self) -> str:
        """Names the answer wherever it was written down, so that none is imported twice."""
        return xxhash.xxh3_64_hexdigest(f"{self.a} {self.b} {self.winner} {self.by} {self.time!r} {self.judge}".encode("utf-8", "surrogatepass"))

    def to_json(self) -> dict[str, Any]:
        """As it stands in files: keys in hexadecimal digits; no judge where a person answered."""
        entry = {**asdict(self), "a": f"{self.a:016x}", "b": f"{self.b:016x}"}
        if not self.judge:
            del entry["judge"]
        return entry


def comparison_of(entry: Mapping[str, Any]) -> Comparison:
    """The answer that a line of JSON says.

    Raises:
        KeyError, TypeError, ValueError: When it says none.
    """
    a, b, winner, at = int(entry["a"], 16), int(entry["b"], 16), entry["winner"], float(entry["time"])
    if winner not in WINNERS or a == b or not 0 <= min(a, b) <= max(a, b) < 1 << 64:
        raise ValueError("it says no winner of two different rows")
    if not math.isfinite(at):  # JSON has no such number: the journal could not be read again
        raise ValueError("its time is no time")
    by, judge = (encodable(str(entry.get(name, ""))) for name in ("by", "judge"))
    return Comparison(a, b, winner, by, at, judge, int(entry.get("seq", 0)))


def user_name() -> str:
    """Who answers: the name of the account; its number where it has none."""
    try:
        return encodable(os.environ.get("LOGNAME") or os.environ.get("USER") or pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:
        return f"user {os.getuid()}"


class ComparisonJournal:
    """The answers about one dataset, and the sample of rows that is being compared.

    Only one process may write; a second one opens it read-only and says so (`read_only`).
    """

    def __init__(self, path: Path, entries: Iterable[Mapping[str, Any]], file: int | None, torn: bytes) -> None:
        self.path = path
        self.torn = torn
        self._file = file
        self._lines = 0
        self._standing: list[Comparison] = []
        self._sample: tuple[int, ...] = ()
        for entry in entries:
            self._take(entry)

    @classmethod
    def open(cls, path: Path, *, writing: bool = True) -> ComparisonJournal:
        """Opens or creates the journal.

        Args:
            path: The file, `Project.comparisons_path`; its folder must exist.
            writing: False reads what is there, creates nothing and takes no lock.

        Raises:
            InputError: When a line other than the last cannot be read.
            ReadOnlyError: When the file exists and cannot be read.
        """
        file, entries, torn = opened_entries(path, _entries, writing=writing)
        return cls(path, entries, file, torn)

    @property
    def read_only(self) -> bool:
        """Whether another process writes this journal, or the folder cannot be written."""
        return self._file is None

    @property
    def comparisons(self) -> Sequence[Comparison]:
        """The answers that stand, oldest first, skips included."""
        return self._standing

    @property
    def sample(self) -> tuple[int, ...]:
        """Keys of the rows that are being compared; empty before they were drawn."""
        return self._sample

    # ---- actions

    def answer(self, a: int, b: int, winner: str, *, by: str = "", judge: str = "") -> Comparison:
        """Writes an answer down.

        Args:
            a: Key of the row that stood left.
            b: Key of the row that stood right.
            winner: One of `WINNERS`.
            by: Who answers; the account's name by default.
            judge: The model that answers, where it is not a person.

        Raises:
            UsageError: When there is no such answer, or the rows are one.
            ReadOnlyError: When it cannot be written; then nothing was answered.
        """
        if winner not in WINNERS or a == b:
            raise UsageError(f"{visible(winner, 20)!r} is no answer about two different rows.", f"Answers are: {', '.join(WINNERS)}.")
        return self.add([Comparison(a, b, winner, by or user_name(), time.time(), judge)])[0]

    def add(self, comparisons: Iterable[Comparison]) -> list[Comparison]:
        """Writes answers that were given elsewhere, all of them or none; those that stand already are left out.

        Returns:
            The answers that are new, as they stand now.

        Raises:
            ReadOnlyError: When they cannot be written.
        """
        known = {one.id for one in self._standing}
        new = {one.id: one for one in comparisons if one.id not in known}
        self._append([{"op": "compare", **one.to_json()} for one in new.values()])
        return self._standing[len(self._standing) - len(new) :]

    def undo(self) -> Comparison | None:
        """Takes the last standing answer of a person back; returns it, None where there is none. What a model answered stays."""
        undone = next((one for one in reversed(self._standing) if not one.judge), None)
        if undone is None:
            return None
        self._append([{"op": "undo", "time": time.time(), "of": undone.seq}])
        return undone

    def take_sample(self, keys: Sequence[int], *, seed: int) -> None:
        """Writes down which rows are compared from now on; answers about others stay.

        Raises:
            ReadOnlyError: When it cannot be written.
        """
        self._append([{"op": "sample", "time": time.time(), "seed": seed, "rows": [f"{key:016x}" for key in keys]}])

    def close(self) -> None:
        """Lets another process write."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # ---- inside

    def _append(self, entries: Sequence[dict[str, Any]]) -> None:
        """Writes the lines and syncs, then takes them into account."""
        if self._file is None:
            raise ReadOnlyError(
                f"Comparisons cannot be written to {visible(str(self.path), 200)}.",
                "Another sde has this dataset open, or the folder is read-only; close the other one.",
            )
        numbered = [{"v": VERSION, **entry, "seq": self._lines + place} for place, entry in enumerate(entries, start=1)]
        if numbered:
            write_synced(self._file, b"".join(orjson.dumps(entry) + b"\n" for entry in numbered), self.path)
        for entry in numbered:
            self._take(entry)

    def _take(self, entry: Mapping[str, Any]) -> None:
        """What a line changes; a later version's operation changes nothing and stays in the file."""
        self._lines += 1
        if entry["op"] == "compare":
            self._standing.append(comparison_of({**entry, "seq": self._lines}))
        elif entry["op"] == "undo":
            self._standing = [one for one in self._standing if one.seq != entry["of"]]
        elif entry["op"] == "sample":
            self._sample = tuple(int(key, 16) for key in entry["rows"])


def _entries(path: Path, written: bytes) -> Iterator[Mapping[str, Any]]:
    """The lines of a journal, each held against what a line may say."""
    for number, line in enumerate(written.split(b"\n")[:-1], start=1):
        try:
            entry = parse_json(line)
            _refuse_senseless(entry)
        except _FAULTS as error:
            raise InputError(
                f"{visible(str(path), 200)}: line {number} of the comparisons cannot be read.",
                f"Repair or remove that line; what it says is lost, the rest is not. ({visible(str(error), 120)})",
            ) from error
        yield entry


def _refuse_senseless(entry: Mapping[str, Any]) -> None:
    if entry["op"] == "compare":
        comparison_of(entry)
    elif entry["op"] == "undo":
        int(entry["of"])
    elif entry["op"] == "sample":
        [int(key, 16) for key in entry["rows"]]
