"""A dataset's samples turned into another design, as edits that can be undone."""

from __future__ import annotations

from dataclasses import dataclass

from sde_core.dataset import Dataset, Edit, Turn, Turns
from sde_core.dataset.turns import ASSISTANT, SYSTEM
from sde_core.design.followed import FollowedDesigns, converted, followed_designs
from sde_core.design.options import Design
from sde_core.design.readers import Misfit
from sde_core.design.sample import Sample
from sde_core.design.task import Task
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent


@dataclass(frozen=True)
class DatasetDesigns:
    """Which design each row of a dataset follows.

    Attributes:
        rows: Positions of the readable rows.
        samples: Prompt and answer of each.
        followed: The design of each.
    """

    rows: tuple[int, ...]
    samples: tuple[Sample, ...]
    followed: FollowedDesigns

    @property
    def stray(self) -> tuple[int, ...]:
        """Rows that follow none."""
        return tuple(self.rows[place] for place in self.followed.stray)

    def rows_of(self, design: Design) -> tuple[int, ...]:
        """Rows that follow this design."""
        return tuple(row for row, followed in zip(self.rows, self.followed.designs, strict=True) if followed == design)


@dataclass(frozen=True)
class Conversion:
    """What turning rows into another design changes.

    Attributes:
        edits: The new texts.
        rows: How many rows they change.
        left: Rows that stay as they are, with the reason.
    """

    edits: tuple[Edit, ...]
    rows: int
    left: tuple[Misfit, ...]


def dataset_designs(dataset: Dataset, task: Task, *, cancel: Cancel = NEVER, progress: Progress = silent) -> DatasetDesigns:
    """Which design each row of a dataset of prompts and answers follows.

    Args:
        dataset: With the user's edits.
        task: What the rows answer.
        cancel: Looked at between slices of rows.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    texts = dataset.texts(cancel=cancel, progress=progress)
    samples = tuple(Sample(prompt, answer) for prompt, answer in zip(texts["prompt"].to_list(), texts["answer"].to_list(), strict=True))
    return DatasetDesigns(tuple(texts["row"].to_list()), samples, followed_designs(samples, task, cancel=cancel))


def conversion(
    dataset: Dataset, found: DatasetDesigns, task: Task, after: Design, *, cancel: Cancel = NEVER, progress: Progress = silent
) -> Conversion:
    """The edits that turn every row into one design; rows that have it already are left alone.

    Args:
        dataset: That `found` was found in.
        found: Which design each row follows.
        task: What the rows answer.
        after: The design to turn to; whether its input carries loss is the recipe's, and changes no text.
        cancel: Looked at between batches.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    designs = dict(zip(found.rows, zip(found.followed.designs, found.samples, strict=True), strict=True))
    edits: list[Edit] = []
    left: list[Misfit] = []
    changed = 0
    for batch in dataset.batches(rows=found.rows, cancel=cancel, progress=progress):
        for row, _, turns in batch:
            before, sample = designs[row]
            try:
                new = _edits(row, turns, sample, task, before, after)
            except UsageError as error:
                left.append(Misfit(row, error.message))
            else:
                edits += new
                changed += bool(new)
    return Conversion(tuple(edits), changed, tuple(left))


def _edits(row: int, turns: Turns, sample: Sample, task: Task, before: Design | None, after: Design) -> list[Edit]:
    if before is None:
        raise UsageError("It follows no design of the task.")
    prompt, answer = _sides(turns)
    new = converted(sample, task, before, after)
    texts = ((prompt, new.prompt), (answer, new.answer))
    return [Edit(row, turn.path, turn.text, text) for turn, text in texts if turn.text != text]


def _sides(turns: Turns) -> tuple[Turn, Turn]:
    """The one prompt and the one answer."""
    spoken = [turn for turn in turns.turns if turn.role != SYSTEM]
    match spoken:
        case [prompt, answer] if answer.role == ASSISTANT and prompt.path and answer.path:
            return prompt, answer
    raise UsageError("It is not one prompt and one answer, each in a field of its own.")
