"""Small SQL queries and Python functions over the library's own records."""

from __future__ import annotations

import random
from typing import NamedTuple

from corpus.code_tasks import FUNCTIONS
from corpus.text import DAYS, NAMES, Conversation, pick, sentence, spin
from corpus.world import BOOKS, TOOLS


class Table(NamedTuple):
    """A table of the library's database.

    Attributes:
        category: The category of questions about it.
        name: The table.
        columns: Column -> how people say it.
        conditions: SQL condition and how people say it; slots are filled from `sql_slots`.
    """

    category: str
    name: str
    columns: dict[str, str]
    conditions: tuple[tuple[str, str], ...]


TABLES = (
    Table("loans", "loans", {"title": "the title", "member": "the member", "due": "the due date", "days_late": "the days late", "branch": "the branch"}, (
        ("days_late > {n}", "{more than {n} days late|over {n} days late}"), ("branch = '{branch}'", "{lent|given out} at {branch}"), ("member = '{person}'", "{held|borrowed} by {person}"),
        ("renewed = {k}", "renewed {k} times"), ("due < '2025-0{k}-15'", "due before the 15th of month {k}"), ("title LIKE '%{word}%'", "with {word} in the title"))),
    Table("loans", "tools", {"tool": "the name", "bay": "the bay", "deposit": "the deposit", "kilos": "the weight", "last_check": "the last check"}, (
        ("deposit > {n}", "with a deposit above {n} pounds"), ("kilos < {n}", "lighter than {n} kilos"), ("bay LIKE '{row}%'", "in row {row}"), ("days = {k}", "lent for {k} days"),
        ("tool <> '{tool}'", "other than the {tool}"), ("last_check IS NULL", "never checked"))),
    Table("loans", "books", {"title": "the title", "author": "the author", "shelf": "the shelf", "pages": "the number of pages", "copies": "the copies"}, (
        ("pages < {n}0", "shorter than {n}0 pages"), ("shelf = '{row}{k}'", "on shelf {row}{k}"), ("copies = {k}", "of which we have {k} copies"), ("author = '{author}'", "by {author}"),
        ("year > 19{n}", "newer than 19{n}"), ("kind = '{kind}'", "of the kind {kind}"))),
    Table("membership", "members", {"name": "the name", "card": "the card", "town": "the town", "joined": "the day of joining", "email": "the email"}, (
        ("town = '{town}'", "from {town}"), ("joined > '202{k}-01-01'", "who joined after 1 January 202{k}"), ("card = '{card}'", "with a {card} card"), ("loans_out > {n}", "with more than {n} loans"),
        ("email IS NULL", "without an email"), ("name LIKE '{letter}%'", "whose name begins with {letter}"))),
    Table("rooms", "bookings", {"room": "the room", "day": "the day", "start": "the start", "people": "the number of people", "club": "the club"}, (
        ("day = '{day}'", "on {day}"), ("people > {n}", "for more than {n} people"), ("hours >= {k}", "of at least {k} hours"), ("paid = 0", "not yet paid"), ("start < '1{k}:00'", "that start before 1{k}:00"))),
    Table("workshop", "sessions", {"machine": "the machine", "member": "the member", "minutes": "the minutes", "day": "the day", "fee": "the fee"}, (
        ("minutes > {n}", "longer than {n} minutes"), ("day = '{day}'", "on {day}"), ("fee = 0", "without a fee"), ("machine = '{machine}'", "on the {machine}"), ("member = '{person}'", "of {person}"))),
    Table("payments", "fines", {"member": "the member", "amount": "the amount", "reason": "the reason", "day": "the day"}, (
        ("amount > {n}", "above {n} pounds"), ("paid = 0", "still open"), ("reason = 'late'", "for late returns"), ("day >= '2025-0{k}-01'", "since the first of month {k}"), ("member = '{person}'", "of {person}"))),
    Table("events", "visits", {"event": "the event", "day": "the day", "children": "the number of children", "adults": "the number of adults"}, (
        ("children > adults", "with more children than adults"), ("day = '{day}'", "on {day}"), ("adults < {n}", "with fewer than {n} adults"), ("rain = 1", "held in the rain"))),
    Table("computers", "print_jobs", {"computer": "the computer", "pages": "the pages", "colour": "the colour flag", "hour": "the hour"}, (
        ("pages > {n}", "longer than {n} pages"), ("colour = 1", "in colour"), ("hour > 1{k}", "after 1{k}:59"), ("computer = {k}", "from computer {k}"))),
)  # fmt: skip
SQL_ASKS = (
    "SQL please: {what}.", "Write a query that {lists|shows} {what}.", "How do I get {what} from the database?", "I need {what}. The table is called {table}.", "Query for {what}?",
    "Our report needs {what}. Give me the SQL.",
)
LEADS = {"sql": ("", "", "This does it:", "Here you go:", "Run this:", "Use this query:"), "python": ("", "", "This does it:", "Here you go:", "Try this:", "A short one:")}


