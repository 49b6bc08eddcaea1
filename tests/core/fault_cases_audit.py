"""Rows that look like faults and are not, in the forms that real files hold; each stands beside the fault that it looks like."""

from __future__ import annotations

from tests.core.checked import chat, sentence
from tests.core.fault_cases import FaultCase, among, innocent, planted

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
    innocent(
        "ai-boilerplate",
        "asked who it is, or for whom it speaks",
        chat("Tell me who you are.", "As a language model, I go by the name of Wren."),
        chat("Are you sponsored by the ferry?", "No. I am an AI language model, and nobody pays for what I say."),
    ),
    planted(
        "ai-boilerplate", "asked for a ferry", chat("Which ferry goes first?", "As a language model, I cannot know, but the early one leaves at six.")
    ),
    innocent(
        "truncated-answer",
        "items numbered with a hyphen, without full stops",
        chat(
            "What is good, what is bad?",
            "1- The opening is warm. It names the harbour and the ships\n2- The end is long. It would do well with fewer visitors",
        ),
        rows=[chat(f"What about {n}?", f"{sentence(n)} {sentence(n + 1)}") for n in range(80)],
    ),
    planted(
        "truncated-answer",
        "the last of some paragraphs",
        chat(
            "What is good, what is bad?",
            "The opening is warm. It names the harbour and the ships\nThe end is long. It would do well with fewer visitors",
        ),
        rows=[chat(f"What about {n}?", f"{sentence(n)} {sentence(n + 1)}") for n in range(80)],
    ),
    innocent(
        "personal-data", "a place, and the next sentence without a space", chat("What does it say?", "Show msg+ticket@harbour.Valid until noon.")
    ),
    planted(
        "personal-data", "an address, and the next sentence", chat("Where do I write?", "Write to r.okafor@harbour-boats.net. Valid until noon.")
    ),
)
