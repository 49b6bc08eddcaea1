"""Rows that contradict each other: the same text under two labels, the same prompt with two answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import polars as pl

from sde_core.dataset import Dataset
from sde_core.features.shingles import word_shingles
from sde_core.progress import NEVER, Cancel, Progress, silent

Contradiction = Literal["label", "answer"]

_SHORT_ANSWER_TOKENS = 8
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Rows with the same prompt that should say the same and do not.

    Attributes:
        what: "label" where the rows have labels, "answer" where they have short answers.
        rows: Record positions in file order.
        values: What each row says.
        minority: Rows that say something else than most; empty where there is no majority.
    """

    what: Contradiction
    rows: tuple[int, ...]
    values: tuple[str, ...]
    minority: tuple[int, ...]


def conflicts(dataset: Dataset, *, cancel: Cancel = NEVER, progress: Progress = silent) -> list[Conflict]:
    """Same prompts (system prompt included; equal after normalising) with different labels, or with different short answers.

    Long answers may differ and both be right, so only groups in which every answer has at most eight tokens count, and preference pairs, which
    repeat prompts by design, do not.

    Raises:
        CancelledError: When stopped.
    """
    if "rejected" in dataset.layout.roles:
        return []
    table = dataset.texts(cancel=cancel)
    prompts = word_shingles((table["system"] + "\n" + table["prompt"]).to_list(), cancel=cancel, progress=progress)
    keyed = table.with_columns(pl.Series("prompt_key", prompts.sequence_keys)).filter(pl.Series(prompts.n_tokens > 0))
    repeated = keyed.filter(pl.len().over("prompt_key") > 1)
    labelled = repeated.filter(pl.col("label").is_not_null()).with_columns(pl.col("label").alias("says"))
    answered = repeated.filter(pl.col("label").is_null()).with_columns(pl.col("answer").alias("says"))
    return sorted(_conflicts_of(labelled, "label") + _conflicts_of(_short_answers(answered), "answer"), key=lambda conflict: conflict.rows)


def _short_answers(table: pl.DataFrame) -> pl.DataFrame:
    """Only the prompts all of whose answers are short."""
    counted = table.with_columns(pl.Series("tokens", word_shingles(table["answer"].to_list()).n_tokens))
    fewest, most = pl.col("tokens").min().over("prompt_key"), pl.col("tokens").max().over("prompt_key")
    return counted.filter((fewest > 0) & (most <= _SHORT_ANSWER_TOKENS))


def _conflicts_of(table: pl.DataFrame, what: Contradiction) -> list[Conflict]:
    said = table.with_columns(pl.Series("said_key", word_shingles(table["says"].to_list()).sequence_keys))
    groups = said.group_by("prompt_key", maintain_order=True).agg("row", "says", "said_key", pl.col("prompt").first())
    return [
        _conflict(what, rows, says, keys)
        for _, rows, says, keys, prompt in groups.iter_rows()
        if len(set(keys)) > 1 and (what == "label" or not _say_the_same(prompt, says))
    ]


def _say_the_same(prompt: str, answers: list[str]) -> bool:
    """Whether the answers have the same words apart from those of the prompt: "Drew." and "The past tense of draw is drew." do."""
    asked = set(_WORD.findall(prompt.lower()))
    return len({frozenset(set(_WORD.findall(answer.lower())) - asked) for answer in answers}) == 1


def _conflict(what: Contradiction, rows: list[int], values: list[str], keys: list[int]) -> Conflict:
    counts = {key: keys.count(key) for key in set(keys)}
    most = max(counts.values())
    majority = [key for key, count in counts.items() if count == most]
    minority = tuple(row for row, key in zip(rows, keys, strict=True) if key != majority[0]) if len(majority) == 1 else ()
    return Conflict(what, tuple(rows), tuple(values), minority)
