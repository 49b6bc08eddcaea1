"""What the Overview says: facts that are known at once, those that fill in, and the next steps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of, duration, size_of
from sde_tui.session_findings import ROWS_PER_SECOND

if TYPE_CHECKING:
    import polars as pl

    from sde_core.checks.findings import Finding
    from sde_core.checks.report import CheckReport
    from sde_tui.lanes import Task
    from sde_tui.session import Session


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the opened file is; each a line of words, "" where there is nothing to say."""

    path: str
    holds: str
    layout: str
    texts: str
    decided: str
    bad_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One check that found something.

    Attributes:
        check: Its name.
        title: What it finds.
        severity: The worst found.
        rows: How many rows it touches; 0 for the file as a whole.
        advice: What was found or what to do about it, where the title does not say it.
        number: Number key of the screen that deals with it, 0 where there is none.
        damage: Its share of the damage of all problems, 0-1; see `sde_core.checks.report.Action`.
    """

    check: str
    title: str
    severity: str
    rows: int
    advice: str
    number: int = 0
    damage: float = 0.0


@dataclass(frozen=True, slots=True)
class Silenced:
    """Findings that the configuration lets stand: of one check, for one reason; `rows` is 0 for the file as a whole."""

    check: str
    title: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class Step:
    """One next step: the key that does it, in words; a screen or an action."""

    key: str
    words: str
    screen: str = ""
    action: str = ""


class OverviewPart:
    """Cheap facts at once, expensive ones in a thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._texts = ""
        self._problems: tuple[CheckReport, list[Problem]] | None = None

    def facts(self, *, bad_lines: int = 0) -> FileFacts:
        """What is known now, with the first few lines that cannot be read."""
        session, dataset = self._session, self._session.dataset
        found = dataset.bad
        bad = [f"line {record.line:,}: {record.message} — {record.excerpt}" for record in found[:bad_lines]]
        if bad_lines and len(found) > bad_lines:
            bad.append(f"and {len(found) - bad_lines:,} more: o in Records shows them all")
        return FileFacts(
            str(Path(dataset.path).expanduser().absolute()) if Path(dataset.path).exists() else dataset.path,
            self._holds(), _layout_words(session), self._texts or self._texts_so_far(), self._decided(), tuple(bad),
        )  # fmt: skip

    def measure(self) -> None:
        """Counts lengths, labels and splits of all rows in a thread, once the checks have read them anyway."""
        self._session.lanes.thread(
            "measure",
            "measuring",
            lambda cancel, progress: _text_words(self._session.dataset.texts(cancel=cancel, progress=progress)),
            self._measured,
            quiet=True,
        )

    def _measured(self, words: str) -> None:
        self._texts = words
        self._session.signals.dataset.publish("measured")

    def _holds(self) -> str:
        dataset = self._session.dataset
        count = len(dataset)
        known = count_of(count, "row") if dataset.complete else f"≥ {count:,} rows, {int(self._session.read_share * 100)} % read"
        if dataset.bad:
            known += f", {len(dataset.bad):,} cannot be read"
        elif not dataset.bad_known:
            known += ", not all parsed yet"
        return f"{known} · {dataset.format}, {size_of(dataset.size)}"

    def _texts_so_far(self) -> str:
        sample = range(min(len(self._session.dataset), 50))
        cells = [self._session.records.cells(row) for row in sample]
        labelled = sum(bool(cell.label) for cell in cells)
        words = f"first {len(cells)} rows: " + (f"{labelled} with a label" if labelled else "no label")
        return words + f", {sum(not cell.answer for cell in cells)} without an answer"

    def _decided(self) -> str:
        accepted, rejected = self._session.decisions.counts
        if not (accepted or rejected):
            return ""
        kept = f"training set: {accepted:,} accepted rows" if accepted else "training set: all rows that are not rejected"
        return f"{accepted:,} accepted, {rejected:,} rejected · {kept}"

    # ---- problems

    def problems(self) -> list[Problem] | None:
        """What the checks found, worst first; None before they ran."""
        report = self._session.findings.report
        if report is None:
            return None
        if self._problems is None or self._problems[0] is not report:
            self._problems = (report, _problems_of(report))
        return self._problems[1]

    def _found(self, check: str) -> list[Finding]:
        report = self._session.findings.report
        return [finding for finding in report.findings if finding.check == check] if report is not None else []

    def rows_behind(self, check: str) -> tuple[list[int], str]:
        """The rows a check found, worst first, and what they are."""
        rows = list(dict.fromkeys(row for finding in self._found(check) for row in finding.rows))
        return rows, next((problem.title for problem in self.problems() or () if problem.check == check), check).lower()

    def whole_file_words(self, check: str) -> str:
        """What a finding about the whole file says."""
        found = self._found(check)
        return visible(f"{found[0].message} {found[0].evidence}", 300) if found else "Nothing was found."

    def silenced(self) -> list[Silenced]:
        """What the configuration silences, by check and reason."""
        report = self._session.findings.report
        if report is None:
            return []
        titles = {info.name: info.title for info in report.checks}
        rows: dict[tuple[str, str], set[int]] = {}
        for one in report.silenced:
            rows.setdefault((one.finding.check, one.reason), set()).update(one.finding.rows)
        return [Silenced(check, titles.get(check, check), reason, len(rows[check, reason])) for check, reason in report.silenced_counts]

    def problem_words(self, problem: Problem) -> str:
        """A problem and the command that lists it, to be copied."""
        rows = count_of(problem.rows, "row") if problem.rows else "the file as a whole"
        command = f"sde check {self._session.command_data} --only {problem.check}"
        return visible(f"{problem.severity}: {problem.title} ({problem.check}): {rows}. {problem.advice}") + "\n" + command

    def go_to_group(self, check: str) -> bool:
        """Has the Duplicates screen show just this kind of copies, each beside the row it repeats; whether it is such a check."""
        kind = check.removesuffix("-duplicate")
        duplicates = self._session.part("duplicates")
        if duplicates is None or kind not in ("exact", "normalised", "near"):
            return False
        duplicates.wish(part="row", kind=kind)
        return True

    def check_words(self) -> str:
        """Where the checks stand: how far, how fast, how long still; or how they are begun."""
        session = self._session
        running = session.lanes.running("check")
        if running is not None:
            return running_words(running)
        if not session.dataset.complete:
            return "checks start when the file has been read"
        if session.findings.is_large:
            took = duration(max(len(session.dataset) / ROWS_PER_SECOND, 1), units=1)
            return f"not checked yet: r checks all {count_of(len(session.dataset), 'row')} in about {took}"
        return "not checked yet"

    def found_words(self) -> str:
        """When the findings were computed, where that was not just now."""
        report = self._session.findings.report
        if report is None or not report.cached_at:
            return ""
        return time.strftime("found %Y-%m-%d %H:%M on the same rows; r checks again", time.localtime(report.cached_at))

    # ---- next

    def next_steps(self) -> list[Step]:
        """What to do next, the most useful first, one line each, with the key that does it."""
        from sde_tui.screens import SCREENS

        session, steps = self._session, []
        if session.findings.report is None and session.dataset.complete and not session.findings.running:
            steps.append(Step("r", "check all rows", action="check"))
        steps.append(Step("2", "look at the rows; / filters, a accepts, x rejects, u takes it back", screen="records"))
        known = {
            "formats": self._fix_words(),
            "duplicates": self._duplicate_words(),
            "select": "take a diverse subset of good rows, and argue with it",
            "balance": "see how classes are balanced",
            "rules": "score every row by rules, choose the independent ones",
            "train": "see what trains, fine-tune, watch the loss",
        }
        screens = {spec.name: str(spec.number) for spec in SCREENS}
        steps += [Step(screens[name], words, screen=name) for name, words in known.items() if name in screens]
        if session.part("training") is not None:
            accepted, _ = session.decisions.counts
            rows = f"the {accepted:,} accepted rows" if accepted else "all rows that are not rejected"
            steps.insert(4, Step("F", f"fine-tune on {rows} now", action="fine_tune"))
        return steps

    def _duplicate_words(self) -> str:
        """What the Duplicates screen is for, with the number of rows where the checks found copies."""
        report = self._session.findings.report
        if report is None:
            return "keep one of each group of duplicates"
        found = {row for finding in report.findings if finding.check.endswith("-duplicate") for row in finding.rows}
        rows = found.difference(self._session.decisions.state.rejected_rows().tolist())
        if found and not rows:
            return "what repeats others is rejected; look for rows that mean the same"
        if not rows:
            return "no duplicates found; look for equal meaning, or in a held-out file"
        return f"keep one of each group of duplicates: {count_of(len(rows), 'row')} {'repeats' if len(rows) == 1 else 'repeat'} others"

    def _fix_words(self) -> str:
        report = self._session.findings.report
        fixable = sum(bool(finding.fix) for finding in report.findings) if report is not None else 0
        words = "bring odd answers into one form; safe fixes with preview"
        if report is not None and not fixable:
            words = "see the forms of answers and the odd ones; no finding has a safe fix"
        return f"mend {count_of(fixable, 'finding')} by safe fixes, with preview; undo with u" if fixable else words


