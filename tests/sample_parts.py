"""What tests of the sample read in its records."""

from __future__ import annotations

import re
from typing import Any

from tests.sample_truth import sample_records, sample_truth

Record = dict[str, Any]
LABELS = ("loans", "workshop", "events", "payments", "rooms", "membership", "computers", "history")


def clean_records(task: str = "") -> list[tuple[int, Record]]:
    rows = sorted(sample_truth().clean_rows | sample_truth().originals)
    return [(row, sample_records()[row]) for row in rows if task in ("", sample_records()[row]["task"])]


def messages_of(record: Record) -> list[dict[str, Any]]:
    messages = record.get("messages")
    return messages if isinstance(messages, list) else []


def texts_of(record: Record) -> list[str]:
    return [message["content"] for message in messages_of(record) if isinstance(message.get("content"), str)]


def roles_of(record: Record) -> str:
    return "".join(str(message.get("role", "?"))[0] for message in messages_of(record))


def answer_of(record: Record) -> str:
    return next((str(message.get("content", "")) for message in reversed(messages_of(record)) if message.get("role") == "assistant"), "")


def question_of(record: Record) -> str:
    return next((str(message.get("content", "")) for message in reversed(messages_of(record)) if message.get("role") == "user"), "")


def prompt_of(record: Record) -> list[str]:
    return [message["content"] for message in record["messages"][:-1]]


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def grams_of(record: Record) -> set[tuple[str, ...]]:
    words = words_of("\n".join(texts_of(record)))
    return set(zip(*(words[i:] for i in range(5)), strict=False)) or {tuple(words)}


def similarity(one: Record, other: Record) -> float:
    first, second = grams_of(one), grams_of(other)
    return len(first & second) / len(first | second)


def asked_keys(question: str) -> list[str]:
    return next(iter(re.findall(r"[a-z_]+(?:, [a-z_]+){3,}", question.split("\n\n")[0] + "\n" + question.split("\n\n")[-1])), "").split(", ")
