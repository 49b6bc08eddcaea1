"""Judged pairs of rows: which of two is better, from people's answers or from the dataset's own chosen and rejected answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sde_core.dataset import Dataset, Turn, Turns
from sde_core.dataset.json_text import encodable
from sde_core.dataset.text_table import TEXT_SCHEMA
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.rules.truth.comparisons import SCORES, Comparison
from sde_core.wording import count_of


@dataclass(frozen=True, slots=True)
class JudgedPairs:
    """Pairs of rows, each judged once; a pair that was judged twice is there twice.

    Attributes:
        left, right: int64[c], rows of each pair.
        score: float64[c]: 1 where the left row is better, 0 where the right one is, 0.5 for a tie.
        source: Where they come from, for people.
        by_machine: Whether a model judged.
        missing: Pairs left out because the dataset holds one of the rows no more.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    score: NDArray[np.float64]
    source: str
    by_machine: bool = False
    missing: int = 0

    def __len__(self) -> int:
        """How many judgements."""
        return len(self.score)

    @property
    def rows(self) -> NDArray[np.int64]:
        """int64[m], the rows that were judged, ascending."""
        return np.unique(np.concatenate([self.left, self.right]))

    @property
    def ties(self) -> int:
        """How many pairs were judged alike."""
        return int((self.score == 0.5).sum())


def judged_pairs(comparisons: Iterable[Comparison], dataset: Dataset, *, by_machine: bool = False) -> JudgedPairs:
    """The answers of people, or of models, as pairs of rows; skipped pairs say nothing and are left out.

    Args:
        comparisons: `ComparisonJournal.comparisons`.
        dataset: Read to its end for its keys.
        by_machine: Which of the two; they are never mixed.
    """
    left, right, score, missing = [], [], [], 0
    for one in comparisons:
        if one.winner not in SCORES or bool(one.judge) != by_machine:
            continue
        rows = dataset.row_of_key(one.a), dataset.row_of_key(one.b)
        if rows[0] is None or rows[1] is None:
            missing += 1
            continue
        left.append(rows[0])
        right.append(rows[1])
        score.append(SCORES[one.winner])
    who = "by a model" if by_machine else "by people"
    return JudgedPairs(
        np.array(left, np.int64), np.array(right, np.int64), np.array(score, np.float64),
        f"{count_of(len(score), 'comparison')} of {count_of(len({*left, *right}), 'row')} {who}", by_machine, missing,
    )  # fmt: skip


def pairs_of_dataset(dataset: Dataset, *, cancel: Cancel = NEVER, progress: Progress = silent) -> tuple[pl.DataFrame, JudgedPairs]:
    """The comparisons that a preference dataset holds already: the chosen answer of a row is better than its rejected one.

    Rules score answers, so the pairs come with texts of their own, two lines a record: the prompt with the chosen answer, then with the
    rejected one. Their `row` counts these lines.

    Args:
        dataset: Of preference layout.
        cancel: Stops the work.
        progress: In records.

    Returns:
        Texts as `Dataset.texts()` has them, and the pairs over their rows. Equal answers are no pair.

    Raises:
        UsageError: When no record has a chosen and a rejected answer.
    """
    lines: list[Turns] = []
    for batch in dataset.batches(cancel=cancel, progress=progress):
        for _, _, turns in batch:
            lines += _both_answers(turns)
    if not lines:
        raise UsageError("No record holds a chosen and a rejected answer.", "Only preference datasets compare rows by themselves.")
    count = len(lines) // 2
    first = np.arange(count, dtype=np.int64) * 2
    return _texts(lines), JudgedPairs(first, first + 1, np.ones(count), f"{count_of(count, 'pair')} of chosen and rejected answers in the dataset")


def _both_answers(turns: Turns) -> list[Turns]:
    """The record with the chosen answer, then with the rejected one; none where there are not two different ones."""
    if not turns.chosen or not turns.rejected:
        return []
    before = turns.turns[: len(turns.turns) - len(turns.chosen)]
    both = [Turns((*before, *answer)) for answer in (turns.chosen, turns.rejected)]
    if both[0].answer == both[1].answer or not _speaks(turns.chosen) or not _speaks(turns.rejected):
        return []
    return both


def _speaks(answer: Iterable[Turn]) -> bool:
    return any(turn.text.strip() for turn in answer)


def _texts(sides: list[Turns]) -> pl.DataFrame:
    columns = {
        "row": range(len(sides)), "system": [encodable(side.system) for side in sides], "prompt": [encodable(side.prompt) for side in sides],
        "answer": [encodable(side.answer) for side in sides], "label": [None] * len(sides), "roles": [side.roles for side in sides],
        "n_turns": [len(side.turns) for side in sides], "split": [""] * len(sides),
    }  # fmt: skip
    return pl.DataFrame(columns, schema=TEXT_SCHEMA)
