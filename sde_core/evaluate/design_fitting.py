"""Samples that fit: where one is too long its text is shortened, so that instruction, answer and end token stay whole in every design.

The published code appends the end token and cuts afterwards, so that long rows lose it (arXiv 2404.13033, released code).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sde_core.dataset.turns import Turns
from sde_core.design.task import TaskRecord
from sde_core.train.encode import Encoded, Encoder
from sde_core.train.tokenizer import Tokenizer

_ATTEMPTS = 8


def fitting_record(record: TaskRecord, length: Callable[[TaskRecord], int], most: int, tokenizer: Tokenizer) -> TaskRecord:
    """The record with as much of the beginning of its text as fits; itself where all of it does, and where not even an empty text would.

    Args:
        record: Of any length.
        length: Tokens of a record's sample or prompt.
        most: Tokens that it may have.
        tokenizer: Of the model.
    """
    shorter, spare = record, 0
    for _ in range(_ATTEMPTS):
        over = length(shorter) - most
        if over <= 0:
            return shorter
        ends = [end for _, end in tokenizer.backend.encode(shorter.text, add_special_tokens=False).offsets]
        left = len(ends) - over - spare
        shorter, spare = replace(record, text=shorter.text[: ends[left - 1]].rstrip() if left > 0 else ""), spare + 1
    return shorter if length(shorter) <= most else record


def encoded_whole(records: Sequence[TaskRecord], sample: Callable[[TaskRecord], Turns], encoder: Encoder) -> tuple[list[Encoded], int]:
    """Training samples of records, those that are too long with a shorter text, and how many those are.

    Args:
        records: Of a task.
        sample: A record as a sample.
        encoder: Whose recipe says what becomes of long samples; where it drops them, none is shortened.
    """
    encoded, shortened = encoder.encode_all([sample(record) for record in records]), 0
    for row, record in enumerate(records):
        if encoded[row].n_tokens <= encoder.max_length or encoder.recipe.too_long == "drop":
            continue
        fitting = fitting_record(record, lambda one: encoder.encode(sample(one)).n_tokens, encoder.max_length, encoder.tokenizer)
        if fitting is not record:
            encoded[row], shortened = encoder.encode(sample(fitting)), shortened + 1
    return encoded, shortened


def shortened_words(shortened: int, of: int, what: str, most: int) -> list[str]:
    """How many texts were shortened, as a sentence in a list; no sentence where none was.

    Args:
        shortened: How many.
        of: Of how many.
        what: "samples" or "prompts".
        most: Tokens that one may have.
    """
    if not shortened:
        return []
    return [f"{shortened:,} of {of:,} {what} were longer than {most:,} tokens: their texts lost their end, instruction and answer did not."]
