"""Labels spelt in several ways or given to hardly any row, and labels that are as they should be."""

from __future__ import annotations

from typing import Any

from tests.core.checked import sentence
from tests.core.fault_cases import FaultCase


def with_labels(labels: list[str]) -> list[dict[str, Any]]:
    """Texts with these labels."""
    return [{"text": sentence(number), "label": label} for number, label in enumerate(labels)]


def split_as(splits: list[str], labels: list[str]) -> list[dict[str, Any]]:
    """Texts with these labels, in these splits by a field."""
    return [{**record, "split": split} for record, split in zip(with_labels(labels), splits, strict=True)]


HALVES = ["train"] * 60 + ["test"] * 60
USUAL = ["positive", "negative", "mixed"] * 40

CASES = (
    FaultCase("label-variant", "another case", with_labels([*USUAL, "Positive"]), (120,)),
    FaultCase("label-variant", "a space at the end", with_labels([*USUAL, "negative "]), (120,)),
    FaultCase("label-variant", "every label in one spelling", with_labels(USUAL)),
    FaultCase("rare-class", "a class of one row", with_labels([*USUAL, "sarcastic"]), (120,)),
    FaultCase("rare-class", "classes of one size", with_labels(USUAL)),
    FaultCase("unseen-class", "a class in the test split only", split_as([*HALVES, "test"], [*USUAL, "sarcastic"]), (120,)),
    FaultCase("unseen-class", "every class in both splits", split_as(HALVES, USUAL)),
    FaultCase("unseen-class", "a class in the training split only", split_as([*HALVES, "train"], [*USUAL, "sarcastic"])),
    FaultCase("unseen-class", "split by class", split_as(["train"] * 40 + ["test"] * 80, ["positive"] * 40 + ["negative", "mixed"] * 40)),
)
