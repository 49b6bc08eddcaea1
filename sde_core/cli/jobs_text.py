"""`sde jobs list` and `sde jobs show`: the history of runs, and one of them in full."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import click
import orjson

from sde_core.cli.common import emit_json, talk
from sde_core.cli.following import job_json, progress_line
from sde_core.cli.jobs_queue import place_words
from sde_core.errors import JobError
from sde_core.jobs import Job, JobStatus
from sde_core.jobs.queue import Queue, QueueFile
from sde_core.jobs.removal import folder_bytes
from sde_core.train.history import Change, RunFacts, expected_wait, previous_run, recipe_changes, run_facts
from sde_core.visible import visible
from sde_core.wording import count_of, duration, ordinal, size_of

_PIPED_WIDTH = 120
_SHOW_WIDTH = 79


# ---- all of them


def list_jobs_text(jobs: Sequence[Job], *, as_json: bool) -> None:
    """Print all jobs, the latest first, with their places in the queue."""
    queue = QueueFile().read()
    jobs = sorted(jobs, key=lambda job: job.id, reverse=True)
    if as_json:
        emit_json({"jobs": [{**job_json(job), **_queue_json(job, queue), "bytes": folder_bytes(job.folder)} for job in jobs]})
        return
    if not jobs:
        talk("No jobs here. Start one with sde train DATA, or name a dataset with --data.")
        return
    names, width = short_names(jobs), shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPED_WIDTH
    for job in jobs:
        click.echo(_list_line(job, names[job.id], queue, width).rstrip())


def _queue_json(job: Job, queue: Queue) -> dict[str, Any]:
    return {"place": queue.place(job.folder), "begins_in_s": expected_wait(queue, job.folder)}


def short_names(jobs: Iterable[Job]) -> dict[str, str]:
    """The end of each id where that tells it from the others, else all of it."""
    ids = [job.id for job in jobs]
    alike = Counter(name[-4:] for name in ids)
    return {name: name[-4:] if alike[name[-4:]] == 1 else name for name in ids}


def _list_line(job: Job, name: str, queue: Queue, width: int) -> str:
    status, place = job.status(), queue.place(job.folder)
    state = f"{ordinal(place)} to go" if place is not None and status.state == "waiting" else status.state
    share = f"{status.done:,}/{status.total:,} {status.unit}" if status.total else ""
    line = f"{name}  {state:<9} {_when(status.created)}  {share:<16} {_outcome(job, status, queue):<15} {size_of(folder_bytes(job.folder)):>7}  "
    return line + visible(_about(job), max(width - len(line), 12))


def _outcome(job: Job, status: JobStatus, queue: Queue) -> str:
    """What matters most about it now: when it begins, how long it takes yet, or its loss."""
    if status.state == "waiting":
        wait = expected_wait(queue, job.folder)
        return f"in ~{duration(wait, 1)}" if wait is not None else "waits"
    if status.active:
        # What trains counts other things too, such as the rows that it reads; then the time that is left is not the job's.
        counts_work = status.unit == "steps" or job.kind not in ("train", "compare", "design-compare")
        return f"{duration(status.eta_s, 1)} left" if status.eta_s is not None and counts_work else ""
    metrics = job_json(job)["metrics"] or {}
    for name, words in (("held_out_loss", "held-out"), ("train_loss", "loss")):
        if isinstance(metrics.get(name), (int, float)):
            return f"{words} {metrics[name]:.3f}"
    return ""


def _about(job: Job) -> str:
    """What tells it from others, shortest first: a run's rows and model; another job's title."""
    rows = job.spec.get("rows")
    if job.kind != "train" or not isinstance(rows, dict) or not all(isinstance(count, int) for count in rows.values()):
        return job.title
    model = str(job.spec.get("model", "")).rstrip("/").rsplit("/", 1)[-1]
    return f"{count_of(sum(rows.values()), 'row')} · {model} · {str(job.spec.get('dataset', '')).rsplit('/', 1)[-1]}"


def _when(created: float) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(created))


# ---- one of them


def show_job(job: Job, *, as_json: bool) -> None:
    """Print one job: how it stands, what it was given, what came of it."""
    from sde_core.train.curve import RunCurve

    facts, before = _facts(job), previous_run(job)
    if as_json:
        emit_json({**job_json(job), **_queue_json(job, QueueFile().read()), "bytes": folder_bytes(job.folder), **_facts_json(facts, before)})
        return
    curve, attempts = RunCurve(), Attempts()
    offset = 0
    while True:
        events, after = job.events(offset)
        if after == offset:
            break
        curve.add(events)
        attempts.add(events)
        offset = after
    status = job.status()
    click.echo(f"{job.id}  {status.state}\n{visible(job.title)}\n{visible(status.message)} {visible(status.hint)}".rstrip())
    place = place_words(job)
    if place:
        click.echo(f"queue   {place}")
    if curve.train.count:
        click.echo(progress_line(status, curve))
        click.echo(f"loss: first ten {curve.train.mean_of(10, 0):.3f}, last ten {curve.train.mean_of(0, 10):.3f}")
    for line in _facts_lines(facts, before, attempts):
        click.echo(line)
    click.echo(f"folder  {visible(str(job.folder))}  {size_of(folder_bytes(job.folder))}")


def _facts(job: Job) -> RunFacts | None:
    try:
        return run_facts(job)
    except JobError:
        return None


def _facts_json(facts: RunFacts | None, before: Job | None) -> dict[str, Any]:
    if facts is None:
        return {}
    earlier = _facts(before) if before is not None else None
    return {
        "recipe": facts.recipe,
        "from_default": facts.from_default,
        "previous": before.id if before is not None else None,
        "from_previous": recipe_changes(earlier.recipe, facts.recipe) if earlier is not None else None,
        "manifest": facts.manifest,
    }


class Attempts:
    """How often a job was started, and how long it worked in all, from its events."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self._begun: float | None = None

    def add(self, events: Iterable[dict[str, Any]]) -> None:
        """Take in more events, in their order; waiting for a device is no work."""
        for event in events:
            kind = event.get("event")
            self.count += kind == "start"
            if not isinstance(event.get("t"), (int, float)):
                continue
            if kind in ("start", "turn"):
                self._begun = event["t"]
            elif self._begun is not None:
                # Every event counts up to itself, since a job that is killed writes no end.
                self.seconds += max(event["t"] - self._begun, 0.0)
                self._begun = None if kind == "end" else event["t"]


