"""Prompts that lack what nearly all others have: a system prompt, a fixed beginning or end."""

from __future__ import annotations

import polars as pl

from sde_core.checks.fields import ending, excerpt, field_name
from sde_core.checks.findings import CheckContext, Finding
from sde_core.dataset import Dataset
from sde_core.dataset.turns import USER
from sde_core.features.text_frame import TextFrame, mine_frame
from sde_core.progress import raise_if_cancelled

_FEWEST_ROWS = 40
_SYSTEM_HABIT, _FRAME_HABIT = 0.95, 0.97


class MissingSystem:
    """Conversations without a system prompt, where nearly all have one."""

    name = "missing-system"
    title = "Conversations without a system prompt"
    advice = "The model learns to do without it: add it in the file, or reject the rows."

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record."""
        asked = context.texts.filter(pl.col("roles").str.contains("u"))
        without = asked.filter(pl.col("system").str.strip_chars() == "")
        if asked.height < _FEWEST_ROWS or not without.height or without.height > (1 - _SYSTEM_HABIT) * asked.height:
            return []
        share = 1 - without.height / asked.height
        said = f"{share:.1%} of the conversations have a system prompt; this one has none."
        return [Finding(self.name, "warning", (row,), said, excerpt(prompt) or "(empty prompt)", "", round(share, 3))
                for row, prompt in without.select("row", "prompt").iter_rows()]  # fmt: skip


class OddPrompts:
    """Prompts without the fixed words with which nearly all others begin or end."""

    name = "odd-prompt"
    title = "Prompts without the words that all others have"
    advice = "Bring them into the one form that the model will meet, or reject them."

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record."""
        if context.dataset.layout.name == "classification":
            return []
        asked = context.texts.filter(pl.col("roles").str.contains("^s*ua"), pl.col("prompt").str.contains(r"\S"))
        if asked.height < _FEWEST_ROWS:
            return []
        rows, prompts = asked["row"].to_list(), asked["prompt"].to_list()
        found: dict[int, Finding] = {}
        for at_end in (False, True):
            raise_if_cancelled(context.cancel)
            frame = mine_frame(prompts, at_end=at_end, fewest_share=_FRAME_HABIT)
            for row, prompt in zip(rows, prompts, strict=True) if frame and frame.share < 1 else ():
                if frame and not frame.fits(prompt) and not frame.is_inside(prompt):
                    found.setdefault(row, self._finding(context.dataset, row, prompt, frame))
        return list(found.values())

    def _finding(self, dataset: Dataset, row: int, prompt: str, frame: TextFrame) -> Finding:
        where, shown = ("end", ending(prompt, 100)) if frame.at_end else ("begin", excerpt(prompt))
        said = f"{frame.share:.1%} of the prompts {where} with {frame.title}; this one does not."
        return Finding(self.name, "warning", (row,), said, shown, _first_field(dataset, row), round(frame.share, 3))


def _first_field(dataset: Dataset, row: int) -> str:
    return next((field_name(turn.editable[0][0]) for turn in dataset.turns(row).turns if turn.role == USER and turn.editable), USER)
