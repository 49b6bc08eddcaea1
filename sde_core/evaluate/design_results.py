"""What a comparison of designs has found: scores of every cell, mean and spread over seeds, and a verdict that its intervals allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import orjson

from sde_core.design.metrics import format_scores, span_scores, value_scores
from sde_core.design.parse import ParsedAnswer
from sde_core.design.task import Entry, Task
from sde_core.evaluate.bootstrap import Interval, paired_interval
from sde_core.evaluate.design_grid import BEFORE, DOMAINS, DesignInput, read_input
from sde_core.evaluate.verdict import interval_words, signed
from sde_core.wording import count_of


@dataclass(frozen=True)
class DesignRow:
    """One line of the table: a design at a size, with one wording.

    Attributes:
        design: As the request names it.
        size: Training records.
        wording: Of the instruction.
        runs: Finished seeds.
        means: Mean over the seeds by "domain.metric".
        spreads: Standard deviation over the seeds, absent where there is one.
        tokens: Of an epoch.
    """

    design: str
    size: int
    wording: int
    runs: int
    means: Mapping[str, float]
    spreads: Mapping[str, float]
    tokens: int


@dataclass(frozen=True)
class DesignComparison:
    """What is known so far.

    Attributes:
        metric: The one that designs are ranked by.
        rows: Of the table, the largest size first, then the best.
        runs: Finished cells.
        wanted: All cells.
        verdicts: In words.
        before: By design: scores of the untuned model and its perplexities.
        taus: Kendall's tau between ranks before tuning and the tuned rank; absent below three designs.
    """

    metric: str
    rows: tuple[DesignRow, ...]
    runs: int
    wanted: int
    verdicts: tuple[str, ...]
    before: Mapping[str, Mapping[str, float]]
    taus: Mapping[str, float]


def record_scores(gold: Sequence[Sequence[Entry]], answers: Sequence[ParsedAnswer], task: Task) -> dict[str, Any]:
    """Scores of a whole set, and of every record for intervals.

    Args:
        gold: Entries of each record, at least one record.
        answers: What was read of each answer, in the same order.
        task: What was asked.

    Returns:
        "scores" by name, "of_record" (0 to 1 each: share of right targets, or F1), and "faulty" answers by kind.
    """
    said = [answer.entries for answer in answers]
    form, soft_form = format_scores(answers), format_scores(answers, soft=True)
    scores: dict[str, float | None] = {"adherence": form.adherence, "soft_adherence": soft_form.adherence}
    if task.kind in ("label", "attributes"):
        values = value_scores(gold, said, task)
        scores |= {"kappa": values.kappa, "accuracy": values.accuracy, "whole": values.whole}
        scores |= {f"accuracy of {target}": share for target, share in values.by_target.items()} if len(values.by_target) > 1 else {}
        of_record = [value_scores([truth], [told], task).accuracy for truth, told in zip(gold, said, strict=True)]
    else:
        strict, soft = span_scores(gold, said), span_scores(gold, said, soft=True)
        scores |= {"f1": strict.f1, "precision": strict.precision, "recall": strict.recall, "soft_f1": soft.f1}
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
    return told if isinstance(told, dict) and "design" in told else None


def read_results(folder: Path) -> DesignComparison:
    """What a job has found so far, from its folder.

    Raises:
        InputError: When the folder holds no comparison of designs.
    """
    given = read_input(folder)
    cells = given.cells
    done = {cell.name: told for cell in cells if (told := read_cell(folder, cell.name)) is not None}
    metric = metric_of(given.tasks["test"])
    rows = tuple(sorted(_rows(given, done), key=lambda row: (-row.size, row.wording, -row.means.get(f"test.{metric}", 0.0))))
    before = {name: told for number, name in enumerate(given.request.designs) if (told := _before(folder, number, metric)) is not None}
    verdicts = tuple(_verdicts(given, done, metric))
    return DesignComparison(metric, rows, len(done), len(cells), verdicts, before, _taus(given, rows, before, metric))


def _rows(given: DesignInput, done: Mapping[str, dict[str, Any]]) -> Iterator[DesignRow]:
    groups: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
    for cell in given.cells:
        if cell.name in done:
            groups.setdefault((cell.design, cell.size, cell.wording), []).append(done[cell.name])
    for (design, size, wording), told in groups.items():
        known: dict[str, list[float]] = {}
        for one in told:
            for domain in DOMAINS:
                for name, value in one.get(domain, {}).get("scores", {}).items():
                    if value is not None:
                        known.setdefault(f"{domain}.{name}", []).append(value)
        means = {name: mean(values) for name, values in known.items()}
        spreads = {name: stdev(values) for name, values in known.items() if len(values) > 1}
        yield DesignRow(design, size, wording, len(told), means, spreads, told[0]["tokens"])


def _before(folder: Path, number: int, metric: str) -> dict[str, float] | None:
    told = read_cell(folder, f"before-{number}")
    if told is None:
        return None
    known = {way: told[way]["scores"][metric] for way in BEFORE}
    known |= {"perplexity of prompts": told["perplexity"]["prompt"], "perplexity of answers": told["perplexity"]["output"]}
    return {what: value for what, value in known.items() if value is not None}


def _verdicts(given: DesignInput, done: Mapping[str, dict[str, Any]], metric: str) -> Iterator[str]:
    """The best design against each other one, at the largest size that has runs, in each domain."""
    for domain in given.records:
        for size in sorted(set(given.request.sizes), reverse=True):
            found = {name: scores for name in given.request.designs if len(scores := _of_records(given, done, name, size, domain))}
            if len(found) > 1:
                yield from _pairs(found, metric, domain, size)
                break


def _of_records(given: DesignInput, done: Mapping[str, dict[str, Any]], design: str, size: int, domain: str) -> dict[tuple[int, int], list[float]]:
    """Scores of the records by (wording, seed) of a design's finished runs."""
    cells = [cell for cell in given.cells if cell.design == design and cell.size == size and cell.name in done]
    return {(cell.wording, cell.seed): done[cell.name][domain]["of_record"] for cell in cells}