def _facts_lines(facts: RunFacts | None, before: Job | None, attempts: Attempts) -> list[str]:
    if facts is None:
        return []
    manifest = facts.manifest
    rows, dataset = manifest.get("rows", {}), manifest.get("dataset", {})
    lines = [
        f"rows    {rows.get('train', 0):,} to train on, {rows.get('held-out', 0):,} held out · hash {visible(manifest.get('rows_hash', '?'), 16)}",
        f"data    {visible(str(dataset.get('path')))} · fingerprint {visible(str(dataset.get('fingerprint')), 20)}",
        f"recipe  {_changes_words(facts.from_default) or 'the default'}",
        *textwrap.wrap(f"whole   {_recipe_words(facts)}", _SHOW_WIDTH, subsequent_indent=" " * 8, break_on_hyphens=False),
    ]
    earlier = _facts(before) if before is not None else None
    if before is not None and earlier is not None:
        same = "the same recipe" if earlier.recipe == facts.recipe else _changes_words(recipe_changes(earlier.recipe, facts.recipe), arrows=True)
        lines.append(f"since {before.id[-4:]}  {same}")
    metrics = facts.metrics or {}
    told = [f"held-out {metrics['held_out_loss']:.3f}"] if isinstance(metrics.get("held_out_loss"), (int, float)) else []
    told += [f"{metrics['tokens']:,} tokens"] if isinstance(metrics.get("tokens"), int) else []
    told += [f"worked {duration(attempts.seconds)} in {count_of(attempts.count, 'attempt')}"] if attempts.count else []
    return [*lines, *([f"result  {' · '.join(told)}"] if told else [])]


def _changes_words(changes: Iterable[Change], *, arrows: bool = False) -> str:
    return " ".join(f"{c.name}={_value(c.before)}→{_value(c.after)}" if arrows else f"{c.name}={_value(c.after)}" for c in changes)


def _recipe_words(facts: RunFacts) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in facts.recipe.items())


def _value(value: Any) -> str:
    return visible(orjson.dumps(value).decode().strip('"'), 60)
