"""How one variety of fault is planted."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from corpus import TASKS, Conversation

from faults.rows import Fault, Pool, Record


class Plant(NamedTuple):
    """One variety of fault.

    Attributes:
        kind: Name of the fault.
        detail: Which variety.
        count: How many rows get it.
        change: Spoils the record in place.
        fits: Which conversations it can be planted into.
        tasks: Which tasks it is planted into.
        category: Which category, empty for any.
    """

    kind: str
    detail: str
    count: int
    change: Callable[[random.Random, Record], None]
    fits: Callable[[Conversation], bool] = lambda _: True
    tasks: tuple[str, ...] = TASKS
    category: str = ""

    Change: ClassVar[Any] = Callable[[random.Random, Record], None]


def plant(pool: Pool, one: Plant) -> None:
    """Makes the rows of one variety from fresh conversations."""
    for _ in range(one.count):
        row = pool.fresh(one.tasks, one.category, one.fits)
        one.change(pool.rng, row.record)
        row.faults.append(Fault(one.kind, one.detail))


def is_short(conversation: Conversation) -> bool:
    """One question, one answer, no system prompt."""
    return [role for role, _ in conversation.turns] == ["user", "assistant"]


def has_system(conversation: Conversation) -> bool:
    """One question, one answer, and a system prompt before them."""
    return [role for role, _ in conversation.turns] == ["system", "user", "assistant"]


def is_long_chat(conversation: Conversation) -> bool:
    """At least two exchanges after a system prompt."""
    return len(conversation.turns) > 4


def answered(conversation: Conversation) -> bool:
    """The answer is more than a label."""
    return len(conversation.turns[-1][1]) > 20
