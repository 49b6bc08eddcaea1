"""Which design each row follows, where the rows are samples, and turning them into one design."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError
from sde_core.wording import count_of
from sde_tui.session_work import WorkPart, found_or_error

if TYPE_CHECKING:
    from sde_core.design.conversion import Conversion, DatasetDesigns
    from sde_core.design.options import Design
    from sde_core.design.sample import Sample
    from sde_core.design.task import Task
    from sde_tui.session import Session


@dataclass(frozen=True)
class FollowedGroup:
    """Rows that follow one design, follow none for one reason, or contradict their prompts.

    Attributes:
        kind: "design", "stray" or "contradicted".
        words: The design by name, or the reason.
        rows: Positions.
        design: None for rows that follow none.
    """

    kind: str
    words: str
    rows: tuple[int, ...]
    design: Design | None = None


class FollowedPart(WorkPart):
    """The shares of designs among the rows that are not rejected, and the decisions that bring them into one.

    Attributes:
        found: Which design each row follows, None until it is known.
        after: The design that rows would be turned to, None where no row follows any.
        change: What that would change, None until it is known.
        refusal: Why the rows cannot be read, "" where they can.
    """

    lane, needs = "followed", "telling designs needs"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.found: DatasetDesigns | None = None
        self.after: Design | None = None
        self.change: Conversion | None = None
        self.groups: Sequence[FollowedGroup] = ()
        self.refusal = ""
        self._of: Any = None
        self._chosen = False
        self._changed: frozenset[int] = frozenset()
        self._reasons: dict[int, str] = {}
        self._then: Callable[[], None] = lambda: None

    # ---- finding out

    def open(self, then: Callable[[], None]) -> None:
        """Finds out what is not known yet; calls `then` whenever something is new."""
        self._then = then
        self.look()

    def look(self) -> None:
        """Finds out which design each row follows, where rows, task or decisions have changed."""
        task, now = self.task, self._now()
        if task is None or now == self._of:
            return
        self._of, self.change, self.refusal = now, None, ""
        dataset, without, after = self._session.dataset, self._rejected(), self.after if self._chosen else None
        self._session.lanes.thread(
            self.lane, "telling designs",
            lambda cancel, progress: found_or_error(lambda: _told(dataset, task, without, after, cancel, progress)), self._were_told,
            ended=self._ended,
        )  # fmt: skip

    @property
    def _are_records(self) -> bool:
        """Whether the rows are read by their fields, and so are no prompts and answers."""
        found = self._session.part("design").found
        return found is not None and found.samples is None and bool(found.records)

    @property
    def task(self) -> Task | None:
        """The task of screen 8."""
        task: Task | None = self._session.part("design").task
        return task

    def _rejected(self) -> frozenset[int]:
        state = self._session.decisions.state
        return frozenset() if state is None else frozenset(int(row) for row in state.rejected_rows())

    def _now(self) -> tuple[Any, ...]:
        return self._session.dataset, self.task, self._rejected()

    def _ended(self) -> None:
        self._cannot_be_read("Telling which design the rows follow was stopped; f on Design begins anew.")

    def stop(self) -> None:
        """Stops telling designs, or what turning would do."""
        self._session.lanes.stop(self.lane)

    def why_not_stop(self) -> str:
        """Why there is nothing to stop, "" where there is."""
        return "" if self.running else "Nothing runs here now."

    def _cannot_be_read(self, refusal: str) -> None:
        """Shows nothing of rows that are not there any more; looking again reads them again."""
        self.refusal, self.found, self.groups = refusal, None, ()
        self._of = None
        self._were_changed(None)

    def _were_told(self, told: tuple[DatasetDesigns, Design | None, Conversion | None] | SdeError) -> None:
        if isinstance(told, SdeError):
            self._cannot_be_read(str(told))
            return
        self.found, self.after, change = told
        self.groups = _groups(self.found)
        self._were_changed(change)

    # ---- turning

    def take(self, design: Design) -> None:
        """Says which design rows are to be turned to."""
        if self.found is None:
            return
        self.after, self.change, self._chosen = design, None, True
        dataset, found = self._session.dataset, self.found
        self._session.lanes.thread(
            self.lane, "converting",
            lambda cancel, progress: found_or_error(lambda: _change_of(dataset, found, design, cancel, progress)), self._were_changed,
            ended=self._ended,
        )  # fmt: skip
        self._then()

    def _were_changed(self, change: Conversion | SdeError | None) -> None:
        if isinstance(change, SdeError):
            self._cannot_be_read(str(change))
            return
        self.change = change
        self._changed = frozenset(edit.row for edit in change.edits) if change is not None else frozenset()
        self._reasons = {misfit.row: misfit.reason for misfit in change.left} if change is not None else {}
        self._then()

    def changes(self, group: FollowedGroup) -> bool:
        """Whether rows of a group would change."""
        return any(row in self._changed for row in group.rows)

    def changed_rows(self, group: FollowedGroup) -> Sequence[int]:
        """Rows of a group that would change; all of a group that would not."""
        return [row for row in group.rows if row in self._changed] or group.rows

    def before_and_after(self, row: int) -> tuple[Sample, Sample | None, str]:
        """A row's sample, what it would become (None where it stays), and why it stays."""
        assert self.found is not None  # noqa: S101
        before = self.found.sample_of(row)
        if self.change is None or self.after is None:
            return before, None, ""
        reason = self._reasons.get(row, "")
        if reason or row not in self._changed:
            return before, None, reason or "It is in this design already, byte for byte."
        return before, self.found.converted_sample(row, self.after), ""

    def convert(self) -> bool:
        """Makes the change, as one decision; whether it was made."""
        from sde_core.design.options import design_words

        if self.change is None or self.after is None or not self.change.edits:
            return False
        return self._session.decisions.edit(self.change.edits, f"design: {design_words(self.after)}")

    def decides(self) -> str:
        """Why nothing can be decided now, "" where it can."""
        return self._session.decisions.why_not()

    def undo(self) -> None:
        """Takes the last decision back."""
        self._session.decisions.undo()
        self.look()

    def goals(self) -> list[tuple[Design, str]]:
        """Designs that rows could be turned to: those that rows follow, those that screen 8 shows, and the presets."""
        from sde_core.design.options import PRESETS, why_not

        design, task = self._session.part("design"), self.task
        counts = self.found.followed.counts if self.found is not None else {}
        shown = [design.design(side) for side in range(design.sides)]
        sensible = [one for one in dict.fromkeys([*counts, *shown, *PRESETS.values()]) if task is not None and not why_not(one, task)]
        named: dict[str, Design] = {}
        for one in sensible:
            named.setdefault(self.words(one), one)  # answers alone look alike in several designs
        return [(one, f"{words}{_followers(counts.get(one, 0))}") for words, one in named.items()]

    def why_not_convert(self) -> str:
        """Why nothing can be converted now, "" where something can."""
        if self.refusal:
            return self.refusal
        if self.found is None or self.change is None:
            return self.running_words() or "It is not known yet which design the rows follow."
        return "" if self.change.edits else "No row would change."

    def change_words(self) -> str:
        """What converting would do: "A turns 30 rows into es-sde; 3 cannot be converted (l)"."""
        if self.refusal:
            return "It is not known which design the rows follow."
        if self.found is None:
            return self.running_words() or "The rows are being read…"
        if self.after is None:
            return "The rows are records, no samples of a design: w on Design writes such." if self._are_records else _NONE_FOLLOWED
        if self.change is None:
            return self.running_words()
        left = f"; {len(self.change.left):,} cannot be converted (l)" if self.change.left else ""
        goal = self.words(self.after)
        return (
            f"A turns {count_of(self.change.rows, 'row')} into {goal}{left}"
            if self.change.rows
            else f"No row would change{left or f': all are {goal}'}"
        )

    def words(self, design: Design) -> str:
        """A design's name; that of its answers where prompts are of no task."""
        from sde_core.design.followed import followed_words

        return followed_words(design, answers_alone=self.found is not None and self.found.followed.answers_alone)

    def left_rows(self) -> list[int]:
        """Rows that cannot be converted."""
        return [misfit.row for misfit in self.change.left] if self.change is not None else []

    def command_line(self) -> str:
        """The command that tells the same."""
        import shlex

        from sde_core.design.options import design_words

        design = self._session.part("design")
        task = f" --task {shlex.quote(design.found.named)}" if design.found is not None and design.found.named else ""
        to = f" --to {shlex.quote(design_words(self.after))}" if self.after is not None else ""
        return f"sde design convert {self._session.command_data}{task}{to}"


