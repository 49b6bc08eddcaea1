"""What the finished runs of a comparison say: the loss of every arm on the same held-out rows, and how surely the arms differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from sde_core.errors import JobError
from sde_core.evaluate.bootstrap import LEVEL, Interval, paired_interval
from sde_core.evaluate.task_metrics import macro_f1

MARGIN = 0.01
"""A row is won where its loss is lower by more than this, in nats a token, on average over the seeds."""
SURVEY_SDF, SURVEY_PIR, SURVEY_SLOPE = 0.025, 1.400, 1.303
"""The survey's line through Instruction-Mining and InstructionGPT-4 (arXiv 2406.14115, its published figures)."""
Cells = dict[int, dict[str, Any]]


@dataclass(frozen=True)
class ArmResult:
    """What one arm did, averaged over its finished runs.

    Attributes:
        name: The arm.
        runs: Finished runs.
        wanted: Runs there will be; 0 for the base model.
        rows: Rows that it trains on.
        epochs: How often each row was read.
        tokens: Tokens that a run read.
        steps: Optimizer steps of a run.
        seconds: Time of a run's training; None where every run was interrupted.
        train_loss: Mean training loss of the last steps.
        loss: Held-out loss a token, all tokens counted alike; None before the first run is finished.
        row_loss: The same with all rows counted alike.
        by_seed: Held-out loss of each seed.
        accuracy: Share of label rows whose likeliest label is right; None where answers are no labels.
        macro_f1: Mean F1 of the labels.
        numbers_right: Share of number rows answered with the right number.
        general_loss: Loss a token on the general texts.
        forgetting: General loss after training less before, with its interval; None for the base model.
        diverged: Seeds whose run ended with a loss that is not a number: finished, and left out of all figures.
    """

    name: str
    runs: int
    wanted: int
    rows: int
    epochs: float
    tokens: int
    steps: int
    seconds: float | None = None
    train_loss: float | None = None
    loss: float | None = None
    row_loss: float | None = None
    by_seed: tuple[tuple[int, float], ...] = ()
    accuracy: float | None = None
    macro_f1: float | None = None
    numbers_right: float | None = None
    general_loss: float | None = None
    forgetting: Interval | None = None
    diverged: tuple[int, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One arm against another, on the same rows and seeds.

    Attributes:
        arm: The arm.
        other: What it is compared with.
        loss: Held-out loss a token of `arm` less that of `other`; below 0 where `arm` is better.
        row_loss: The same with all rows counted alike.
        adjusted: `loss` at a level at which all comparisons together are right 19 times in 20 (Bonferroni).
        wins: Rows on which `arm` is better by more than `MARGIN`.
        ties: Rows in between.
        losses: Rows on which it is worse by more than that.
        accuracy: Difference of the share of right labels; above 0 where `arm` is better.
        numbers: Difference of the share of right numbers.
        pir: Survey's PIR of `arm` over `other` by loss: the mean over seeds of other's loss / arm's loss, so that above 1 is better, as the survey
            has it for scores; None where `other` is not the full set.
        pir_accuracy: The same by accuracy, the survey's own way round.
        sdf: Rows of `arm` as a share of the full set's.
        residual: PIR less the survey's line at this SDF. The line stands on win rates judged by models, so only its sign and order mean anything.
    """

    arm: str
    other: str
    loss: Interval
    row_loss: Interval
    adjusted: Interval
    wins: int
    ties: int
    losses: int
    accuracy: Interval | None = None
    numbers: Interval | None = None
    pir: float | None = None
    pir_accuracy: float | None = None
    sdf: float | None = None
    residual: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A comparison as far as it has come.

    Attributes:
        arms: In the order asked for.
        differences: Each arm against the first, and each arm against the draw of its own size.
        base_loss: Held-out loss of the model before any training; None before it was measured.
        base_general_loss: Its loss on the general texts.
        budget: Tokens that every run reads.
        seeds: Seeds of the runs.
        held_out_rows: Rows that all arms are evaluated on.
        how: How they were chosen.
        general: Where the general texts come from.
        task: What else is measured on them: label rows, labels, number rows.
        runs: Finished runs.
        wanted: Runs in all.
    """

    arms: tuple[ArmResult, ...]
    differences: tuple[Difference, ...]
    base_loss: float | None
    base_general_loss: float | None
    budget: int
    seeds: tuple[int, ...]
    held_out_rows: int
    how: str
    general: str
    task: Mapping[str, Any]
    runs: int
    wanted: int

    def to_json(self) -> dict[str, Any]:
        """As the report folder holds it."""
        return asdict(self)


def read_comparison(folder: Path) -> Comparison:
    """What a comparison's job folder holds by now, computed from its finished runs.

    Raises:
        JobError: When the job has not got so far that it knows its runs.
    """
    try:
        plan = orjson.loads((folder / "plan.json").read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise JobError("This comparison has no results yet: it is still reading the rows.", "Look again in a moment.") from error
    try:
        return _Reader(plan, _cells(folder)).comparison()
    except (LookupError, ArithmeticError, TypeError, ValueError, AttributeError) as error:
        raise JobError(f"The results of {folder.name} are damaged: {type(error).__name__}.", "Start the comparison anew.") from error


def cell_name(arm: int, seed: int) -> str:
    """The folder of one run among the comparison's `cells`."""
    return f"{arm:02d}-{seed}"


def _cells(folder: Path) -> dict[str, dict[str, Any]]:
    read = {path.parent.name: read_cell(path) for path in sorted((folder / "cells").glob("*/cell.json"))}
    return {name: cell for name, cell in read.items() if cell is not None}


def read_cell(path: Path) -> dict[str, Any] | None:
    """What a finished run found; None where it is not finished, or its file is damaged, so that it has to be done again."""
    try:
        cell = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return cell if isinstance(cell, dict) and cell.keys() >= {"held_out", "general", "labels", "numbers"} else None


class _Reader:
    """The finished runs as arrays by seed and row."""

    def __init__(self, plan: dict[str, Any], cells: dict[str, dict[str, Any]]) -> None:
        _refuse_strange(plan)
        self._plan = plan
        self._base = cells.get("base")
        seeds: list[int] = plan["seeds"]
        self._of_arm: dict[str, Cells] = {}
        self._diverged: dict[str, tuple[int, ...]] = {}
        for number, arm in enumerate(plan["arms"]):
            done = {seed: cells[cell_name(number, seed)] for seed in seeds if cell_name(number, seed) in cells}
            base = dict.fromkeys(seeds, self._base) if self._base is not None else {}
            found = base if arm["kind"] == "base" else done
            self._of_arm[arm["name"]] = {seed: cell for seed, cell in found.items() if _is_number(cell)}
            self._diverged[arm["name"]] = tuple(seed for seed, cell in found.items() if not _is_number(cell))

    def comparison(self) -> Comparison:
        plan = self._plan
        pairs = [pair for pair in _pairs(plan["arms"]) if set(self._of_arm[pair[0]]) & set(self._of_arm[pair[1]])]
        arms = tuple(self._arm(arm) for arm in plan["arms"])
        return Comparison(
            arms=arms,
            differences=tuple(self._difference(arm, other, len(_pairs(plan["arms"]))) for arm, other in pairs),
            base_loss=_loss(self._base, "held_out"),
            base_general_loss=_loss(self._base, "general"),
            budget=plan["budget"],
            seeds=tuple(plan["seeds"]),
            held_out_rows=plan["held_out_rows"],
            how=plan["how"],
            general=plan["general"],
            task=plan["task"],
            runs=sum(arm.runs for arm in arms if arm.wanted),
            wanted=sum(arm.wanted for arm in arms),
        )

    def _arm(self, arm: dict[str, Any]) -> ArmResult:
        cells, trains = self._of_arm[arm["name"]], arm["kind"] != "base"
        planned: dict[str, Any] = arm["cells"][0] if trains else {"rows": 0, "epochs": 0.0, "tokens": 0, "steps": 0}
        wanted = len(self._plan["seeds"]) if trains else 0
        diverged = self._diverged[arm["name"]] if trains else ()
        figures = {name: planned[name] for name in ("rows", "epochs", "tokens", "steps")}
        plain = ArmResult(arm["name"], len(cells) + len(diverged) if trains else 0, wanted, **figures, diverged=diverged)
        if not cells:
            return plain
        done = list(cells.values())
        truth = self._plan["label_truth"]
        predicted = [cell["labels"] for cell in done] if truth else []
        return replace(
            plain,
            seconds=_mean([cell["seconds"] for cell in done]),
            train_loss=_mean([cell["train_loss"] for cell in done]),
            loss=_mean([_loss(cell, "held_out") for cell in done]),
            row_loss=_mean([float(_means(cell["held_out"]).mean()) for cell in done]),
            by_seed=tuple((seed, float(_loss(cell, "held_out") or 0.0)) for seed, cell in cells.items()) if trains else (),
            accuracy=_mean([float(np.mean(np.asarray(said) == truth)) for said in predicted]),
            macro_f1=_mean([macro_f1(truth, said, len(self._plan["task"]["labels"])) for said in predicted]),
            numbers_right=_mean([float(np.mean(cell["numbers"])) for cell in done if cell["numbers"]]),
            general_loss=_mean([_loss(cell, "general") for cell in done]),
            forgetting=self._forgetting(done) if trains else None,
        )

    def _forgetting(self, done: Sequence[dict[str, Any]]) -> Interval | None:
        if self._base is None or not self._base["general"]["rows"]:
            return None
        before, tokens = _means(self._base["general"]), np.asarray(self._base["general"]["tokens"], np.float64)
        return paired_interval(np.stack([_means(cell["general"]) - before for cell in done]), tokens)

    def _difference(self, arm: str, other: str, comparisons: int) -> Difference:
        ours, theirs = self._of_arm[arm], self._of_arm[other]
        seeds = [seed for seed in self._plan["seeds"] if seed in ours and seed in theirs]
        drawn = np.stack([_means(ours[seed]["held_out"]) - _means(theirs[seed]["held_out"]) for seed in seeds])
        held_out = ours[seeds[0]]["held_out"]
        tokens, clusters = np.asarray(held_out["tokens"], np.float64), self._clusters(held_out["rows"])
        by_row = drawn.mean(axis=0)
        wins, losses = int((by_row < -MARGIN).sum()), int((by_row > MARGIN).sum())
        return Difference(
            arm,
            other,
            loss=paired_interval(drawn, tokens, clusters),
            row_loss=paired_interval(drawn, None, clusters),
            adjusted=paired_interval(drawn, tokens, clusters, level=1 - (1 - LEVEL) / comparisons),
            wins=wins,
            ties=len(by_row) - wins - losses,
            losses=losses,
            accuracy=self._shares(ours, theirs, seeds, "labels"),
            numbers=self._shares(ours, theirs, seeds, "numbers"),
            **self._survey(arm, other, seeds),
        )

    def _clusters(self, rows: Sequence[int]) -> npt.NDArray[np.int64]:
        cluster_of = dict(zip(self._plan["held_out"], self._plan["clusters"], strict=True))
        return np.array([cluster_of[row] for row in rows], np.int64)

    def _shares(self, ours: Cells, theirs: Cells, seeds: Sequence[int], kind: str) -> Interval | None:
        if not ours[seeds[0]][kind]:
            return None
        clusters = self._plan.get(f"clusters_of_{kind}")  # a comparison of an earlier version does not tell them
        differences = np.stack([self._right(ours[seed], kind) - self._right(theirs[seed], kind) for seed in seeds])
        return paired_interval(differences, None, None if clusters is None else np.array(clusters, np.int64))

    def _right(self, cell: dict[str, Any], kind: str) -> npt.NDArray[np.float64]:
        answered = np.asarray(cell[kind])
        return (answered == self._plan["label_truth"] if kind == "labels" else answered).astype(np.float64)

    def _survey(self, arm: str, other: str, seeds: Sequence[int]) -> dict[str, float]:
        """PIR, SDF and the residual, where an arm is compared with all rows."""
        planned = {each["name"]: each for each in self._plan["arms"]}
        if other != "full" or planned[arm]["kind"] == "base":
            return {}
        ours, theirs = self._of_arm[arm], self._of_arm[other]
        ratios = [(_loss(theirs[seed], "held_out") or 0.0) / (_loss(ours[seed], "held_out") or np.nan) for seed in seeds]
        sdf = planned[arm]["cells"][0]["rows"] / planned[other]["cells"][0]["rows"]
        found = {"pir": float(np.mean(ratios)), "sdf": sdf, "residual": survey_residual(float(np.mean(ratios)), sdf)}
        if ours[seeds[0]]["labels"]:
            scores = [(self._right(ours[seed], "labels").mean(), self._right(theirs[seed], "labels").mean()) for seed in seeds]
            if all(score > 0 for _, score in scores):
                found["pir_accuracy"] = float(np.mean([mine / full for mine, full in scores]))
        return found


def _refuse_strange(plan: dict[str, Any]) -> None:
    """Raises TypeError or KeyError where a field that is shown as it stands is of another kind: a damaged disk may have left anything in it."""
    planned = [(cell, name) for arm in plan["arms"] for cell in arm["cells"] for name in ("rows", "epochs", "tokens", "steps")]
    counts = [*planned, *((plan, name) for name in ("budget", "held_out_rows")), *((plan["task"], name) for name in ("label_rows", "number_rows"))]
    texts = [*((plan, name) for name in ("how", "general")), *((arm, "name") for arm in plan["arms"])]
    for places, kind in ((counts, (int, float)), (texts, str)):
        strange = next((name for holder, name in places if not isinstance(holder[name], kind)), None)
        if strange is not None:
            raise TypeError(strange)


def survey_residual(pir: float, sdf: float) -> float:
    """How far a PIR lies above the survey's line at this share of the data (arXiv 2406.14115; the vertical distance, which needs no plot)."""
    return pir - (SURVEY_PIR + SURVEY_SLOPE * (sdf - SURVEY_SDF))


def _pairs(arms: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Each arm against the first, and each arm against the draw of its own size; no pair twice."""
    names = [arm["name"] for arm in arms]
    alike = [(arm["like"], arm["name"]) for arm in arms if arm["like"] in names]
    others = [(name, names[0]) for name in names[1:] if (names[0], name) not in alike and (name, names[0]) not in alike]
    return [*others, *alike]


def _means(part: dict[str, Any]) -> npt.NDArray[np.float64]:
    return np.asarray(part["sums"], np.float64) / np.maximum(np.asarray(part["tokens"], np.float64), 1)


def _is_number(cell: dict[str, Any]) -> bool:
    """Whether a run's losses are numbers; one that diverged left none, which JSON writes as null."""
    return all(bool(np.isfinite(np.asarray(cell[part]["sums"], np.float64)).all()) for part in ("held_out", "general"))


def _loss(cell: dict[str, Any] | None, part: str) -> float | None:
    if cell is None or not cell[part]["rows"]:
        return None
    return float(np.sum(np.asarray(cell[part]["sums"], np.float64)) / np.sum(cell[part]["tokens"]))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