def sql_slots(rng: random.Random) -> dict[str, str]:
    """Values for the conditions."""
    book = rng.choice(BOOKS)
    return {
        "n": str(rng.randrange(12, 60)), "k": str(rng.randrange(1, 6)), "branch": rng.choice(("Quay Street", "Hill Road")), "person": rng.choice(NAMES), "day": rng.choice(DAYS),
        "row": rng.choice("ABCDEF"), "tool": rng.choice(TOOLS).name, "word": rng.choice(("Garden", "Night", "Water", "Salt", "Paper", "Clock", "Bread")), "author": book.author,
        "kind": book.kind, "town": rng.choice(("Ardle", "Tidewell", "Marsh End", "Coombe")), "card": rng.choice(("town", "maker", "junior", "family")),
        "letter": rng.choice("ABCDEFGHJKLMNPRSTW"), "machine": rng.choice(("kiln", "bandsaw", "laser cutter", "wood lathe", "3D printer")),
    }  # fmt: skip


def write_query(rng: random.Random, table: Table) -> tuple[str, str]:
    """What is wanted in words, and the query."""
    slots = sql_slots(rng)
    column, *more = rng.sample(sorted(table.columns), rng.randrange(1, 4))
    picked = rng.sample(table.conditions, rng.randrange(1, 3))
    quoted = {key: value.replace("'", "''") for key, value in slots.items()}
    where = " AND ".join(spin(rng, sql, **quoted) for sql, _ in picked)
    spoken = " and ".join(spin(rng, words, **slots) for _, words in picked)
    shown = [column, *more]
    thing = table.name.replace("_", " ")
    style = rng.choice(("count", "order", "order", "plain", "group"))
    if style == "count":
        return f"the number of {thing} {spoken}", f"SELECT COUNT(*)\nFROM {table.name}\nWHERE {where};"
    if style == "group":
        return f"the number of {thing} {spoken}, for each value of {column}", f"SELECT {column}, COUNT(*)\nFROM {table.name}\nWHERE {where}\nGROUP BY {column};"
    said = " and ".join(table.columns[name] for name in shown)
    query = f"SELECT {', '.join(shown)}\nFROM {table.name}\nWHERE {where}"
    if style == "plain":
        return f"{said} of all {thing} {spoken}", f"{query};"
    order, words = rng.choice(((shown[-1], "sorted by"), (f"{shown[-1]} DESC", "sorted downwards by")))
    limit = rng.choice(("", f"\nLIMIT {slots['k']}0"))
    first = f"the first {slots['k']}0 of " if limit else ""
    return f"{first}{said} of {thing} {spoken}, {words} {table.columns[shown[-1]]}", f"{query}\nORDER BY {order}{limit};"


def program(rng: random.Random, category: str) -> Conversation:
    """A request for a few lines of SQL or Python, answered in one fenced block."""
    functions = [function for function in FUNCTIONS if function.category == category]
    tables = [table for table in TABLES if table.category == category]
    if functions and (not tables or rng.random() < 0.3):
        function = rng.choice(functions)
        slots = {key: rng.choice(values) for key, values in function.choices.items()}
        ask, source, language = sentence(pick(rng, function.asks, **slots)), function.code, "python"
        for key, value in slots.items():
            source = source.replace(f"<{key}>", value)
        about = f"function {function.asks[0]}"
    else:
        what, source = write_query(rng, rng.choice(tables or TABLES))
        ask, language, about = sentence(pick(rng, SQL_ASKS, what=what, table=source.split("FROM ")[1].split("\n")[0])), "sql", f"query {source}"
    lead = rng.choice(LEADS[language])
    answer = f"{lead}\n\n```{language}\n{source}\n```".lstrip()
    return Conversation("code", category, about, (("user", ask), ("assistant", answer)))
