"""Answers that say the question again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sde_core.checks.fields import excerpt, field_name, is_unwanted
from sde_core.checks.findings import Finding
from sde_core.dataset import Turn, Turns
from sde_core.dataset.turns import ASSISTANT, USER

_FEWEST_CHARACTERS = 25
_FEWEST_WORDS, _MANY_WORDS = 5, 12
_KEEPS_TEXT = re.compile(
    r"\b(?:repeat|echo|copy|rewrite|rephrase|correct|edit|fix|proofread|punctuat\w*|capitali[sz]e|complete|continue|finish|expand|extend|improve|grammar|"
    r"translate|spell\w*|edited|corrected)\b",
    re.IGNORECASE,
)
"""Words of tasks whose answer may be the given text with little or nothing changed."""

_LEAD = re.compile(
    r"[\s\"“'>:*]{0,2}(?:question|q|prompt|input|task|user|human|you (?:asked|wrote|said)|your question)?[\s\"“'>:*]{0,3}", re.IGNORECASE
)
_LONGEST_LEAD, _SHORTEST_START = 40, 12
_FINISHED = tuple(".?!:。？！：")


class PromptEchoes:
    """Answers that begin with the whole prompt, or are the prompt."""

    name = "prompt-echo"
    title = "Answers that repeat the prompt"
    advice = "The model learns to repeat the question: cut it or reject the row."

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterator[Finding]:
        """One finding a record."""
        if len(turns.turns) < 2 or is_unwanted(value, turns):
            return
        for asked, answered in zip(turns.turns, turns.turns[1:], strict=False):
            if asked.role == USER and answered.role == ASSISTANT and answered.text:
                echoed = _echoed(asked, answered.text.strip())
                if echoed:
                    said = "The answer is the prompt again." if answered.text.strip() == echoed else "The answer begins with the whole prompt."
                    field = field_name(answered.editable[-1][0]) if answered.editable else "answer"
                    yield Finding(self.name, "warning", (row,), said, excerpt(answered.text), field, 0.9)
                    return


def _echoed(asked: Turn, answer: str) -> str:
    """What of the prompt the answer begins with: all of it, or its instruction; "" where neither."""
    whole = asked.text.strip()
    if _repeats(answer, whole):
        return whole
    if len(asked.parts) > 1:
        instruction = asked.parts[0][1].strip()
        if _repeats(answer, instruction) and not _KEEPS_TEXT.search(instruction):
            return instruction
    return ""


def _repeats(answer: str, asked: str) -> bool:
    """Whether an answer begins with what was asked, and goes on rather than continuing its sentence."""
    if len(asked) < _FEWEST_CHARACTERS:
        return False
    at = answer.find(asked, 0, len(asked) + _LONGEST_LEAD) if asked[:_SHORTEST_START] in answer[: _LONGEST_LEAD + _SHORTEST_START] else -1
    if at < 0 or not _LEAD.fullmatch(answer[:at]) or "'''" in answer[:at] or '"""' in answer[:at]:
        return False
    if asked.isascii() and len(asked.split()) < _FEWEST_WORDS:
        return False
    after = answer[at + len(asked) :]
    if not after.strip():
        return not _KEEPS_TEXT.search(asked) and asked.endswith("?")
    return asked.endswith(_FINISHED) or after[0] in ':\n"”' or (len(asked.split()) >= _MANY_WORDS and not _KEEPS_TEXT.search(asked))
