"""The style in which the answers of a file, or of a group of its rows, are written: a habit where nearly all have one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.checks.formats.written import StyleFamily, Written
from sde_core.features.fields import FieldColumn
from sde_core.progress import Cancel, raise_if_cancelled

SAMPLE = 10_000
"""Answers, drawn by a fixed seed, from which a habit is learnt; whether a row breaks it is looked up for all rows."""

_SEED = 7

FEWEST, FEWEST_IN_GROUP = 20, 40
SHARE, RARE_SHARE, CERTAINTY = 0.9, (0.97, 0.98), (0.9, 0.94)
"""The share that a habit must have where most answers show a style; the share and the lower end of its interval where some happen to, the second
of each for casual styles."""

_MOST, _MOST_CASUAL = 0.3, 0.8
_GROUPS, _LARGEST_SYSTEM = 24, 2000
_MIXED = "mixed"

Rows = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Habit:
    """A style that nearly all answers of a group share.

    Attributes:
        group: What the rows have in common; "" for the whole file.
        rows: uint32[n], the rows of the group, ascending; None for the whole file.
        style: The style's name.
        share: Of the answers of the sample that show a style at all, 0-1.
        count: How many those are.
        shown: Their share among all answers of the sample, 0-1.
    """

    group: str
    rows: Rows | None
    style: str
    share: float
    count: int
    shown: float

    @property
    def certainty(self) -> float:
        """Lower end of the 95 % interval of the share (Wilson's score interval)."""
        return wilson(self.share, self.count)[0]

    def of(self, texts: pl.DataFrame) -> pl.DataFrame:
        """The lines of `texts` that belong to the group."""
        return texts if self.rows is None else texts.filter(np.isin(texts["row"].to_numpy(), self.rows))


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a share seen in `count` cases."""
    if not count:
        return 0.0, 1.0
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def own_pieces(family: StyleFamily, answer: str, prompt: str) -> list[Written]:
    """What an answer writes itself; a piece that the prompt has too is quoted from there."""
    return [piece for piece in family.find(answer) if piece.piece not in prompt]


def mine_habits(family: StyleFamily, answers: pl.DataFrame, fields: Sequence[FieldColumn], *, cancel: Cancel) -> list[Habit]:
    """The habit of the whole file, unless a group has another one; else those of the groups of the field that has most rows in groups with one.

    Args:
        family: The styles.
        answers: Lines of `dataset.texts()` with an answer.
        fields: The records' scalar fields.
        cancel: Looked at for every field.

    Raises:
        CancelledError: When stopped.
    """
    sample = answers.sample(min(SAMPLE, answers.height), seed=_SEED)
    rows, styles = _styles_of_sample(family, sample)
    whole = _habit(family, "", None, styles, sample.height)
    if len(styles) < FEWEST_IN_GROUP or (whole and whole.share == 1):
        return [whole] if whole else []
    best: list[Habit] = []
    sampled = sample["row"].to_numpy()
    for groups in _divisions(answers, fields):
        raise_if_cancelled(cancel)
        members = [(title, of_group, styles[np.isin(rows, of_group)], int(np.isin(sampled, of_group).sum())) for title, of_group in groups]
        habits = [habit for member in members if (habit := _habit(family, *member))]
        if whole and any(habit.style != whole.style for habit in habits):
            return habits
        if not whole and sum(habit.count for habit in habits) > sum(habit.count for habit in best):
            best = habits
    return [whole] if whole else best


def _styles_of_sample(family: StyleFamily, sample: pl.DataFrame) -> tuple[Rows, npt.NDArray[np.str_]]:
    """Rows whose answer shows a style, and the style of each; "mixed" where it shows several."""
    if not family.otherwise:
        sample = sample.filter(pl.col("answer").str.contains("|".join(dict.fromkeys(family.patterns.values()))))
    rows: list[int] = []
    shown: list[str] = []
    for row, prompt, answer in sample.select("row", "prompt", "answer").iter_rows():
        styles = {piece.style for piece in own_pieces(family, answer, prompt)} - {""}
        if styles:
            rows.append(row)
            shown.append(styles.pop() if len(styles) == 1 else _MIXED)
    return np.array(rows, np.uint32), np.array(shown, np.str_)


def _habit(family: StyleFamily, group: str, rows: Rows | None, styles: npt.NDArray[np.str_], answers: int) -> Habit | None:
    """The commonest style of these rows where it is a habit, out of so many answers looked at."""
    if len(styles) < (FEWEST_IN_GROUP if group else FEWEST):
        return None
    style, count = Counter(styles.tolist()).most_common(1)[0]
    habit = Habit(group, rows, style, count / len(styles), len(styles), len(styles) / answers)
    deliberate = not family.otherwise and habit.shown >= (_MOST_CASUAL if family.casual else _MOST)
    enough = habit.share >= SHARE if deliberate else habit.share >= RARE_SHARE[family.casual] and habit.certainty >= CERTAINTY[family.casual]
    return habit if enough and style != _MIXED else None


def _divisions(answers: pl.DataFrame, fields: Sequence[FieldColumn]) -> Iterator[list[tuple[str, Rows]]]:
    """Ways to divide rows: by each field with few values, by the system prompt."""
    for column in fields:
        if not column.free and 1 < len(column.values) <= _GROUPS and len(column.rows) == column.present:
            yield [(f"{column.name} {value}", column.rows[column.codes == code]) for code, value in enumerate(column.values)]
    counted = answers.filter(pl.col("system").str.len_bytes().is_between(1, _LARGEST_SYSTEM))["system"].value_counts(sort=True)
    common = counted.filter(pl.col("count") >= FEWEST_IN_GROUP)["system"].to_list()[:_GROUPS]
    if common:
        yield [(f'system prompt "{text[:30]}…"', answers.filter(pl.col("system") == text)["row"].to_numpy()) for text in common]