def _pairs(found: Mapping[str, dict[tuple[int, int], list[float]]], metric: str, domain: str, size: int) -> Iterator[str]:
    best = max(found, key=lambda name: float(np.mean(list(found[name].values()))))
    others = [name for name in found if name != best]
    where = "" if domain == "test" else "Out of domain, "
    for other in others:
        shared = [key for key in found[best] if key in found[other]]
        if not shared:
            continue
        differences = np.array([found[best][key] for key in shared]) - np.array([found[other][key] for key in shared])
        # The best one is known by looking, so that every pair may be the one that is told of (Bonferroni over all of them).
        interval = paired_interval(differences, level=1 - 0.05 / (len(found) * len(others) / 2))
        yield where + _pair_words(best, other, metric, size, interval)


def _pair_words(best: str, other: str, metric: str, size: int, interval: Interval) -> str:
    basis = f"{count_of(size, 'record')}, {count_of(interval.seeds, 'run')}, {count_of(interval.rows, 'test record')}"
    measure = "mean F1 of a record" if metric == "f1" else metric
    said = f"{best} over {other}: {measure} {signed(interval.estimate)} ({interval_words(interval)}; {basis})"
    if not interval.excludes_zero:
        return f"{said}: no difference shown."
    if interval.high < 0:
        return f"{said}: worse in the runs that both have."
    return f"{said}: better." + ("" if interval.seeds > 1 else " The chance in training is not part of it: use --seeds 3.")


def _taus(given: DesignInput, rows: Sequence[DesignRow], before: Mapping[str, Mapping[str, float]], metric: str) -> dict[str, float]:
    """Kendall's tau-b between the ranks of designs before tuning and at the largest size after it; low perplexity counts as good."""
    from scipy.stats import kendalltau  # type: ignore[import-untyped,unused-ignore]

    size = max((row.size for row in rows), default=0)
    tuned: dict[str, list[float]] = {}
    for row in rows:
        if row.size == size:
            tuned.setdefault(row.design, []).append(row.means[f"test.{metric}"])
    shared = [name for name in given.request.designs if name in tuned and name in before]
    if len(shared) < 3:
        return {}
    after = [mean(tuned[name]) for name in shared]
    taus = {}
    for what in (what for what in before[shared[0]] if all(what in before[name] for name in shared)):
        sign = -1.0 if what.startswith("perplexity") else 1.0
        tau = float(kendalltau([sign * before[name][what] for name in shared], after).statistic)
        if np.isfinite(tau):
            taus[what] = tau
    return taus
