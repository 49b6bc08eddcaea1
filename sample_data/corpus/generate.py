"""Drawing conversations and prose from all generators."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from corpus.background import paragraph
from corpus.chats import converse
from corpus.code import program
from corpus.desk import answer_one
from corpus.desk_loans import LOAN_TOPICS
from corpus.desk_venues import VENUE_TOPICS
from corpus.forms import extract
from corpus.rewriting import rewrite
from corpus.steps import list_steps
from corpus.sums import reckon
from corpus.text import Conversation
from corpus.triage import CATEGORIES, classify

CATEGORY_WEIGHTS = dict(zip(CATEGORIES, (43, 19, 10, 9, 7, 6, 4.5, 1.5), strict=True))
"""Percent; one dominant class, several medium, a rare one."""
_TOPICS = {category: [topic for topic in (*LOAN_TOPICS, *VENUE_TOPICS) if topic.category == category] for category in CATEGORIES}


def answer(rng: random.Random, category: str) -> Conversation:
    """A question at the desk about `category`."""
    topics = _TOPICS[category]
    return answer_one(rng, rng.choices(topics, [len(topic.entities) for topic in topics])[0])


def asked_again(rng: random.Random, conversation: Conversation) -> Conversation:
    """A desk question and its answer in other words; most of what surrounds the question may change as well."""
    name, _, index = conversation.about.rpartition(":")
    topic = next(topic for topic in (*LOAN_TOPICS, *VENUE_TOPICS) if topic.name == name)
    return answer_one(rng, topic, int(index))


_MAKERS: dict[str, tuple[float, Callable[[random.Random, str], Conversation]]] = {
    "answer": (31, answer),
    "triage": (19, classify),
    "extract": (13, extract),
    "chat": (8, converse),
    "sums": (6.5, reckon),
    "rewrite": (8.5, rewrite),
    "steps": (7.5, list_steps),
    "code": (6.5, program),
}
TASKS = tuple(_MAKERS)
"""What the desk's answers do, by name."""
TASK_WEIGHTS = {task: weight for task, (weight, _) in _MAKERS.items()}
"""Percent."""


def draw_of(rng: random.Random, task: str, category: str) -> Conversation:
    """One clean conversation of this task and category."""
    return _MAKERS[task][1](rng, category)


def draw_conversation(rng: random.Random, tasks: Sequence[str] = TASKS) -> Conversation:
    """One clean conversation of one of `tasks`."""
    task = rng.choices(tasks, [TASK_WEIGHTS[name] for name in tasks])[0]
    category = rng.choices(CATEGORIES, list(CATEGORY_WEIGHTS.values()))[0]
    return draw_of(rng, task, category)


def clean_conversations(n: int, seed: int, tasks: Sequence[str] = TASKS) -> Iterator[Conversation]:
    """`n` clean conversations in the desk's style; the same for the same arguments."""
    rng = random.Random(f"conversations {seed}")
    for _ in range(n):
        yield draw_conversation(rng, tasks)


def background_text(n: int, seed: int) -> Iterator[str]:
    """`n` paragraphs of plain prose or dialogue about the same place, never in the desk's answer formats."""
    rng = random.Random(f"background {seed}")
    for _ in range(n):
        yield paragraph(rng)
