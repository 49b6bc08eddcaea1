"""What a comparison of designs has found: scores of every run, mean and spread over seeds, differences with intervals, and agreement of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import orjson

from sde_core.design.metrics import argument_scores, format_scores, span_scores, value_scores
from sde_core.design.parse import FAULT_KINDS, ParsedAnswer
from sde_core.design.task import Entry, Task
from sde_core.evaluate.design_differences import DesignDifference, WordingDifference, design_differences, wording_differences
from sde_core.evaluate.design_grid import BEFORE, DOMAINS, Cell, DesignInput, read_input
from sde_core.evaluate.design_pace import seconds_left
from sde_core.evaluate.rank_agreement import RankAgreement, rank_agreement

PERPLEXITIES = {"perplexity of prompts": "prompt", "perplexity of answers": "output"}
"""What they are called in a table, and in a result."""


@dataclass(frozen=True)
class DesignRow:
    """One line of the table: a design at a size, with one wording.

    Attributes:
        design: As the request names it.
        size: Training records.
        wording: Of the instruction.
        runs: Finished seeds.
        wanted: Seeds in all.
        means: Mean over the seeds by "domain.metric".
        spreads: Standard deviation over the seeds, absent where there is one.
        faults: Share of answers with a fault by its kind, by domain, mean over the seeds; where soft matching is meant, "missing target" is none.
        tokens: Of an epoch; 0 without a finished run.
        seconds: Of a run, training and answering, mean over the seeds; None where that is not known.
    """

    design: str
    size: int
    wording: int
    runs: int
    wanted: int
    means: Mapping[str, float]
    spreads: Mapping[str, float]
    faults: Mapping[str, Mapping[str, float]]
    tokens: int
    seconds: float | None


@dataclass(frozen=True)
class DesignComparison:
    """What is known so far.

    Attributes:
        metric: The one that designs are ranked by.
        kind: Of the task.
        rows: Of the table that have a finished run: the largest size first, then by wording, then the best.
        waiting: Those that have none yet, in the order in which they come.
        runs: Finished runs.
        wanted: All runs.
        seeds: Runs of every line.
        records: Records that were tested on, by domain.
        differences: The best design against each other one.
        wordings: Each design's best wording against its worst, where there are several.
        before: By design: scores of the untuned model and its perplexities.
        agreements: Between ranks before tuning and the tuned rank in domain, by what ranked before; absent below three designs.
        notes: What runs could not do as asked, a sentence each.
        seconds_left: What unfinished runs will take at the pace of the finished ones, None before one is finished.
    """

    metric: str
    kind: str
    rows: tuple[DesignRow, ...]
    waiting: tuple[DesignRow, ...]
    runs: int
    wanted: int
    seeds: int
    records: Mapping[str, int]
    differences: tuple[DesignDifference, ...]
    wordings: tuple[WordingDifference, ...]
    before: Mapping[str, Mapping[str, float]]
    agreements: Mapping[str, RankAgreement]
    notes: tuple[str, ...]
    seconds_left: float | None

    @property
    def domains(self) -> list[str]:
        """Domains that some line has a score of."""
        return [domain for domain in self.records if any(f"{domain}.{self.metric}" in row.means for row in self.rows)]

    def targets_of(self, domain: str) -> list[str]:
        """Targets of a domain whose accuracy is told, in order; empty where there is but one."""
        beginning = f"{domain}.accuracy of "
        return list(dict.fromkeys(name.removeprefix(beginning) for row in self.rows for name in row.means if name.startswith(beginning)))


def record_scores(
    gold: Sequence[Sequence[Entry]], answers: Sequence[ParsedAnswer], task: Task, soft_answers: Sequence[ParsedAnswer] = ()
) -> dict[str, Any]:
    """Scores of a whole set, and of every record for intervals.

    Args:
        gold: Entries of each record, at least one record.
        answers: What was read of each answer, in the same order.
        task: What was asked.
        soft_answers: The same answers read softly; those read exactly when omitted.

    Returns:
        "scores" by name, "of_record" (0 to 1 each: share of right targets, or F1), and "faulty" answers by kind.
    """
    said = [answer.entries for answer in answers]
    form, soft_form = format_scores(answers), format_scores(soft_answers or answers, soft=True)
    scores: dict[str, float | None] = {"adherence": form.adherence, "soft_adherence": soft_form.adherence}
    if task.kind in ("label", "attributes"):
        values = value_scores(gold, said, task)
        scores |= {"kappa": values.kappa, "accuracy": values.accuracy, "whole": values.whole}
        scores |= {"soft_accuracy": value_scores(gold, [answer.entries for answer in soft_answers], task).accuracy} if soft_answers else {}
        scores |= {f"accuracy of {target}": share for target, share in values.by_target.items()} if len(values.by_target) > 1 else {}
        of_record = [value_scores([truth], [told], task).accuracy for truth, told in zip(gold, said, strict=True)]
    else:
        strict, soft = span_scores(gold, said), span_scores(gold, said, soft=True)
        scores |= {"f1": strict.f1, "precision": strict.precision, "recall": strict.recall, "soft_f1": soft.f1}
        if any(entry.details for truth in gold for entry in truth):
            scores |= {"arguments_f1": argument_scores(gold, said).f1, "arguments_soft_f1": argument_scores(gold, said, soft=True).f1}
        of_record = [span_scores([truth], [told]).f1 for truth, told in zip(gold, said, strict=True)]
    return {"scores": scores, "of_record": of_record, "faulty": dict(form.faulty)}


def metric_of(task: Task) -> str:
    """The metric that designs are ranked by: the mean over records of right targets or of F1."""
    return "accuracy" if task.kind in ("label", "attributes") else "f1"


def read_cell(folder: Path, name: str) -> dict[str, Any] | None:
    """What a finished run left; None where it is not finished, or what it left cannot be read, so that it has to be done again."""
    try:
        told = orjson.loads((folder / "cells" / name / "cell.json").read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) and "design" in told and (_is_asked_before(told) if name.startswith("before-") else _is_run(told)) else None


def _is_asked_before(told: Mapping[str, Any]) -> bool:
    perplexity = told.get("perplexity")
    return all(_has_scores(told.get(way)) for way in BEFORE) and isinstance(perplexity, dict) and set(perplexity) >= set(PERPLEXITIES.values())


def _is_run(told: Mapping[str, Any]) -> bool:
    domains = [domain for domain in DOMAINS if domain in told]
    parts = [told[domain] for domain in domains]
    return "test" in domains and isinstance(told.get("tokens"), int) and all(_has_scores(part) and _has_record_scores(part) for part in parts)


def _has_scores(part: Any) -> bool:
    """A model that could not be asked has none, and says why."""
    scores = part.get("scores") if isinstance(part, dict) else None
    return isinstance(scores, dict) and all(value is None or isinstance(value, int | float) for value in scores.values())


def _has_record_scores(part: Mapping[str, Any]) -> bool:
    scores = part.get("of_record")
    return isinstance(scores, list) and all(isinstance(value, int | float) for value in scores)


def read_results(folder: Path) -> DesignComparison:
    """What a job has found so far, from its folder.

    Raises:
        InputError: When the folder holds no comparison of designs.
    """
    given = read_input(folder)
    cells = given.cells
    done = {cell.name: told for cell in cells if (told := read_cell(folder, cell.name)) is not None}
    metric, task = metric_of(given.tasks["test"]), given.tasks["test"]
    lines = _lines(given, done)
    rows = tuple(sorted((line for line in lines if line.runs), key=lambda row: (-row.size, row.wording, -row.means.get(f"test.{metric}", 0.0))))
    asked = {name: _asked_before(folder, given, number) for number, name in enumerate(given.request.designs)}
    before = {name: _before(told, metric) for name, told in asked.items() if told}
    return DesignComparison(
        metric, task.kind, rows, tuple(line for line in lines if not line.runs), len(done), len(cells), given.request.seeds,
        {domain: len(records) for domain, records in given.records.items()}, tuple(design_differences(given, done)),
        tuple(wording_differences(given, done)), before, _agreements(given, rows, before, metric), tuple(_notes(done, asked)),
        seconds_left(given, done),
    )  # fmt: skip


def _lines(given: DesignInput, done: Mapping[str, dict[str, Any]]) -> list[DesignRow]:
    groups: dict[tuple[str, int, int], list[Cell]] = {}
    for cell in given.cells:
        groups.setdefault((cell.design, cell.size, cell.wording), []).append(cell)
    return [_line(cells, [done[cell.name] for cell in cells if cell.name in done]) for cells in groups.values()]


def _line(cells: Sequence[Cell], told: Sequence[Mapping[str, Any]]) -> DesignRow:
    known: dict[str, list[float]] = {}
    for one in told:
        for domain in (domain for domain in DOMAINS if domain in one):
            for name, value in one[domain]["scores"].items():
                if value is not None:
                    known.setdefault(f"{domain}.{name}", []).append(value)
    means = {name: mean(values) for name, values in known.items()}
    spreads = {name: stdev(values) for name, values in known.items() if len(values) > 1}
    seconds = [one["seconds"] for one in told if isinstance(one.get("seconds"), int | float)]
    first, tokens = cells[0], told[0]["tokens"] if told else 0
    faults = {domain: _fault_shares([one[domain] for one in told if domain in one]) for domain in DOMAINS}
    time = mean(seconds) if seconds else None
    return DesignRow(first.design, first.size, first.wording, len(told), len(cells), means, spreads, faults, tokens, time)


def _fault_shares(parts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Mean share of answers with each kind of fault that occurred, over runs."""
    kinds = [kind for kind in FAULT_KINDS if any(part.get("faulty", {}).get(kind) for part in parts)]
    return {kind: mean(part.get("faulty", {}).get(kind, 0) / max(len(part["of_record"]), 1) for part in parts) for kind in kinds}


