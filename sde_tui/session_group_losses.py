"""The loss of a run's rows by group: computed in a thread; the rows of a group are read in Records, the highest loss first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_tui.session_run_rows import RowCosts, costs_of_table
from sde_tui.session_work import WorkPart

if TYPE_CHECKING:
    from sde_core.checks.balance import ClassColumn
    from sde_core.dataset import Dataset
    from sde_core.train.loss_groups import LossGroup, LossGroups
    from sde_tui.session import Session

WAYS = ("class", "source", "template", "cluster", "length")
"""What rows are grouped by, in the order that the arrows go."""


class GroupLossesPart(WorkPart):
    """Groups the rows of the run shown."""

    lane, needs = "group-losses", "grouping needs"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.by = WAYS[0]
        self.held_out = False
        self.found: LossGroups | None = None
        self.refusal = ""
        self.place = 0
        self._columns: dict[str, ClassColumn] = {}
        self._grouped: Dataset | None = None
        self._left_at = 0

    # ---- computing

    def open(self, then: Callable[[], None]) -> None:
        """Groups anew, since the run may have gone on; what is known of the same run stays to be seen meanwhile."""
        shown = self._session.training.shown
        if self.found is not None and shown is not None and shown.id != self.found.run:
            self.found, self.place = None, 0
        self.run(then)

    def run(self, then: Callable[[], None]) -> None:
        """Groups the rows of the run shown, or of the latest, and calls `then`; why it cannot is in `refusal`."""
        by, held_out, dataset, run_rows = self.by, self.held_out, self._session.dataset, self._session.part("run_rows")

        def work(cancel: Any, progress: Any) -> LossGroups | SdeError:
            from sde_core.train.loss_groups import group_losses

            try:
                table = run_rows.table(cancel)
                return group_losses(table, self._column(dataset, by, cancel, progress), by=by, held_out=held_out)
            except SdeError as error:
                if cancel.is_set():
                    raise
                return error

        def done(found: LossGroups | SdeError) -> None:
            self.found = None if isinstance(found, SdeError) else found
            self.refusal = f"{found.message} {found.hint}".strip() if isinstance(found, SdeError) else ""
            self.place = min(self.place, max(len(self.groups) - 1, 0))
            then()

        self._session.lanes.thread(self.lane, f"grouping by {by}", work, done)

    def _column(self, dataset: Dataset, by: str, cancel: Any, progress: Any) -> ClassColumn:
        """The group of each row, kept until the rows change."""
        from sde_core.train.loss_groups import row_groups

        if self._grouped is not dataset:
            self._grouped, self._columns = dataset, {}
        if by not in self._columns:
            cache_dir = self._session.project.created().cache_dir if by == "cluster" else None
            self._columns[by] = row_groups(dataset, by, cache_dir=cache_dir, cancel=cancel, progress=progress)
        return self._columns[by]

    def turn(self, direction: int, then: Callable[[], None]) -> None:
        """Groups by the next way, or by the one before."""
        self.by = WAYS[(WAYS.index(self.by) + direction) % len(WAYS)]
        self.found, self.place = None, 0
        self.run(then)

    def other_side(self, then: Callable[[], None]) -> None:
        """Looks at the rows that were evaluated on in place of those that trained, and back."""
        self.held_out = not self.held_out
        self.found, self.place = None, 0
        self.run(then)

    # ---- answers

    @property
    def groups(self) -> tuple[LossGroup, ...]:
        """The groups, costlier ones first; none while they are not known."""
        return self.found.groups if self.found is not None else ()

    def summary(self) -> str:
        """Of which run and rows the groups are, in one line."""
        ways = " ".join(f"[{way}]" if way == self.by else way for way in WAYS)
        if self.found is None:
            return f"By {ways}"
        side = "held-out" if self.held_out else "trained"
        return f"By {ways} · run {self.found.run[-4:]} · {len(set(self.found.rows.tolist())):,} {side} rows"

    # ---- there and back

    def drill(self, place: int, *, screen: str) -> None:
        """Shows the rows of a group in Records, the highest loss first."""
        found = self.found
        if found is None:
            return
        self.place, self._left_at = place, len(self._session.records.places) + 1
        run_rows, count = self._session.part("run_rows"), len(self._session.dataset)

        def find(cancel: Any) -> RowCosts:
            import polars as pl

            table = run_rows.table(cancel)
            rows = pl.Series(found.rows_of(place)).implode()
            return costs_of_table(table, table.by_loss(held_out=found.held_out).filter(pl.col("row").is_in(rows)), count)

        name = visible(" ".join(found.groups[place].name.split()), 40)
        run_rows.drill(f"{found.by} {name} by loss", find, screen)

    def came_back(self) -> bool:
        """Whether the user returned from the rows of a group just now; asked once."""
        back = 0 < self._left_at > len(self._session.records.places)
        self._left_at = 0 if back else self._left_at
        return back

    def command_line(self) -> str:
        """The command that tells the same."""
        run = f" --run {self.found.run[-4:]}" if self.found is not None else ""
        return f"sde losses {self._session.command_data}{run} --by {self.by}" + (" --held-out" if self.held_out else "")
