"""`sde jobs queue`, `move` and `remove`: what waits for a device, in which order, and giving disk space back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sde_core.cli.common import emit_json, talk
from sde_core.cli.following import job_json, name_of
from sde_core.errors import JobError, UsageError
from sde_core.jobs import Job
from sde_core.jobs.queue import LIMIT_VARIABLE, MOVES, Queue, QueueFile, Ticket
from sde_core.jobs.removal import folder_bytes, remove_job
from sde_core.jobs.turn import device_words
from sde_core.train.history import expected_wait
from sde_core.visible import visible
from sde_core.wording import count_of, duration, ordinal, size_of


def show_queue(*, limit: int | None, as_json: bool) -> None:
    """Print the queue of this user on this machine, and set its limit first where one is given."""
    queue_file = QueueFile()
    if limit is not None:
        queue_file.set_limit(limit)
    queue = queue_file.read()
    if as_json:
        emit_json({"limit": queue.limit, "queue": [_ticket_json(queue, ticket) for ticket in queue.tickets]})
        return
    if limit is not None:
        talk(f"{count_of(queue.limit, 'run')} may use a device at once. {LIMIT_VARIABLE} in the environment goes before this.")
    if not queue.tickets:
        talk("No run uses or waits for a device.")
    for ticket in queue.tickets:
        click.echo(_ticket_line(queue, ticket).rstrip())


def _ticket_line(queue: Queue, ticket: Ticket) -> str:
    job = _job_or_none(ticket)
    if ticket.holding:
        status = job.status() if job else None
        when = f"{duration(status.eta_s, 1)} left" if status is not None and status.eta_s is not None and status.unit == "steps" else ""
        state = "at work"
    else:
        wait = expected_wait(queue, Path(ticket.folder))
        when = f"in about {duration(wait, 1)}" if wait is not None else ""
        state = ordinal(queue.place(Path(ticket.folder)) or 0)
    devices = device_words(ticket.devices).removeprefix("the ")
    return f"{ticket.id[-4:]}  {state:<8} {devices:<7} {when:<16} {visible(job.title if job else ticket.folder, 60)}"


def _ticket_json(queue: Queue, ticket: Ticket) -> dict[str, Any]:
    job, folder = _job_or_none(ticket), Path(ticket.folder)
    return {
        "id": ticket.id,
        "folder": ticket.folder,
        "title": job.title if job else None,
        "devices": ticket.devices,
        "holding": ticket.holding,
        "place": queue.place(folder),
        "begins_in_s": expected_wait(queue, folder),
    }


def _job_or_none(ticket: Ticket) -> Job | None:
    try:
        return Job(Path(ticket.folder))
    except JobError:
        return None


def place_words(job: Job, queue: Queue | None = None) -> str:
    """ "2nd of 3 that wait, begins in about 4 min"; "" for a job that does not wait."""
    queue = queue or QueueFile().read()
    place = queue.place(job.folder)
    if place is None:
        return ""
    wait = expected_wait(queue, job.folder)
    words = f"{ordinal(place)} of {len(queue.waiting):,} that wait"
    return words + (f", begins in about {duration(wait, 1)}" if wait is not None else "")


def move_job(job: Job, where: str, *, as_json: bool) -> None:
    """Let a waiting run come earlier or later, or begin at once.

    Raises:
        UsageError: When it does not wait, or nobody can tell where to.
    """
    if where == "now":
        if QueueFile().read().place(job.folder) is None:
            raise UsageError(f"Run {job.id} does not wait.", "sde jobs queue shows the runs that do.")
        queue = QueueFile().start_beside(job.folder)
    elif where in MOVES:
        queue = QueueFile().move(job.folder, where)
    else:
        raise UsageError(f"Where is {job.id} to be moved?", f"Say {', '.join(MOVES)}, or --now to begin beside what runs.")
    if as_json:
        emit_json(job_json(job))
    else:
        talk(f"{job.id} begins now, beside what runs." if where == "now" else f"{job.id} is {place_words(job, queue)}.")


def lost_jobs(jobs: Sequence[Job]) -> list[Job]:
    """Jobs whose process went without a word, those first that came first in the queue."""
    lost = [(status.rank or status.created, job.id, job) for job in jobs if (status := job.status()).state == "lost"]
    return [job for _, _, job in sorted(lost, key=lambda entry: entry[:2])]


def remove_jobs(jobs: Sequence[Job], *, yes: bool, as_json: bool) -> None:
    """Delete jobs with all that they made, after asking.

    Raises:
        JobError: When one is at work; nothing was removed then.
        UsageError: When nobody is there to ask.
    """
    for job in jobs:
        state = job.status().state
        if job.status().active:
            raise JobError(f"{job.id} is {state}; only jobs that have ended can be removed.", f"Stop it first: sde jobs stop {name_of(job)}")
    size = size_of(sum(folder_bytes(job.folder) for job in jobs))
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("Removing deletes a run with its adapter and checkpoints, and nobody is here to ask.", "Say --yes.")
        for job in jobs:
            talk(f"{job.id}  {job.status().state}  {visible(job.title, 80)}")
        if not click.confirm(f"Delete {count_of(len(jobs), 'job')} with adapter and checkpoints ({size})?", err=True):
            return
    removed = [{"id": job.id, "bytes": remove_job(job)} for job in jobs]
    if as_json:
        emit_json({"removed": removed})
    else:
        talk(f"Removed {count_of(len(jobs), 'job')}, {size}.")
