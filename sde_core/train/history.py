"""What a run was given and what came of it, and how two runs differ: read from the small files of job folders, never from event logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from sde_core.errors import InputError, JobError
from sde_core.jobs import Job, list_jobs
from sde_core.jobs.queue import Queue
from sde_core.train.recipe import Recipe
from sde_core.train.rows import HELD_OUT, SnapshotPlace, read_places
from sde_core.train.tokenizer import model_location

_DEFINES_LOSS = frozenset({"model", "max_length", "too_long", "truncation_side", "template", "completion_only", "answers"})
"""Settings that say which tokens carry loss, and which model gives it: where they differ, a loss means something else."""


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs: its name and both values, None where a recipe has none of that name."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run's files.

    Attributes:
        recipe: As it was launched; settings that are newer than the run have their defaults.
        manifest: Dataset, fingerprint, counts of rows and their hash.
        metrics: What came of it, None where it has not come to its end.
    """

    recipe: dict[str, Any]
    manifest: dict[str, Any]
    metrics: dict[str, Any] | None

    @property
    def from_default(self) -> tuple[Change, ...]:
        """Settings that are not the default ones."""
        return recipe_changes(_default_recipe(self.recipe), self.recipe)

    @property
    def rows(self) -> int:
        """Rows that it was given, held-out ones included."""
        return sum(self.manifest.get("rows", {}).values())


@dataclass(frozen=True, slots=True)
class RunComparison:
    """How two runs differ.

    Attributes:
        recipe: Settings that differ, from A to B.
        only_a: Where rows stand that A alone was given, and their keys.
        only_b: The same for B.
        both: Rows that both were given.
        other_side: Those of them that trained in one run and were held out in the other.
        incomparable: Why their held-out losses cannot be compared, in words; "" where they can.
        metrics_a: What came of A, None where it has not ended.
        metrics_b: The same for B.
    """

    recipe: tuple[Change, ...]
    only_a: tuple[SnapshotPlace, ...]
    only_b: tuple[SnapshotPlace, ...]
    both: int
    other_side: int
    incomparable: str
    metrics_a: dict[str, Any] | None
    metrics_b: dict[str, Any] | None

    @property
    def held_out_words(self) -> str:
        """Whether the held-out losses can be compared, in words."""
        if self.incomparable:
            return f"Held-out losses do not compare: {self.incomparable}."
        return "Both hold out the same rows, so held-out losses compare."


def run_facts(job: Job) -> RunFacts:
    """What a fine-tune was given and what came of it.

    Raises:
        JobError: When the job is no fine-tune, or its files are gone.
    """
    recipe, manifest = json_or_none(job.folder / "recipe.json"), json_or_none(job.folder / "manifest.json")
    if recipe is None or manifest is None or not _counts_rows(manifest):
        raise JobError(f"{job.id} has no recipe and manifest that can be read.", "Fine-tunes have them; sde jobs lists what each job is.")
    return RunFacts({**Recipe().to_json(), **recipe}, manifest, _numbers(json_or_none(job.result_dir / "metrics.json")))


def _counts_rows(manifest: dict[str, Any]) -> bool:
    """Whether what is read from a manifest is of its kind: a damaged disk may have left anything in it."""
    kinds = (("rows", dict), ("dataset", dict), ("layout", dict), ("rows_hash", str))
    sound = all(isinstance(manifest.get(name, kind()), kind) for name, kind in kinds)
    return sound and all(isinstance(count, int) for count in manifest.get("rows", {}).values())


def _numbers(metrics: dict[str, Any] | None) -> dict[str, Any] | None:
    """Metrics are numbers; what a damaged file has in their place is none."""
    return metrics and {name: value if isinstance(value, (int, float)) else None for name, value in metrics.items()}


def recipe_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Settings that differ between two recipes, in the recipe's order."""
    names = [*before, *(name for name in after if name not in before)]
    return tuple(Change(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name))


def previous_run(job: Job) -> Job | None:
    """The fine-tune of the same dataset that was launched before this one."""
    return next((other for other in list_jobs(job.folder.parent) if other.kind == job.kind and other.id < job.id), None)


