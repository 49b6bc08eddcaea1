"""A formula rule: one sentence about a good row, turned into a number from 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sde_core.rules.measures import measured

Subject = Literal["answer", "prompt", "pair"]

FAMILIES: tuple[str, ...] = (
    "length and completeness",
    "structure",
    "language and readability",
    "repetition",
    "instruction and answer",
    "specificity",
    "reasoning",
    "boilerplate and safety",
    "code",
    "mathematics",
    "medical",
    "reviews and sentiment",
)
"""Families in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Scores every row by a formula over its prompt and answer; a row's score never depends on the other rows.

    A row in which a text that the rule reads is empty scores 0.

    Attributes:
        name: What commands and columns call it.
        family: One of `FAMILIES`.
        definition: One sentence that states the formula with its numbers.
        higher_is: What a high score says about the row; 1 is always best.
        formula: Expression over the columns of `sde_core.rules.measures`.
        about: Which text it reads: the answer, the prompt, or both.
        source: Publication that the formula follows, empty where it is the project's own.
    """

    name: str
    family: str
    definition: str
    higher_is: str
    formula: pl.Expr = field(compare=False, repr=False)
    about: Subject = "answer"
    source: str = ""

    def expression(self) -> pl.Expr:
        """The formula as a float32 column in [0, 1] under the rule's name, 0 where a text that it reads is empty."""
        return self._finished(self.formula.cast(pl.Float32), _READABLE[self.about])

    def raw_expression(self) -> pl.Expr:
        """The formula alone, under the rule's name, as `scored` computes it first."""
        return self.formula.cast(pl.Float32).alias(self.name)

    def finished_expression(self) -> pl.Expr:
        """`expression` from the column of `raw_expression`."""
        return self._finished(pl.col(self.name), pl.col(f"readable_{self.about}"))

    def _finished(self, value: pl.Expr, readable: pl.Expr) -> pl.Expr:
        score = value.fill_nan(0.0).fill_null(0.0).clip(0.0, 1.0)
        return pl.when(readable).then(score).otherwise(pl.lit(0.0, pl.Float32)).alias(self.name)

    def score(self, texts: pl.DataFrame) -> NDArray[np.float32]:
        """Scores of all rows.

        Args:
            texts: `Dataset.texts()` or the same with `measured` columns.

        Returns:
            float32[n], each in [0, 1].
        """
        return scored(measured(texts), [self]).to_series().to_numpy()


_HAS_ANSWER, _HAS_PROMPT = pl.col("answer_word_count") + pl.col("answer_mark_count") > 0, pl.col("prompt_word_count") > 0
_READABLE: Mapping[str, pl.Expr] = MappingProxyType({"answer": _HAS_ANSWER, "prompt": _HAS_PROMPT, "pair": _HAS_ANSWER & _HAS_PROMPT})


def scored(texts: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """Every rule's `expression`, evaluated in two steps so that no formula is computed once for each of the things that its result is asked for.

    Args:
        texts: With `measured` columns.
        rules: At least one.

    Returns:
        A float32 column in [0, 1] for each rule, in their order.
    """
    readable = [expression.alias(f"readable_{about}") for about, expression in _READABLE.items()]
    raw = texts.lazy().select(*(rule.raw_expression() for rule in rules), *readable).collect()
    return raw.lazy().select(rule.finished_expression() for rule in rules).collect()
