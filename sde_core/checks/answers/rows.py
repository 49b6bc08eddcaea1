"""Which answers are meant to be learnt from, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sde_core.checks.fields import field_name, is_unwanted
from sde_core.checks.findings import CheckContext, Finding
from sde_core.dataset import Dataset
from sde_core.dataset.turns import ASSISTANT, TEXT, USER

UNWANTED_LABELS = ("false", "0", "False")
"""Labels of answers that a preference file marks as bad."""


def wanted_answers(context: CheckContext) -> pl.DataFrame:
    """`context.texts` without rows that have no written answer: labels, plain texts, and answers marked as bad."""
    layout = context.dataset.layout
    if layout.name == "classification":
        return context.texts.clear()
    answers = context.texts.filter(pl.col("roles").str.contains("a$"), pl.col("answer").str.len_bytes() > 0)
    if layout.name == "kto":
        answers = answers.filter(~pl.col("label").is_in(UNWANTED_LABELS))
    return answers


def answer_field(dataset: Dataset, row: int) -> str:
    """The field in which a record's last answer stands, "answer" where it is composed."""
    for turn in reversed(dataset.turns(row).turns):
        if turn.role in (ASSISTANT, TEXT):
            return field_name(turn.editable[-1][0]) if turn.editable else "answer"
    return "answer"


def prompts_before(context: CheckContext, finding: Finding) -> list[str]:
    """What was said before the answer that a finding is about: user, system and tool turns, oldest first."""
    said: list[str] = []
    for turn in context.dataset.turns(finding.rows[0]).turns:
        if turn.role == ASSISTANT and finding.field in {field_name(path) for path, _ in turn.editable}:
            break
        if turn.role != ASSISTANT:
            said.append(turn.text)
    return said


def turn_before(context: CheckContext, finding: Finding) -> str:
    """The turn that the answer of a finding follows, "" where it is the first."""
    before = ""
    for turn in context.dataset.turns(finding.rows[0]).turns:
        if turn.role == ASSISTANT and finding.field in {field_name(path) for path, _ in turn.editable}:
            return before
        before = turn.text
    return before


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a user said, what was said before, and the answer.

    Attributes:
        before: The turns before, joined by line ends.
        asked: The user's turn, whole.
        answer: The assistant's next turn, "" where there is none.
        answer_field: Where it stands.
        has_media: Whether the record comes with images, sounds or films.
    """

    before: str
    asked: str
    answer: str
    answer_field: str
    has_media: bool


_MEDIA = ("image", "images", "video", "videos", "audio", "audios")


def exchange_of(context: CheckContext, finding: Finding) -> Exchange | None:
    """The exchange in whose question a finding lies; None where it lies elsewhere, and where the answer is one to avoid."""
    row = finding.rows[0]
    record, value = context.dataset.turns(row), context.dataset.value(row)
    turns = () if is_unwanted(value, record) else record.turns
    for number, turn in enumerate(turns):
        if turn.role == USER and finding.field in {field_name(path) for path, _ in turn.editable}:
            answered = next((later for later in turns[number + 1 :] if later.role == ASSISTANT), None)
            has_media = isinstance(value, dict) and any(value.get(name) for name in _MEDIA)
            before, answer = "\n".join(earlier.text for earlier in turns[:number]), answered.text if answered else ""
            field = field_name(answered.editable[-1][0]) if answered and answered.editable else "answer"
            return Exchange(before, turn.text, answer, field, has_media)
    return None
