"""Arithmetic in words; the working first, and the last line always "Answer: n"."""

from __future__ import annotations

import random
from typing import NamedTuple

from corpus.text import DAYS, NAMES, RELATIVES, Conversation, pick, sentence, spin
from corpus.venues import COURSES, MACHINES, MEDIA, ROOMS
from corpus.world import TOOLS


class Sum(NamedTuple):
    """A word problem over small numbers a, b, c.

    Attributes:
        category: The category of the question.
        about: Short name.
        story: The problem; `{a}` … are numbers, other slots are names and things.
        working: One line of arithmetic.
        result: The result as a formula of a, b and c.
        limits: Smallest and largest value of a, b, c.
        unit: Put before the result, "£" or nothing.
    """

    category: str
    about: str
    story: str
    working: str
    result: str
    limits: tuple[tuple[int, int], ...]
    unit: str = ""


SUMS = (
    Sum("loans", "borrowed more", "{who} has {a} books at home and {borrows|takes out} {b} more on {day}. How many are on the card now?", "{a} + {b} = {r}", "a+b", ((2, 9), (2, 9))),
    Sum("loans", "returned some", "There were {a} {things} on {who}'s card. {who} {brought back|returned} {b} of them. How many are still out?", "{a} - {b} = {r}", "a-b", ((8, 20), (2, 7))),
    Sum("loans", "shelves", "A trolley has {a} shelves and each holds {b} novels. How many novels {fit|does it carry} when it is full?", "{a} x {b} = {r}", "a*b", ((3, 6), (12, 30))),
    Sum("loans", "pages left", "{who} is reading a book of {a} pages and {is on|has reached} page {b}. How many pages are left?", "{a} - {b} = {r}", "a-b", ((150, 400), (20, 140))),
    Sum("loans", "pages a day", "A book has {p} pages. {relative} reads {b} pages {a day|every evening}. After how many days is it finished?", "{p} / {b} = {r}", "a", ((6, 25), (8, 20))),
    Sum("loans", "van round", "The book van stops at {a} villages. At each stop it lends {b} books and takes {c} back. How many more went out than came in?", "{b} - {c} = {d}, and {a} x {d} = {r}", "a*(b-c)", ((3, 8), (14, 30), (3, 13))),
    Sum("loans", "tool weeks", "The {tool} was out {a} times last month, {b} days each time. On how many days was it not in the shed?", "{a} x {b} = {r}", "a*b", ((2, 5), (2, 6))),
    Sum("loans", "two branches", "Quay Street has {a} {things}, Hill Road has {b} and the van carries {c}. How many {things} are there in all?", "{a} + {b} + {c} = {r}", "a+b+c", ((40, 90), (15, 39), (4, 14))),
    Sum("loans", "queue", "{who} is number {a} in the queue for a book. There are {b} copies and each is kept for {c} weeks. Everybody keeps it the full time. After how many weeks has every copy been lent twice?", "2 x {c} = {r}", "2*c", ((4, 9), (2, 3), (1, 4))),
    Sum("loans", "limit", "A family card holds {a} loans. The twins have {b} picture books each and their father has {c} novels. How many more can they take?", "2 x {b} + {c} = {e}, and {a} - {e} = {r}", "a-2*b-c", ((30, 36), (4, 9), (2, 8))),
    Sum("loans", "jigsaw", "A puzzle has {a} pieces. {who} has laid {b} on {day} and {c} the day after. How many pieces are still in the box?", "{a} - {b} - {c} = {r}", "a-b-c", ((300, 500), (40, 120), (30, 110))),
    Sum("loans", "boxes", "{p} old books are packed into boxes of {b}. How many boxes are needed?", "{p} / {b} = {r}", "a", ((4, 15), (12, 25))),
    Sum("payments", "late days", "A film is {a} days late, and a late day costs {b}p. How many pence does {who} owe?", "{a} x {b} = {r}", "a*b", ((2, 9), (10, 50))),
    Sum("payments", "deposit change", "{who} pays a deposit of £{a} with {b} ten pound notes. How much change is there?", "{b} x 10 = {t}, and {t} - {a} = {r}", "10*b-a", ((11, 29), (3, 5)), "£"),
    Sum("payments", "prints", "{who} prints {a} black pages at 10p and {b} colour pages at 40p. How many pence is that?", "{a} x 10 + {b} x 40 = {r}", "10*a+40*b", ((2, 15), (1, 8))),
    Sum("payments", "share", "{b} friends share the price of a gazebo, £{p}. What does each one pay?", "{p} / {b} = {r}", "a", ((3, 12), (3, 8)), "£"),
    Sum("payments", "tin", "On {day} there was £{a} in the tin. £{b} came in and £{c} went out for {milk|stamps|string}. How much is in it now?", "{a} + {b} - {c} = {r}", "a+b-c", ((20, 60), (5, 30), (2, 12)), "£"),
    Sum("payments", "monthly", "A maker card costs £{a} a month. What does {who} pay in {b} months, after £{c} off?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((4, 9), (3, 12), (1, 10)), "£"),
    Sum("rooms", "room hire", "The {room} is hired for {a} hours at £{b} an hour. The club has £{c} already. How much is missing?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((3, 6), (8, 18), (5, 20)), "£"),
    Sum("rooms", "chairs", "{a} rows of {b} chairs stand in the {room}, and {c} chairs stay empty. How many people are sitting?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((3, 7), (5, 9), (1, 9))),
    Sum("rooms", "tables", "{p} guests sit at tables of {b} in the {room}. How many tables are set?", "{p} / {b} = {r}", "a", ((3, 9), (4, 8))),
    Sum("workshop", "planks", "{who} has a plank of {a} cm and cuts {b} pieces of {c} cm for {course}. How much is left, in cm?", "{b} x {c} = {n}, and {a} - {n} = {r}", "a-b*c", ((180, 300), (2, 5), (15, 32))),
    Sum("workshop", "machine time", "The {machine} costs £{a} an hour. {who} uses it for {b} hours on {day} and {c} hours later. What is the bill?", "{b} + {c} = {h}, and {h} x {a} = {r}", "a*(b+c)", ((3, 10), (1, 4), (2, 5)), "£"),
    Sum("workshop", "screws", "Each {stool|shelf|box} takes {a} screws. {who} makes {b} and starts with {c} screws. How many are left over?", "{a} x {b} = {m}, and {c} - {m} = {r}", "c-a*b", ((4, 9), (3, 6), (60, 100))),
    Sum("workshop", "filament", "A print needs {a} grams. A roll holds {c} grams and {b} prints are done. How many grams are still on the roll?", "{a} x {b} = {m}, and {c} - {m} = {r}", "c-a*b", ((20, 60), (3, 8), (500, 900))),
    Sum("workshop", "places", "{course} has {a} places on each of {b} evenings. {c} are taken. How many are free?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((6, 12), (2, 4), (3, 11))),
    Sum("workshop", "glaze", "A bucket of glaze covers {p} {bowls|mugs}. On each of {b} days the same number is dipped. How many is that a day?", "{p} / {b} = {r}", "a", ((5, 16), (3, 9))),
    Sum("workshop", "minutes", "The induction takes {a} minutes and each of {b} people needs {c} minutes of practice after it, one by one. How many minutes is that in all?", "{b} x {c} = {n}, and {n} + {a} = {r}", "a+b*c", ((30, 90), (2, 6), (5, 20))),
    Sum("events", "cakes", "{a} cakes are cut into {b} pieces each for {event}. {c} pieces are left. How many were eaten?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((3, 8), (8, 12), (2, 15))),
    Sum("events", "tickets", "{who} sells {a} tickets at £{b} and {c} at half price, which is £{half}. How much money is that?", "{a} x {b} + {c} x {half} = {r}", "a*b+c*(b//2)", ((10, 40), (2, 8), (4, 12)), "£"),
    Sum("events", "children", "{a} children came to story time on {day} and {b} more came late. {c} went home early. How many heard the end?", "{a} + {b} - {c} = {r}", "a+b-c", ((12, 30), (2, 9), (1, 8))),
    Sum("membership", "new cards", "The library had {a} members. In {b} weeks {c} joined each week. How many are there now?", "{b} x {c} = {n}, and {a} + {n} = {r}", "a+b*c", ((300, 900), (2, 6), (3, 15))),
    Sum("membership", "ages", "{relative} is {a} years old. In how many years will the junior card end, if it ends at {c}?", "{c} - {a} = {r}", "c-a", ((5, 13), (1, 2), (15, 16))),
    Sum("computers", "storage", "A memory stick holds {a} photos. {who} copies {b} photos from each of {c} days. How many more fit?", "{b} x {c} = {n}, and {a} - {n} = {r}", "a-b*c", ((400, 900), (20, 60), (3, 6))),
    Sum("computers", "slots", "Each public computer is used for {a} slots of {b} minutes on {day}. How many minutes is that?", "{a} x {b} = {r}", "a*b", ((4, 9), (20, 60))),
    Sum("history", "years ago", "The {pier|rope works|lamp house} was built in {c} and burned down {a} years later. It was built again after {b} more years. In which year was that?", "{c} + {a} + {b} = {r}", "c+a+b", ((20, 60), (2, 12), (1790, 1880))),
)  # fmt: skip
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
            return {"a": a, "b": b, "c": c, "r": result, "p": a * b, "d": b - c, "e": 2 * b + c, "t": 10 * b, "m": a * b, "n": b * c, "h": b + c, "half": b // 2}


_RESULTS = {
    "a": lambda a, b, c: a,
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
        "who": rng.choice(NAMES), "relative": sentence(rng.choice(RELATIVES)), "day": rng.choice(DAYS), "tool": rng.choice(TOOLS).name, "room": rng.choice(ROOMS).name,
        "course": rng.choice(COURSES).name, "machine": rng.choice(MACHINES).name, "things": rng.choice(MEDIA).name,
        "event": rng.choice(("the supper", "the jam contest", "the lantern walk", "film night", "the seed swap")),
    }  # fmt: skip
    story = pick(rng, ASKS, **slots) + sentence(spin(rng, item.story, **slots, **values)) + rng.choice(TAILS)
    working = rng.choice(LEADS) + spin(rng, item.working, **values) + "."
    answer = f"{working}\nAnswer: {item.unit}{values['r']}"
    return Conversation("sums", category, f"{item.about} {values['a']} {values['b']} {values['c']}", (("user", story), ("assistant", answer)))
