"""Findings in SARIF 2.1.0, the form in which code hosts and editors take the results of a static analysis (OASIS, 2020)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import xxhash

from sde_core.checks.config import row_key
from sde_core.checks.findings import Finding, Severity
from sde_core.checks.report import CheckReport
from sde_core.dataset import Dataset
from sde_core.files import from_home
from sde_core.visible import visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
_RELATED, _MESSAGE = 10, 400
_MOST_RESULTS = 25_000
"""GitHub refuses a run with more."""


def sarif_log(report: CheckReport, dataset: Dataset) -> dict[str, Any]:
    """The report as one run; silenced findings are in it with their reason as a suppression. Reads the dataset's keys.

    Of more than `_MOST_RESULTS` findings the worst are in it, and how many are not.
    """
    rules = {info.name: number for number, info in enumerate(report.checks)}
    uri = artifact_uri(dataset.path)
    keys = dataset.keys()

    def result(finding: Finding, reason: str = "") -> dict[str, Any]:
        said: dict[str, Any] = {
            "ruleId": finding.check,
            "ruleIndex": rules[finding.check],
            "level": _LEVELS[finding.severity],
            "message": {"text": _message(finding)},
            "locations": [_location(uri, dataset, row) for row in finding.rows[:1] or (None,)],
            "relatedLocations": [_location(uri, dataset, row) for row in finding.rows[1 : 1 + _RELATED]],
            "partialFingerprints": {"sdeFinding/v1": _fingerprint(finding, [row_key(int(keys[row])) for row in finding.rows])},
            "properties": {"rows": list(finding.rows), "field": finding.field, "score": finding.score},
        }
        if reason:
            said["suppressions"] = [{"kind": "external", "justification": reason}]
        return said

    said = [(finding, "") for finding in report.findings] + [(one.finding, one.reason) for one in report.silenced]
    results = [result(*one) for one in said[:_MOST_RESULTS]]
    driver = {"name": "sde", "semanticVersion": _version(), "rules": list(_rules(report))}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "artifacts": [{"location": {"uri": uri}}], "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{**run, "properties": {"resultsLeftOut": len(said) - len(results)}}]}


def artifact_uri(path: str) -> str:
    """The file as SARIF names it: relative below the working folder, where a code host finds it, else absolute; hub names as they are."""
    absolute = from_home(path).absolute()
    if not absolute.exists():
        return quote(os.fsencode(path), safe="/:@")
    here = Path.cwd()
    return quote(os.fsencode(absolute.relative_to(here))) if absolute.is_relative_to(here) else absolute.as_uri()


def _rules(report: CheckReport) -> Iterator[dict[str, Any]]:
    worst: dict[str, Severity] = {}
    for finding in (*report.findings, *(silenced.finding for silenced in report.silenced)):
        worst.setdefault(finding.check, finding.severity)
    for info in report.checks:
        rule: dict[str, Any] = {"id": info.name, "shortDescription": {"text": info.title}}
        if info.advice:
            rule["help"] = {"text": info.advice}
        yield {**rule, "defaultConfiguration": {"level": _LEVELS[worst.get(info.name, "warning")]}}


def _location(uri: str, dataset: Dataset, row: int | None) -> dict[str, Any]:
    """Where a row begins; what concerns the whole file is shown at its first line, for GitHub takes no result without one."""
    line = 1 if row is None else dataset.line(row)
    return {"physicalLocation": {"artifactLocation": {"uri": uri, "index": 0}, "region": {"startLine": line}}}


def _message(finding: Finding) -> str:
    """Message and evidence; brackets and braces have a meaning in SARIF's messages (3.11.5, 3.11.6) and are escaped."""
    shown = visible(f"{finding.message} {finding.evidence}", _MESSAGE)
    return re.sub(r"([\\\[\]])", r"\\\1", shown).replace("{", "{{").replace("}", "}}")


def _fingerprint(finding: Finding, keys: Sequence[str]) -> str:
    """The same for the same finding on the same content, wherever it stands in the file."""
    return xxhash.xxh3_128_hexdigest("\n".join((finding.check, finding.field, *keys)).encode("utf-8", "surrogatepass"))


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("sde")
    except PackageNotFoundError:
        return "0.0.0"
