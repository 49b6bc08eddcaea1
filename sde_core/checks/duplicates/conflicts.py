"""Rows that contradict each other: the same text under two labels, the same prompt with two answers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import polars as pl

from sde_core.checks.duplicates.near import keys_and_tokens
from sde_core.dataset import Dataset
from sde_core.progress import NEVER, Cancel, Progress, silent

Contradiction = Literal["label", "answer"]

_SHORT_ANSWER_TOKENS = 8
_SAME_WORDS = 0.85
_WORD = re.compile(r"\w+")
_FACT = re.compile(
    r"\w*\d\w*|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|hundred|thousand|million"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|november|december"
    r"|yes|no|not|never|none|true|false|always|first|second|third"
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Rows with the same prompt that should say the same and do not.

    Attributes:
        what: "label" where the rows have labels, "answer" where they have short answers.
        rows: Record positions in file order.
        values: What each row says.
        minority: Rows that say something else than most; empty where there is no majority.
        facts_differ: Whether the answers are worded alike and differ in numbers, days or negations: both cannot be right.
    """

    what: Contradiction
    rows: tuple[int, ...]
    values: tuple[str, ...]
    minority: tuple[int, ...]
    facts_differ: bool


def conflicts(dataset: Dataset, *, cancel: Cancel = NEVER, progress: Progress = silent) -> list[Conflict]:
    """Same prompts (system prompt included; equal after normalising) with different labels, or with answers that differ where they should not.

    Two long answers may differ and both be right. So answers count where they are worded alike and differ in a number, a day or a negation,
    or where all answers to the prompt are short (eight tokens). Preference pairs repeat prompts by design and do not count.

    Raises:
        CancelledError: When stopped.
    """
    if "rejected" in dataset.layout.roles:
        return []
    table = dataset.texts(cancel=cancel)
    prompt_keys, prompt_tokens = keys_and_tokens(table["system"] + "\n" + table["prompt"], cancel, progress)
    keyed = table.with_columns(pl.Series("prompt_key", prompt_keys)).filter(pl.Series(prompt_tokens > 0))
    repeated = keyed.filter(pl.len().over("prompt_key") > 1)
    labels = _contradicting(repeated.filter(pl.col("label").is_not_null()).with_columns(pl.col("label").alias("says")), cancel)
    answers = _contradicting(repeated.filter(pl.col("answer").str.contains(r"\S")).with_columns(pl.col("answer").alias("says")), cancel)
    differing_labels = {row for rows, *_ in labels for row in rows}
    found = [_conflict("label", rows, says, keys, False) for rows, says, keys, _, _ in labels]
    for rows, says, keys, prompt, most_tokens in answers:
        facts_differ = _facts_differ(says)
        if facts_differ or (most_tokens <= _SHORT_ANSWER_TOKENS and not differing_labels & set(rows) and not _say_the_same(prompt, says)):
            found.append(_conflict("answer", rows, says, keys, facts_differ))
    return sorted(found, key=lambda conflict: conflict.rows)


def _contradicting(table: pl.DataFrame, cancel: Cancel) -> list[tuple[list[int], list[str], list[int], str, int]]:
    """Rows, sayings, their keys, the prompt and the most tokens said, for each prompt to which different things are said."""
    said_keys, said_tokens = keys_and_tokens(table["says"], cancel)
    keyed = table.with_columns(pl.Series("said_key", said_keys), pl.Series("tokens", said_tokens))
    grouped = keyed.group_by("prompt_key", maintain_order=True).agg("row", "says", "said_key", pl.col("prompt").first(), pl.col("tokens").max())
    return [group[1:] for group in grouped.iter_rows() if len(set(group[3])) > 1]


def _facts_differ(answers: list[str]) -> bool:
    """Whether two of the answers, the first and another, share most of their other words and differ in their facts."""
    first_facts, first_words = _facts_and_words(answers[0])
    for answer in answers[1:]:
        facts, words = _facts_and_words(answer)
        if facts != first_facts and len(words & first_words) >= _SAME_WORDS * len(words | first_words):
            return True
    return False


def _facts_and_words(text: str) -> tuple[Counter[str], set[str]]:
    words = _WORD.findall(text.lower())
    facts = Counter(word for word in words if _FACT.fullmatch(word))
    return facts, set(words) - set(facts)


def _say_the_same(prompt: str, answers: list[str]) -> bool:
    """Whether the answers have the same words apart from those of the prompt: "Drew." and "The past tense of draw is drew." do."""
    asked = set(_WORD.findall(prompt.lower()))
    return len({frozenset(set(_WORD.findall(answer.lower())) - asked) for answer in answers}) == 1


def _conflict(what: Contradiction, rows: list[int], values: list[str], keys: list[int], facts_differ: bool) -> Conflict:
    counts = {key: keys.count(key) for key in set(keys)}
    most = max(counts.values())
    majority = [key for key, count in counts.items() if count == most]
    minority = tuple(row for row, key in zip(rows, keys, strict=True) if key != majority[0]) if len(majority) == 1 else ()
    return Conflict(what, tuple(rows), tuple(values), minority, facts_differ)
