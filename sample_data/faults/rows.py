"""Rows in the making, and the pool of clean ones that faults are planted into."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from corpus import CATEGORIES, TASKS, Conversation
from corpus.distinct import Distinct
from corpus.generate import CATEGORY_WEIGHTS, TASK_WEIGHTS, draw_of

Record = dict[str, Any]
SOURCES = {"triage": ("email", "email", "form"), "extract": ("form", "email"), "chat": ("chat",)}
ANY_SOURCE = ("desk", "desk", "desk", "email", "kiosk")
TRIES = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a row.

    Attributes:
        kind: Name of the fault, a key of the truth file.
        detail: Which variety of it.
        of: The other row concerned, for duplicates and contradictions.
        measures: Figures that say how bad it is.
    """

    kind: str
    detail: str
    of: Row | None = None
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Row:
    """One line of the file before it has a place.

    Attributes:
        record: What will be written; None for a malformed line.
        place: Rows are sorted by it.
        conversation: What the row was made from.
        line: The bytes of a malformed line.
        faults: What is wrong with it.
        traps: What looks wrong with it and is not.
        is_original: Another row is a copy of this one or contradicts it.
        same_record: Every field is as in this row, the id and the date included.
    """

    record: Record
    place: float
    conversation: Conversation | None = None
    line: bytes | None = None
    faults: list[Fault] = field(default_factory=list)
    traps: list[str] = field(default_factory=list)
    is_original: bool = False
    same_record: Row | None = None

    @property
    def is_clean(self) -> bool:
        """Nothing is wrong with it, and nothing was made from it."""
        return not self.faults and not self.is_original and self.line is None


class Pool:
    """Draws clean rows that are unlike each other, and keeps all rows made so far."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"rows {seed}")
        self._conversations = random.Random(f"support {seed}")
        self.rows: list[Row] = []
        self._distinct = Distinct()
        self._exhausted: set[tuple[str, str]] = set()

    def fresh(self, tasks: tuple[str, ...] = TASKS, category: str = "", fits: Callable[[Conversation], bool] = lambda _: True) -> Row:
        """A new clean row of one of `tasks` for which `fits` holds."""
        rng = self._conversations
        while True:
            task = rng.choices(tasks, [TASK_WEIGHTS[name] for name in tasks])[0]
            topic = category or rng.choices(CATEGORIES, [CATEGORY_WEIGHTS[name] for name in CATEGORIES])[0]
            alike = 0
            for _ in range(0 if (task, topic) in self._exhausted else TRIES):
                conversation = draw_of(rng, task, topic)
                if fits(conversation) and self._distinct.add(conversation):
                    return self.put(conversation)
                alike += fits(conversation)
            if alike == TRIES:
                self._exhausted.add((task, topic))

    def put(self, conversation: Conversation) -> Row:
        """A row for this conversation."""
        rng = self.rng
        record: Record = {
            "messages": conversation.messages,
            "category": conversation.category,
            "task": conversation.task,
            "source": rng.choice(SOURCES.get(conversation.task, ANY_SOURCE)),
            "lang": "en",
            "split": "train" if rng.random() < 0.9 else "validation",
            "rating": rng.choices((5, 4, 3, 2, 1), (40, 30, 16, 9, 5))[0],
        }
        row = Row(record, rng.random(), conversation)
        self.rows.append(row)
        return row

    def copied(self, original: Row) -> Row:
        """A copy somewhere below the original; the original is one from now on."""
        original.is_original = True
        row = Row(copy.deepcopy(original.record), original.place + (1 - original.place) * self.rng.random(), original.conversation)
        if self.rng.random() < 0.15:
            row.place = original.place + 1e-9
        row.record["source"] = self.rng.choice(ANY_SOURCE)
        if self.rng.random() < 0.15:
            row.record["split"] = "train" if row.record["split"] == "validation" else "validation"
        self.rows.append(row)
        return row

    def originals(self, count: int, fits: Callable[[Conversation], bool] = lambda _: True) -> list[Row]:
        """Clean rows to be copied; none is given twice."""
        found = [row for row in self.rows if row.is_clean and not row.traps and row.conversation is not None and fits(row.conversation)]
        return self.rng.sample(found, count)
