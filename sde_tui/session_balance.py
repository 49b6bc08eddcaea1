"""Class balance: counted once in a thread, then of all rows, of those not rejected, or of the accepted ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sde_tui.session_work import WorkPart

if TYPE_CHECKING:
    import numpy as np

    from sde_core.checks.balance import BalanceReport, ClassColumn, ClassCount, FieldBalance
    from sde_core.checks.balance_crosstab import CrossTab
    from sde_core.checks.balance_drops import RowToDrop
    from sde_core.checks.balance_targets import DropPlan, TargetVerdict
    from sde_core.dataset import Dataset
    from sde_tui.session import Session

AUTOMATIC_ROWS = 300_000
"""Up to so many rows the counting starts by itself when the screen is first shown."""

LEFT, ALL, ACCEPTED = "left", "all", "accepted"
WHICH = {LEFT: "rows not rejected", ALL: "all rows", ACCEPTED: "accepted rows"}


class BalancePart(WorkPart):
    """Counts classes, and holds the targets that the user set."""

    lane, needs = "balance", "counting needs"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.which = LEFT
        self.by_name = False
        self.targets: dict[str, dict[str, float]] = {}
        self._report: BalanceReport | None = None
        self._counted: Dataset | None = None
        self._shown: dict[str, FieldBalance] = {}
        self._tables: dict[tuple[str, str], CrossTab] = {}
        self._computed: tuple[str, ...] = ()
        session.signals.dataset.subscribe(session.app, self._dataset_changed)
        session.signals.decisions.subscribe(session.app, lambda _how: self._recount())

    # ---- computing

    @property
    def stale(self) -> bool:
        """Whether texts were edited since classes were counted."""
        return self._counted is not None and self._counted.edits != self._session.dataset.edits

    @property
    def known(self) -> bool:
        """Whether anything has been counted."""
        return self._report is not None

    def start(self) -> None:
        """Counts by itself where nothing was counted yet and the dataset is small enough for that."""
        if self._report is None and not self.why_not_run() and len(self._session.dataset) <= AUTOMATIC_ROWS:
            self.run()

    def run(self) -> None:
        """Finds the label-like fields and counts their classes; what was computed on request is computed again."""
        dataset, again = self._session.dataset, self._computed
        self._start("counting classes", lambda cancel, progress: _report(dataset, again, self._cache_dir, cancel, progress), dataset)

    def compute(self, field: str) -> None:
        """Computes a field that is computed on request only."""
        dataset, report = self._session.dataset, self._report
        assert report is not None  # noqa: S101
        self._start(f"computing {field}", lambda cancel, progress: _with_derived(report, dataset, field, self._cache_dir, cancel, progress), dataset)

    def _start(self, title: str, work: Any, dataset: Dataset) -> None:
        self._session.lanes.thread(self.lane, title, work, lambda report: self._found(dataset, report), ended=lambda: self._publish("stopped"))
        self._publish("started")

    def seconds(self, field: str) -> int:
        """About how long computing a field takes, 0 where that is not known."""
        from sde_core.checks.balance_derived import derived_named

        derived = derived_named(field)
        return 0 if derived is None or derived.seconds == float("inf") else max(round(derived.seconds * len(self._session.dataset) / 1e6), 1)

    @property
    def _cache_dir(self) -> Path:
        return self._session.project.cache_dir

    def _found(self, dataset: Dataset, report: BalanceReport) -> None:
        asked = () if self._report is None else tuple(name for name in self._report.waiting if name not in report.waiting)
        self._computed = (*self._computed, *asked)
        self._report, self._counted = report, dataset
        self._recount()

    def _recount(self) -> None:
        self._shown, self._tables = {}, {}
        if self._report is not None:
            self._publish("counted")

    def _dataset_changed(self, how: str) -> None:
        if how == "layout":
            wanted = self._session.lanes.stop(self.lane) or self.known
            self._report = self._counted = None
            self._shown, self._tables, self.targets, self._computed = {}, {}, {}, ()
            self._publish("forgotten")
            if wanted:
                self.start()

    def _publish(self, how: str) -> None:
        self._session.signals.balance.publish(how)

    # ---- which rows

    def show(self, **changes: Any) -> None:
        """Counts other rows (`which`) or sorts classes by name (`by_name`)."""
        for name, value in changes.items():
            setattr(self, name, value)
        self._recount()

    def _mask(self, column: ClassColumn) -> np.ndarray | None:
        """Which entries of a column count; None for all."""
        state = self._session.decisions.state
        if self.which == ALL or state is None:
            return None
        import numpy as np

        decided = state.accepted_rows() if self.which == ACCEPTED else state.rejected_rows()
        if self.which != ACCEPTED and not len(decided):
            return None
        flags = np.zeros(len(self._session.dataset), bool)
        flags[decided] = True
        of_entries: np.ndarray = flags[column.rows]
        return of_entries if self.which == ACCEPTED else ~of_entries

    def rows_counted(self) -> int:
        """How many readable rows count."""
        state, report = self._session.decisions.state, self._report
        if report is None:
            return 0
        if self.which == ALL or state is None:
            return report.rows
        accepted, rejected = self._session.decisions.counts
        return accepted if self.which == ACCEPTED else report.rows - rejected

    def _column(self, field: str) -> ClassColumn:
        assert self._report is not None  # noqa: S101
        column = self._report.column(field)
        mask = self._mask(column)
        return column if mask is None else replace(column, rows=column.rows[mask], codes=column.codes[mask], total=self.rows_counted())

    # ---- answers

    @property
    def fields(self) -> list[str]:
        """Names of the label-like fields: the label, other fields, what is computed, what is computed on request only."""
        return [] if self._report is None else [*(balance.field for balance in self._report.fields), *self._report.waiting]

    @property
    def waiting(self) -> tuple[str, ...]:
        """The fields that are computed on request only, and have not been."""
        return () if self._report is None else self._report.waiting

    def balance(self, field: str) -> FieldBalance:
        """The classes of a field, of the rows that count now."""
        if field not in self._shown:
            from sde_core.checks.balance import field_balance

            self._shown[field] = field_balance(self._column(field))
        return self._shown[field]

    def classes(self, field: str) -> list[ClassCount]:
        """Its classes in the order shown."""
        classes = list(self.balance(field).classes)
        if not self.by_name:
            return classes
        place = {name: at for at, name in enumerate(self._column(field).order)}
        return sorted(classes, key=lambda counted: place[counted.name]) if place else sorted(classes, key=_by_name)

    def definition(self, field: str, name: str) -> str:
        """What a computed class means, "" for a class of the data."""
        assert self._report is not None  # noqa: S101
        return self._report.column(field).definitions.get(name, "")

    def meaning(self, field: str) -> str:
        """What a computed field is, "" for a field of the data."""
        from sde_core.checks.balance_derived import derived_named

        derived = derived_named(field)
        is_derived = field in self.waiting or (self._report is not None and self._report.column(field).source == "derived")
        return derived.meaning if derived is not None and is_derived else ""

    def drill(self, field: str, name: str, *, screen: str) -> None:
        """Shows the rows of a class in Records."""
        from sde_core.visible import visible

        rows = self._column(field).rows_of(name).astype("int64")
        self._session.records.drill(rows, f"{visible(field, 24)} is {visible(name, 40)}", screen=screen)

    # ---- two fields

    def table(self, field: str, by: str) -> CrossTab:
        """Two fields against each other, of the rows that count now."""
        if (field, by) not in self._tables:
            from sde_core.checks.balance_crosstab import cross_tab

            self._tables[field, by] = cross_tab(self._column(field), self._column(by))
        return self._tables[field, by]

    def drill_pair(self, field: str, by: str, pair: tuple[str, str], *, screen: str) -> None:
        """Shows the rows of a cell in Records."""
        from sde_core.visible import visible

        rows = self.table(field, by).rows_of(*pair).astype("int64")
        self._session.records.drill(
            rows, f"{visible(field, 20)} is {visible(pair[0], 24)}, {visible(by, 20)} is {visible(pair[1], 24)}", screen=screen
        )

    # ---- targets

    def set_target(self, field: str, name: str, text: str) -> None:
        """Sets the share that a class should have ("5%" or "0.05"); an empty text takes the target away.

        What makes no sense is said and not kept.
        """
        targets = dict(self.targets.get(field, {}))
        targets.pop(name, None)
        if text.strip():
            parsed = self._session.attempt(self._parsed, field, name, text, targets)
            if parsed is None:
                return
            targets[name] = parsed
        self.targets = {**self.targets, field: targets}
        self._publish("targets")

    def _parsed(self, field: str, name: str, text: str, others: dict[str, float]) -> float:
        from sde_core.checks.balance_targets import Target, drop_plan, parsed_target
        from sde_core.errors import UsageError
        from sde_core.visible import visible

        if not text.strip(" %").replace(".", "", 1).isdecimal():
            raise UsageError(f"'{visible(text.strip(), 30)}' is not a share.", "Write it as 5% or 0.05.")
        share = parsed_target(f"class={text.strip()}").share
        drop_plan(self.balance(field), [Target(name, share), *(Target(*other) for other in others.items())])
        return share

    def forget_targets(self, field: str) -> None:
        """Takes all targets of a field away."""
        self.targets = {other: targets for other, targets in self.targets.items() if other != field}
        self._publish("targets")

    def verdicts(self, field: str) -> dict[str, TargetVerdict]:
        """Classes of a field against their targets."""
        from sde_core.checks.balance_targets import Target, verdict

        return {name: verdict(self.balance(field), Target(name, share)) for name, share in self.targets.get(field, {}).items()}

    def plan(self, field: str) -> DropPlan | None:
        """How to meet all targets of a field by dropping alone, None where it has none."""
        from sde_core.checks.balance_targets import Target, drop_plan

        targets = [Target(name, share) for name, share in self.targets.get(field, {}).items()]
        return drop_plan(self.balance(field), targets) if targets else None

    def why_no_drop(self, field: str) -> str:
        """Why no row can be dropped for the targets of a field, "" where some can."""
        plan = self.plan(field)
        if plan is None:
            return "This field has no targets: t sets one."
        if self.running:
            return "Classes are being counted; try again when that is done."
        met = all(one.verdict == "met" for one in self.verdicts(field).values()) or not any(plan.drop.values())
        return self._session.decisions.why_not() or ("No row needs to go: the targets are met." if met else "")

    def choose_drops(self, field: str, order: str, then: Callable[[list[RowToDrop]], None]) -> None:
        """Finds the rows that the targets of a field have no room for, in a thread."""
        plan, column, dataset = self.plan(field), self._column(field), self._session.dataset
        assert plan is not None  # noqa: S101

        def work(cancel: Any, progress: Any) -> list[RowToDrop]:
            from sde_core.checks.balance_drops import rows_to_drop

            return rows_to_drop(column, plan.drop, dataset.texts(cancel=cancel), order=order, cancel=cancel, progress=progress)  # type: ignore[arg-type]

        self._session.lanes.thread(self.lane, "comparing rows", work, then, ended=lambda: self._publish("stopped"))

    def drop(self, field: str, rows: list[RowToDrop]) -> None:
        """Rejects rows, each with its own reason."""
        from sde_core.checks.balance_drops import drop_reason

        self._session.decisions.reject([row.row for row in rows], [drop_reason(field, row) for row in rows])

    def command_line(self, field: str, by: str = "") -> str:
        """The command that counts this field, against another one or its targets."""
        import shlex

        words = ["sde balance", self._session.command_data, f"--field {shlex.quote(field)}"]
        words += [f"--by {shlex.quote(by)}"] if by else []
        words += [f"--target {shlex.quote(f'{name}={share:.6g}')}" for name, share in self.targets.get(field, {}).items()]
        words += ["--all"] if self.which == ALL else []
        return " ".join(words)


def _by_name(counted: ClassCount) -> tuple[bool, float, str]:
    """Numbers by value before words."""
    number = counted.name
    return (False, float(number), "") if number.lstrip("-").replace(".", "", 1).isdecimal() else (True, 0.0, counted.name)


def _report(dataset: Dataset, fields: tuple[str, ...], cache_dir: Path, cancel: Any, progress: Any) -> BalanceReport:
    from sde_core.checks.balance import class_balance

    return class_balance(dataset, fields, cache_dir=cache_dir, cancel=cancel, progress=progress)


def _with_derived(report: BalanceReport, dataset: Dataset, field: str, cache_dir: Path, cancel: Any, progress: Any) -> BalanceReport:
    from sde_core.checks.balance import derived_column
    from sde_core.checks.balance_derived import DerivedInput, derived_named

    derived = derived_named(field)
    assert derived is not None  # noqa: S101
    return report.with_column(derived_column(derived, DerivedInput(dataset, dataset.texts(cancel=cancel), cache_dir, cancel, progress)))
