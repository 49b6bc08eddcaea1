"""Runs checks: one pass over the records for all that look at a record or a text, beside it those that look at the whole."""

from __future__ import annotations

import difflib
import importlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sde_core.checks import CHECKS
from sde_core.checks.findings import CheckContext, Finding, Survey, TableCheck
from sde_core.checks.record_pass import AnyCheck, PassResult, RecordPass, looks_at_records, surveys_of
from sde_core.checks.record_workers import SharedPass, worth_workers
from sde_core.checks.report import CheckInfo, CheckReport, ordered_findings
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.progress import Cancel, Progress, raise_if_cancelled, silent
from sde_core.visible import visible

_TEXTS_WEIGHT, _RECORDS_WEIGHT, _TABLE_WEIGHT = 0.3, 1.0, 0.05
_WEIGHTS = {"exact-duplicate": 0.6, "conflicting-labels": 0.2, "odd-answer": 0.4}
"""About how long each part takes, the pass over the records being 1; for the progress alone."""


def load_checks(only: Sequence[str] = (), params: dict[str, Any] | None = None) -> list[AnyCheck]:
    """Fresh instances of the checks, all or those named.

    Raises:
        UsageError: When a name is not a check's.
    """
    checks = [_loaded(path) for path in CHECKS]
    known = list(dict.fromkeys(name for check in checks for name in names_of(check)))
    for name in only:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"Did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"There is no check named {visible(name, 60)!r}.", f"{meant}Checks: {', '.join(known)}.")
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


def known_names() -> list[str]:
    """The names of all checks, each once."""
    return list(dict.fromkeys(name for check in load_checks() for name in names_of(check)))


def infos_of(checks: Iterable[AnyCheck]) -> tuple[CheckInfo, ...]:
    """Name, title, screen and advice of checks; a name that several checks report comes once."""
    infos: dict[str, CheckInfo] = {}
    for check in checks:
        titles = getattr(check, "titles", {})
        for name in names_of(check):
            advice = getattr(check, "advices", {}).get(name, getattr(check, "advice", ""))
            info = CheckInfo(name, titles.get(name, check.title), getattr(check, "screen", "formats"), advice)
            infos.setdefault(name, info)
    return tuple(infos.values())


def run(
    dataset: Dataset,
    only: Sequence[str],
    params: dict[str, Any],
    *,
    cancel: Cancel,
    progress: Progress,
    on_step: Callable[[str], None] | None,
    workers: int | None = None,
) -> CheckReport:
    """See `sde_core.checks.run_checks`."""
    checks = load_checks(only, params)
    dataset.read_all(cancel=cancel)
    work = _Work(dataset, checks, params, cancel, _Share(len(dataset), checks, progress), on_step or (lambda _: None))
    findings = work.findings(only, worth_workers(dataset) if workers is None else workers)
    if only:
        findings = [finding for finding in findings if finding.check in only]
    infos = tuple(info for info in infos_of(checks) if not only or info.name in only)
    order = {info.name: number for number, info in enumerate(infos)}
    return CheckReport(len(dataset), len(dataset.bad), infos, tuple(ordered_findings(_without_consequences(findings, checks), order)), work.seconds)


class _Share:
    """Progress of the whole run in rows: each part of the work counts for as much as it usually takes."""

    def __init__(self, rows: int, checks: Sequence[AnyCheck], progress: Progress) -> None:
        self._rows, self._progress = rows, progress
        self._weights = {"texts": _TEXTS_WEIGHT, "records": _RECORDS_WEIGHT} | {
            check.name: _WEIGHTS.get(check.name, _TABLE_WEIGHT) for check in checks if not looks_at_records(check)
        }
        self._done = dict.fromkeys(self._weights, 0.0)
        self._lock = threading.RLock()

    def of(self, part: str) -> Progress:
        """The progress of one part."""

        def report(done: int, total: int | None) -> None:
            self._set(part, done / total if total else 0.0)

        return report

    def add_rows(self, rows: int) -> None:
        """Says that more rows of the pass over the records are done; from any thread."""
        with self._lock:
            self._set("records", self._done["records"] + rows / max(self._rows, 1))

    def end(self, part: str) -> None:
        """Says that a part is done."""
        self._set(part, 1.0)

    def _set(self, part: str, share: float) -> None:
        with self._lock:
            self._done[part] = min(max(share, self._done[part]), 1.0)
            done = sum(self._weights[name] * part_done for name, part_done in self._done.items()) / sum(self._weights.values())
            self._progress(min(round(done * self._rows), self._rows), self._rows)


