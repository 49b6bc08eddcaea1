"""Rows and rules for tests of rating, and a judge in this process that answers by a function."""

from __future__ import annotations

import hashlib

import polars as pl

from sde_core.progress import raise_if_cancelled
from sde_core.rules.plain_rule import plain_rule
from sde_core.rules.rating import Answer

ANSWERS_IT = plain_rule("answers-it", "Answer every part of the question.")
KEEP_SHORT = plain_rule("keep-short", "Leave out what was not asked for.", about="answer")
RULES = (ANSWERS_IT, KEEP_SHORT)


def rows(count, system=""):
    """Texts of `count` different rows."""
    return pl.DataFrame(
        {
            "row": pl.Series(range(count), dtype=pl.UInt32),
            "system": [system] * count,
            "prompt": [f"How do I return item {n}?" for n in range(count)],
            "answer": [f"Send item {n} back within {n} days." for n in range(count)],
        }
    )


def place_of(prompt):
    """1 to 5 by the text that is judged, the same wherever in the question it stands."""
    line = next(line for line in prompt.split("\n") if line.startswith("=== example"))
    return int(hashlib.md5(line.encode(), usedforsecurity=False).hexdigest(), 16) % 5 + 1


def sharp(place):
    """Probabilities of which nearly all is on one place of the scale."""
    return {str(n): 0.96 if n == place else 0.01 for n in range(1, 6)}


class FakeJudge:
    """Answers by a function from question to answer, one by one; remembers what it was asked."""

    id, name = "fake", "fake"

    def __init__(self, answer=None):
        self.answer = answer or (lambda question: Answer(str(place_of(question.text)), sharp(place_of(question.text)), 100, 1))
        self.asked = []

    def answers(self, questions, *, cancel):
        for place, question in questions:
            raise_if_cancelled(cancel)
            self.asked.append(question.text)
            yield place, self.answer(question)
