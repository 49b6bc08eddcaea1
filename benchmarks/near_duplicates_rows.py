"""Rows for `near_duplicates.py`: real rows with edited copies among them, and any number of made chat rows."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from sde_core.dataset import open_dataset

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SDE_SHARED", ROOT.parent / "shared")) / "data"
FILES = (
    "instruct/alpaca_5000.json", "instruct/dolly_3k.json", "math/gsm8k_train.jsonl", "labels/imdb_train.jsonl",
    "labels/clinc_full.json", "medical/medical_meadow_small.json", "labels/sms.tsv", "instruct/instruction-data.json",
)  # fmt: skip
PREFIXES = (
    "Please answer the following question: ",
    "Hello there! I was wondering about this. ",
    "You are a helpful assistant. Answer carefully and in detail. ",
    "### Instruction:\n",
)
SUFFIXES = (
    " Thank you very much in advance!",
    "\nPlease explain your reasoning step by step.",
    " (source: internal dump, version 2)",
    " I hope this helps; let me know if you have more questions.",
)
CHAT_WORDS, SPAN_WORDS, REPLACED, COPIED = 208, 12, 0.1, 0.01
Pair = tuple[int, int]


def real_texts(per_file: int, seed: int) -> list[str]:
    """Rows of mixed length from the shared data, or of the sample dataset where that is absent; equal ones once."""
    paths = [SHARED / name for name in FILES if (SHARED / name).exists()] or [ROOT / "sample_data" / "support.jsonl"]
    generator = random.Random(seed)
    texts: list[str] = []
    for path in paths:
        table = open_dataset(path).texts()
        rows = (table["prompt"] + "\n" + table["answer"]).to_list()
        generator.shuffle(rows)
        texts += rows[:per_file]
    distinct = {re.sub(r"\W+", " ", text.casefold()).strip(): text for text in reversed(texts) if len(text.split()) >= 3}
    return list(reversed(distinct.values()))


def with_edited_copies(texts: list[str], copies: int, seed: int) -> tuple[list[str], dict[str, list[Pair]]]:
    """The texts, shuffled with `copies` edited copies for each level; for each level the pairs of source and copy.

    An edit replaces a word by one drawn from all texts, deletes one, inserts one or swaps two neighbours; every copy has at least one.
    """
    generator = random.Random(seed)
    vocabulary = [word for text in texts for word in text.split()]
    levels: dict[str, Callable[[str], str]] = {
        "white space, case": lambda text: _respaced(text, generator),
        "2 % of the words": lambda text: _edited(text, 0.02, vocabulary, generator),
        "5 % of the words": lambda text: _edited(text, 0.05, vocabulary, generator),
        "10 % of the words": lambda text: _edited(text, 0.10, vocabulary, generator),
        "prefix or suffix": lambda text: generator.choice(PREFIXES) + text if generator.random() < 0.5 else text + generator.choice(SUFFIXES),
    }
    sources = generator.sample(range(len(texts)), min(len(texts), copies * len(levels)))
    planted: list[tuple[str, int, str]] = []
    for at, source in enumerate(sources):
        level = list(levels)[at % len(levels)]
        planted.append((level, source, levels[level](texts[source])))
    order = list(range(len(texts) + len(planted)))
    generator.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    every = [*texts, *(copy for _, _, copy in planted)]
    pairs: dict[str, list[Pair]] = {level: [] for level in levels}
    for number, (level, source, _) in enumerate(planted):
        one, other = place[source], place[len(texts) + number]
        pairs[level].append((min(one, other), max(one, other)))
    return [every[old] for old in order], pairs


def _respaced(text: str, generator: random.Random) -> str:
    form = generator.randrange(3)
    if form == 0:
        return text.upper()
    return text.lower().replace(" ", "  ") if form == 1 else f"  {text.replace(' ', chr(10))} \n"


def _edited(text: str, share: float, vocabulary: list[str], generator: random.Random) -> str:
    words = [word for word in re.split(r"(\s+)", text) if word]
    for _ in range(max(1, round(share * len(text.split())))):
        places = [place for place, word in enumerate(words) if not word.isspace()]
        at, how = generator.randrange(len(places)), generator.choice(("replace", "delete", "insert", "swap"))
        here, behind = places[at], places[min(at + 1, len(places) - 1)]
        if how == "replace":
            words[here] = generator.choice(vocabulary)
        elif how == "delete" and len(places) > 1:
            del words[here : here + 2]
        elif how == "insert":
            words[here:here] = [generator.choice(vocabulary), " "]
        else:
            words[here], words[behind] = words[behind], words[here]
    return "".join(words)


def chat_rows(rows: int, seed: int) -> Iterator[pl.Series]:
    """Made chat rows of about 1.18 kB, 10,000 at a time: spans of about twelve words of real rows, a tenth of the words replaced.

    One in a hundred is a copy of the row before it with a twentieth of its words replaced.
    """
    vocabulary = [word.encode() + b" " for text in real_texts(25_000, seed) for word in text.split()]
    letters = np.frombuffer(b"".join(vocabulary), np.uint8)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.fromiter(map(len, vocabulary), np.int64, len(vocabulary)))])
    generator = np.random.default_rng(seed)
    for begin in range(0, rows, 10_000):
        yield _chunk_of_rows(min(10_000, rows - begin), starts, letters, generator)


def _chunk_of_rows(rows: int, starts: np.ndarray, letters: np.ndarray, generator: np.random.Generator) -> pl.Series:
    n_words = len(starts) - 1
    lengths = np.clip(generator.lognormal(np.log(CHAT_WORDS) - 0.18, 0.6, rows), 5, 2000).astype(np.int64)
    copied = np.flatnonzero(generator.random(rows) < COPIED)
    copied = copied[copied > 0]
    for row in copied.tolist():
        lengths[row] = lengths[row - 1]
    ends = np.cumsum(lengths)
    begins_span = generator.random(int(ends[-1])) < 1 / SPAN_WORDS
    begins_span[ends - lengths] = True
    at = np.flatnonzero(begins_span)
    words = (
        np.repeat(generator.integers(0, n_words, len(at)) - at, np.diff(np.append(at, len(begins_span)))) + np.arange(len(begins_span))
    ) % n_words
    replaced = np.flatnonzero(generator.random(len(words)) < REPLACED)
    words[replaced] = generator.integers(0, n_words, len(replaced))
    for row in copied.tolist():
        own = slice(ends[row] - lengths[row], ends[row])
        words[own] = words[ends[row - 1] - lengths[row - 1] : ends[row - 1]]
        changed = own.start + np.flatnonzero(generator.random(lengths[row]) < 0.05)
        words[changed] = generator.integers(0, n_words, len(changed))
    sizes = starts[words + 1] - starts[words]
    last = np.cumsum(sizes)
    text = letters[np.repeat(starts[words] - last + sizes, sizes) + np.arange(int(last[-1]))].tobytes()
    bounds = [0, *last[ends - 1].tolist()]
    return pl.Series("text", [text[start:stop].decode() for start, stop in pairwise(bounds)])
