"""Templates that ask for the same kind of answer, together: few rows of one template say little about its habit, those of twenty a lot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.features.templates import Templates
from sde_core.features.text_frame import mine_frame
from sde_core.visible import visible

_FEWEST_ROWS = 8
_USUAL = 0.85
_TITLE = 40


@dataclass(frozen=True, slots=True)
class TemplateHabits:
    """Prompts by what the answers to their template usually are.

    Attributes:
        codes: int32[n], place in `titles`; -1 for prompts without a template, or whose template has no habit.
        titles: For example `one of 12 templates such as “Sort this for me: ‹…›”`.
    """

    codes: npt.NDArray[np.int32]
    titles: tuple[str, ...]


def template_habits(templates: Templates, families: Sequence[str], answers: Sequence[str] | pl.Series) -> TemplateHabits:
    """Templates whose answers are of one family and end alike become one group.

    Args:
        templates: Of n prompts.
        families: The family of each answer, as `answer_shape.family_of` has it.
        answers: The n answers.
    """
    members: dict[tuple[str, str], list[int]] = {}
    order = np.argsort(templates.groups, kind="stable")
    cuts = np.searchsorted(templates.groups[order], np.arange(len(templates.titles) + 1))
    for group in range(len(templates.titles)):
        habit = _habit(order[cuts[group] : cuts[group + 1]].tolist(), families, answers)
        if habit is not None:
            members.setdefault(habit, []).append(group)
    code_of = np.full(len(templates.titles) + 1, -1, np.int32)
    for code, groups in enumerate(members.values()):
        code_of[groups] = code
    return TemplateHabits(code_of[templates.groups], tuple(_said(groups, templates) for groups in members.values()))


def _habit(rows: Sequence[int], families: Sequence[str], answers: Sequence[str] | pl.Series) -> tuple[str, str] | None:
    """Family and ending of nearly all of these answers, None where they have no family in common."""
    written = [row for row in rows if families[row] != "empty"]
    if len(written) < _FEWEST_ROWS:
        return None
    names, counts = np.unique([families[row] for row in written], return_counts=True)
    most = int(counts.argmax())
    if counts[most] < _USUAL * len(written):
        return None
    frame = mine_frame([answers[row] for row in written], at_end=True, fewest_share=_USUAL) if names[most] in ("text", "a list") else None
    return str(names[most]), frame.title if frame else ""


def _said(groups: Sequence[int], templates: Templates) -> str:
    title = visible(" ".join(templates.titles[groups[0]].split()), _TITLE)
    return f"“{title}”" if len(groups) == 1 else f"one of {len(groups)} such as “{title}”"
