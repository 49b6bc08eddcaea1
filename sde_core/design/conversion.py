"""A dataset's samples turned into another design, as edits that can be undone."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sde_core.dataset import Dataset, Edit, Turn, Turns
from sde_core.dataset.turns import ASSISTANT, SYSTEM
from sde_core.design.followed import FollowedDesigns, converted, followed_designs
from sde_core.design.options import Design
from sde_core.design.parse import parse_answer
from sde_core.design.readers import Misfit
from sde_core.design.sample import Sample, text_in
from sde_core.design.task import Task, TaskRecord
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent

_QUOTED = re.compile(r"“[^”]*”")


@dataclass(frozen=True)
class DatasetDesigns:
    """Which design each row of a dataset follows.

    Attributes:
        rows: Positions of the readable rows, ascending.
        samples: Prompt and answer of each.
        followed: The design of each.
        task: What they answer.
    """

    rows: tuple[int, ...]
    samples: tuple[Sample, ...]
    followed: FollowedDesigns
    task: Task

    @property
    def stray(self) -> tuple[int, ...]:
        """Rows that follow none."""
        return tuple(self.rows[place] for place in self.followed.stray)

    @property
    def contradicted(self) -> tuple[int, ...]:
        """Rows whose prompt asks for another form than their answer has."""
        return tuple(self.rows[place] for place in self.followed.contradicted)

    def rows_of(self, design: Design) -> tuple[int, ...]:
        """Rows that follow this design."""
        return tuple(row for row, followed in zip(self.rows, self.followed.designs, strict=True) if followed == design)

    def sample_of(self, row: int) -> Sample:
        """The sample in a row."""
        return self.samples[self._place(row)]

    def converted_sample(self, row: int, after: Design) -> Sample:
        """The sample in a row in another design.

        Raises:
            UsageError: When it cannot be read, or says nothing that the design could write.
        """
        place, followed = self._place(row), self.followed
        before, asked = followed.readable[place], followed.asked[place]
        if before is None or (asked is None and not followed.answers_alone):
            raise UsageError(followed.reasons[place])
        return converted(self.samples[place], self.task, before, after, asked=asked, keeps_prompt=followed.answers_alone)

    def _place(self, row: int) -> int:
        return bisect_left(self.rows, row)

    def stray_by_reason(self) -> dict[str, tuple[int, ...]]:
        """Rows that follow none by what is wrong with them, see `rows_by_reason`."""
        return rows_by_reason(Misfit(self.rows[place], self.followed.reasons[place]) for place in self.followed.stray)

    def records(self) -> tuple[dict[int, TaskRecord], list[Misfit]]:
        """What the samples say, by row, and the rows that cannot be read with the reason."""
        told: dict[int, TaskRecord] = {}
        left = []
        parts = zip(self.rows, self.samples, self.followed.asked, self.followed.readable, self.followed.reasons, strict=True)
        for row, sample, asked, readable, reason in parts:
            found = None if asked is None else text_in(sample.prompt, self.task, asked)
            if readable is None or (found is None and not self.followed.answers_alone):
                left.append(Misfit(row, reason))
            else:
                told[row] = TaskRecord(sample.prompt if found is None else found[0], parse_answer(sample.answer, self.task, readable).entries)
        return told, left


def rows_by_reason(misfits: Iterable[Misfit]) -> dict[str, tuple[int, ...]]:
    """Rows by what is wrong with them, the most first; reasons that differ only in what they quote are one."""
    kinds: dict[str, dict[str, list[int]]] = {}
    for misfit in misfits:
        kinds.setdefault(_QUOTED.sub("“…”", misfit.reason), {}).setdefault(misfit.reason, []).append(misfit.row)
    found = [(kind if len(told) > 1 else next(iter(told)), sorted(row for rows in told.values() for row in rows)) for kind, told in kinds.items()]
    return {reason: tuple(rows) for reason, rows in sorted(found, key=lambda item: -len(item[1]))}


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


def dataset_designs(
    dataset: Dataset, task: Task, *, without: Collection[int] = (), cancel: Cancel = NEVER, progress: Progress = silent
) -> DatasetDesigns:
    """Which design each row of a dataset of prompts and answers follows.

    Args:
        dataset: With the user's edits.
        task: What the rows answer.
        without: Rows to leave out, such as rejected ones.
        cancel: Looked at between slices of rows.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    texts = dataset.texts(cancel=cancel, progress=progress)
    triples = zip(texts["row"].to_list(), texts["prompt"].to_list(), texts["answer"].to_list(), strict=True)
    samples = {row: Sample(prompt, answer) for row, prompt, answer in triples if row not in without}
    return DatasetDesigns(tuple(samples), tuple(samples.values()), followed_designs([*samples.values()], task, cancel=cancel), task)


def conversion(dataset: Dataset, found: DatasetDesigns, after: Design, *, cancel: Cancel = NEVER, progress: Progress = silent) -> Conversion:
    """The edits that turn every row into one design; rows that have it already are left alone.

    Args:
        dataset: That `found` was found in.
        found: Which design each row follows.
        after: The design to turn to; whether its input carries loss is the recipe's, and changes no text.
        cancel: Looked at between batches.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    edits: list[Edit] = []
    left: list[Misfit] = []
    changed = 0
    for batch in dataset.batches(rows=found.rows, cancel=cancel, progress=progress):
        for row, _, turns in batch:
            try:
                new = _edits(row, turns, found, after)
            except UsageError as error:
                left.append(Misfit(row, error.message))
            else:
                edits += new
                changed += bool(new)
    return Conversion(tuple(edits), changed, tuple(left))


def _edits(row: int, turns: Turns, found: DatasetDesigns, after: Design) -> list[Edit]:
    new = found.converted_sample(row, after)
    texts = list(zip(_sides(turns, answer_alone=found.followed.answers_alone), (new.answer, new.prompt), strict=False))
    return [Edit(row, turn.path, turn.text, text) for turn, text in reversed(texts) if turn.text != text]


def _sides(turns: Turns, *, answer_alone: bool) -> tuple[Turn, ...]:
    """The one answer, and the one prompt where that is to change too."""
    spoken = [turn for turn in turns.turns if turn.role != SYSTEM]
    prompts, answers = ([turn for turn in spoken if (turn.role == ASSISTANT) == is_answer] for is_answer in (False, True))
    if len(answers) != 1 or not answers[0].path or spoken[-1:] != answers:
        raise UsageError("It has not one answer in a field of its own.")
    if answer_alone:
        return (answers[0],)
    if len(prompts) != 1 or not prompts[0].path:
        raise UsageError("It is not one prompt and one answer, each in a field of its own.")
    return answers[0], prompts[0]
