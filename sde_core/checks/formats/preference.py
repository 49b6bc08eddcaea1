"""Preference data as a whole: better answers that are mostly the longer ones, marks that are nearly all the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Finding
from sde_core.checks.formats.habits import wilson
from sde_core.checks.formats.turns import where
from sde_core.dataset import Turns
from sde_core.dataset.turns import USER

_FEWEST = 40
_BIASED, _TIMES_LONGER = 0.6, 1.1
_ONE_SIDED = 0.05


class AnswerLengths:
    """Characters of the chosen and the rejected answer of every pair; a `Survey` that can be taken in pieces."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.chosen: list[int] = []
        self.rejected: list[int] = []

    def observe(self, row: int, value: Any, turns: Turns) -> None:
        """Takes one record into account."""
        if turns.chosen and turns.rejected:
            self.rows.append(row)
            self.chosen.append(sum(len(turn.text) for turn in turns.chosen))
            self.rejected.append(sum(len(turn.text) for turn in turns.rejected))

    def state(self) -> list[list[int]]:
        """What was observed, as JSON."""
        return [self.rows, self.chosen, self.rejected]

    def absorb(self, state: list[list[int]]) -> None:
        """Adds what another survey observed in later rows."""
        for own, more in zip((self.rows, self.chosen, self.rejected), state, strict=True):
            own += more


class LengthBias:
    """Pairs in which the chosen answer is the longer one, or the shorter one, far more often than by chance."""

    name = "length-bias"
    title = "Preference for longer or shorter answers"
    advice = "The model learns the length rather than the quality: balance the pairs, or train with a length penalty."
    surveys = (AnswerLengths,)

    def run(self, context: CheckContext) -> list[Finding]:
        """At most one finding, with the rows where it is so."""
        survey: AnswerLengths = context.surveys[AnswerLengths]
        chosen, rejected = np.array(survey.chosen), np.array(survey.rejected)
        told = (chosen != rejected) & (chosen > 0) & (rejected > 0)
        pairs = int(told.sum())
        if pairs < _FEWEST:
            return []
        longer = float((chosen > rejected)[told].mean())
        word, share = ("longer", longer) if longer >= 0.5 else ("shorter", 1 - longer)
        low, high = wilson(share, pairs)
        ratio = float(np.exp(np.abs(np.median(np.log(chosen[told] / rejected[told])))))
        if low < _BIASED or ratio < _TIMES_LONGER:
            return []
        said = f"The chosen answer is the {word} one in {share:.0%} of {pairs:,} pairs (95% interval {low:.0%} to {high:.0%})."
        evidence = f"median {np.median(chosen):,.0f} characters chosen, {np.median(rejected):,.0f} rejected; by pair {ratio:.2f} times as long"
        rows = np.array(survey.rows)[told & ((chosen > rejected) == (word == "longer"))]
        return [Finding(self.name, "info", tuple(rows.tolist()), said, evidence, context.dataset.layout.roles.get("chosen", "chosen"), round(low, 3))]


class UnlikePrompts:
    """Pairs whose two conversations begin with different questions."""

    name = "unlike-prompts"
    title = "Preference pairs that answer different prompts"
    advice = "The two answers cannot be compared: reject the pair or ask both the same."

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterable[Finding]:
        """One finding a record."""
        if not turns.chosen or not turns.rejected or turns.chosen[0].role != USER or turns.rejected[0].role != USER:
            return ()
        chosen, rejected = turns.chosen[0], turns.rejected[0]
        if chosen.text.split() == rejected.text.split():
            return ()
        evidence = f"chosen: {excerpt(chosen.text, limit=70)} | rejected: {excerpt(rejected.text, limit=70)}"
        return [Finding(self.name, "error", (row,), "The chosen and the rejected answer are to different prompts.", evidence, where(rejected), 0.9)]


class OneSidedMarks:
    """Files for unpaired preference training in which nearly all answers are marked the same."""

    name = "one-sided-marks"
    title = "Answers nearly all marked the same"
    advice = "Unpaired preference training needs good and bad answers: add the other kind, or weigh the two."

    def run(self, context: CheckContext) -> list[Finding]:
        """At most one finding, with the rows of the larger part."""
        if context.dataset.layout.name != "kto":
            return []
        marked = context.texts.select("row", good=pl.col("label").str.to_lowercase().is_in(["true", "1"])).drop_nulls()
        total, good = marked.height, int(marked["good"].sum())
        fewer = min(good, total - good)
        if total < _FEWEST or fewer > _ONE_SIDED * total:
            return []
        said = f"{total - fewer:,} of {total:,} answers are marked {'bad' if good == fewer else 'good'}."
        rows = tuple(marked.filter(pl.col("good") == (good > fewer))["row"].to_list())
        return [
            Finding(self.name, "warning", rows, said, f"good {good:,}, bad {total - good:,}", context.dataset.layout.roles.get("label", "label"), 1.0)
        ]
