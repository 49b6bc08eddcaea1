"""Plain prose and dialogue about the same place: what a small base model reads before it learns the desk's style."""

from __future__ import annotations

import random
from typing import Any

from corpus.background_scenes import ENDINGS, LINES, REPLIES, SCENES, SMALL_TALK, WEATHER
from corpus.desk import spoken_hour
from corpus.text import DAYS, MONTHS, NAMES, RELATIVES, an, number_word, pick, pounds, sentence, spin
from corpus.venues import CARDS, COLLECTIONS, COURSES, EVENTS, MACHINES, MEDIA, ROOMS, SERVICES
from corpus.world import BOOKS, BRANCHES, TOOLS


def scene_slots(rng: random.Random) -> dict[str, Any]:
    """One person, another, and one of everything they may come across."""
    tool, book, room, course, machine = (rng.choice(pool) for pool in (TOOLS, BOOKS, ROOMS, COURSES, MACHINES))
    medium, card, service, collection, event = (rng.choice(pool) for pool in (MEDIA, CARDS, SERVICES, COLLECTIONS, EVENTS))
    who, other = rng.sample(NAMES, 2)
    few, more = rng.randrange(2, 9), rng.randrange(2, 12)
    return {
        "who": who, "other": other, "relative": rng.choice(RELATIVES).removeprefix("my ").removeprefix("a "),
        "day": rng.choice(DAYS), "month": rng.choice(MONTHS), "hour": spoken_hour(rng.randrange(18, 40) / 2), "branch": rng.choice(BRANCHES).name,
        "tool": tool.name, "a_tool": an(tool.name), "use": tool.uses[0], "other_use": tool.uses[1], "care": tool.care, "bay": tool.bay,
        "days": number_word(tool.days), "deposit": pounds(tool.deposit), "kilos": f"{tool.kilos:g} kilos",
        "title": book.title, "author": book.author, "kind": book.kind, "a_kind": an(book.kind), "blurb": book.about, "shelf": book.shelf, "pages": book.pages,
        "room": room.name, "seats": room.seats, "has": room.has, "floor": room.floor, "rent": pounds(room.price),
        "course": course.name, "tutor": course.tutor, "makes": course.makes, "course_day": course.day, "course_time": course.time,
        "machine": machine.name, "takes": machine.takes, "never": machine.never, "check": machine.check, "machine_bay": machine.bay,
        "medium": medium.name, "card": card.name, "card_who": card.who, "proof": card.proof,
        "service": service.name, "service_how": service.how, "service_where": service.where,
        "collection": collection.name, "years": collection.years, "kept": collection.kept,
        "event": event.name, "when": event.when, "where": event.where, "event_who": event.who,
        "few": number_word(few), "more": number_word(more), "total": number_word(few + more), "product": few * more, "few_n": few, "more_n": more,
        "year": rng.randrange(1820, 1999),
    }  # fmt: skip


def told(rng: random.Random) -> str:
    """A few sentences of a story or a description."""
    slots = scene_slots(rng)
    parts = [pick(rng, rng.choice(SCENES), **slots)]
    if rng.random() < 0.45:
        parts.insert(0, pick(rng, WEATHER, **slots))
    if rng.random() < 0.5:
        parts.append(pick(rng, rng.choice(SCENES), **slots))
    if rng.random() < 0.5:
        parts.append(pick(rng, ENDINGS, **slots))
    return " ".join(sentence(part) for part in parts)


def spoken(rng: random.Random) -> str:
    """A short exchange of speech between two people."""
    slots = scene_slots(rng)
    opening, reply = rng.choice(LINES)
    lines = [f"“{sentence(spin(rng, opening, **slots))}” {{asked|said}} {{who}}.", f"“{sentence(spin(rng, reply, **slots))}” {{answered|said}} {{other}}."]
    for _ in range(rng.randrange(0, 3)):
        lines.append(f"“{sentence(pick(rng, SMALL_TALK, **slots))}”")
        lines.append(f"“{sentence(pick(rng, REPLIES, **slots))}” {{said|laughed|muttered|called}} {{who|other}}.".replace("{who|other}", "{" + rng.choice(("who", "other")) + "}"))
    text = spin(rng, " ".join(lines), **slots)
    return f"{spin(rng, rng.choice(WEATHER), **slots)} {text}" if rng.random() < 0.3 else text


def paragraph(rng: random.Random) -> str:
    """One paragraph of prose or dialogue."""
    return told(rng) if rng.random() < 0.65 else spoken(rng)
