"""Following a job from the command line: one line on a terminal, nothing elsewhere, and the job's own outcome at the end."""

from __future__ import annotations

import shlex
import sys
import time
from typing import Any

import click

from sde_core.cli.common import emit_json, talk
from sde_core.jobs import Job, JobStatus
from sde_core.train.curve import RunCurve
from sde_core.train.history import json_or_none
from sde_core.visible import visible
from sde_core.wording import duration, ordinal

_POLL_SECONDS = 0.5


def name_of(job: Job) -> str:
    """What a command typed here calls the job: the end of its id, and its dataset where the commands would not look into that by themselves."""
    from sde_core.cli.jobs import job_folders

    short, state_dir = job.id[-4:], job.folder.parent.parent
    if state_dir.suffix != ".sde" or job.folder.parent in job_folders(None):
        return short
    return f"{short} --data {visible(shlex.quote(str(state_dir.with_suffix(''))), 300)}"


def follow(job: Job) -> JobStatus:
    """Draw the job's progress until it ends; interrupting this leaves the job running."""
    curve, offset, terminal = RunCurve(), 0, sys.stderr.isatty()
    try:
        while (status := job.status()).active:
            events, offset = job.events(offset)
            curve.add(events)
            _say_remarks(events, terminal=terminal)
            if terminal:
                sys.stderr.write(f"\r\x1b[K{progress_line(status, curve)}")
                sys.stderr.flush()
            if not events:
                time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        if terminal:
            sys.stderr.write("\r\x1b[K")
        talk(f"The job goes on. Come back with: sde jobs attach {name_of(job)}")
        return job.status()
    if terminal:
        sys.stderr.write("\r\x1b[K")
    return status


def _say_remarks(events: list[dict[str, Any]], *, terminal: bool) -> None:
    for event in events:
        if event.get("event") == "remark":
            talk(f"{chr(13)}{chr(27)}[K" * terminal + visible(str(event.get("words")), 400))


def progress_line(status: JobStatus, curve: RunCurve) -> str:
    """For example "step 12 of 300 · loss 2.310 · held-out 2.402 · 1,050 tokens/s · 4 min left"."""
    if status.unit != "steps":
        counted = f" {status.done:,} of {status.total:,} {status.unit}" if status.total else ""
        rate = f" · {status.rate:,.{0 if status.rate >= 10 else 1}f} {status.unit}/s" if counted and status.rate else ""
        left = f" · {duration(status.eta_s)} left" if rate and status.eta_s else ""
        return visible(f"{status.message}{counted}{rate}{left}", 120)
    parts = [f"step {status.done:,} of {status.total:,}" if status.total else f"step {status.done:,}"]
    if curve.train.latest is not None:
        parts.append(f"loss {curve.train.latest:.3f}")
    if curve.held_out.latest is not None:
        parts.append(f"held-out {curve.held_out.latest:.3f}")
    if curve.latest.get("tokens_s"):
        parts.append(f"{curve.latest['tokens_s']:,.0f} tokens/s")
    if status.eta_s is not None:
        parts.append(f"{duration(status.eta_s)} left")
    return " · ".join([*parts, *(["stopping"] if status.state == "stopping" else [])])


def job_json(job: Job) -> dict[str, Any]:
    """A job as the command line prints it."""
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "folder": str(job.folder),
        "result": str(job.result_dir),
        "spec": job.spec,
        "status": job.status().to_json(),
        "metrics": json_or_none(job.result_dir / "metrics.json"),
    }


def say_outcome(job: Job, status: JobStatus) -> None:
    """Say on stderr how the job stands and what comes next."""
    talk(f"{job.id}: {status.state}. {visible(status.message)} {visible(status.hint)}".rstrip())
    if status.state == "done":
        talk(f"The result is in {visible(str(job.result_dir))}")
    elif status.state in ("stopped", "paused", "lost"):
        talk(f"Go on with: sde jobs resume {name_of(job)}")
    elif status.state == "failed":
        talk(f"What it printed: {visible(str(job.log_path))}")


def _waiting_words(job: Job) -> str:
    """A sentence on a job that waits for a device; "" for any other."""
    if not job.devices:
        return ""
    from sde_core.jobs.queue import QueueFile

    queue = QueueFile().read()
    waits = next((ticket for ticket in queue.waiting if ticket.folder == str(job.folder) and not queue.may_begin(ticket)), None)
    return "" if waits is None else f"It is queued as {ordinal(queue.place(job.folder) or 0)} and begins by itself: sde jobs queue\n"


def leave_or_follow(ctx: click.Context, job: Job, attach: bool | None, *, as_json: bool) -> None:
    """What a command does about the job it started: it follows it, or says how to.

    Args:
        ctx: Ends with exit status 3 where the job failed.
        job: Started.
        attach: None follows where stderr is a terminal.
        as_json: Prints the job at the end, and nothing about following it.
    """
    status = job.status()
    if attach if attach is not None else sys.stderr.isatty():
        talk(f"{visible(job.title)}: {job.id}")
        status = follow(job)
        say_outcome(job, status)
    elif not as_json:
        talk(f"{visible(job.title)}: {job.id}\n{_waiting_words(job)}Follow it with: sde jobs attach {name_of(job)}")
    if as_json:
        emit_json(job_json(job))
    if status.state in ("failed", "lost"):
        ctx.exit(3)
