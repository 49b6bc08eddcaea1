"""What is wrong with the dataset, as far as it was checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sde_core.visible import visible

if TYPE_CHECKING:
    import numpy as np

    from sde_core.checks.findings import Finding
    from sde_core.checks.report import CheckReport
    from sde_core.dataset import Edits
    from sde_tui.session import Session

AUTOMATIC_ROWS = 200_000
"""Up to so many rows the checks start by themselves."""

_WEIGHT = {"error": 100.0, "warning": 10.0, "info": 1.0}


class FindingsPart:
    """Runs the checks in a thread and answers questions about single rows."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._report: CheckReport | None = None
        self._by_row: dict[int, list[Finding]] = {}
        self._edits: Edits = {}
        self.stale = ""

    @property
    def report(self) -> CheckReport | None:
        """The last run, None before the first."""
        return self._report

    @property
    def running(self) -> bool:
        """Whether checks run now."""
        return self._session.lanes.running("check") is not None

    def start(self) -> None:
        """Runs the checks by themselves where the dataset is small enough for that."""
        if len(self._session.dataset) <= AUTOMATIC_ROWS:
            self.run()

    def run(self) -> None:
        """Runs all checks on all rows."""
        edits, findings = self._session.dataset.edits, self._session.signals.findings
        self._session.lanes.thread("check", "checking", self._run, lambda found: self._ran(found, edits), ended=lambda: findings.publish("stopped"))
        self._session.signals.findings.publish("started")

    def _run(self, cancel: Any, progress: Any) -> tuple[CheckReport, dict[int, list[Finding]]]:
        from sde_core.checks import run_checks

        report = run_checks(self._session.dataset, cancel=cancel, progress=progress)
        by_row: dict[int, list[Finding]] = {}
        for finding in report.findings:
            for row in finding.rows:
                by_row.setdefault(row, []).append(finding)
        return report, by_row

    def _ran(self, found: tuple[CheckReport, dict[int, list[Finding]]], edits: Edits) -> None:
        self._report, self._by_row = found
        self._edits = edits
        self._compare_edits()
        self._session.signals.findings.publish("ran")
        self._session.overview.measure()

    def texts_changed(self) -> None:
        """Remembers that texts are others now than those that were checked."""
        if self._report is not None:
            self._compare_edits()
            self._session.signals.findings.publish("stale")

    def _compare_edits(self) -> None:
        """An edit that was undone leaves the texts as they were checked."""
        self.stale = "from before your edits: r checks again" if self._edits != self._session.dataset.edits else ""

    def forget(self) -> None:
        """Drops what was found under another layout, and checks again."""
        self._report, self._by_row, self.stale = None, {}, ""
        self.start()

    # ---- about rows

    def of(self, row: int) -> list[Finding]:
        """Findings that concern a row, worst first."""
        return self._by_row.get(row, [])

    def severity(self, row: int) -> str:
        """The worst severity found on a row, "" where nothing was."""
        found = self._by_row.get(row)
        return found[0].severity if found else ""

    def reason(self, row: int) -> str:
        """Why one would reject the row: its worst finding, or the user's hand."""
        found = [finding for finding in self.of(row) if finding.severity != "info"]
        return visible(found[0].message, 120) if found else "by hand"

    @property
    def rows(self) -> list[int]:
        """Rows with a finding, in file order."""
        return sorted(self._by_row)

    def harm(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows with findings, and how much was found on each."""
        import numpy as np

        rows = self.rows
        harm = [sum(_WEIGHT[finding.severity] for finding in self._by_row[row]) for row in rows]
        return np.array(rows, np.int64), np.array(harm, np.float64)
