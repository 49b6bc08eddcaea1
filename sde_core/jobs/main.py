"""A job's process: `python -m sde_core.jobs.main FOLDER`. It ignores hang-ups, so it outlives the terminal and the app."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from types import FrameType

from sde_core.errors import CancelledError, JobError, SdeError, missing_extra
from sde_core.jobs.context import JobContext
from sde_core.jobs.disk import give_room_back, is_unwritable, reserve_room, unwritable_job
from sde_core.jobs.event_log import close_torn_line
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.job import Job, tell_watchers
from sde_core.jobs.kinds import job_function
from sde_core.jobs.status import JobState, JobStatus, read_status, write_status
from sde_core.jobs.turn import wait_for_turn

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""Signals that ask a job to stop, whoever sends them: a scheduler, a shell, or a user who knows its number."""
_LOCK_SECONDS = 2.0
"""How long a resumed job waits for its predecessor to leave the folder."""


def main(folder: Path) -> int:
    """Do the job in `folder` and leave its final status there.

    Returns:
        The exit code: 0 when done or stopped, 3 when it failed, 2 when another process already works in the folder.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    lock = _take_folder(folder)
    if lock is None:
        return 2
    job = Job(folder)
    context = _begin(folder, waits=bool(job.devices))
    for number in _STOPPING:
        signal.signal(number, lambda _number, _frame: _terminate(context, _frame))
    context.beat_forever()
    try:
        wait_for_turn(context, job.devices)
        job_function(job.kind)(context)
    except CancelledError as stop:
        context.finish("paused" if context.pause_asked else "stopped", stop.message)
    except SdeError as error:
        context.finish("failed", error.message, error.hint)
    except OSError as error:
        give_room_back(folder)
        traceback.print_exc()
        told = unwritable_job(folder, error) if is_unwritable(error) else JobError(f"A file could not be read or written: {error}.")
        context.finish("failed", told.message, told.hint)
    except Exception as error:
        traceback.print_exc()
        context.finish("failed", *_unexpected(error))
    else:
        context.finish("done", context.status.message)
    context.event("end", state=context.status.state, message=context.status.message)
    tell_watchers(folder.parent)
    os.close(lock)  # ending takes torch a while, and the job may be resumed meanwhile
    return JobError.exit_code if context.status.state == "failed" else 0


def _unexpected(error: Exception) -> tuple[str, str]:
    """What is said of an error that nobody foresaw, and the way out."""
    missing = missing_extra(error) if isinstance(error, ModuleNotFoundError) else None
    return (missing.message, missing.hint) if missing else (f"{type(error).__name__}: {error}"[:400], "The whole story is in log.txt.")


def _begin(folder: Path, *, waits: bool) -> JobContext:
    """The context of this attempt, its first status and event written."""
    path = folder / "status.json"
    now = time.time()
    status = read_status(path) or JobStatus(created=now)
    state: JobState = "waiting" if waits else "running"
    status = replace(status, state=state, started=None if waits else now, ended=None, beat=now, message="Starting.", hint="")
    status = replace(status, identity=ProcessIdentity.of_pid(os.getpid()), awake=time.monotonic(), cpu_s=time.process_time())
    write_status(path, status)
    reserve_room(folder)
    close_torn_line(folder / "events.jsonl")
    context = JobContext(folder, status)
    context.event("start", attempt=status.attempt, pid=os.getpid())
    return context


def _terminate(context: JobContext, _frame: FrameType | None) -> None:
    context.on_terminate()


def _take_folder(folder: Path) -> int | None:
    """The lock that makes this process the only one in the folder, None where another one works there; it goes with the process at the latest."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)
        except OSError:
            return lock  # some network file systems have no locks; the identity in the status still guards against resuming a running job
        else:
            return lock


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