def compare_runs(a: Job, b: Job) -> RunComparison:
    """How run B differs from run A, by recipe and row by row; rows are the same where their keys are.

    Raises:
        JobError: When one is no fine-tune.
        InputError: When the rows of one cannot be read.
    """
    facts_a, facts_b = run_facts(a), run_facts(b)
    places_a, places_b = _places(a), _places(b)
    both = places_a.keys() & places_b.keys()
    held_out_a, held_out_b = _held_out(places_a.values()), _held_out(places_b.values())
    return RunComparison(
        recipe_changes(facts_a.recipe, facts_b.recipe),
        tuple(place for key, place in places_a.items() if key not in both),
        tuple(place for key, place in places_b.items() if key not in both),
        len(both),
        sum(places_a[key].split != places_b[key].split for key in both),
        _incomparable(facts_a, facts_b, same_rows=held_out_a == held_out_b, none=not held_out_a or not held_out_b),
        facts_a.metrics,
        facts_b.metrics,
    )


def expected_wait(queue: Queue, folder: Path) -> float | None:
    """Seconds until a waiting run begins, as far as the runs before it tell; None where one of them does not, or where the run does not wait."""
    ticket = next((ticket for ticket in queue.waiting if ticket.folder == str(folder)), None)
    if ticket is None:
        return None
    total = 0.0
    for other in queue.ahead_of(ticket):
        left = _seconds_left(Path(other.folder))
        if left is None:
            return None
        total += left
    return total / queue.limit


def _seconds_left(folder: Path) -> float | None:
    """Until a run ends: what it says itself once it trains, before that what its steps took in the latest run with the same model."""
    try:
        job = Job(folder)
        status = job.status()
        if status.state not in ("queued", "waiting") and status.unit == "steps" and status.eta_s is not None:
            return status.eta_s
        return _seconds_needed(folder, folder.parent.stat().st_mtime_ns)
    except (JobError, FileNotFoundError):
        return None


@lru_cache(maxsize=256)
def _seconds_needed(folder: Path, _folders_time: int) -> float | None:
    """What a run that has not begun will take; looked for again when a run has begun or ended, which changes the time of the folder of jobs."""
    job = Job(folder)
    facts = run_facts(job)
    for other in list_jobs(folder.parent):
        seconds = _seconds_a_sample(other, facts) if other.kind == job.kind else None
        if seconds is not None:
            return seconds * _planned_samples(facts)
    return None


def _seconds_a_sample(job: Job, like: RunFacts) -> float | None:
    """What a sample took in a run of one attempt with the same model, device and processes; None for any other run."""
    metrics, status = json_or_none(job.result_dir / "metrics.json"), job.status()
    if metrics is None or status.state != "done" or status.attempt != 1 or status.started is None or status.ended is None:
        return None
    try:
        recipe = run_facts(job).recipe
        if any(recipe[name] != like.recipe[name] for name in ("model", "device", "processes")):
            return None
        return float((status.ended - status.started) / (metrics["steps"] * recipe["batch_size"] * recipe["accumulation"]))
    except (JobError, KeyError, ZeroDivisionError):
        return None


def _planned_samples(facts: RunFacts) -> float:
    recipe, rows = facts.recipe, facts.manifest["rows"].get("train", 0)
    return float(recipe["max_steps"] * recipe["batch_size"] * recipe["accumulation"] or recipe["epochs"] * rows)


def _incomparable(a: RunFacts, b: RunFacts, *, same_rows: bool, none: bool) -> str:
    """Why the held-out losses of two runs cannot be compared, "" where they can."""
    if none:
        return "a run holds out no rows"
    if not same_rows:
        return "the rows differ"
    changed = [change.name for change in recipe_changes(a.recipe, b.recipe) if change.name in _DEFINES_LOSS]
    if changed:
        return f"{', '.join(changed)} differ{'s' if len(changed) == 1 else ''}"
    counts = [facts.metrics.get("held_out_rows") for facts in (a, b) if facts.metrics is not None]
    return (
        f"{counts[0]:,} rows were evaluated in A and {counts[1]:,} in B" if len(counts) == 2 and None not in counts and counts[0] != counts[1] else ""
    )


def _default_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults as a launch would have written them: with the embedded model's folder, and the learning rate that is usual for the model."""
    embedded = model_location("")
    usual = Recipe(model="" if recipe.get("model") == embedded else str(recipe.get("model"))).peak_learning_rate
    return {**Recipe().to_json(), "model": embedded, "learning_rate": usual}


def _places(job: Job) -> dict[int, SnapshotPlace]:
    try:
        return {place.key: place for place in read_places(job.folder)}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"The rows of {job.id} cannot be read: {error}.", "They lie in rows.jsonl in its folder.") from error


def _held_out(places: Iterable[SnapshotPlace]) -> set[int]:
    return {place.key for place in places if place.split == HELD_OUT}


def json_or_none(path: Path) -> dict[str, Any] | None:
    """The JSON object that a file holds, None where it is missing or damaged."""
    try:
        value = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return value if isinstance(value, dict) else None
