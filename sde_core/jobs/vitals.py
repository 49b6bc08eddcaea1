"""Whether a job that is silent hangs, or only does not get to say anything: asked of its process, claiming no more than that tells.

A job gives a sign of life every ten seconds from a thread of its own. On a machine with far more work than processors, or one that swaps, that thread
may not come to its turn for a minute; a process that hangs takes no processor time at all. How long a job is silent is told by the clock of the
machine's waking hours where that can be read, so that neither a closed laptop nor a clock that is set makes a job look dead.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sde_core.jobs.identity import ProcessIdentity, boot_id
from sde_core.jobs.job import Job
from sde_core.jobs.status import JobStatus

Doing = Literal["busy", "blocked", "suspended", "idle", "elsewhere", "unknown"]
_BUSY_SHARE = 0.001
"""A process that had this share of a processor since its last sign of life did something."""
_STATES: dict[str, Doing] = {"T": "suspended", "t": "suspended", "R": "busy", "D": "blocked"}
"""What the state of a thread says of its process, the first that applies; every thread of a suspended process is."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is known of a job's process at one moment.

    Attributes:
        silent_s: Seconds since its last sign of life; 0 for one that has ended.
        doing: "busy" where it computed since then, or wants a processor now; "blocked" where it waits in the system for a disk or a driver;
            "suspended" where a signal stopped it; "idle" where it did not compute and wants nothing; "elsewhere" where it runs on another machine.
        host: The machine that it runs on.
    """

    silent_s: float
    doing: Doing = "unknown"
    host: str = ""


def silence_of(status: JobStatus) -> float:
    """Seconds since a job's process last wrote its status."""
    here = status.identity is not None and status.identity.host == socket.gethostname() and status.identity.boot == boot_id()
    waking = time.monotonic() - status.awake
    return waking if here and status.awake and waking >= 0 else max(time.time() - status.beat, 0.0)


def vitals_of(job: Job) -> Vitals:
    """How a job's process is now.

    Raises:
        JobError: When its folder was removed.
    """
    status = job.status()
    doing = _doing(status)
    # Whoever asks may itself have waited for a processor since it read the status.
    later = job.status()
    return Vitals(silence_of(later) if later.active else 0.0, doing, later.identity.host if later.identity is not None else "")


def _doing(status: JobStatus) -> Doing:
    identity = status.identity
    if identity is None:
        return "unknown"
    if identity.host != socket.gethostname():
        return "elsewhere"
    from psutil import Error, Process

    try:
        used = Process(identity.pid).cpu_times()
        states = _states(identity)
    except (Error, OSError):
        return "unknown"
    found = {_STATES.get(state, "idle") for state in states}
    if "suspended" in found:
        return "suspended"
    if "busy" in found or used.user + used.system - status.cpu_s > _BUSY_SHARE * silence_of(status):
        return "busy"
    return "blocked" if "blocked" in found else "idle"


def _states(identity: ProcessIdentity) -> set[str]:
    """The states of a process's threads by the letters of Linux; of the process alone where the system tells no more."""
    from psutil import STATUS_DISK_SLEEP, STATUS_RUNNING, STATUS_STOPPED, Process

    found = set()
    for path in Path(f"/proc/{identity.pid}/task").glob("*/stat"):
        with suppress(OSError):  # a thread that ended meanwhile
            stat = path.read_bytes()
            found.add(chr(stat[stat.rfind(b")") + 2]))
    letters = {STATUS_RUNNING: "R", STATUS_DISK_SLEEP: "D", STATUS_STOPPED: "T"}
    return found or {letters.get(Process(identity.pid).status(), "S")}
