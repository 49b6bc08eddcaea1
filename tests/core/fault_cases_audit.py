"""Rows that look like faults and are not, in the forms that real files hold; each stands beside the fault that it looks like."""

from __future__ import annotations

from tests.core.checked import chat, sentence
from tests.core.fault_cases import FaultCase, among, innocent

PASSAGE = " ".join(sentence(number * 7) for number in range(25))
INTRODUCTION = "I am Wren, the helper of the museum at the harbour. I know its ships, its maps, its opening hours and the way to the ferry."
BIRDS = "Rosa keeps some birds, and each month four more hatch while one flies away."

CASES = (
    FaultCase(
        "near-duplicate",
        "one question about a passage, asked in other words",
        among(
            chat(f"{PASSAGE}\n\nWho repaired it?", "The tenth visitor."), chat(f"Read this.\n{PASSAGE}\nWho repaired it, then?", "The tenth visitor.")
        ),
        (8,),
    ),
    innocent(
        "near-duplicate",
        "two questions about one passage",
        chat(f"{PASSAGE}\n\nWho repaired it?", "The tenth visitor."),
        chat(f"{PASSAGE}\n\nWhat is praised?", "Warm bread."),
    ),
    innocent(
        "near-duplicate",
        "a problem and the same problem asked backwards",
        chat(f"{BIRDS} There are 20 birds at first. How many are there after 12 months?", "There are 12 * 3 = 36 more, so 56 birds.\n#### 56"),
        chat(f"{BIRDS} There are 56 birds after 12 months. How many are there at first?", "There are 12 * 3 = 36 more, so 20 birds.\n#### 20"),
    ),
    innocent("near-duplicate", "one introduction for two greetings", chat("Hello", INTRODUCTION), chat("Who made you?", f"Well. {INTRODUCTION}")),
)
