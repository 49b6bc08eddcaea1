"""What a judge is: something that answers questions, many at once, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sde_core.progress import Cancel

Place = TypeVar("Place")
"""Whatever the asker knows a question by."""


@dataclass(frozen=True, slots=True)
class Question:
    """One call of a judge.

    Attributes:
        text: The user's message.
        max_tokens: Longest reply.
        options: Replies of one token whose probabilities are asked for ("1" to "5"); none where the words of the reply are all that counts.
        temperature: 0 takes the likeliest token each time.
        seed: Of the sampling where the temperature is above 0.
    """

    text: str
    max_tokens: int
    options: tuple[str, ...] = ()
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one question.

    Attributes:
        text: The reply; nobody evaluates it.
        probabilities: By option, how likely it is as the reply's first token; None where the judge does not tell.
        tokens_in, tokens_out: What the call cost, None where the judge does not count.
        problem: Why there is no reply, in one sentence; "" where there is one.
    """

    text: str = ""
    probabilities: Mapping[str, float] | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    problem: str = ""


class Judge(Protocol):
    """A model that answers questions."""

    @property
    def id(self) -> str:
        """Names the model for good: another model, another revision or other weights have another id. Never holds a secret."""
        ...

    @property
    def name(self) -> str:
        """The model's short name."""
        ...

    def answers(self, questions: Iterable[tuple[Place, Question]], *, cancel: Cancel) -> Iterator[tuple[Place, Answer]]:
        """Answers every question once, as soon as it is answered, in any order.

        Args:
            questions: Drawn from only as fast as they are answered; whoever supplies them may end early.
            cancel: Looked at several times a second; what is under way is then dropped.

        Raises:
            JobError: When the judge stopped answering altogether.
            ModelError: When it cannot answer such questions at all.
            CancelledError: When stopped.
        """
        ...
