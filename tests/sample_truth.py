"""The sample dataset and what is known to be wrong with it, for tests that measure recall and false alarms."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLE_FOLDER = Path(__file__).resolve().parents[1] / "sample_data"
SAMPLE = SAMPLE_FOLDER / "support.jsonl"
TRUTH = SAMPLE_FOLDER / "support.truth.json"


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted fault.

    Attributes:
        row: Record position in file order, bad lines counted.
        kind: The fault's name in the truth file.
        detail: Which variety.
        of: The other row concerned; None where there is none.
        jaccard_word5: Overlap with that row, for near and semantic duplicates: Jaccard similarity of the sets of word 5-shingles of all turns.
    """

    row: int
    kind: str
    detail: str
    of: int | None = None
    jaccard_word5: float | None = None


@dataclass(frozen=True, slots=True)
class SampleTruth:
    """What is wrong in the sample dataset, and what only looks wrong.

    Attributes:
        rows: Number of rows, bad lines included.
        bad_rows: Positions of lines that do not parse.
        faults: kind -> its planted faults in file order.
        traps: name -> positions of rows that look wrong and are right.
        clean_rows: Rows without a fault of which no other row is a copy; traps are among them.
        originals: Rows without a fault of their own that another row repeats or contradicts.
        leaks: (row, of) of copies that stand in another split than their original.
        labels: label -> how many clean rows have it.
    """

    rows: int
    bad_rows: tuple[int, ...]
    faults: dict[str, tuple[Planted, ...]]
    traps: dict[str, tuple[int, ...]]
    clean_rows: frozenset[int]
    originals: frozenset[int]
    leaks: tuple[tuple[int, int], ...]
    labels: dict[str, int]

    def rows_with(self, *kinds: str, detail: str = "") -> frozenset[int]:
        """Rows with a fault of one of `kinds`, of one variety where `detail` is given."""
        return frozenset(fault.row for kind in kinds for fault in self.faults[kind] if detail in ("", fault.detail))

    def pairs(self, kind: str) -> frozenset[tuple[int, int]]:
        """(original, copy) of a kind that concerns two rows."""
        return frozenset((fault.of, fault.row) for fault in self.faults[kind] if fault.of is not None)


@functools.cache
def sample_truth() -> SampleTruth:
    """The truth file, read once."""
    raw = json.loads(TRUTH.read_text(encoding="utf-8"))
    return SampleTruth(
        rows=raw["rows"],
        bad_rows=tuple(entry["row"] for entry in raw["bad_lines"]),
        faults={kind: tuple(Planted(kind=kind, **entry) for entry in entries) for kind, entries in raw["faults"].items()},
        traps={name: tuple(rows) for name, rows in raw["traps"].items()},
        clean_rows=frozenset(raw["clean_rows"]),
        originals=frozenset(raw["originals"]),
        leaks=tuple((leak["row"], leak["of"]) for leak in raw["leaks"]),
        labels=raw["labels"],
    )


@functools.cache
def sample_lines() -> tuple[bytes, ...]:
    """The lines of the sample dataset without their line ends."""
    return tuple(SAMPLE.read_bytes().removesuffix(b"\n").split(b"\n"))


@functools.cache
def sample_records() -> dict[int, dict[str, Any]]:
    """Position -> parsed record, for all lines that parse."""
    bad = set(sample_truth().bad_rows)
    return {row: json.loads(line) for row, line in enumerate(sample_lines()) if row not in bad}
