"""The jobs of this user that live on this machine, told by their processes alone: what is left to know where the queue's files are gone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.status import JobStatus, read_status


@dataclass(frozen=True, slots=True)
class LivingRun:
    """A process that works in a job's folder, or is about to.

    Attributes:
        folder: The job's.
        devices: What it takes its turn for.
        identity: The process.
        working: Whether it may be using the devices; one that waits does not.
        status: What the job's status file says, which may be of a later process of the job.
    """

    folder: Path
    devices: tuple[str, ...]
    identity: ProcessIdentity
    working: bool
    status: JobStatus


def living_runs() -> tuple[LivingRun, ...]:
    """All jobs with a process on this machine that this user may look at; costs some milliseconds, as it looks at all processes.

    A job's process runs in its folder and names it as its last argument, which no other process does. Of several in one folder, the latest is the
    job's; those before it have said their last word and hold what they held until they are gone.
    """
    found: dict[Path, list[ProcessIdentity]] = {}
    for pid, folder in _processes_in_their_folders():
        found.setdefault(folder, []).append(ProcessIdentity.of_pid(pid))
    return tuple(run for folder, identities in found.items() for run in _runs_in(folder, identities))


def process_in(folder: Path) -> ProcessIdentity | None:
    """The latest process of the job in this folder that lives on this machine, None where there is none."""
    place = os.path.realpath(folder)
    pids = [pid for pid, other in _processes_in_their_folders() if os.path.realpath(other) == place]
    return ProcessIdentity.of_pid(pids[-1]) if pids else None


def _processes_in_their_folders() -> list[tuple[int, Path]]:
    """(process id, folder) of processes whose last argument is the folder that they are in, in the order of their start."""
    from psutil import Error, process_iter

    found = []
    for process in process_iter(["cmdline", "create_time"]):
        words = process.info["cmdline"] or [""]
        if len(words) < 2 or not words[-1].startswith("/"):
            continue
        try:
            inside = process.cwd() == os.path.realpath(words[-1])
        except (Error, OSError):
            continue
        if inside:
            found.append((process.info["create_time"], process.pid, Path(words[-1])))
    return [(pid, folder) for _, pid, folder in sorted(found)]


def _runs_in(folder: Path, identities: list[ProcessIdentity]) -> list[LivingRun]:
    """The runs of the processes in a folder, which are in the order of their start."""
    try:
        spec: Any = orjson.loads((folder / "spec.json").read_bytes())["spec"]
        devices = tuple(map(str, spec.get("devices") or ()))
    except (OSError, orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return []
    status = read_status(folder / "status.json") or JobStatus()
    waits = status.state in ("queued", "waiting") and status.identity in (None, identities[-1])
    return [LivingRun(folder, devices, identity, not (waits and identity is identities[-1]), status) for identity in identities]
