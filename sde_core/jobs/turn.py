"""A job's wait for the devices that its spec names: its process waits here before it loads anything heavy."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from sde_core.errors import CancelledError, JobError, ReadOnlyError, SdeError
from sde_core.jobs.context import JobContext
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.queue import Queue, QueueFile, Ticket
from sde_core.wording import count_of

LOOK_SECONDS = 0.5
"""A waiting job looks so often whether it is its turn."""
_LISTEN_SECONDS = 0.1
_STAY_LOOKS = 4
"""So many looks apart a job at work looks whether it still stands in the queue."""
_HELD_BACK_LOOKS = 12
"""So many looks a waiting job that found the queue deleted gives those at work to enter it again."""


def wait_for_turn(context: JobContext, devices: Sequence[str]) -> None:
    """Return once the job may use the devices; they are its own until its process ends.

    A queue that cannot be written, in a home folder that is full or read-only, holds nobody up: the job begins and says so in its events.

    Args:
        context: The job.
        devices: None for a job that needs none.

    Raises:
        CancelledError: When the job was asked to stop before its turn came.
    """
    if not devices:
        return
    identity, status, queue_file = ProcessIdentity.of_pid(os.getpid()), context.status, QueueFile()
    ticket = Ticket(str(context.folder), tuple(devices), status.rank, status.beside, identity=identity)
    try:
        with suppress(JobError):  # a busy queue is waited for
            ticket = _entered(queue_file, ticket)
    except ReadOnlyError as error:
        context.event("queue", failure=error.message)
    else:
        _wait(context, queue_file, ticket, identity)
    threading.Thread(target=_stay, args=(context, queue_file, replace(ticket, holding=True)), name="stay-in-queue", daemon=True).start()
    context.begins()


def _wait(context: JobContext, queue_file: QueueFile, ticket: Ticket, identity: ProcessIdentity) -> None:
    since, not_before, said = time.monotonic(), 0.0, ""
    while True:
        queue = queue_file.read()
        mine, held_back = queue.of(context.folder, identity), time.monotonic() < not_before
        if mine is None:  # somebody removed the queue, and with it the tickets of those at work
            not_before = time.monotonic() + _HELD_BACK_LOOKS * LOOK_SECONDS
            with suppress(SdeError):
                ticket = _entered(queue_file, ticket)
        elif not held_back and queue.may_begin(mine) and _begins(queue_file, context, identity):
            break
        else:
            ticket = replace(mine, holding=False)
            words = _words(queue, mine, held_back=held_back)
            if words != said or mine.rank != context.status.rank:
                said = words
                context.waits(words, mine.rank)
        _sleep_or_leave(context, queue_file, identity)
    if said:
        context.event("turn", waited_s=round(time.monotonic() - since, 1))


def _entered(queue_file: QueueFile, ticket: Ticket) -> Ticket:
    ticket = replace(ticket, rank=ticket.rank or queue_file.new_rank())
    queue_file.enter(ticket)
    return ticket


def _stay(context: JobContext, queue_file: QueueFile, ticket: Ticket) -> None:
    """Enter the queue again whenever it was deleted while the job works, or others would begin beside it."""
    while not context.ended_within(_STAY_LOOKS * LOOK_SECONDS):
        with suppress(SdeError, OSError):
            mine = queue_file.read().of(context.folder, ticket.identity)
            if mine is None or not mine.holding:
                queue_file.hold(ticket)


def _begins(queue_file: QueueFile, context: JobContext, identity: ProcessIdentity) -> bool:
    try:
        return queue_file.begin(context.folder, identity)
    except SdeError:  # a full disk or a busy queue: the next look may do
        return False


def _sleep_or_leave(context: JobContext, queue_file: QueueFile, identity: ProcessIdentity) -> None:
    until = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < until:
        if context.is_set():
            with suppress(SdeError):
                queue_file.leave(context.folder, identity)
            raise CancelledError("Taken out of the queue before its turn; what it had done before is kept.")
        time.sleep(_LISTEN_SECONDS)


def _words(queue: Queue, ticket: Ticket, *, held_back: bool) -> str:
    """ "Waits for 2 runs before it on the CPU." with what is true now."""
    if held_back and queue.may_begin(ticket):
        return "Waits a moment: the queue was deleted, and runs at work enter it again."
    return f"Waits for {count_of(len(queue.ahead_of(ticket)), 'run')} before it on {device_words(ticket.devices)}."


def device_words(devices: Sequence[str]) -> str:
    """ "the CPU", "GPU 0", "GPUs 0 and 1"."""
    numbers = [device[3:] for device in devices if device.startswith("gpu")]
    if not numbers:
        return "the CPU" if "cpu" in devices else "the GPU"
    return f"GPU {numbers[0]}" if len(numbers) == 1 else f"GPUs {', '.join(numbers[:-1])} and {numbers[-1]}"
