"""Sample designs: the task that the rows have, and each record as a sample in two designs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from sde_core.errors import SdeError, UsageError
from sde_core.visible import visible
from sde_tui.session_work import WorkPart

if TYPE_CHECKING:
    from sde_core.design.options import Design
    from sde_core.design.readers import Misfit
    from sde_core.design.sample import Sample
    from sde_core.design.task import Task, TaskRecord
    from sde_core.design.task_file import TaskFile
    from sde_core.evaluate.design_cost import DesignTokens
    from sde_tui.session import Session

    Counted = dict[tuple[Design, int], DesignTokens]

_GUESSED_FROM = 2_000
_COUNTED = 200
"""Records whose tokens are counted, from the first: enough for a mean, few enough for a moment."""


@dataclass(frozen=True)
class DesignRecords:
    """The rows as records of a task.

    Attributes:
        file: The task and its fields.
        named: Where the task was read from; "" where it was guessed.
        records: By row.
        misfits: Rows that do not fit, with the reason.
    """

    file: TaskFile
    named: str
    records: dict[int, TaskRecord]
    misfits: tuple[Misfit, ...]


class DesignPart(WorkPart):
    """Two designs side by side over the records of one task.

    `signals.jobs` says "design" when the records are there, and "design tokens" when their tokens are counted.

    Attributes:
        found: The records, None until they are read.
        refusal: Why there are none, "" where nothing went wrong.
        wording: Which of the task's instructions is used, from 0.
    """

    lane, needs = "design", "designs need"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        from sde_core.design.options import PRESETS

        self.found: DesignRecords | None = None
        self.refusal = ""
        self.wording = 0
        self._designs: list[Design] = [PRESETS["es-sde"], PRESETS["ew-sde"]]
        self._at = 0
        self._read_of: Any = None
        self._tokens: Counted = {}

    # ---- reading

    @property
    def stale(self) -> bool:
        """Whether the records are of texts that have changed since."""
        return self._read_of is not self._session.dataset

    def read(self, task_path: str = "") -> None:
        """Reads the records by a task file, or by the task that the rows look like."""
        dataset, named = self._session.dataset, task_path or (self.found.named if self.found is not None else "")
        self._read_of = dataset
        self._session.lanes.thread(self.lane, "reading records", lambda cancel, progress: _read(dataset, named, cancel, progress), self._were_read)

    def _were_read(self, found: DesignRecords | SdeError) -> None:
        if isinstance(found, SdeError):
            self.found, self.refusal = None, f"{found.message} {found.hint}".strip()
        else:
            self.found, self.refusal, self.wording, self._at, self._tokens = found, "", 0, 0, {}
            self._count()
        self._publish("design")

    # ---- the record

    @property
    def task(self) -> Task | None:
        """The task, None until it is known."""
        return self.found.file.task if self.found is not None else None

    @property
    def row(self) -> int | None:
        """The row that is shown, None where none fits the task."""
        rows = list(self.found.records) if self.found is not None else []
        return rows[min(self._at, len(rows) - 1)] if rows else None

    def move(self, step: int) -> None:
        """Shows the next record, or one before."""
        if self.found is not None and self.found.records:
            self._at = max(0, min(self._at + step, len(self.found.records) - 1))

    def go_to(self, row: int) -> str:
        """Shows the record of a row; why not, "" where it is shown."""
        if self.found is None or row not in self.found.records:
            return next((misfit.reason for misfit in self.found.misfits if misfit.row == row), "There is no such row.") if self.found else ""
        self._at = list(self.found.records).index(row)
        return ""

    def sample(self, side: int) -> Sample | str:
        """The record in one of the two designs, or why it cannot be written in it."""
        from sde_core.design.sample import render_sample

        assert self.found is not None and self.row is not None  # noqa: PT018, S101
        try:
            return render_sample(self.found.records[self.row], self.found.file.task, self._designs[side], wording=self.wording)
        except UsageError as error:
            return f"{error.message} {error.hint}".strip()

    # ---- the designs

    @property
    def sides(self) -> int:
        """How many designs are shown."""
        return len(self._designs)

    def design(self, side: int) -> Design:
        """The left (0) or the right (1) design."""
        return self._designs[side]

    def design_words(self, side: int) -> str:
        """A design by its preset and what differs from that."""
        from sde_core.design.options import design_words

        return design_words(self._designs[side])

    def turn(self, side: int, option: str, step: int = 1) -> None:
        """Takes the next value of an option."""
        values = option_values(option)
        now = values.index(getattr(self._designs[side], option))
        self._take(side, dataclasses.replace(self._designs[side], **{option: values[(now + step) % len(values)]}))

    def take_preset(self, side: int, name: str) -> None:
        """Takes a preset."""
        from sde_core.design.options import PRESETS

        self._take(side, PRESETS[name])

    def turn_wording(self) -> None:
        """Takes the next wording of the instruction."""
        if self.task is not None:
            self.wording = (self.wording + 1) % len(self.task.instructions)
            self._count()

    def _take(self, side: int, design: Design) -> None:
        self._designs[side] = design
        self._count()
        self._publish("design")

    # ---- tokens

    def tokens(self, side: int) -> DesignTokens | None:
        """Tokens of the first records in a design, None while they are not counted."""
        return self._tokens.get((self._designs[side], self.wording))

    @property
    def counting(self) -> bool:
        """Whether tokens are being counted."""
        return self._session.lanes.running("design-tokens") is not None

    def _count(self) -> None:
        wanted = [(design, self.wording) for design in self._designs if (design, self.wording) not in self._tokens]
        found = self.found
        if found is None or not found.records or not wanted:
            return
        model = self._session.training.recipe.model
        records = list(found.records.values())[:_COUNTED]
        self._session.lanes.thread(
            "design-tokens", "counting tokens", lambda *_: _counted(records, found.file.task, wanted, model), self._were_counted, quiet=True
        )

    def _were_counted(self, found: Counted | SdeError) -> None:
        if not isinstance(found, SdeError):
            self._tokens |= found
            self._publish("design tokens")

    # ---- verbs

    def write(self, side: int, path: str) -> None:
        """Writes all records as samples of a design, then says so."""
        found, design, wording = self.found, self._designs[side], self.wording
        if found is None:
            return

        def work(*_: Any) -> int:
            from sde_core.design.samples_file import write_samples
            from sde_core.files import from_home

            return write_samples(from_home(path), found.records, found.file.task, design, wording=wording)

        def written(count: int) -> None:
            self._session.flash(f"{count:,} samples written to {visible(path, 60)}: open them, or sde train them.", "good")

        self._session.lanes.thread("design-write", "writing samples", work, written)

    def drill_misfits(self, screen: str) -> None:
        """Shows in Records the rows that do not fit the task."""
        if self.found is not None:
            self._session.records.drill([misfit.row for misfit in self.found.misfits], "rows that do not fit the task", screen=screen)

    def command_line(self) -> str:
        """The command that shows the same."""
        task = f" --task {self.found.named}" if self.found is not None and self.found.named else ""
        row = f" --row {self.row}" if self.row else ""
        designs = "".join(f" --design {self.design_words(side)}" for side in (0, 1))
        return f"sde design show {self._session.command_data}{task}{row}{designs}"

    def _publish(self, how: str) -> None:
        self._session.signals.jobs.publish(how)


def option_values(option: str) -> tuple[Any, ...]:
    """What an option of a design can be."""
    from sde_core.design.options import Design

    return get_args(get_type_hints(Design)[option]) or (True, False)


def _read(dataset: Any, named: str, cancel: Any, progress: Any) -> DesignRecords | SdeError:
    from sde_core.design.inference import infer_task
    from sde_core.design.readers import read_records
    from sde_core.design.rows import dataset_rows
    from sde_core.design.task_file import read_task
    from sde_core.files import from_home

    try:
        if named:
            file = read_task(from_home(named))
        else:
            file = infer_task([value for _, value in dataset_rows(dataset, limit=_GUESSED_FROM, cancel=cancel)], name=Path(dataset.name).stem)
        rows = dataset_rows(dataset, cancel=cancel, progress=progress)
        records, misfits = read_records(rows, file.task, text_field=file.text_field, said_field=file.said_field)
    except SdeError as error:
        return error
    return DesignRecords(file, named, records, tuple(misfits))


def _counted(records: Sequence[Any], task: Task, wanted: Sequence[tuple[Design, int]], model: str) -> Counted | SdeError:
    from sde_core.design.options import why_not
    from sde_core.design.sample import render_sample
    from sde_core.evaluate.design_cost import design_encoder, design_tokens

    counted = {}
    for design, wording in wanted:
        if not why_not(design, task):
            samples = [render_sample(record, task, design, wording=wording) for record in records]
            try:
                counted[design, wording] = design_tokens(samples, design_encoder(model, loss_on_input=design.loss_on_input))
            except SdeError as error:
                return error
    return counted
