"""Arithmetic in words; the working first, and the last line always "Answer: n"."""

from __future__ import annotations

import random

from corpus.sum_stories import SUMS, Sum
from corpus.text import DAYS, NAMES, RELATIVES, Conversation, pick, sentence, spin
from corpus.venues import COURSES, MACHINES, MEDIA, ROOMS
from corpus.world import TOOLS

ASKS = ("", "", "Work this out: ", "Please check my sum. ", "For the notice board: ", "Maths corner. ", "My homework says: ", "A quick sum for you. ", "{relative} and I disagree. ")
TAILS = ("", "", "", " Show the working.", " One line of working is enough.", " I got a different number.", " No calculator here.")
LEADS = ("", "That is ", "Count like this: ", "Step by step: ", "We take ", "So: ")


def numbers(rng: random.Random, item: Sum) -> dict[str, int]:
    """Values for a, b, c that give a positive result, and what follows from them."""
    while True:
        a, b, *rest = (rng.randint(low, high) for low, high in item.limits)
        c = rest[0] if rest else 0
        b += b % 2 if item.about == "tickets" else 0
        result = _RESULTS[item.result](a, b, c)
        if result > 0:
            return {"a": a, "b": b, "c": c, "r": result, "p": a * b, "d": b - c, "e": 2 * b + c, "t": 10 * b, "m": a * b, "n": b * c, "h": b + c, "half": b // 2,
                "w": 2 * b + a, "three": 3 * a, "q": b * c, "double": 2 * a, "all": a + b + c, "two": a + b, "less": b - 2}


_RESULTS = {
    "a": lambda a, b, c: a,
    "b": lambda a, b, c: b,
    "a*c": lambda a, b, c: a * c,
    "3*a-b": lambda a, b, c: 3 * a - b,
    "a*b+c": lambda a, b, c: a * b + c,
    "c-a-b": lambda a, b, c: c - a - b,
    "c-a-2*b": lambda a, b, c: c - a - 2 * b,
    "c*(a+b)": lambda a, b, c: c * (a + b),
    "a*(b-2)": lambda a, b, c: a * (b - 2),
    "20*a+50*b": lambda a, b, c: 20 * a + 50 * b,
    "50-a-b-c": lambda a, b, c: 50 - a - b - c,
    "a+b": lambda a, b, c: a + b,
    "a-b": lambda a, b, c: a - b,
    "a*b": lambda a, b, c: a * b,
    "2*c": lambda a, b, c: 2 * c,
    "c-a": lambda a, b, c: c - a,
    "a+b+c": lambda a, b, c: a + b + c,
    "a+b-c": lambda a, b, c: a + b - c,
    "a-b-c": lambda a, b, c: a - b - c,
    "c+a+b": lambda a, b, c: c + a + b,
    "a*b-c": lambda a, b, c: a * b - c,
    "a+b*c": lambda a, b, c: a + b * c,
    "a-b*c": lambda a, b, c: a - b * c,
    "c-a*b": lambda a, b, c: c - a * b,
    "a-2*b-c": lambda a, b, c: a - 2 * b - c,
    "a*(b-c)": lambda a, b, c: a * (b - c),
    "a*(b+c)": lambda a, b, c: a * (b + c),
    "10*b-a": lambda a, b, c: 10 * b - a,
    "10*a+40*b": lambda a, b, c: 10 * a + 40 * b,
    "a*b+c*(b//2)": lambda a, b, c: a * b + c * (b // 2),
}


def reckon(rng: random.Random, category: str) -> Conversation:
    """A word problem and its answer."""
    item = rng.choice([item for item in SUMS if item.category == category])
    values = numbers(rng, item)
    slots = {
        "who": rng.choice(NAMES), "tutor_name": rng.choice(COURSES).tutor, "relative": sentence(rng.choice(RELATIVES)), "day": rng.choice(DAYS), "tool": rng.choice(TOOLS).name, "room": rng.choice(ROOMS).name,
        "course": rng.choice(COURSES).name, "machine": rng.choice(MACHINES).name, "things": rng.choice(MEDIA).name,
        "event": rng.choice(("the supper", "the jam contest", "the lantern walk", "film night", "the seed swap")),
    }  # fmt: skip
    story = pick(rng, ASKS, **slots) + sentence(spin(rng, item.story, **slots, **values)) + rng.choice(TAILS)
    working = rng.choice(LEADS) + spin(rng, item.working, **values) + "."
    answer = f"{working}\nAnswer: {item.unit}{values['r']}"
    return Conversation("sums", category, f"{item.about} {values['a']} {values['b']} {values['c']}", (("user", story), ("assistant", answer)))
