"""What a check reports: rows with a reason, evidence and, where one is safe, a fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sde_core.dataset import Dataset, Turns
from sde_core.progress import NEVER, Cancel, Progress, silent

if TYPE_CHECKING:
    import polars as pl

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""Worst first."""


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
        fix: Name of a safe fix in `FIXES` or `TARGETED_FIXES`, empty where there is none.
        replacement: What the field's text becomes, for a fix that needs more than the text to know ("canonical-label"). Not printed.
    """

    check: str
    severity: Severity
    rows: tuple[int, ...]
    message: str
    evidence: str
    field: str = ""
    score: float | None = None
    fix: str = ""
    replacement: str | None = None

    def to_json(self, line: int | None = None) -> dict[str, Any]:
        """The finding as the command line prints it; `line` is the 1-based line of the first row."""
        shown = {"row": self.rows[0] if self.rows else None, "line": line, **asdict(self), "rows": list(self.rows)}
        del shown["replacement"]
        return shown


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one text; the runner makes a `Finding` of it, with the row and the field.

    Attributes:
        severity: As in `Finding`.
        message: As in `Finding`.
        evidence: As in `Finding`.
        score: As in `Finding`.
        fix: As in `Finding`.
    """

    severity: Severity
    message: str
    evidence: str
    score: float | None = None
    fix: str = ""


class Survey(Protocol):
    """Something several checks need to know about all records; collected once, in the pass over the file.

    One that has `state() -> JSON` and `absorb(state)`, which takes over what another survey observed in later rows, is collected piece by piece in
    several processes; any other needs a reading of its own.
    """

    def observe(self, row: int, value: Any, turns: Turns) -> None:
        """Takes one record into account."""
        ...


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a check may look at.

    Attributes:
        dataset: The opened dataset, read to its end.
        texts: `dataset.texts()`: one line a readable record (see `sde_core.dataset.dataset.TEXT_SCHEMA`).
        params: Thresholds by name; a check reads its own with `params.get(name, default)`.
        surveys: By class, the surveys that a check names in its attribute `surveys`.
    """

    dataset: Dataset
    texts: pl.DataFrame
    params: dict[str, Any] = field(default_factory=dict)
    cancel: Cancel = NEVER
    progress: Progress = silent
    surveys: Mapping[type, Any] = field(default_factory=dict)


class RecordCheck(Protocol):
    """Looks at one record at a time; all record checks share one pass over the file, in several processes: it must remember nothing.

    Like a `TextCheck` it may have a `trigger`; it is then handed only records with a text that matches.
    """

    name: str
    title: str

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterable[Finding]:
        """Findings about this record."""
        ...


class TextCheck(Protocol):
    """Looks at one text at a time: every message, field by field, answers that are to be avoided included.

    It may have an attribute `trigger`: a regular expression in Rust's syntax (polars' `str.contains`: no look-around, no back-references; lone
    surrogates are U+FFFD to it) that every faulty text matches. Texts without a match are never handed to `faults`: it should be selective and cheap.
    """

    name: str
    title: str

    def faults(self, text: str, role: str) -> Iterable[Fault]:
        """What is wrong with this text of this role."""
        ...


class TableCheck(Protocol):
    """Looks at the whole dataset at once.

    A check of any kind may also have these attributes: `names` (all check names of its findings, where it is more than `name`),
    `screen` (the app's screen that deals with it, "formats" by default), `advice` (what to do about it, one sentence),
    `titles` and `advices` (by name, where those of `names` differ),
    `surveys` (classes of `Survey` whose result it reads from the context), and `explained_by` (names of checks: a finding of this one on a single
    row is left out where one of those has a finding on the same row; one fault, one finding).
    """

    name: str
    title: str

    def run(self, context: CheckContext) -> list[Finding]:
        """Findings about any rows."""
        ...
