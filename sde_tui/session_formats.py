"""Format and answer findings: by check, with what their safe fixes would change; groups whose answers have one shape; prompt templates."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.checks.findings import Finding
    from sde_core.checks.report import CheckReport
    from sde_core.dataset import Dataset, Edit
    from sde_core.features.answer_shape import ShapeGroup, ShapeReport
    from sde_tui.session import Session

AUTOMATIC_ROWS = 300_000
"""Up to so many rows the answers are grouped by themselves when the screen is first shown."""
_REASON, _SAMPLES = 120, 3
_HABIT = re.compile(r"^(\d+%) of ([\d,]+) answers \(.*\) (.*)$")
"""A share, the answers of the group that it is of, and a habit."""


@dataclass(frozen=True, slots=True)
class CheckEntry:
    """One check that found something.

    Attributes:
        name: Its name.
        title: What it finds.
        advice: What to do about it.
        severity: The worst found.
        rows: Rows it touches.
        findings: What it found, worst first.
        fixes: The safe fixes that its findings have.
        fixable: Rows that these fixes would change.
    """

    name: str
    title: str
    advice: str
    severity: str
    rows: int
    findings: tuple[Finding, ...]
    fixes: tuple[str, ...]
    fixable: int


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """One group of rows and the shapes of its answers.

    Attributes:
        title: What the rows have in common.
        rows: How many there are.
        family: What most answers are, in words.
        share: How many are that.
        odd: (row, what is said of it) of the rows that are reported as odd.
        habits: What those break, in words; none where they are odd among other rows than these.
        shapes: (kind, detail, rows), most first.
    """

    title: str
    rows: int
    family: str
    share: float
    odd: tuple[tuple[int, str], ...]
    habits: tuple[str, ...]
    shapes: tuple[tuple[str, str, int], ...]


class FormatsPart:
    """What the checks found about form, the groups of answers, and fixes as decisions."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shapes: ShapeReport | None = None
        self._entries: tuple[CheckReport, tuple[CheckEntry, ...]] | None = None
        self._groups: tuple[Any, dict[str, tuple[GroupEntry, ...]]] | None = None
        self._previews: dict[tuple[str, tuple[int, ...], str], Edit | None] = {}
        self._previewed: Dataset | None = None
        session.signals.dataset.subscribe(session.app, self._dataset_changed)

    def _dataset_changed(self, how: str) -> None:
        if how == "layout":
            self._session.lanes.stop("shapes")
            self._shapes = self._groups = None

    # ---- what was found

    @property
    def checked(self) -> bool:
        """Whether the checks have run."""
        return self._session.findings.report is not None

    @property
    def entries(self) -> tuple[CheckEntry, ...]:
        """The checks on form and answers that found something, most damage first."""
        report = self._session.findings.report
        if report is None:
            return ()
        if self._entries is None or self._entries[0] is not report:
            self._entries = report, tuple(_entry(report, action) for action in report.actions() if action.screen == "formats")
        return self._entries[1]

    def entry(self, name: str) -> CheckEntry | None:
        """A check by name, None where it found nothing."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def state(self, finding: Finding) -> str:
        """ "fixed", "rejected" or "": what became of the finding's first row."""
        if not finding.rows:
            return ""
        if finding.fix and self.preview(finding) is None:
            return "fixed"
        return "rejected" if self._session.decisions.status(finding.rows[0]) == "rejected" else ""

    # ---- groups

    @property
    def grouping(self) -> bool:
        """Whether answers are being grouped now."""
        return self._session.lanes.running("shapes") is not None

    @property
    def grouped(self) -> bool:
        """Whether the groups are known."""
        return self._shapes is not None

    def start(self) -> None:
        """Groups the answers by itself where that was not done yet and the dataset is small enough."""
        dataset = self._session.dataset
        if dataset.complete and not self.grouped and not self.grouping and len(dataset) <= AUTOMATIC_ROWS:
            self.group()

    def group(self) -> None:
        """Groups the answers by their shapes, in a thread."""
        dataset = self._session.dataset

        def work(cancel: Any, progress: Any) -> ShapeReport:
            from sde_core.checks.answers.shapes import answer_groups

            return answer_groups(dataset, cancel=cancel, progress=progress)

        self._session.lanes.thread("shapes", "grouping answers", work, self._were_grouped)

    def _were_grouped(self, report: ShapeReport) -> None:
        self._shapes, self._groups = report, None
        self._session.signals.findings.publish("shapes")

    @property
    def groups(self) -> tuple[GroupEntry, ...]:
        """The groups, largest first; () where they are not known yet."""
        if self._shapes is None:
            return ()
        report = self._session.findings.report
        if self._groups is None or self._groups[0] is not report:
            entry = self.entry("odd-answer")
            odd = {row: finding.message for finding in entry.findings for row in finding.rows} if entry else {}
            by_kind = {"group": self._shapes.groups, "template": self._shapes.templates}
            self._groups = report, {kind: tuple(_group_entry(group, odd) for group in groups) for kind, groups in by_kind.items()}
        return self._groups[1]["group"]

    @property
    def templates(self) -> tuple[GroupEntry, ...]:
        """The rows by the template of their prompt, largest first, those without one last; () where there are none."""
        return self._groups[1]["template"] if self.groups and self._groups is not None else ()

    def odd_finding(self, row: int) -> Finding | None:
        """What was found of a row whose answer breaks the habit of its group."""
        entry = self.entry("odd-answer")
        return next((finding for finding in entry.findings if row in finding.rows), None) if entry else None

    def rows_of_shape(self, kind: str, group: int, shape: int) -> list[int]:
        """The rows of a group, or of a template, whose answer has the shape at this place of its list."""
        if self._shapes is None:
            return []
        groups = self._shapes.templates if kind == "template" else self._shapes.groups
        if group >= len(groups) or shape >= len(groups[group].shapes):
            return []
        rows: list[int] = groups[group].rows_of(groups[group].shapes[shape][0], self._shapes).tolist()
        return rows

    def example(self, row: int) -> str:
        """The answer of a row, as it stands now."""
        return visible(self._session.dataset.turns(row).answer, 600)

    # ---- fixes

    def preview(self, finding: Finding) -> Edit | None:
        """What the finding's fix would change in its first row, None where it has none or is done."""
        if not finding.fix or not finding.rows:
            return None
        if self._previewed is not self._session.dataset:
            self._previewed, self._previews = self._session.dataset, {}
        key = (finding.check, finding.rows[:1], finding.field)
        if key not in self._previews:
            from dataclasses import replace

            from sde_core.checks.fixes import fix_edits

            edits = fix_edits(self._session.dataset, [replace(finding, rows=finding.rows[:1])])
            self._previews[key] = edits[0] if edits else None
        return self._previews[key]

    def changed_part(self, edit: Edit) -> tuple[str, str]:
        """What the edit takes away and what it puts there."""
        from sde_core.checks.fixes import changed_part

        before, after = changed_part(edit, 20)
        return visible(before, 400), visible(after, 400)

    def fix(self, finding: Finding) -> bool:
        """Applies the fix to the finding's row; False where there was nothing to do."""
        edit = self.preview(finding)
        return edit is not None and self._session.decisions.edit([edit], f"fix: {finding.fix}")

    def prepare(self, findings: Sequence[Finding], ready: Callable[[Sequence[Edit]], None]) -> None:
        """Works out in a thread what all these fixes would change, then calls `ready`."""
        dataset = self._session.dataset

        def work(cancel: Any, progress: Any) -> list[Edit]:
            from sde_core.checks.fixes import fix_edits

            return fix_edits(dataset, [finding for finding in findings if finding.fix], cancel=cancel, progress=progress)

        self._session.lanes.thread("fixes", "preparing fixes", work, ready)

    def samples(self, edits: Sequence[Edit]) -> list[str]:
        """The first few edits, each as "row: before → after"."""
        shown = []
        for edit in edits[:_SAMPLES]:
            before, after = self.changed_part(edit)
            shown.append(f"row {edit.row}: {visible(before, 32)} → {visible(after, 32)}")
        return shown

    def apply(self, edits: Sequence[Edit], fixes: Sequence[str]) -> bool:
        """Applies edits as one decision."""
        return self._session.decisions.edit(edits, f"fix: {', '.join(fixes)}")

    # ---- rejecting and drilling

    def rows_to_reject(self, findings: Sequence[Finding]) -> dict[int, str]:
        """Rows of these findings that are not rejected yet, each with the reason."""
        status = self._session.decisions.status
        return {row: visible(finding.message, _REASON) for finding in findings for row in finding.rows if status(row) != "rejected"}

    def reject(self, reasons: dict[int, str]) -> bool:
        """Rejects rows for the reasons given."""
        return self._session.decisions.reject(list(reasons), list(reasons.values()))

    def drill(self, rows: Sequence[int], title: str, *, screen: str, first: int | None = None) -> None:
        """Opens rows in Records, with the cursor on `first`."""
        self._session.records.drill(list(dict.fromkeys(rows)), visible(title, 60), screen=screen)
        if first is not None:
            self._session.records.jump(first)


