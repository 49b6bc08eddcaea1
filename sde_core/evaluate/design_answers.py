"""What the models of a comparison answered, run by run: figures, and the answers that are wrong beside what was wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sde_core.design.answer import render_answer
from sde_core.design.options import design_named
from sde_core.design.parse import FAULT_KINDS, parse_answer
from sde_core.design.task import Task, TaskRecord
from sde_core.errors import InputError
from sde_core.evaluate.design_grid import BEFORE, DesignInput, read_input
from sde_core.evaluate.design_results import before_name, notes_of, read_cell

MOST_WRONG = 50
"""Wrong answers of a run and domain that are shown, the worst first."""


@dataclass(frozen=True)
class WrongAnswer:
    """An answer that is not what was wanted.

    Attributes:
        record: Its place among the records of its domain.
        text: The record's text.
        wanted: The record's answer in this design.
        answer: What the model wrote, without blanks around it.
        score: Share of right targets, or F1, 0 to 1.
        faults: What is wrong with its form, a sentence each.
    """

    record: int
    text: str
    wanted: str
    answer: str
    score: float
    faults: tuple[str, ...]


@dataclass(frozen=True)
class AskedModel:
    """A model's answers to the records of one domain.

    Attributes:
        model: Which one: "seed 7", "zero-shot", "in-context".
        domain: "test" or "ood".
        records: How many were asked; 0 where no prompt had room for what was asked.
        scores: By name.
        faulty: Answers with a fault, by its kind.
        wrong_count: Answers that are wrong in content or form.
        wrong: The worst of them, at most `MOST_WRONG`.
        unended: Answers that had no room to end.
        notes: What could not be done as asked, a sentence each.
    """

    model: str
    domain: str
    records: int
    scores: Mapping[str, float]
    faulty: Mapping[str, int]
    wrong_count: int
    wrong: tuple[WrongAnswer, ...]
    unended: int
    notes: tuple[str, ...]


def asked_models(folder: Path, design: str, size: int, wording: int) -> list[AskedModel]:
    """The answers of every finished run of a line of the table, in every domain, then those of the untuned model.

    Args:
        folder: Of the comparison's job.
        design: As the request names it.
        size: Training records.
        wording: Of the instruction.

    Raises:
        InputError: When the folder holds no comparison of designs.
    """
    given = read_input(folder)
    found: list[AskedModel] = []
    for cell in given.cells:
        told = read_cell(folder, cell.name) if (cell.design, cell.size, cell.wording) == (design, size, wording) else None
        for domain in (domain for domain in given.records if told is not None and domain in told):
            assert told is not None  # noqa: S101
            found.append(_asked(given, f"seed {cell.seed}", design, domain, told[domain]))
    if design not in given.request.designs:
        return found
    untuned = read_cell(folder, before_name(given, given.request.designs.index(design), wording))
    return found + ([_asked(given, way, design, "test", untuned[way]) for way in BEFORE] if untuned is not None else [])


def _asked(given: DesignInput, model: str, design: str, domain: str, part: Mapping[str, Any]) -> AskedModel:
    records, task, answers = given.records[domain], given.tasks[domain], part.get("answers", [])
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise InputError(f"The answers of {design} cannot be read.", "Resume the comparison after removing that run's folder.")
    scores = {name: value for name, value in part["scores"].items() if value is not None}
    wrong = _wrong_answers(records, task, design, answers, part.get("of_record", []))
    faulty: dict[str, int] = {kind: count for kind in FAULT_KINDS if (count := part.get("faulty", {}).get(kind, 0))}
    unended = part.get("unended", 0)
    asked = len(records) if scores else 0
    return AskedModel(model, domain, asked, scores, faulty, len(wrong), tuple(wrong[:MOST_WRONG]), unended, tuple(notes_of(part)))


def _wrong_answers(records: Sequence[TaskRecord], task: Task, design: str, answers: Sequence[str], of_record: Sequence[float]) -> list[WrongAnswer]:
    """The worst first; among equals in the order of the records."""
    options, found = design_named(design), []
    for place, (record, answer, score) in enumerate(zip(records, answers, of_record, strict=False)):
        faults = tuple(fault.message for fault in parse_answer(answer, task, options).faults)
        if score < 1 or faults:
            found.append(WrongAnswer(place, record.text, render_answer(record, task, options), answer, score, faults))
    return sorted(found, key=lambda each: (each.score, not each.faults, each.record))
