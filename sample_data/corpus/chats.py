"""Longer conversations with a system prompt: several questions, one thread."""

from __future__ import annotations

import random

from corpus.chat_flows import FLOWS, SMALL_TURNS
from corpus.steps import procedure_slots
from corpus.text import MONTHS, Conversation, casual, number_word, sentence, spin

SYSTEMS = (
    "You are the desk of Tidewell Library and Workshop. Help one visitor at a time, and end with the next step.",
    "Tidewell desk, chat window. Two sentences at most.",
    "Be the friendly voice of the library. If a booking is made, repeat day and place.",
    "You chat with visitors of the Tidewell library. Ask one question when something is missing.",
    "Helper at the counter. Plain words, no jokes.",
)


def chat_slots(rng: random.Random) -> dict[str, str]:
    """Everything a conversation may name; two of some things."""
    slots, other = procedure_slots(rng), procedure_slots(rng)
    while other["title"] == slots["title"] or other["tool"] == slots["tool"] or other["day"] == slots["day"]:
        other = procedure_slots(rng)
    again = {f"other_{key}": other[key] for key in ("title", "author", "tool", "bay", "day", "room", "course", "deposit", "machine", "event", "when", "where")}
    count = rng.randrange(2, 9)
    extra = {"count": number_word(count), "date": str(rng.randrange(2, 28)), "month": rng.choice(MONTHS), "sum": f"£{rng.randrange(3, 25)}", "queue": number_word(rng.randrange(1, 6))}
    return {**slots, **again, **extra}


def converse(rng: random.Random, category: str) -> Conversation:
    """A conversation of two to four exchanges."""
    index = rng.randrange(len(FLOWS[category]))
    slots = chat_slots(rng)
    turns = [("system", rng.choice(SYSTEMS))]
    exchanges = list(FLOWS[category][index])
    if rng.random() < 0.45:
        exchanges.append(rng.choice(SMALL_TURNS))
    for asked, answered in exchanges:
        turns.append(("user", casual(rng, sentence(spin(rng, asked, **slots)))))
        turns.append(("assistant", sentence(spin(rng, answered, **slots))))
    subject = " ".join(slots[key] for key in ("tool", "title", "room", "course", "machine", "event", "day"))
    return Conversation("chat", category, f"chat {category} {index} {subject}", tuple(turns))