def running_words(task: Task) -> str:
    """ "checking 34 %, 12 s left · 7,000 rows/s"."""
    passed = time.monotonic() - task.started
    rate = f" · {task.done / passed:,.0f} rows/s" if task.total and task.done and passed > 1 else ""
    return task.shown() + rate


def _problems_of(report: CheckReport) -> list[Problem]:
    from sde_tui.screens import SCREENS

    numbers = {spec.name: spec.number for spec in SCREENS}
    actions = report.actions()
    total = sum(action.damage for action in actions) or 1.0
    return [
        Problem(action.check, action.title, action.severity, action.rows, action.advice, numbers.get(action.screen, 0), action.damage / total)
        for action in actions
    ]


def _layout_words(session: Session) -> str:
    layout = session.dataset.layout
    roles = ", ".join(f"{role} = {field}" if role != field else role for role, field in layout.roles.items())
    return f"{layout.name}: {roles}" if roles else layout.name


def _text_words(texts: pl.DataFrame) -> str:
    """Lengths, labels, turns and splits of all readable rows."""
    if not len(texts):
        return ""
    words = []
    labels = texts["label"].drop_nulls()
    if len(labels):
        words.append(f"{labels.n_unique():,} labels")
    if int(texts["n_turns"].max() or 0) > 3:  # type: ignore[arg-type]
        words.append(f"up to {texts['n_turns'].max()} turns")
    splits = texts["split"].value_counts(sort=True)
    if len(splits) > 1:
        words.append("splits " + ", ".join(f"{visible(name, 20)} {count:,}" for name, count in splits.head(4).iter_rows()))
    words.append(_lengths(texts["prompt"].str.len_chars(), texts["answer"].str.len_chars()))
    return " · ".join(words)


def _lengths(prompts: pl.Series, answers: pl.Series) -> str:
    """What matters most comes first: a narrow terminal cuts the end."""
    medians = f"median prompt {int(prompts.median() or 0):,}, answer {int(answers.median() or 0):,}"  # type: ignore[arg-type]
    return f"{medians} characters, longest {int(prompts.max() or 0):,} and {int(answers.max() or 0):,}"  # type: ignore[arg-type]