_NONE_FOLLOWED = "No row follows a design of this task: e on Design corrects the task."


def _followers(count: int) -> str:
    return f"  ({count_of(count, 'row')})" if count else ""


def _groups(found: DatasetDesigns) -> list[FollowedGroup]:
    from sde_core.design.followed import followed_words

    alone = found.followed.answers_alone
    groups = [FollowedGroup("design", followed_words(design, answers_alone=alone), found.rows_of(design), design) for design in found.followed.counts]
    if found.contradicted:
        groups.append(FollowedGroup("contradicted", "of these in another form than the prompt asks for", found.contradicted))
    return groups + [FollowedGroup("stray", reason, rows) for reason, rows in found.stray_by_reason().items()]


def _told(
    dataset: Any, task: Task, without: frozenset[int], after: Design | None, cancel: Any, progress: Any
) -> tuple[DatasetDesigns, Design | None, Conversion | None]:
    from sde_core.design.conversion import dataset_designs

    found = dataset_designs(dataset, task, without=without, cancel=cancel, progress=progress)
    after = after or next(iter(found.followed.counts), None)
    return found, after, None if after is None else _change_of(dataset, found, after, cancel, progress)


def _change_of(dataset: Any, found: DatasetDesigns, design: Design, cancel: Any, progress: Any) -> Conversion:
    from sde_core.design.conversion import conversion

    return conversion(dataset, found, design, cancel=cancel, progress=progress)
