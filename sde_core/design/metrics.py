"""How well answers agree with the records: weighted kappa, accuracy, strict and soft F1, and how many keep to the form."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sde_core.design.parse import FAULT_KINDS, FaultKind, ParsedAnswer
from sde_core.design.task import Entry, Task
from sde_core.errors import UsageError

SENTIMENTS = ("positive", "neutral", "negative")
SENTIMENT_WEIGHTS = np.array([[1, 0.5, 0, 0.5], [0.67, 1, 0.67, 0.67], [0, 0.5, 1, 0.5], [0.5, 0.67, 0.5, 1]])
"""Agreement of gold (rows) and answer (columns): positive, neutral, negative, unmentioned (arXiv 2404.13033, released code). It is not symmetric."""
SOFT_RATIO = 0.5
"""Two spans are alike from above this ratio of difflib's matching blocks (released code for events and entities)."""


@dataclass(frozen=True, slots=True)
class ValueScores:
    """Agreement on the values of targets.

    Attributes:
        kappa: Weighted kappa over all targets; None where chance alone would agree wholly.
        accuracy: Share of (record, target) with the right value or the placeholder.
        whole: Share of records with all targets right.
        by_target: Accuracy of each target.
        matrix: int64[v + 1, v + 1], gold by answer, the placeholder last.
    """

    kappa: float | None
    accuracy: float
    whole: float
    by_target: Mapping[str, float]
    matrix: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SpanScores:
    """Agreement on spans, micro-averaged.

    Attributes:
        precision, recall, f1: 0 where nothing was found or was there to find, but all 1 where both hold.
        found: Spans answered.
        gold: Spans there are.
        matched: Those of one that have a partner in the other.
    """

    precision: float
    recall: float
    f1: float
    found: int
    gold: int
    matched: int


@dataclass(frozen=True, slots=True)
class FormatScores:
    """How many answers keep to the form.

    Attributes:
        adherence: Share of answers without a fault.
        faulty: Answers with at least one fault, by its kind.
    """

    adherence: float
    faulty: Mapping[FaultKind, int]


def format_scores(answers: Sequence[ParsedAnswer], *, soft: bool = False) -> FormatScores:
    """How many answers keep to the form.

    Args:
        answers: At least one.
        soft: A target that is missing counts as not mentioned, and is no fault; give answers that were read by `soft_answer`.
    """
    kinds = [{fault.kind for fault in answer.faults} - ({"missing target"} if soft else set()) for answer in answers]
    counts = Counter(kind for found in kinds for kind in found)
    return FormatScores(sum(not found for found in kinds) / len(kinds), {kind: counts[kind] for kind in FAULT_KINDS if counts[kind]})


def weighted_kappa(matrix: NDArray[np.int64], weights: NDArray[np.float64] | None = None) -> float | None:
    """Agreement beyond chance, (p_o - p_e) / (1 - p_e) (Cohen 1968); None where chance alone agrees wholly.

    Args:
        matrix: int[v, v], counts of gold (rows) by answer (columns).
        weights: float[v, v], the worth of each cell, 1 for full agreement; the unit matrix by default, which gives Cohen's plain kappa.
    """
    weights = np.eye(len(matrix)) if weights is None else weights
    n = matrix.sum()
    if not n:
        return None
    observed = float((weights * matrix).sum() / n)
    by_chance = float((weights * np.outer(matrix.sum(axis=1), matrix.sum(axis=0))).sum() / n**2)
    return None if np.isclose(by_chance, 1.0) else (observed - by_chance) / (1.0 - by_chance)


def value_weights(task: Task) -> NDArray[np.float64] | None:
    """The weights of a task's values: the published ones for positive, neutral and negative in any order; None (plain kappa) for others."""
    if sorted(task.values) != sorted(SENTIMENTS):
        return None
    order = [*(SENTIMENTS.index(value) for value in task.values), len(SENTIMENTS)]
    weights: NDArray[np.float64] = SENTIMENT_WEIGHTS[np.ix_(order, order)]
    return weights


