"""Sorting a visitor's message into one category; the answer is the bare label."""

from __future__ import annotations

import random

from corpus.text import DAYS, RELATIVES, Conversation, an, casual, full_name, pick, sentence, spin
from corpus.triage_cases import CASES
from corpus.venues import COURSES, EVENTS, MACHINES, ROOMS, SERVICES
from corpus.world import BOOKS, TOOLS

CATEGORIES = ("loans", "workshop", "events", "payments", "rooms", "membership", "computers", "history")
"""Most frequent first."""

SYSTEMS = (
    "Sort the message into one of: loans, workshop, events, payments, rooms, membership, computers, history. Reply with the label alone.",
    "Labels: loans, workshop, events, payments, rooms, membership, computers, history. One label, nothing else.",
)
ASKS = (
    "Which desk should get this message?",
    "Label this message.",
    "Sort this for me:",
    "Give me the category.",
    "New mail, please file it.",
    "What is this one about? One word.",
    "To which tray does this go?",
    "Classify:",
)
OPENERS = (
    "Hello,", "Hi team,", "Dear library,", "Good evening,", "Hi,", "Morning all,", "To whom it may concern,", "Hey,", "Me again.", "Hope you are well.",
    "Not sure who reads this.", "Short note from {name}.", "I tried to phone.", "Second time of asking.", "Writing from the bus.",
)
CLOSERS = (
    "Regards, {name}", "Thanks, {name}", "{name}", "Best, {name}", "Yours, {name}", "Please ring me after {four|five|six}.", "Can somebody get back to me?",
    "I'm in town on {day}.", "Thank you in advance.", "Sorry for the long message.", "Have a good {day}!", "{relative} says hello.", "Sent from my phone",
    "No hurry at all.", "I would be glad of an answer before {day}.",
)


def case_slots(rng: random.Random) -> dict[str, str]:
    """Names and things that any case may mention."""
    return {
        "name": full_name(rng),
        "day": rng.choice(DAYS),
        "relative": rng.choice(RELATIVES),
        "tool": (tool := rng.choice(TOOLS).name),
        "a_tool": an(tool),
        "title": rng.choice(BOOKS).title,
        "course": rng.choice(COURSES).name,
        "machine": rng.choice(MACHINES).name,
        "room": rng.choice(ROOMS).name,
        "event": rng.choice(EVENTS).name,
        "service": rng.choice(SERVICES).name,
        "sum": rng.choice(("£2.40", "£3", "£4.80", "£6.50", "£7", "£9.20", "£11", "£12.50", "£18", "£24", "£35")),
        "count": rng.choice(("two", "three", "four", "five", "six", "eight", "a dozen")),
        "month": rng.choice(("January", "March", "May", "July", "October", "November")),
        "place": rng.choice(("Quay Street", "Hill Road", "Ferry Lane")),
        "year": str(rng.randrange(1820, 1975)),
    }


def message(rng: random.Random, category: str) -> tuple[str, str]:
    """A message about `category`, and what it is about."""
    index = rng.randrange(len(CASES[category]))
    slots = case_slots(rng)
    case = sentence(spin(rng, CASES[category][index], **slots))
    parts = [case]
    if rng.random() < 0.6:
        parts.insert(0, pick(rng, OPENERS, **slots))
    if rng.random() < 0.65:
        parts.append(pick(rng, CLOSERS, **slots))
    return casual(rng, " ".join(parts)), case


def classify(rng: random.Random, category: str) -> Conversation:
    """A message to be sorted, and its label."""
    body, about = message(rng, category)
    ask = rng.choice(ASKS)
    asked = rng.choice((f"{ask}\n\n{body}", f"{ask} {body}", f"{body}\n\n{ask}" if not ask.endswith(":") else f"{ask} {body}"))
    turns = (("user", asked), ("assistant", category))
    if rng.random() < 0.6:
        turns = (("system", rng.choice(SYSTEMS)), *turns)
    return Conversation("triage", category, about, turns)
