"""Runs checks: one pass over the records for all that look at a record or a text, then those that look at the whole."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sde_core.checks import CHECKS
from sde_core.checks.fields import record_texts
from sde_core.checks.findings import SEVERITIES, CheckContext, Finding, RecordCheck, Survey, TableCheck, TextCheck
from sde_core.checks.report import CheckInfo, CheckReport
from sde_core.checks.text_batch import TextBatch
from sde_core.dataset import Dataset, Turns
from sde_core.errors import UsageError
from sde_core.progress import Cancel, Progress, raise_if_cancelled

AnyCheck = Any
"""A RecordCheck, a TextCheck or a TableCheck."""


def load_checks(only: Sequence[str] = (), params: dict[str, Any] | None = None) -> list[AnyCheck]:
    """Fresh instances of the checks, all or those named.

    Raises:
        UsageError: When a name is not a check's.
    """
    checks = [_loaded(path) for path in CHECKS]
    known = [name for check in checks for name in names_of(check)]
    for name in only:
        if name not in known:
            raise UsageError(f"There is no check named {name!r}.", "Checks: " + ", ".join(known) + ".")
    chosen = [check for check in checks if not only or set(names_of(check)) & set(only)]
    for check in chosen:
        if hasattr(check, "configure"):
            check.configure(params or {})
    return chosen


def _loaded(path: str) -> AnyCheck:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)()


def names_of(check: AnyCheck) -> tuple[str, ...]:
    """The names of all findings that a check makes."""
    return getattr(check, "names", None) or (check.name,)


def infos_of(checks: Iterable[AnyCheck]) -> tuple[CheckInfo, ...]:
    """Name, title, screen and advice of checks; a name that several checks report comes once."""
    infos: dict[str, CheckInfo] = {}
    for check in checks:
        titles = getattr(check, "titles", {})
        for name in names_of(check):
            info = CheckInfo(name, titles.get(name, check.title), getattr(check, "screen", "formats"), getattr(check, "advice", ""))
            infos.setdefault(name, info)
    return tuple(infos.values())


def run(
    dataset: Dataset, only: Sequence[str], params: dict[str, Any], *, cancel: Cancel, progress: Progress, on_step: Callable[[str], None] | None
) -> CheckReport:
    """See `sde_core.checks.run_checks`."""
    checks = load_checks(only, params)
    work = _Work(dataset, checks, cancel, progress, on_step or (lambda _: None))
    work.look_at_records()
    findings = work.look_at_tables(params)
    if only:
        findings = [finding for finding in findings if finding.check in only]
    infos = tuple(info for info in infos_of(checks) if not only or info.name in only)
    return CheckReport(len(dataset), len(dataset.bad), infos, tuple(_ordered(_without_consequences(findings, checks), infos)), work.seconds)


class _Work:
    """One run: the checks by kind, what they found so far, the time they took."""

    def __init__(self, dataset: Dataset, checks: Sequence[AnyCheck], cancel: Cancel, progress: Progress, on_step: Callable[[str], None]) -> None:
        self._dataset, self._cancel, self._progress, self._on_step = dataset, cancel, progress, on_step
        self._record_checks: list[RecordCheck] = [check for check in checks if hasattr(check, "inspect")]
        self._text_checks: list[TextCheck] = [check for check in checks if hasattr(check, "faults")]
        self._table_checks: list[TableCheck] = [check for check in checks if hasattr(check, "run")]
        self._small_checks: list[AnyCheck] = [*self._record_checks, *self._text_checks]
        self._surveys: dict[type, Survey] = {survey: survey() for check in checks for survey in getattr(check, "surveys", ())}
        self._found: dict[str, list[Finding]] = {check.name: [] for check in self._small_checks}
        self.seconds: dict[str, float] = {check.name: 0.0 for check in checks}

    def _step(self, words: str) -> None:
        raise_if_cancelled(self._cancel)
        self._on_step(words)

    def look_at_records(self) -> None:
        """The pass over the file."""
        if not (self._record_checks or self._text_checks or self._surveys):
            return
        self._step("reading every record")
        for batch in self._dataset.batches(cancel=self._cancel, progress=self._progress):
            for survey in self._surveys.values():
                for row, value, turns in batch:
                    survey.observe(row, value, turns)
            for check in self._record_checks:
                self._timed(check.name, lambda check=check, batch=batch: self._inspect(check, batch))  # type: ignore[misc]
            if self._text_checks:
                self._look_at_texts(batch)

    def _timed(self, name: str, work: Callable[[], None]) -> None:
        started = time.perf_counter()
        work()
        self.seconds[name] += time.perf_counter() - started

    def _inspect(self, check: RecordCheck, batch: Sequence[tuple[int, Any, Turns]]) -> None:
        found = self._found[check.name]
        for row, value, turns in batch:
            found.extend(check.inspect(row, value, turns))

    def _look_at_texts(self, batch: Sequence[tuple[int, Any, Turns]]) -> None:
        texts = TextBatch((row, piece) for row, value, turns in batch for piece in record_texts(turns, value) if piece.text)
        for check in self._text_checks:
            self._timed(check.name, lambda check=check: self._found[check.name].extend(texts.findings_of(check)))  # type: ignore[misc]

    def look_at_tables(self, params: dict[str, Any]) -> list[Finding]:
        """The checks on the whole, and the last word of the others; all findings."""
        self._step("comparing rows")
        context = CheckContext(self._dataset, self._dataset.texts(cancel=self._cancel), params, self._cancel, self._progress, self._surveys)
        findings: list[Finding] = []
        for check in self._small_checks:
            settle = getattr(check, "settle", None)
            findings += settle(self._found[check.name], context) if settle else self._found[check.name]
        for table_check in self._table_checks:
            self._step(table_check.title.lower())
            started = time.perf_counter()
            findings += table_check.run(context)
            self.seconds[table_check.name] += time.perf_counter() - started
        return findings


def _without_consequences(findings: Sequence[Finding], checks: Iterable[AnyCheck]) -> list[Finding]:
    """Findings without those that another finding on the same row explains: one fault, one finding. Equal findings come once."""
    explained_by = _explanations(checks)
    causes: dict[int, set[str]] = {}
    wanted = set().union(*explained_by.values())
    for finding in findings:
        if finding.check in wanted and len(finding.rows) == 1:
            causes.setdefault(finding.rows[0], set()).add(finding.check)
    distinct = {(finding.check, finding.rows, finding.field, finding.message if not finding.field else ""): finding for finding in reversed(findings)}
    return [
        finding
        for finding in reversed(distinct.values())
        if len(finding.rows) != 1 or not (explained_by.get(finding.check, set()) & causes.get(finding.rows[0], set()))
    ]


def _explanations(checks: Iterable[AnyCheck]) -> dict[str, set[str]]:
    """By name of a finding, the names that explain it: as the check of that name says, else as one that makes such findings says."""
    explained_by: dict[str, set[str]] = {}
    for check in checks:
        for name in names_of(check):
            if name == check.name or name not in explained_by:
                explained_by[name] = set(getattr(check, "explained_by", ())) - {name}
    return explained_by


def _ordered(findings: Iterable[Finding], infos: Sequence[CheckInfo]) -> list[Finding]:
    place = {info.name: number for number, info in enumerate(infos)}
    return sorted(
        findings,
        key=lambda finding: (SEVERITIES.index(finding.severity), place.get(finding.check, len(place)), finding.rows[:1] or (-1,), finding.field),
    )
