"""What a run costs, and the bound that it keeps within."""

from __future__ import annotations

from dataclasses import dataclass

from sde_core.rules.rating.judge import Answer, Question
from sde_core.rules.rating.plan import RatingParams

_CHARS_A_TOKEN = 2
"""At the least: tokens that nobody counted are taken for that many, so that a bound on the cost holds."""


@dataclass(slots=True)
class Spending:
    """What a run has cost, and what it will cost at most once all that is under way is answered.

    Attributes:
        params: Prices and the bound.
        spent: In the prices' currency.
        under_way: Questions that were asked and not answered yet.
        dearest: The most that one question cost, or was guessed to cost.
        bounded: Whether a question was held back for the bound.
    """

    params: RatingParams
    spent: float = 0.0
    under_way: int = 0
    dearest: float = 0.0
    bounded: bool = False

    def allows(self, question: Question) -> bool:
        """Whether one more question stays within the bound; it then counts as under way."""
        self.dearest = max(self.dearest, self._guess(question))
        bound = self.params.max_cost
        if bound is not None and self.spent + (self.under_way + 1) * self.dearest > bound:
            self.bounded = True
            return False
        self.under_way += 1
        return True

    def answered(self, question: Question, answer: Answer) -> None:
        """Counts what an answer cost; nothing where there is none."""
        self.under_way -= 1
        if answer.problem:
            return
        counted = answer.tokens_in is not None and answer.tokens_out is not None
        cost = self.params.cost(answer.tokens_in or 0, answer.tokens_out or 0) if counted else self._guess(question)
        self.spent += cost
        self.dearest = max(self.dearest, cost)

    def _guess(self, question: Question) -> float:
        return self.params.cost(len(question.text) / _CHARS_A_TOKEN, question.max_tokens)