class _Work:
    """One run: the checks by kind, what they found, the time they took."""

    def __init__(
        self,
        dataset: Dataset,
        checks: Sequence[AnyCheck],
        params: dict[str, Any],
        cancel: Cancel,
        share: _Share,
        on_step: Callable[[str], None],
    ) -> None:
        self._dataset, self._checks, self._params, self._cancel, self._share, self._on_step = dataset, checks, params, cancel, share, on_step
        self._found: dict[str, list[Finding]] = {check.name: [] for check in checks}
        self.seconds: dict[str, float] = {check.name: 0.0 for check in checks}

    def findings(self, only: Sequence[str], workers: int) -> list[Finding]:
        """All of them; while other processes look at the records, this one compares rows."""
        self._step("reading every record")
        record_pass = RecordPass(self._dataset, self._checks)
        tables = [check for check in self._checks if hasattr(check, "run")]
        with SharedPass(record_pass, self._dataset, only, self._params, workers, self._share.add_rows) as shared:
            texts = self._dataset.texts(cancel=self._cancel, progress=self._share.of("texts"))
            self._share.end("texts")
            context = CheckContext(self._dataset, texts, self._params, self._cancel, silent, self._surveys_of_one_pass())
            for check in tables:
                if not getattr(check, "surveys", ()):
                    self._compare(check, context)
            self._step("looking at every record")
            surveys = self._merged(shared.finished(self._cancel))
        context = replace(context, surveys={**context.surveys, **surveys})
        for check in tables:
            if getattr(check, "surveys", ()):
                self._compare(check, context)
        self._share.end("records")
        return [finding for check in self._checks for finding in self._settled(check, context)]

    def _step(self, words: str) -> None:
        raise_if_cancelled(self._cancel)
        self._on_step(words)

    def _compare(self, check: TableCheck, context: CheckContext) -> None:
        self._step(check.title[:1].lower() + check.title[1:])
        started = time.process_time()
        self._found[check.name] = check.run(replace(context, progress=self._share.of(check.name)))
        self.seconds[check.name] += time.process_time() - started
        self._share.end(check.name)

    def _merged(self, results: Sequence[PassResult]) -> dict[type, Survey]:
        """Takes over what the pass found; the surveys of all its pieces."""
        surveys = {survey: survey() for survey in surveys_of(self._checks)}
        for result in results:
            for name, found in result.found.items():
                self._found[name] += found
            for name, seconds in result.seconds.items():
                self.seconds[name] += seconds
            for survey, state in zip(surveys.values(), result.surveys, strict=True):
                survey.absorb(state)
        return surveys

    def _surveys_of_one_pass(self) -> dict[type, Survey]:
        """The surveys that cannot be taken in pieces, taken here."""
        surveys = {survey: survey() for survey in surveys_of(self._checks, mergeable=False)}
        for batch in self._dataset.batches(cancel=self._cancel) if surveys else ():
            for survey in surveys.values():
                for row, value, turns in batch:
                    survey.observe(row, value, turns)
        return surveys

    def _settled(self, check: AnyCheck, context: CheckContext) -> list[Finding]:
        found = self._found[check.name]
        settle = getattr(check, "settle", None)
        return list(settle(found, context)) if settle else found


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