def before_name(given: DesignInput, number: int, wording: int) -> str:
    """The folder of what the untuned model was asked in a design; that of the first wording is named by the design alone."""
    return f"before-{number}" if wording == given.request.wordings[0] else f"before-{number}-w{wording}"


def _asked_before(folder: Path, given: DesignInput, number: int) -> list[dict[str, Any]]:
    """What the untuned model answered in a design, by wording."""
    wordings = dict.fromkeys(given.request.wordings)
    return [told for wording in wordings if (told := read_cell(folder, before_name(given, number, wording))) is not None]


def _before(asked: Sequence[Mapping[str, Any]], metric: str) -> dict[str, float]:
    """Scores of the untuned model and its perplexities, the mean over wordings; what is not known of one is not told."""
    found = [[told[way]["scores"].get(metric) for way in BEFORE] + [told["perplexity"][name] for name in PERPLEXITIES.values()] for told in asked]
    known = zip((*BEFORE, *PERPLEXITIES), zip(*found, strict=True), strict=True)
    return {what: mean(values) for what, values in known if None not in values}


def _notes(done: Mapping[str, dict[str, Any]], asked: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """What runs could not do as asked, each sentence once."""
    said = [f"{name} before tuning, {way}: {note}" for name, told in asked.items() for one in told for way in BEFORE for note in notes_of(one[way])]
    for told in done.values():
        said += [f"{told['design']}: {note}" for part in (told, *(told[domain] for domain in DOMAINS if domain in told)) for note in notes_of(part)]
    return list(dict.fromkeys(said))


def notes_of(part: Mapping[str, Any]) -> list[str]:
    """What could not be done as asked, a sentence each."""
    notes = part.get("notes", [])
    return [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []


def _agreements(given: DesignInput, rows: Sequence[DesignRow], before: Mapping[str, Mapping[str, float]], metric: str) -> dict[str, RankAgreement]:
    """Kendall's tau-b between the ranks of designs before tuning and at the largest size after it; low perplexity counts as good."""
    size = max((row.size for row in rows), default=0)
    tuned: dict[str, list[float]] = {}
    for row in rows:
        if row.size == size and f"test.{metric}" in row.means:
            tuned.setdefault(row.design, []).append(row.means[f"test.{metric}"])
    shared = [name for name in given.request.designs if name in tuned and name in before]
    found: dict[str, RankAgreement] = {}
    for what in (*BEFORE, *PERPLEXITIES):
        sign = -1.0 if what in PERPLEXITIES else 1.0
        ranked = [sign * before[name][what] for name in shared if what in before[name]]
        agreement = rank_agreement(ranked, [mean(tuned[name]) for name in shared]) if len(ranked) == len(shared) else None
        if agreement is not None:
            found[what] = agreement
    return found
