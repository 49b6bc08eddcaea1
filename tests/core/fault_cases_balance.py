"""Labels spelt in several ways or given to hardly any row, and labels that are as they should be."""

from __future__ import annotations

from typing import Any

from tests.core.checked import sentence
from tests.core.fault_cases import FaultCase


def with_labels(labels: list[str]) -> list[dict[str, Any]]:
    """Texts with these labels."""
    return [{"text": sentence(number), "label": label} for number, label in enumerate(labels)]


USUAL = ["positive", "negative", "mixed"] * 40

CASES = (
    FaultCase("label-variant", "another case", with_labels([*USUAL, "Positive"]), (120,)),
    FaultCase("label-variant", "a space at the end", with_labels([*USUAL, "negative "]), (120,)),
    FaultCase("label-variant", "every label in one spelling", with_labels(USUAL)),
    FaultCase("rare-class", "a class of one row", with_labels([*USUAL, "sarcastic"]), (120,)),
    FaultCase("rare-class", "classes of one size", with_labels(USUAL)),
)
