"""What a check reports: rows with a reason, evidence and, where one is safe, a fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import polars as pl

from sde_core.dataset import Dataset, FieldPath, Turns
from sde_core.progress import NEVER, Cancel, Progress, silent

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""Worst first."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One text of one record, before and after.

    Attributes:
        row: Record position.
        path: Where the text stands in the parsed record.
        before: The text as it is, so that a stale edit is noticed.
        after: The text as it should be.
    """

    row: int
    path: FieldPath
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and the evidence for it.

    Attributes:
        check: The check's name, as `--only` takes it.
        severity: "error" harms training, "warning" likely does, "info" is worth a look.
        rows: Record positions concerned; the first is the one to show. Empty for a finding about the whole dataset.
        field: The field or role concerned, empty where it is the whole record.
        message: One sentence in plain words.
        evidence: The text, number or neighbour that proves it; never empty.
        score: How sure the check is or how far the row is off, 0-1; None where that has no meaning.
        fix: Name of a safe fix in `FIXES`, empty where there is none.
    """

    check: str
    severity: Severity
    rows: tuple[int, ...]
    message: str
    evidence: str
    field: str = ""
    score: float | None = None
    fix: str = ""

    def to_json(self, line: int | None = None) -> dict[str, Any]:
        """The finding as the command line prints it; `line` is the 1-based line of the first row."""
        return {"row": self.rows[0] if self.rows else None, "line": line, **asdict(self), "rows": list(self.rows)}


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a check may look at.

    Attributes:
        dataset: The opened dataset, read to its end.
        texts: `dataset.texts()`: one line a readable record (see `sde_core.dataset.dataset.TEXT_SCHEMA`).
        params: Thresholds by name; a check reads its own with `params.get(name, default)`.
    """

    dataset: Dataset
    texts: pl.DataFrame
    params: dict[str, Any] = field(default_factory=dict)
    cancel: Cancel = NEVER
    progress: Progress = silent


class RecordCheck(Protocol):
    """Looks at one record at a time; all record checks share one pass over the file."""

    name: str
    title: str

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterable[Finding]:
        """Findings about this record."""
        ...


class TableCheck(Protocol):
    """Looks at the whole dataset at once."""

    name: str
    title: str

    def run(self, context: CheckContext) -> list[Finding]:
        """Findings about any rows."""
        ...
