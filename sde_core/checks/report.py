"""What a run of the checks found, and what to do about it, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sde_core.checks.config import Silence, row_key, silenced_by
from sde_core.checks.findings import SEVERITIES, Finding, Severity
from sde_core.dataset import Dataset

HARM: dict[Severity, float] = {"error": 1.0, "warning": 0.4, "info": 0.05}
"""What a row with a finding of this severity costs, relative to a row that must not be trained on."""


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """What is known about a check without running it.

    Attributes:
        name: As `--only` takes it.
        title: What it finds, as a heading.
        screen: The app's screen that deals with it.
        advice: What to do about it, one sentence; may be empty.
    """

    name: str
    title: str
    screen: str = "formats"
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One line of "what to do next".

    Attributes:
        title: The check's heading.
        check: Its name.
        rows: How many rows it touches.
        severity: The worst among its findings.
        screen: The app's screen that deals with it.
        advice: What to do about it, in plain words; after what was found, where that is one finding.
        damage: Sum over the rows touched of `HARM` of the severity × certainty, what the list is sorted by. Each row counts once, by the first
            finding on it; a finding about the file as a whole counts as one row; certainty is the finding's score, 1 where it has none.
        fix: Name of the safe fix that most of its findings have, empty where there is none.
    """

    title: str
    check: str
    rows: int
    severity: Severity
    screen: str
    advice: str
    damage: float
    fix: str = ""


@dataclass(frozen=True, slots=True)
class SilencedFinding:
    """A finding that the configuration lets stand, and why."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All findings of one run.

    Attributes:
        rows: Records, malformed ones included.
        bad_lines: Malformed records.
        checks: The checks that ran, in order.
        findings: Worst severity first, then in the order of the checks, then by row.
        seconds: Processor time spent in each check, by name, in all processes together.
        silenced: Findings that were taken out of `findings` because the configuration silences them.
        cached_at: When they were computed, in seconds since 1970, where they come from the cache; 0 where they were computed now.
    """

    rows: int
    bad_lines: int
    checks: tuple[CheckInfo, ...]
    findings: tuple[Finding, ...]
    seconds: dict[str, float] = field(default_factory=dict, compare=False)
    silenced: tuple[SilencedFinding, ...] = ()
    cached_at: float = field(default=0.0, compare=False)

    @property
    def silenced_counts(self) -> dict[tuple[str, str], int]:
        """Silenced findings by check and reason, in the order of the checks."""
        counted = Counter((silenced.finding.check, silenced.reason) for silenced in self.silenced)
        order = {info.name: number for number, info in enumerate(self.checks)}
        return dict(sorted(counted.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0][1])))

    def with_silences(self, silences: Sequence[Silence], dataset: Dataset) -> CheckReport:
        """The same report under these silences and no others; reads the dataset to its end where one of them names record keys."""
        findings = self._with_silenced()
        rows = {row for finding in findings for row in finding.rows} if any(silence.keys for silence in silences) else set()
        keys = dataset.keys() if rows else ()
        covered = silenced_by(findings, silences, {row: row_key(int(keys[row])) for row in rows})
        kept = tuple(finding for finding, silence in zip(findings, covered, strict=True) if silence is None)
        silenced = tuple(SilencedFinding(finding, silence.reason) for finding, silence in zip(findings, covered, strict=True) if silence)
        return replace(self, findings=kept, silenced=silenced)

    def _with_silenced(self) -> tuple[Finding, ...]:
        if not self.silenced:
            return self.findings
        order = {info.name: number for number, info in enumerate(self.checks)}
        return tuple(ordered_findings([*self.findings, *(silenced.finding for silenced in self.silenced)], order))

    @property
    def counts(self) -> dict[str, int]:
        """Findings by check, checks without any left out, in the order of the checks."""
        counted = Counter(finding.check for finding in self.findings)
        return {info.name: counted[info.name] for info in self.checks if counted[info.name]}

    def of(self, check: str) -> tuple[Finding, ...]:
        """The findings of one check."""
        return tuple(finding for finding in self.findings if finding.check == check)

    def by_row(self) -> dict[int, tuple[Finding, ...]]:
        """The findings that concern each row."""
        found: dict[int, list[Finding]] = {}
        for finding in self.findings:
            for row in finding.rows:
                found.setdefault(row, []).append(finding)
        return {row: tuple(findings) for row, findings in found.items()}

    def worst(self) -> Severity | None:
        """The worst severity found."""
        return self.findings[0].severity if self.findings else None

    def actions(self) -> tuple[Action, ...]:
        """What to do next, by expected damage."""
        grouped: dict[str, list[Finding]] = {}
        for finding in self.findings:
            grouped.setdefault(finding.check, []).append(finding)
        actions = [_action(info, grouped[info.name]) for info in self.checks if info.name in grouped]
        return tuple(sorted(actions, key=lambda action: (-action.damage, action.check)))

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """What `sde check --json` prints."""
        return {
            "dataset": {
                "path": dataset.path,
                "rows": self.rows,
                "bad_lines": self.bad_lines,
                "layout": dataset.layout.name,
                "fingerprint": dataset.fingerprint,
            },
            "counts": self.counts,
            "findings": [finding_json(finding, dataset) for finding in self.findings],
            "silenced": [{"check": check, "reason": reason, "findings": count} for (check, reason), count in self.silenced_counts.items()],
            "cached": bool(self.cached_at),
        }


def ordered_findings(findings: Iterable[Finding], order: Mapping[str, int]) -> list[Finding]:
    """Worst severity first, then in the order of the checks, then by row."""
    return sorted(
        findings,
        key=lambda finding: (SEVERITIES.index(finding.severity), order.get(finding.check, len(order)), finding.rows[:1] or (-1,), finding.field),
    )


def finding_json(finding: Finding, dataset: Dataset) -> dict[str, Any]:
    """A finding as the command line prints it, with the line of its first row."""
    return finding.to_json(dataset.line(finding.rows[0]) if finding.rows else None)


def _action(info: CheckInfo, findings: Sequence[Finding]) -> Action:
    rows: set[int] = set()
    damage = 0.0
    for finding in findings:
        fresh = [row for row in finding.rows if row not in rows]
        rows.update(fresh)
        damage += max(len(fresh), 0 if finding.rows else 1) * HARM[finding.severity] * (1.0 if finding.score is None else finding.score)
    severity = min((finding.severity for finding in findings), key=SEVERITIES.index)
    fixes = Counter(finding.fix for finding in findings)
    return Action(info.title, info.name, len(rows), severity, info.screen, _advice(info, findings), damage, fixes.most_common(1)[0][0])


def _advice(info: CheckInfo, findings: Sequence[Finding]) -> str:
    return f"{findings[0].message} {info.advice}".strip() if len(findings) == 1 else info.advice
