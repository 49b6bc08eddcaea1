"""Edited copies planted in real rows of mixed length: how many are found, and how much else is reported."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from sde_core.checks.duplicates.near import near_pairs
from sde_core.dataset import open_dataset

FILES = (
    "instruct/alpaca_5000.json",
    "instruct/dolly_3k.json",
    "math/gsm8k_train.jsonl",
    "labels/clinc_full.json",
    "medical/medical_meadow_small.json",
    "labels/sms.tsv",
)
COPIES = 150
PREFIX, SUFFIX = "Please read the following text with care and answer it: ", "\nThank you very much in advance, and have a nice day."
WANTED = {"spaced": 0.99, "two": 0.98, "five": 0.95, "ten": 0.8, "longer": 0.98}


def edited(text: str, share: float, vocabulary: list[str], generator: random.Random) -> str:
    """At least one word replaced, deleted, inserted or swapped with its neighbour."""
    words = text.split()
    for _ in range(max(1, round(share * len(words)))):
        at = generator.randrange(len(words))
        how = generator.randrange(4)
        if how == 0:
            words[at] = generator.choice(vocabulary)
        elif how == 1 and len(words) > 1:
            del words[at]
        elif how == 2:
            words.insert(at, generator.choice(vocabulary))
        elif at + 1 < len(words):
            words[at : at + 2] = words[at + 1], words[at]
    return " ".join(words)


@pytest.fixture(scope="module")
def planted(shared_data: Path) -> tuple[list[str], dict[tuple[int, int], str]]:
    generator = random.Random(7)
    texts: list[str] = []
    for name in FILES:
        table = open_dataset(shared_data / name).texts()
        texts += generator.sample((table["prompt"] + "\n" + table["answer"]).to_list(), 1000)
    texts = [text for text in {re.sub(r"\W+", " ", text.casefold()).strip(): text for text in texts}.values() if len(text.split()) > 2]
    vocabulary = [word for text in texts for word in text.split()]
    levels: dict[str, Callable[[str], str]] = {
        "spaced": lambda text: text.upper().replace(" ", generator.choice(["  ", "\n", "\t "])),
        "two": lambda text: edited(text, 0.02, vocabulary, generator),
        "five": lambda text: edited(text, 0.05, vocabulary, generator),
        "ten": lambda text: edited(text, 0.10, vocabulary, generator),
        "longer": lambda text: PREFIX + text if generator.random() < 0.5 else text + SUFFIX,
    }
    pairs: dict[tuple[int, int], str] = {}
    sources = generator.sample(range(len(texts)), COPIES * len(levels))
    for number, source in enumerate(sources):
        level = list(levels)[number % len(levels)]
        pairs[source, len(texts)] = level
        texts.append(levels[level](texts[source]))
    return texts, pairs


def test_recall_at_every_level_and_precision_over_all(planted: tuple[list[str], dict[tuple[int, int], str]]) -> None:
    """A pair that was not planted is right where most words of the two rows are the same in the same order."""
    texts, pairs = planted
    found = near_pairs(texts, floor=0.8)
    reported = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    for level, least in WANTED.items():
        of_level = [pair for pair, its in pairs.items() if its == level]
        assert len(reported.intersection(of_level)) >= least * len(of_level) - 1, level
    others = reported - set(pairs)
    wrong = [pair for pair in others if not alike(texts[pair[0]], texts[pair[1]])]
    assert len(wrong) <= 0.05 * len(reported)


def alike(one: str, other: str) -> bool:
    words = [re.findall(r"\w+", text.casefold()) for text in (one, other)]
    return SequenceMatcher(None, words[0], words[1], autojunk=False).ratio() >= 0.8


@pytest.mark.parametrize("name", ["instruct/alpaca_5000.json", "instruct/seed_tasks.jsonl", "math/gsm8k_model_solutions.jsonl"])
def test_files_without_repeats_give_no_alarm(shared_data: Path, name: str) -> None:
    table = open_dataset(shared_data / name).texts()
    assert len(near_pairs(table["prompt"] + "\n" + table["answer"], floor=0.8)) == 0
