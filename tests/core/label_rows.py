"""Labelled texts with known label errors."""

from __future__ import annotations

import random
from typing import Any

_TEXTS = {
    "billing": (
        "Why was my card charged twice for order {}",
        "The invoice for order {} shows the wrong amount",
        "I want to pay my bill {} with another card",
        "There is a charge of {} euros on my card that I do not know",
        "Please send the invoice {} to my accountant",
    ),
    "delivery": (
        "Where is my parcel with number {}",
        "The courier left package {} at the wrong door",
        "My delivery {} should have come on Monday",
        "Can you ship order {} to another address",
        "The tracking page for parcel {} shows nothing",
    ),
    "return items": (
        "How do I send back the shoes from order {}",
        "I want to return item {} because it is too small",
        "The jacket {} arrived broken and I want to swap it",
        "Is there a label to return shoes {} for free",
        "When do I get the refund for the returned item {}",
    ),
}
CLASSES = tuple(_TEXTS)
FLIPPED = {12: "billing", 40: "delivery", 77: "return items", 101: "return items"}
"""Row and true class of the labels that are wrong."""

_WRONG = {12: "delivery", 40: "return items", 77: "billing", 101: "delivery"}


def tickets(rows: int = 150, *, flipped: bool = True) -> list[dict[str, Any]]:
    """Rows with `text` and `label`, the classes in turn."""
    rng = random.Random(3)
    found = [{"text": rng.choice(_TEXTS[CLASSES[n % 3]]).format(1000 + n) + ".", "label": CLASSES[n % 3]} for n in range(rows)]
    for row, wrong in _WRONG.items() if flipped else ():
        found[row]["label"] = wrong
    return found
