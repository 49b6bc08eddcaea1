"""Rows that look wrong and are right: a check that reports them raises a false alarm."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from corpus.background import paragraph
from corpus.text import Conversation

from faults.answers import answer_of, set_answer
from faults.plant import answered, is_short
from faults.rows import Fault, Pool, Record

Change = Callable[[random.Random, Record], None]
EMOJI = (" 😀", " 🙏🏽", " 👨‍👩‍👧 all say hi", " ❤️", " 📚📚", " 🔧👍")
SCRIPTS = ("王芳", "Дарья", "Ελένη", "سلمى", "さくら", "Nguyễn Thị Hạnh")
MARKUP = (
    "My folder is called [bold red].",
    "The label reads [/] and nothing else.",
    "It says [link=here] on the tag.",
    "The note in the margin was [b]x[/b].",
)
HTML = ("The page shows <b>due</b> in thick letters.", "I typed &amp; and got &.", "There is a <div> on the screen.")


def asked_after(texts: tuple[str, ...], joint: str = " ") -> Change:
    """Adds one of `texts` to the last question."""

    def change(rng: random.Random, record: Record) -> None:
        user = next(message for message in reversed(record["messages"]) if message["role"] == "user")
        user["content"] += joint + rng.choice(texts)

    return change


def blank_replaced(new: str) -> Change:
    """Replaces a blank in the last question."""

    def change(rng: random.Random, record: Record) -> None:
        user = next(message for message in reversed(record["messages"]) if message["role"] == "user")
        places = [i for i, char in enumerate(user["content"]) if char == " "]
        place = rng.choice(places)
        user["content"] = user["content"][:place] + new + user["content"][place + 1 :]

    return change


def with_address(rng: random.Random, record: Record) -> None:
    """An address that is one long word."""
    body, card, number = answer_of(record).rpartition(" (card ")
    address = f"https://tidewell.invalid/catalogue/search?branch=quay-street&sort=newest&page={rng.randrange(2, 40)}"
    set_answer(record, f"{body} See {address} for more.{card}{number}")


def rated(value: float | None) -> Change:
    """Sets the rating."""

    def change(_: random.Random, record: Record) -> None:
        record["rating"] = value

    return change


TRAPS: tuple[tuple[str, int, Change], ...] = (
    ("u2028", 5, blank_replaced("\u2028")),
    ("u0085", 4, blank_replaced("\u0085")),
    ("no_break_space", 4, blank_replaced("\u00a0")),
    ("emoji", 8, asked_after(EMOJI, "")),
    ("other_script", 6, asked_after(SCRIPTS, " My name is ")),
    ("markup_like", 5, asked_after(MARKUP)),
    ("html_like", 3, asked_after(HTML)),
    ("long_word", 4, with_address),
    ("null_rating", 14, rated(None)),
    ("nan_rating", 1, rated(math.nan)),
)
"""Name, rows, change; planted into fresh rows, each into its own."""


def traps(pool: Pool) -> None:
    """All traps, and the light corrections that repeat most of their prompt."""
    for name, count, change in TRAPS:
        for _ in range(count):
            row = pool.fresh(("answer",), fits=lambda one: is_short(one) and answered(one))
            change(pool.rng, row.record)
            row.traps.append(name)
    for row in pool.rows:
        if row.is_clean and row.conversation and row.conversation.task == "rewrite" and _is_correction(row.conversation):
            row.traps.append("light_correction")


def _is_correction(conversation: Conversation) -> bool:
    return any(word in conversation.turns[-2][1] for word in ("Fix the spelling", "Proofread", "Correct the mistakes"))


def long_row(pool: Pool) -> None:
    """Somebody pasted the whole minute book."""
    pages: list[str] = []
    while sum(map(len, pages)) < 40_000:
        pages.append(paragraph(pool.rng))
    minutes = "\n\n".join(pages)
    turns = (
        ("user", f"Sum this up in one sentence:\n\n{minutes}"),
        ("assistant", "The minutes tell of many small loans, a few repairs and a great deal of tea."),
    )
    row = pool.put(Conversation("rewrite", "events", "the minute book", turns))
    row.faults.append(Fault("long_row", f"{len(minutes)} characters"))
