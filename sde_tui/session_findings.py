"""What is wrong with the dataset, as far as it was checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_tui.session_work import WorkPart

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from sde_core.checks.config import CheckConfig, Silence
    from sde_core.checks.findings import Finding
    from sde_core.checks.report import CheckReport
    from sde_core.dataset import Edits
    from sde_tui.session import Session

AUTOMATIC_ROWS = 200_000
"""Up to so many rows the checks start by themselves."""

ROWS_PER_SECOND = 7_000
"""About how many chat rows two cores check in a second; to say beforehand how long it takes."""

_WEIGHT = {"error": 100.0, "warning": 10.0, "info": 1.0}


@dataclass(frozen=True, slots=True)
class _Found:
    """What a run in the thread gave."""

    report: CheckReport
    by_row: dict[int, list[Finding]]
    config: CheckConfig
    config_error: str


def _by_row(report: CheckReport) -> dict[int, list[Finding]]:
    """The findings that concern each row, worst first."""
    found: dict[int, list[Finding]] = {}
    for finding in report.findings:
        for row in finding.rows:
            found.setdefault(row, []).append(finding)
    return found


class FindingsPart(WorkPart):
    """Runs the checks in a thread and answers questions about single rows.

    Attributes:
        stale: Why the findings may not be those of the rows as they are now, "" where they are.
        config_error: What is wrong with `sde.toml`, "" where nothing is; its silences are then not in force.
    """

    lane, needs = "check", "checks need"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._report: CheckReport | None = None
        self._config: CheckConfig | None = None
        self._by_row: dict[int, list[Finding]] = {}
        self._edits: Edits = {}
        self.stale = ""
        self.config_error = ""

    @property
    def report(self) -> CheckReport | None:
        """The last run, None before the first."""
        return self._report

    @property
    def is_large(self) -> bool:
        """Whether the dataset is so large that checks wait to be asked for."""
        return len(self._session.dataset) > AUTOMATIC_ROWS

    def start(self) -> None:
        """Runs the checks by themselves where the dataset is small enough for that, or shows what an earlier run found."""
        if not self.is_large:
            self._begin()
            return
        from sde_core.checks.report_cache import has_reports

        if has_reports(self._session.project.cache_dir):
            self._begin(cached_only=True)

    def run(self) -> None:
        """Runs all checks on all rows, unless the very same rows have been checked before."""
        self._begin(again=self._report is not None and not self.stale)

    def _begin(self, *, cached_only: bool = False, again: bool = False) -> None:
        edits, findings = self._session.dataset.edits, self._session.signals.findings
        self._session.lanes.thread(
            self.lane,
            "looking for earlier findings" if cached_only else "checking",
            lambda cancel, progress: self._run(cancel, progress, cached_only=cached_only, again=again),
            lambda found: self._ran(found, edits),
            ended=lambda: findings.publish("stopped"),
        )
        findings.publish("started")

    def _run(self, cancel: Any, progress: Any, *, cached_only: bool, again: bool) -> _Found | None:
        from sde_core.checks import cached_checks, run_checks

        dataset, cache_dir = self._session.dataset, self._session.project.cache_dir
        config, error = self._read_config()
        if cached_only:
            report = cached_checks(dataset, cache_dir, params=config.params, cancel=cancel)
        else:
            report = run_checks(dataset, params=config.params, cancel=cancel, progress=progress, cache_dir=cache_dir, anew=again)
        if report is None:
            return None
        report = report.with_silences(config.silences, dataset)
        return _Found(report, _by_row(report), config, error)

    def _read_config(self) -> tuple[CheckConfig, str]:
        """What `sde.toml` says; a mistake in it keeps nobody from checking, and is told."""
        from sde_core.checks.config import CONFIG_NAME, CheckConfig, config_for
        from sde_core.checks.runner import known_names

        try:
            return config_for(self._session.dataset.path, known_names()), ""
        except SdeError as error:
            # one line has no room for the path of a deep folder and for what is wrong
            _, name, what = error.message.partition(CONFIG_NAME)
            return CheckConfig(), f"{name + what or error.message} {error.hint}".strip()

    def _ran(self, found: _Found | None, edits: Edits) -> None:
        if found is None:
            self._session.signals.findings.publish("stopped")
            return
        self._config, self.config_error, self._edits = found.config, found.config_error, edits
        self._show(found.report, found.by_row)
        self._session.overview.measure()

    def _show(self, report: CheckReport, by_row: dict[int, list[Finding]]) -> None:
        self._report, self._by_row = report, by_row
        self._compare_edits()
        self._session.signals.findings.publish("ran")

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

    # ---- silences

    @property
    def config_path(self) -> Path:
        """Where silences are written."""
        from sde_core.checks.config_edit import config_path

        return config_path(self._session.dataset.path)

    def silence(self, check: str, reason: str) -> bool:
        """Writes into `sde.toml` that a check's findings may stand, and why; whether that was possible."""
        from sde_core.checks.config import Silence
        from sde_core.checks.config_edit import add_silence

        return self._changed_config(lambda: add_silence(self.config_path, Silence(reason.strip(), check)))

    def silences_of(self, check: str) -> list[Silence]:
        """The silences of one check that name no field and no rows, in file order."""
        silences = self._config.silences if self._config else ()
        return [silence for silence in silences if silence.check == check and not (silence.field or silence.rows or silence.keys)]

    def unsilence(self, check: str) -> bool:
        """Takes the silences of a check out of `sde.toml`; whether that was possible."""
        from sde_core.checks.config_edit import remove_silence
        from sde_core.checks.runner import known_names

        def remove() -> None:
            for silence in reversed(self.silences_of(check)):
                remove_silence(self.config_path, silence, known_names())

        return self._changed_config(remove)

    def _changed_config(self, change: Any) -> bool:
        """Changes the file, then shows the same findings under what it says now."""

        def changed() -> bool:
            change()
            self._config, self.config_error = self._read_config()
            if self._report is not None:
                report = self._report.with_silences(self._config.silences, self._session.dataset)
                self._show(report, _by_row(report))
            return not self.config_error

        return bool(self._session.attempt(changed))

    # ---- the report

    def write_report(self, name: str) -> Path | None:
        """Writes the one-page report in the form that the name says; where it lies, None where that was not possible."""
        from sde_core.checks.summary import report_format, write_report
        from sde_core.files import from_home

        def written() -> Path:
            path = from_home(name).absolute()
            form = report_format(path)
            if self._session.project.state_dir in path.parents:
                self._session.project.created()
            if self._report is not None:
                write_report(path, self._report, self._session.dataset, form)
            return path

        path: Path | None = self._session.attempt(written)
        return path

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
