"""Sample designs: the task that the rows have, and each record as a sample in two designs or more."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from sde_core.errors import SdeError, UsageError
from sde_core.visible import visible
from sde_tui.session_design_work import FIRST_COUNTED, Counted, DesignKey, DesignRecords, count_designs, read_design_records
from sde_tui.session_work import WorkPart, found_or_error

if TYPE_CHECKING:
    from sde_core.design.options import Design
    from sde_core.design.sample import Sample
    from sde_core.design.task import Task, TaskRecord
    from sde_core.evaluate.design_cost import DesignTokens
    from sde_core.evaluate.design_perplexity_job import MeasuredPerplexity
    from sde_core.train.encode import Encoder
    from sde_core.train.preview import TokenView
    from sde_core.train.recipe import Recipe
    from sde_tui.session import Session

MOST_SIDES = 4
_SOURCE = 20_000
COUNTING = "design-tokens"
AUTOMATIC_TOKENS = 5_000_000
"""Of an epoch: so many are counted without being asked for."""


class DesignPart(WorkPart):
    """Designs side by side over the records of one task.

    `signals.jobs` says "design" when the records are there or another design is shown, and "design tokens" when more of their tokens is known.

    Attributes:
        found: The records, None until they are read.
        refusal: Why there are none, "" where nothing went wrong.
        stopped: Whether reading them was stopped.
        wording: Which of the task's instructions is used, from 0.
        uncounted: Why tokens cannot be counted, "" where they can.
    """

    lane, needs = "design", "designs need"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        from sde_core.design.options import PRESETS

        self.found: DesignRecords | None = None
        self.refusal = self.uncounted = ""
        self.stopped = False
        self.wording = 0
        self._named: str | None = None
        self._designs: list[Design] = [PRESETS["es-sde"], PRESETS["ew-sde"]]
        self._at = 0
        self._read_of: Any = None
        self._counts_all = False
        self._tokens: dict[DesignKey, DesignTokens] = {}
        self._perplexity: dict[DesignKey, MeasuredPerplexity] = {}
        self._encoders: dict[tuple[bool, Any], Encoder] = {}
        self._senseless: set[DesignKey] = set()
        self._views: dict[Any, TokenView] = {}

    # ---- reading

    @property
    def stale(self) -> bool:
        """Whether the records are of texts that have changed since."""
        return self._read_of is not self._session.dataset

    def read(self, task_path: str | None = None) -> None:
        """Reads the records by a task file: by the one named, named before, or beside the data; by the task that the rows look like without one."""
        dataset = self._session.dataset
        named = self._task_path() if task_path is None else task_path
        self._read_of, self._named, self.stopped = dataset, named, False
        self._session.lanes.thread(
            self.lane, "reading records", lambda cancel, progress: read_design_records(dataset, named, cancel, progress), self._were_read,
            ended=self._ended,
        )  # fmt: skip

    def _ended(self) -> None:
        self.found, self.stopped, self.refusal = None, True, "Reading the rows was stopped. They are read when you come back to this screen."
        self._publish("design")

    @property
    def named(self) -> str:
        """The task file that was read last, also where it could not be; "" where the task was guessed."""
        return self._named or ""

    def _task_path(self) -> str:
        from sde_core.design.task_file import beside

        return str(beside(self._session.dataset.path) or "") if self._named is None else self._named

    def _were_read(self, found: DesignRecords | SdeError) -> None:
        if isinstance(found, SdeError):
            # The hints of guessing speak of the command's options.
            self.found, self.refusal = None, found.message if isinstance(found, UsageError) and not self.named else str(found)
        else:
            row = self.row
            same = self.found is not None and self.found.file == found.file
            self.found, self.refusal = found, ""
            self.wording = self.wording if same else 0
            self._at = 0 if row is None else min(bisect_left(found.rows, row), max(len(found.rows) - 1, 0))
            self._tokens, self._perplexity, self._views, self._senseless = {}, {}, {}, set()
            self.count()
        self._publish("design")

    # ---- the record

    @property
    def task(self) -> Task | None:
        """The task, None until it is known."""
        return self.found.file.task if self.found is not None else None

    @property
    def row(self) -> int | None:
        """The row that is shown, None where none fits the task."""
        rows = self.found.rows if self.found is not None else ()
        return rows[min(self._at, len(rows) - 1)] if rows else None

    def move(self, step: int) -> None:
        """Shows the next record, or one before."""
        if self.found is not None and self.found.rows:
            self._at = max(0, min(self._at + step, len(self.found.rows) - 1))

    def go_to(self, row: int) -> str:
        """Shows the record of a row; why not, "" where it is shown."""
        if self.found is None or row not in self.found.records:
            return next((misfit.reason for misfit in self.found.misfits if misfit.row == row), "There is no such row.") if self.found else ""
        self._at = bisect_left(self.found.rows, row)
        return ""

    def sample(self, side: int) -> Sample | str:
        """The record in one of the designs, or why it cannot be written in it."""
        from sde_core.design.sample import render_sample

        assert self.found is not None and self.row is not None  # noqa: PT018, S101
        try:
            return render_sample(self.found.records[self.row], self.found.file.task, self._designs[side], wording=self.wording)
        except UsageError as error:
            return f"{error.message} {error.hint}".strip()

    def token_view(self, side: int) -> TokenView | None:
        """The shown sample token by token, by the `encode` that trains; None while the tokenizer is not read, and for what cannot be written."""
        from sde_core.evaluate.design_cost import sample_turns
        from sde_core.train.preview import token_view

        key, sample = (self.row, *self.key(side)), self.sample(side)
        encoder = self._encoders.get((self._designs[side].loss_on_input, self.recipe))
        if encoder is None or isinstance(sample, str):
            return None
        if key not in self._views:
            self._views = dict([*self._views.items()][-MOST_SIDES:]) | {key: token_view(encoder, sample_turns(sample))}
        return self._views[key]

    # ---- the designs

    @property
    def sides(self) -> int:
        """How many designs are shown."""
        return len(self._designs)

    def design(self, side: int) -> Design:
        """The design at a place from the left, from 0."""
        return self._designs[side]

    def design_words(self, side: int) -> str:
        """A design by its preset and what differs from that."""
        from sde_core.design.options import design_words

        return design_words(self._designs[side])

    def turn(self, side: int, option: str, step: int = 1) -> None:
        """Takes the next value of an option."""
        values = option_values(option)
        now = values.index(getattr(self._designs[side], option))
        self.take(side, dataclasses.replace(self._designs[side], **{option: values[(now + step) % len(values)]}))

    def take_preset(self, side: int, name: str) -> None:
        """Takes a preset."""
        from sde_core.design.options import PRESETS

        self.take(side, PRESETS[name])

    def take(self, side: int, design: Design) -> None:
        """Shows another design at a place."""
        self._designs[side] = design
        self.count()
        self._publish("design")

    def add_side(self) -> None:
        """Shows one design more: a preset that is not shown yet."""
        from sde_core.design.options import PRESETS

        if self.sides < MOST_SIDES:
            self._designs.append(next((preset for preset in PRESETS.values() if preset not in self._designs), PRESETS["baseline"]))
            self.count()
            self._publish("design")

    def remove_side(self, side: int) -> None:
        """Takes a design away; two stay."""
        if self.sides > 2:
            del self._designs[side]
            self._publish("design")

    def turn_wording(self) -> None:
        """Takes the next wording of the instruction."""
        if self.task is not None:
            self.wording = (self.wording + 1) % len(self.task.instructions)
            self.count()

    # ---- tokens

    @property
    def recipe(self) -> Recipe | None:
        """The project's recipe, whose model and template make the tokens; None where it cannot be read."""
        try:
            recipe: Recipe = self._session.training.recipe
        except SdeError:
            self.uncounted = "The recipe cannot be read, so no tokens are counted; 9 Train says why."
            return None
        return recipe

    def key(self, side: int) -> DesignKey:
        """What the tokens of a design depend on."""
        return self._designs[side], self.wording, self.recipe

    def tokens(self, side: int) -> DesignTokens | None:
        """Tokens of a design's samples, of the first records until all are counted; None while none are."""
        return self._tokens.get(self.key(side))

    def cut_words(self) -> str:
        """A warning where samples are longer than the model or the recipe lets them be, "" where none is."""
        for side in range(self.sides):
            counted, encoder = self.tokens(side), self._encoders.get((self._designs[side].loss_on_input, self.recipe))
            if counted is not None and encoder is not None and counted.too_long:
                what = {"drop": "left out", "split": "split"}.get(encoder.recipe.too_long, "ends are cut off")
                return f"{counted.too_long:,} of {counted.samples:,} exceed {encoder.max_length:,} tokens: {what}; 9 Train, e: max_length"
        return ""

    def perplexity(self, side: int) -> MeasuredPerplexity | None:
        """What was measured of a design, None where nothing was."""
        return self._perplexity.get(self.key(side))

    @property
    def counting(self) -> bool:
        """Whether tokens are being counted."""
        return self._session.lanes.running(COUNTING) is not None

    def measured_records(self) -> list[TaskRecord]:
        """The records whose perplexity is measured."""
        from sde_core.evaluate.design_perplexity_job import DEFAULT_ROWS, drawn_records

        return drawn_records(self.records_to_train(), DEFAULT_ROWS)

    def records_to_train(self) -> dict[int, TaskRecord]:
        """The records by row without those that were rejected; the accepted ones where some were."""
        found, state = self.found, self._session.decisions.state
        if found is None or state is None:
            return {} if found is None else dict(found.records)
        wanted = set(state.training_rows().tolist())
        return {row: record for row, record in found.records.items() if row in wanted}

    def count(self) -> None:
        """Counts tokens of what is shown and not counted: of some records at first, then of all; and looks what was measured."""
        found, recipe = self.found, self.recipe
        if found is None or not found.rows or recipe is None:
            return
        shown = [key for key in dict.fromkeys(self.key(side) for side in range(self.sides)) if key not in self._senseless]
        known = {key: self._tokens[key].samples if key in self._tokens else 0 for key in shown}
        wanted = [key for key in shown if not known[key]]
        first = bool(wanted) and len(found.rows) > FIRST_COUNTED
        wanted = wanted or [key for key in shown if known[key] < len(found.rows) and (self._counts_all or self._is_quick(key))]
        if wanted:
            self._look(wanted, list(found.records.values())[: FIRST_COUNTED if first else None], quiet=first)

    def _is_quick(self, key: DesignKey) -> bool:
        """Whether all records are counted within some seconds, by those that were."""
        counted = self._tokens[key]
        return self.found is not None and counted.tokens * len(self.found.rows) <= AUTOMATIC_TOKENS * counted.samples

    def count_all(self) -> None:
        """Counts all records, however long that takes."""
        self._counts_all = True
        self.count()

    def why_not_count_all(self) -> str:
        """Why there is nothing to count, "" where there is."""
        if self.found is None or not self.found.rows:
            return "There are no records of a task."
        shown = {self.key(side) for side in range(self.sides)} - self._senseless
        left = any(key not in self._tokens or self._tokens[key].samples < len(self.found.rows) for key in shown)
        return "Tokens are being counted." if self.counting else "" if left else "All are counted."

    def look_what_was_measured(self) -> None:
        """Looks again for perplexities that were measured."""
        if self.found is not None and self.found.rows and self.recipe is not None:
            self._look([self.key(side) for side in range(self.sides)], [], quiet=True)

    def _look(self, wanted: list[DesignKey], records: list[TaskRecord], *, quiet: bool) -> None:
        assert self.found is not None  # noqa: S101
        task, project, measured = self.found.file.task, self._session.project, self.measured_records()
        self._session.lanes.thread(
            COUNTING if records else "design-measured", "counting tokens",
            lambda cancel, progress: count_designs(records, measured, task, wanted, project, cancel, progress), self._were_counted, quiet=quiet,
        )  # fmt: skip

    def _were_counted(self, counted: Counted) -> None:
        self._tokens |= counted.tokens
        self._perplexity |= counted.perplexity
        self._encoders |= counted.encoders
        self._senseless |= counted.senseless
        self.uncounted = counted.fault
        self._publish("design tokens")
        if counted.tokens:
            self.count()

    # ---- verbs

    def write(self, side: int, path: str) -> None:
        """Writes the records to train on as samples of a design, then says so."""
        found, design, wording, records = self.found, self._designs[side], self.wording, self.records_to_train()
        if found is None:
            return

        def work(*_: Any) -> int:
            from sde_core.design.samples_file import write_samples
            from sde_core.files import from_home

            return write_samples(from_home(path), records, found.file.task, design, wording=wording)

        def written(count: int) -> None:
            self._session.flash(f"{count:,} samples written to {visible(path, 60)}: open them, or sde train them.", "good")

        self._session.lanes.thread("design-write", "writing samples", work, written)

    def misfit_reasons(self) -> int:
        """For how many reasons rows do not fit."""
        from sde_core.design.conversion import rows_by_reason

        return len(rows_by_reason(self.found.misfits)) if self.found is not None else 0

    def source_of(self, row: int) -> tuple[str, str]:
        """(the row with its edits, the ink); why it cannot be read, where it cannot."""
        raw = found_or_error(lambda: self._session.dataset.edited_raw(row))
        return (str(raw), "bad") if isinstance(raw, SdeError) else (raw[:_SOURCE].decode("utf-8", "replace"), "dim")

    def show_misfits(self, row: int, screen: str) -> None:
        """Shows in Records the rows that do not fit the task, the cursor on one of them."""
        if self.found is not None:
            self._session.records.drill([misfit.row for misfit in self.found.misfits], "rows that do not fit the task", screen=screen)
            self._session.records.jump(row)

    def command_line(self) -> str:
        """The command that shows the same."""
        import shlex

        task = f" --task {shlex.quote(self.found.named)}" if self.found is not None and self.found.named else ""
        row = f" --row {self.row}" if self.row else ""
        designs = "".join(f" --design {self.design_words(side)}" for side in range(self.sides))
        return f"sde design show {self._session.command_data}{task}{row}{designs}"

    def _publish(self, how: str) -> None:
        self._session.signals.jobs.publish(how)


def option_values(option: str) -> tuple[Any, ...]:
    """What an option of a design can be."""
    from sde_core.design.options import Design

    return get_args(get_type_hints(Design)[option]) or (True, False)
