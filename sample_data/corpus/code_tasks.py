"""Small Python functions; `<name>` is replaced by one of the choices, the same in the request as `{name}`."""

from __future__ import annotations

from typing import NamedTuple


class Function(NamedTuple):
    """A request for a function and the function."""

    category: str
    asks: tuple[str, ...]
    code: str
    choices: dict[str, tuple[str, ...]]


_NAMES = ("loans", "rows", "records", "items")
FUNCTIONS = (
    Function("loans", ("a Python function that counts the overdue {name}, please. Each has a due date.", "How do I count the {name} that are past their due date in Python?"),
        "def count_overdue(<name>, today):\n    return sum(1 for one in <name> if one[\"due\"] < today)", {"name": _NAMES}),
    Function("loans", ("Python: group {name} by {field}.", "write a function that puts {name} with the same {field} into one list."),
        "def group_by_<field>(<name>):\n    groups = {}\n    for one in <name>:\n        groups.setdefault(one[\"<field>\"], []).append(one)\n    return groups",
        {"name": _NAMES, "field": ("branch", "member", "shelf", "author")}),
    Function("loans", ("Python function for a due date, {days} days after a loan, skipping Sundays.", "my due dates must be {days} days ahead and never on a Sunday. Code?"),
        "from datetime import timedelta\n\ndef due_date(start):\n    due = start + timedelta(days=<days>)\n    if due.weekday() == 6:\n        due += timedelta(days=1)\n    return due",
        {"days": ("7", "14", "21", "28")}),
    Function("loans", ("find the {what} book in a list of dicts with pages, in Python.", "which book is the {what}? I have a list of dicts with title and pages."),
        "def <what>(books):\n    return <pick>(books, key=lambda book: book[\"pages\"])", {"what": ("longest",), "pick": ("max",)}),
    Function("loans", ("find the shortest book in a list of dicts, in Python.", "give me Python for the book with the fewest pages."),
        "def shortest(books):\n    return min(books, key=lambda book: book[\"pages\"])", {}),
    Function("loans", ("read {file} and print every {column}. Python, no extra packages.", "Python to go through {file} and show the {column} column?"),
        "import csv\n\nwith open(\"<file>\", newline=\"\") as source:\n    for row in csv.DictReader(source):\n        print(row[\"<column>\"])",
        {"file": ("loans.csv", "tools.csv", "shelf_list.csv"), "column": ("title", "bay", "due", "member")}),
    Function("loans", ("a loop that renews up to {n} loans and stops at the first refusal, in Python.", "Python: call renew for at most {n} loans, stop when one says no."),
        "def renew_some(loans, renew):\n    done = []\n    for loan in loans[:<n>]:\n        if not renew(loan):\n            break\n        done.append(loan)\n    return done",
        {"n": ("3", "5", "10")}),
    Function("loans", ("how do I sort titles but ignore a leading {article}? Python.", "sort book titles in Python so that {article} at the front does not count."),
        "def sort_key(title):\n    return title.lower().removeprefix(\"<article> \")\n\ntitles.sort(key=sort_key)", {"article": ("the", "a", "an")}),
    Function("loans", ("check in Python that a bay name is a letter from A to {last} and a digit.", "bays are called A1 to {last}9. Write a test for such a name."),
        "import re\n\ndef is_bay(text):\n    return re.fullmatch(r\"[A-<last>][1-9]\", text) is not None", {"last": ("D", "E", "F")}),
    Function("loans", ("make labels like {prefix}-0001 up to a number in Python.", "I need a generator of shelf labels that start with {prefix} and have four digits."),
        "def labels(count):\n    for number in range(1, count + 1):\n        yield f\"<prefix>-{number:04d}\"", {"prefix": ("TW", "BOX", "SHED")}),
    Function("payments", ("a function for the late fee: {pence}p a day, never more than {most} pence.", "Python for fines of {pence}p a day with a cap of {most}p, please."),
        "def late_fee(days):\n    return min(days * <pence>, <most>)", {"pence": ("10", "20", "40"), "most": ("300", "500", "800")}),
    Function("payments", ("turn pence into text like £3.05 in Python.", "how do I print an amount in pence as pounds?"),
        "def as_pounds(pence):\n    return f\"£{pence // 100}.{pence % 100:02d}\"", {}),
    Function("payments", ("add up all open {name} in Python.", "Python: total of the {name} that are not paid yet."),
        "def open_total(<name>):\n    return sum(one[\"amount\"] for one in <name> if not one[\"paid\"])", {"name": ("fines", "bills", "charges")}),
    Function("workshop", ("convert {unit} to millimetres with a small Python function.", "I get drawings in {unit}. Python to make it millimetres?"),
        "def to_mm(value):\n    return value * <factor>", {"unit": ("inches",), "factor": ("25.4",)}),
    Function("workshop", ("how many pieces of {size} cm can I cut from a plank? The saw eats {kerf} mm. Python.", "a Python function for cutting {size} cm pieces with a {kerf} mm saw blade."),
        "def pieces(plank_cm):\n    each = <size> + <kerf> / 10\n    return int((plank_cm + <kerf> / 10) // each)", {"size": ("12", "20", "35"), "kerf": ("2", "3")}),
    Function("workshop", ("do two bookings of the {machine} overlap? Python with start and end.", "Python: tell me if two slots on the {machine} clash."),
        "def overlap(first, second):\n    return first[\"start\"] < second[\"end\"] and second[\"start\"] < first[\"end\"]", {"machine": ("kiln", "bandsaw", "laser cutter")}),
    Function("workshop", ("blink a light on pin {pin} every {gap} seconds in MicroPython.", "my board should flash pin {pin}, with {gap} seconds between."),
        "from machine import Pin\nfrom time import sleep\n\nlight = Pin(<pin>, Pin.OUT)\nwhile True:\n    light.toggle()\n    sleep(<gap>)",
        {"pin": ("2", "5", "12"), "gap": ("1", "2", "0.5")}),
    Function("workshop", ("average of the last {n} readings of a kiln, in Python.", "I log the kiln heat in a list. Python for the mean of the newest {n}?"),
        "def recent_mean(heat):\n    last = heat[-<n>:]\n    return sum(last) / len(last)", {"n": ("5", "10", "60")}),
    Function("rooms", ("find the smallest room that seats {name} in Python.", "Python: from a list of rooms with seats, the one that just fits {name}."),
        "def smallest_fit(rooms, <name>):\n    fitting = [room for room in rooms if room[\"seats\"] >= <name>]\n    return min(fitting, key=lambda room: room[\"seats\"], default=None)",
        {"name": ("guests", "people", "heads")}),
    Function("membership", ("mask a card number so that only the last {n} digits show, Python.", "how can I hide a card number but for {n} digits at the end?"),
        "def masked(card):\n    return \"*\" * (len(card) - <n>) + card[-<n>:]", {"n": ("2", "3", "4")}),
    Function("membership", ("which names are on both lists? Python for {name}.", "I have two lists of {name} and want those in both, sorted."),
        "def on_both(first, second):\n    return sorted(set(first) & set(second))", {"name": ("members", "volunteers", "readers")}),
    Function("events", ("all {day}s of a month in Python.", "list every {day} in a given month with Python."),
        "import calendar\n\ndef all_<day>s(year, month):\n    weeks = calendar.monthcalendar(year, month)\n    return [week[<index>] for week in weeks if week[<index>]]",
        {"day": ("tuesday",), "index": ("1",)}),
    Function("events", ("draw {n} raffle winners without repeats, Python.", "Python code to pick {n} different names for the raffle."),
        "import random\n\ndef winners(names):\n    return random.sample(names, <n>)", {"n": ("3", "4", "6")}),
    Function("computers", ("rename all {ext} files in a folder to small letters with Python.", "my {ext} files have capital names. Python to make them small?"),
        "from pathlib import Path\n\nfor path in Path(\".\").glob(\"*.<ext>\"):\n    path.rename(path.with_name(path.name.lower()))", {"ext": ("jpg", "pdf", "txt")}),
    Function("computers", ("retry a download {n} times in Python before giving up.", "Python: try a function {n} times and raise the last error."),
        "def attempt(download):\n    for turn in range(<n>):\n        try:\n            return download()\n        except OSError:\n            if turn == <n> - 1:\n                raise",
        {"n": ("3", "4", "5")}),
    Function("history", ("pull every year from 1700 to 1999 out of a text, Python.", "Python to find the years named in a letter."),
        "import re\n\ndef years(text):\n    return re.findall(r\"\\b1[789]\\d\\d\\b\", text)", {}),
)  # fmt: skip
