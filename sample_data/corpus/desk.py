"""Single questions at the desk, answered in one or two sentences that end with the number of the fact card."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from corpus.text import RELATIVES, Conversation, casual, pick, sentence


class Topic(NamedTuple):
    """One thing that can be asked about every entity of a kind.

    Attributes:
        name: Short name, part of `Conversation.about`.
        category: The category of the question.
        card: Letter of the fact cards that hold the answers.
        entities: What can be asked about.
        slots: The words of one entity for the patterns.
        contexts: What the visitor says before asking; may be empty text.
        questions: Ways to ask.
        answers: Ways to answer; all say the same.
    """

    name: str
    category: str
    card: str
    entities: Sequence[Any]
    slots: Callable[[Any], Mapping[str, Any]]
    contexts: tuple[str, ...]
    questions: tuple[str, ...]
    answers: tuple[str, ...]


SYSTEMS = (
    "You answer for the desk of Tidewell Library and Workshop. Give the fact and the card it stands on.",
    "You are the Tidewell desk. Be short, be kind, name the card.",
    "Answer visitors of the library from the fact cards.",
)
GREETINGS = ("Hi, ", "Hello, ", "Good morning. ", "Hi there. ", "Afternoon! ", "Dear desk, ", "Quick question: ", "Sorry to bother you. ")
THANKS = (" Thanks!", " Thank you.", " Many thanks.", " Cheers.", " Ta!", " I can't find it on the website.", " No rush.", " The phone was busy, so I'm writing.")


def answer_one(rng: random.Random, topic: Topic, index: int | None = None) -> Conversation:
    """A question about one entity and its answer; about any entity where `index` is None."""
    index = rng.randrange(len(topic.entities)) if index is None else index
    slots = {**topic.slots(topic.entities[index]), "relative": rng.choice(RELATIVES)}
    opening = sentence(pick(rng, topic.contexts, **slots)) if topic.contexts and rng.random() < 0.75 else ""
    question = sentence(pick(rng, topic.questions, **slots))
    asked = f"{opening} {question}".strip()
    if rng.random() < 0.25:
        greeting = rng.choice(GREETINGS)
        asked = greeting + (asked[0].lower() + asked[1:] if greeting.endswith(", ") and not asked.startswith(("I ", "I'")) else asked)
    if rng.random() < 0.2:
        asked += rng.choice(THANKS)
    answer = f"{sentence(pick(rng, topic.answers, **slots))} (card {topic.card}{index + 1})"
    turns = (("user", casual(rng, asked)), ("assistant", answer))
    if rng.random() < 0.35:
        turns = (("system", rng.choice(SYSTEMS)), *turns)
    return Conversation("answer", topic.category, f"{topic.name}:{index}", turns)


def spoken_hour(hour: float) -> str:
    """9.5 -> "half past nine" in figures: 9.30 am."""
    whole, minutes = int(hour), round((hour - int(hour)) * 60)
    clock = f"{(whole - 1) % 12 + 1}" + (f".{minutes:02d}" if minutes else "")
    return f"{clock} {'am' if whole < 12 else 'pm'}"
