"""A job's wait for the devices that its spec names: its process waits here before it loads anything heavy."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from sde_core.errors import CancelledError, SdeError
from sde_core.jobs.context import JobContext
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.queue import Queue, QueueFile, Ticket
from sde_core.wording import count_of

LOOK_SECONDS = 0.5
"""A waiting job looks so often whether it is its turn."""
_LISTEN_SECONDS = 0.1


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
    identity, status = ProcessIdentity.of_pid(os.getpid()), context.status
    ticket = Ticket(str(context.folder), tuple(devices), status.rank or time.time(), status.beside, identity=identity)
    queue_file = QueueFile()
    try:
        queue_file.enter(ticket)
    except SdeError as error:
        context.event("queue", failure=error.message)
    else:
        _wait(context, queue_file, ticket, identity)
    context.begins()


def _wait(context: JobContext, queue_file: QueueFile, ticket: Ticket, identity: ProcessIdentity) -> None:
    since, said = time.monotonic(), ""
    while True:
        queue = queue_file.read()
        mine = queue.of(context.folder, identity)
        if mine is None:  # somebody removed the file
            with suppress(SdeError):
                queue_file.enter(ticket)
        elif queue.may_begin(mine) and _begins(queue_file, context, identity):
            break
        else:
            ticket = replace(mine, holding=False)
            words = _words(queue, mine)
            if words != said or mine.rank != context.status.rank:
                said = words
                context.waits(words, mine.rank)
        _sleep_or_leave(context, queue_file, identity)
    if said:
        context.event("turn", waited_s=round(time.monotonic() - since, 1))


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


def _words(queue: Queue, ticket: Ticket) -> str:
    """ "Waits for 2 runs before it on the CPU." with what is true now."""
    return f"Waits for {count_of(len(queue.ahead_of(ticket)), 'run')} before it on {device_words(ticket.devices)}."


def device_words(devices: Sequence[str]) -> str:
    """ "the CPU", "GPU 0", "GPUs 0 and 1"."""
    numbers = [device[3:] for device in devices if device.startswith("gpu")]
    if not numbers:
        return "the CPU" if "cpu" in devices else "the GPU"
    return f"GPU {numbers[0]}" if len(numbers) == 1 else f"GPUs {', '.join(numbers[:-1])} and {numbers[-1]}"
