"""Right or wrong, where a row's answer can be: answers that are one of a few labels, and answers that end with a number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sde_core.dataset.turns import ASSISTANT, Turns
from sde_core.evaluate.held_out_loss import held_out_loss
from sde_core.progress import NEVER, Cancel
from sde_core.train.encode import Encoder
from sde_core.train.generation import generate
from sde_core.train.samples import Sample
from sde_core.train.tokenizer import Tokenizer

FEWEST_ROWS = 20
"""Held-out rows of a kind below which no metric is computed for it."""
MOST_LABELS, LABEL_WORDS, LEAST_PER_LABEL = 20, 3, 5
MOST_LABEL_ROWS, MOST_NUMBER_ROWS = 300, 100
"""Rows that are asked at most; a label costs one forward pass for each row and label, a number costs a generated answer."""
_NUMBER = r"-?\$?\d[\d,]*(?:\.\d+)?"
_MARKED = re.compile(rf"(?:####|answer\s*(?:is|:|=))\s*({_NUMBER})\D*$", re.IGNORECASE)
_LAST = re.compile(_NUMBER)


@dataclass(frozen=True)
class TaskRows:
    """Held-out rows whose answers can be right or wrong, drawn once for all arms.

    Attributes:
        label_rows: Rows whose answer is a label.
        labels: All labels, in alphabetical order.
        label_of: The label of each of these rows.
        number_rows: Rows whose answer ends with a marked number.
        number_of: The number of each of these rows.
    """

    label_rows: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    label_of: Mapping[int, str] | None = None
    number_rows: tuple[int, ...] = ()
    number_of: Mapping[int, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """What is measured, for the report."""
        return {"label_rows": len(self.label_rows), "labels": list(self.labels), "number_rows": len(self.number_rows)}


@dataclass(frozen=True)
class TaskAnswers:
    """What a model answered.

    Attributes:
        labels: The likeliest label of each label row, as a place in `TaskRows.labels`.
        numbers: Whether each number row's generated answer ends with the right number.
    """

    labels: tuple[int, ...] = ()
    numbers: tuple[bool, ...] = ()


def find_task_rows(held_out: Mapping[int, Turns], training_answers: Sequence[str]) -> TaskRows:
    """The held-out rows whose answers are labels or numbers.

    An answer is a label where it has at most `LABEL_WORDS` words and at least `LEAST_PER_LABEL` training rows answer it too.
    At most `MOST_LABEL_ROWS` and `MOST_NUMBER_ROWS` are taken, evenly spaced in file order.

    Args:
        held_out: The held-out rows.
        training_answers: Last answers of all rows that may be trained on.
    """
    repeated = Counter(text for answer in training_answers if _is_short(text := answer.strip()))
    known = {text for text, count in repeated.items() if count >= LEAST_PER_LABEL}
    label_of = {row: turns.answer.strip() for row, turns in held_out.items() if turns.turns and turns.answer.strip() in known}
    number_of = {row: number for row, turns in held_out.items() if (number := marked_number(turns.answer)) is not None}
    labels = tuple(sorted(set(label_of.values())))
    if not 2 <= len(labels) <= MOST_LABELS or len(label_of) < FEWEST_ROWS:
        labels, label_of = (), {}
    if len(number_of) < FEWEST_ROWS:
        number_of = {}
    return TaskRows(_spaced(label_of, MOST_LABEL_ROWS), labels, label_of, _spaced(number_of, MOST_NUMBER_ROWS), number_of)


def _is_short(answer: str) -> bool:
    return 0 < len(answer) <= LABEL_WORDS * 20 and len(answer.split()) <= LABEL_WORDS


def _spaced(rows: Mapping[int, Any], most: int) -> tuple[int, ...]:
    ordered = sorted(rows)
    return tuple(ordered[i * len(ordered) // most] for i in range(most)) if len(ordered) > most else tuple(ordered)


def marked_number(answer: str) -> float | None:
    """The number at the end of an answer that marks it: "#### 42", "Answer: 1,200", "the answer is $3.50."; None where there is none."""
    found = _MARKED.search(answer.strip())
    return None if found is None else _number(found.group(1))


def last_number(text: str) -> float | None:
    """The marked number of a generated answer, else the last number in it; None where there is none."""
    marked = marked_number(text)
    if marked is not None:
        return marked
    found = _LAST.findall(text)
    return _number(found[-1]) if found else None


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "").replace("$", ""))
    except ValueError:
        return None


class TaskSamples:
    """The encoded questions of `TaskRows`, made once and asked of every model.

    Args:
        of: The rows.
        turns: All held-out rows.
        encoder: The run's.
    """

    def __init__(self, of: TaskRows, turns: Mapping[int, Turns], encoder: Encoder) -> None:
        self.of = of
        self._tokenizer: Tokenizer = encoder.tokenizer
        self._template = encoder.recipe.template
        self._prompts = [turns[row].turns for row in of.number_rows]
        self._room = _answer_room(self._tokenizer, [turns[row].answer for row in of.number_rows])
        choices = [_answered(turns[row], label) for row in of.label_rows for label in of.labels]
        whole = Encoder(self._tokenizer, replace(encoder.recipe, answers="last", completion_only=True, too_long="cut", truncation_side="left"))
        encoded = whole.encode_all(choices) if choices else []
        # Each choice is a row of its own here, so that its loss comes back by itself; a choice that cannot be encoded is never the likeliest.
        self._samples = [Sample(i, one.ids, one.labels) for i, one in enumerate(encoded) if one.n_trained]
        self._choices = len(choices)

    def asked(self, model: Any, *, cancel: Cancel = NEVER) -> TaskAnswers:
        """What the model answers: labels by the likelihood of the whole answer, numbers by greedy generation.

        Raises:
            CancelledError: When stopped.
        """
        return TaskAnswers(self._likeliest(model, cancel), self._right_numbers(model, cancel))

    def _likeliest(self, model: Any, cancel: Cancel) -> tuple[int, ...]:
        if not self._samples:
            return ()
        losses = held_out_loss(model, self._samples, self._tokenizer.pad_id, cancel=cancel)
        of_choice = np.full(self._choices, np.inf)
        of_choice[losses.rows] = losses.sums
        return tuple(of_choice.reshape(-1, len(self.of.labels)).argmin(axis=1).tolist())

    def _right_numbers(self, model: Any, cancel: Cancel) -> tuple[bool, ...]:
        if not self._prompts:
            return ()
        texts = generate(model, self._tokenizer, self._prompts, max_new_tokens=self._room, template=self._template, cancel=cancel)
        wanted = self.of.number_of or {}
        return tuple(
            (found := last_number(text)) is not None and abs(found - wanted[row]) < 1e-6 for text, row in zip(texts, self.of.number_rows, strict=True)
        )


def _answered(turns: Turns, answer: str) -> Turns:
    """The same row with another last answer."""
    last = max(i for i, turn in enumerate(turns.turns) if turn.role == ASSISTANT)
    return replace(turns, turns=(*turns.turns[:last], replace(turns.turns[last], text=answer)))


def _answer_room(tokenizer: Tokenizer, answers: Sequence[str]) -> int:
    """Tokens that a generated answer may have: half as many again as the longest but few of the answers have."""
    lengths = [len(tokenizer.backend.encode(answer, add_special_tokens=False).ids) for answer in answers]
    return int(min(512, 8 + 1.5 * np.quantile(lengths, 0.95))) if lengths else 0


def macro_f1(truth: Sequence[int], predicted: Sequence[int], labels: int) -> float:
    """The plain mean of the F1 of the labels that occur in truth or prediction; a label without a right answer has 0.

    Args:
        truth: int[n], the right label of each row.
        predicted: int[n], the one that was said.
        labels: How many labels there are.
    """
    matrix = np.bincount(np.asarray(truth) * labels + np.asarray(predicted), minlength=labels * labels).reshape(labels, labels)
    right, there, said = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    occur = (there + said) > 0
    return float((2 * right[occur] / (there + said)[occur]).mean()) if occur.any() else float("nan")