def _entry(report: CheckReport, action: Any) -> CheckEntry:
    findings = report.of(action.check)
    advice = next(info.advice for info in report.checks if info.name == action.check)
    fixes = tuple(dict.fromkeys(finding.fix for finding in findings if finding.fix))
    fixable = len({row for finding in findings if finding.fix for row in finding.rows})
    return CheckEntry(action.check, action.title, advice, action.severity, action.rows, findings, fixes, fixable)


def _group_entry(group: ShapeGroup, odd: dict[int, str]) -> GroupEntry:
    family, share = group.family
    shapes = tuple((kind, detail, count) for (kind, detail), count in group.shapes)
    breakers = tuple((row, odd[row]) for row in group.rows.tolist() if row in odd)
    habits = tuple(dict.fromkeys(visible(habit, 120) for _, message in breakers if (habit := _habit(message, len(group.rows)))))
    return GroupEntry(visible(" ".join(group.title.split()), 300), len(group.rows), family, share, breakers, habits, shapes)


def _habit(message: str, rows: int) -> str:
    """The habit that a message speaks of, "" where it is that of a group of another size."""
    said = _HABIT.match(message.split(";")[0])
    if said is None:
        return message.split(";")[0]
    share, answers, habit = said.groups()
    return f"{share} {habit}" if answers == f"{rows:,}" else ""