def value_scores(gold: Sequence[Sequence[Entry]], answers: Sequence[Sequence[Entry]], task: Task) -> ValueScores:
    """Agreement on fixed targets (or the one label); what an answer does not mention counts as the placeholder.

    Args:
        gold: Entries of each record.
        answers: Entries of each answer, in the same order.
        task: "label" or "attributes".

    Raises:
        UsageError: When there are no records, or the task has no fixed targets.
    """
    if not gold or task.kind not in ("label", "attributes"):
        raise UsageError("Agreement on values needs records of a task with fixed targets.", "Spans and terms are scored by F1.")
    place = {value: i for i, value in enumerate((*task.values, task.absent))}
    codes = [np.array([_codes(entries, task, place) for entries in side]) for side in (gold, answers)]
    right = codes[0] == codes[1]
    matrix = np.zeros((len(place), len(place)), np.int64)
    np.add.at(matrix, (codes[0].ravel(), codes[1].ravel()), 1)
    by_target = {target: float(share) for target, share in zip(task.targets, right.mean(axis=0), strict=True)}
    return ValueScores(weighted_kappa(matrix, value_weights(task)), float(right.mean()), float(right.all(axis=1).mean()), by_target, matrix)


def _codes(entries: Sequence[Entry], task: Task, place: Mapping[str, int]) -> list[int]:
    said = {entry.target: entry.value for entry in entries}
    return [place[said.get(target, task.absent)] for target in task.targets]


def span_scores(gold: Sequence[Sequence[Entry]], answers: Sequence[Sequence[Entry]], *, soft: bool = False) -> SpanScores:
    """F1 over (target, value) of all records: for spans, events and terms. Equal ones count as often as they are there, on both sides.

    Args:
        gold: Entries of each record; may be empty.
        answers: Entries of each answer, in the same order.
        soft: Values that are alike match too: each answer goes to the unmatched gold value of its target with the highest ratio above
            `SOFT_RATIO`, best pairs first.
    """
    matched = found = there = 0
    for truth, said in zip(gold, answers, strict=True):
        left = Counter((entry.target, entry.value) for entry in truth)
        right = Counter((entry.target, entry.value) for entry in said)
        there, found = there + left.total(), found + right.total()
        equal = left & right
        matched += equal.total() + (_soft_matches(left - equal, right - equal) if soft else 0)
    if not there and not found:
        return SpanScores(1.0, 1.0, 1.0, 0, 0, 0)
    precision, recall = matched / found if found else 0.0, matched / there if there else 0.0
    return SpanScores(precision, recall, 2 * matched / (there + found), found, there, matched)


def argument_scores(gold: Sequence[Sequence[Entry]], answers: Sequence[Sequence[Entry]], *, soft: bool = False) -> SpanScores:
    """F1 over the arguments of events, each as (type of the event, role, text), whichever trigger it stands with; see `span_scores`."""
    return span_scores([_arguments(entries) for entries in gold], [_arguments(entries) for entries in answers], soft=soft)


def _arguments(entries: Sequence[Entry]) -> list[Entry]:
    return [Entry(f"{entry.target}\0{role}", text) for entry in entries for role, text in entry.details]


def _soft_matches(gold: Counter[tuple[str, str]], answers: Counter[tuple[str, str]]) -> int:
    """How many answers find a gold span that is alike."""
    truth, said = list(gold.elements()), list(answers.elements())
    pairs = [
        (ratio, i, j)
        for i, (kind, span) in enumerate(truth)
        for j, (answered, text) in enumerate(said)
        if kind == answered and (ratio := difflib.SequenceMatcher(None, span, text, autojunk=False).ratio()) > SOFT_RATIO
    ]
    taken_gold: set[int] = set()
    taken_said: set[int] = set()
    for _, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if i not in taken_gold and j not in taken_said:
            taken_gold.add(i)
            taken_said.add(j)
    return len(taken_gold)
