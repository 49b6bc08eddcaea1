"""Turning hand-written fragments with alternatives into text."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Any

_GROUP = re.compile(r"\{([^{}]*)\}")

NAMES = (
    "Ada Aisha Alun Amara Anil Astrid Bea Ben Callum Carmen Cleo Daniel Dilys Ed Elif Emeka Esme Farah Finn Freya George Gita Grace Hana Harold Hugo "
    "Ines Ivan Jade Jonas Josie Kasia Kit Lena Leo Lowri Lucía Maeve Malik Marek Mei Milo Nadia Ned Nell Noor Olga Omar Oscar Parveen Pia Priya Rafał "
    "Renée Rhys Rosa Ruth Sadiq Sam Sanna Seán Tariq Tess Theo Uma Vera Wanda Wes Yusuf Zainab Zoë"
).split()
SURNAMES = (
    "Abbott Ahmed Archer Bell Birch Brook Carr Chen Dale Davies Dean Doyle Ellis Fenn Ford Frost Gill Grant Hale Hart Holt Hughes Islam Kaur Khan Lamb "
    "Lane Lloyd Marsh Mistry Moss Nash Novak Okoro Page Patel Pike Pryce Quinn Reed Rowe Shah Shaw Silva Stone Tait Tran Vale Wade Webb West Wood Yates"
).split()
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "September", "October", "November")
RELATIVES = ("my mum", "my dad", "my sister", "my brother", "my neighbour", "my partner", "my flatmate", "my nan", "my uncle", "a friend", "my daughter")
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One exchange between a visitor and the desk.

    Attributes:
        task: What kind of work the answer does, one of `TASKS`.
        category: What the visitor is writing about, one of `CATEGORIES`.
        about: What exactly is asked; two conversations with the same `about` say the same thing.
        turns: (role, text) in order.
    """

    task: str
    category: str
    about: str
    turns: tuple[tuple[str, str], ...]

    @property
    def messages(self) -> list[dict[str, str]]:
        """The turns in the `messages` layout."""
        return [{"role": role, "content": text} for role, text in self.turns]

    @property
    def text(self) -> str:
        """All turns, one below the other."""
        return "\n".join(text for _, text in self.turns)


def spin(rng: random.Random, pattern: str, **slots: Any) -> str:
    """`pattern` with `{this|that}` chosen at random and `{name}` taken from `slots`, innermost first."""

    def one(match: re.Match[str]) -> str:
        inside = match.group(1)
        return rng.choice(inside.split("|")) if "|" in inside else str(slots[inside])

    while _GROUP.search(pattern):
        pattern = _GROUP.sub(one, pattern)
    return pattern


def pick(rng: random.Random, patterns: tuple[str, ...], **slots: Any) -> str:
    """One of `patterns`, spun."""
    return spin(rng, rng.choice(patterns), **slots)


def sentence(text: str) -> str:
    """`text` with a capital first letter."""
    return text[:1].upper() + text[1:]


def an(noun: str) -> str:
    """The noun with its indefinite article."""
    if noun.startswith(("set of", "pair of")) or not noun.endswith("s"):
        return f"{'an' if noun[0] in 'aeiouAEIO' else 'a'} {noun}"
    return f"some {noun}"


def pounds(amount: float) -> str:
    """Money as the desk writes it: £3 or £3.50."""
    return f"£{amount:.0f}" if amount == int(amount) else f"£{amount:.2f}"


def number_word(number: int) -> str:
    """Small numbers in letters, others in digits."""
    return WORDS[number] if number < len(WORDS) else str(number)


def full_name(rng: random.Random) -> str:
    """A first name and a surname."""
    return f"{rng.choice(NAMES)} {rng.choice(SURNAMES)}"


def casual(rng: random.Random, text: str) -> str:
    """Now and then the way people type on a phone: no capitals, no full stop at the end, curly apostrophes."""
    dice = rng.random()
    if dice < 0.06:
        return text.lower()
    if dice < 0.12 and text.endswith("."):
        return text[:-1]
    return text.replace("'", "’") if dice > 0.93 else text
