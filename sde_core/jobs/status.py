"""How far a job is: one small file, replaced whole."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import orjson

from sde_core.jobs.identity import ProcessIdentity

JobState = Literal["queued", "waiting", "running", "stopping", "done", "stopped", "paused", "failed", "lost"]
ACTIVE_STATES: tuple[JobState, ...] = ("queued", "waiting", "running", "stopping")
"""States in which a process works, waits for a device, or is about to."""
FINAL_STATES: tuple[JobState, ...] = ("done", "stopped", "paused", "failed")
"""States that a job itself ends in; "lost" is what a reader says when the process is gone without one of these."""

_MOST = 1e11
"""More than any count or moment of a job."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How far a job is.

    Attributes:
        state: "queued" until its process reports, "waiting" until it has a device, "stopping" once somebody asked it to stop,
            "lost" when its process went without a word.
        done: Units done so far.
        total: Units in all, None where unknown.
        unit: What is counted ("steps", "rows").
        rate: Units a second of late, 0 where unknown.
        eta_s: Seconds still to go, None where unknown.
        message: What it does now, or why it ended, in one sentence.
        hint: The way out of a failure, empty where there is none.
        created: When it was launched first, in seconds since 1970.
        started: When its present process started working, None before that.
        ended: When it ended, None while it runs.
        beat: When its process last wrote this.
        earlier_s: Seconds that its earlier attempts worked.
        attempt: 1, and one more for every resume.
        identity: Its process.
        rank: Its place among jobs that wait for a device; see `sde_core.jobs.queue`. 0 for a job that needs none.
        beside: Whether it begins at once, beside whatever uses its device.
        queue: The folder of the queue that it was launched into; empty for a job that needs no device.
        awake: When its process last wrote this, on the machine's clock of waking hours (`time.monotonic`); 0 where unknown.
        cpu_s: Processor seconds that its process had used then.
    """

    state: JobState = "queued"
    done: int = 0
    total: int | None = None
    unit: str = ""
    rate: float = 0.0
    eta_s: float | None = None
    message: str = ""
    hint: str = ""
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    beat: float = 0.0
    earlier_s: float = 0.0
    attempt: int = 1
    identity: ProcessIdentity | None = None
    rank: float = 0.0
    beside: bool = False
    queue: str = ""
    awake: float = 0.0
    cpu_s: float = 0.0

    @property
    def active(self) -> bool:
        """Whether a process works on it, or is about to."""
        return self.state in ACTIVE_STATES

    def worked_s(self, now: float | None = None) -> float:
        """Seconds that it worked in all attempts; waiting for a device is no work.

        Args:
            now: Until when the present attempt counts; until it ended or was last heard of by default.
        """
        until = self.beat if self.ended is None else self.ended
        return self.earlier_s + (max((until if now is None else now) - self.started, 0.0) if self.started is not None else 0.0)

    def to_json(self) -> dict[str, Any]:
        """The status as the status file and the command line hold it."""
        return asdict(self)


def write_status(path: Path, status: JobStatus) -> None:
    """Replace the status file in one step: a reader sees the old one or the new one."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_bytes(orjson.dumps(status.to_json()))
    scratch.replace(path)


def read_status(path: Path) -> JobStatus | None:
    """The status in the file, None where there is none or it cannot be read; fields that are of another version or make no sense are ignored."""
    try:
        value = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    if not isinstance(value, dict):
        return None
    plain, names = JobStatus(), [field.name for field in fields(JobStatus) if field.name != "identity"]
    kept = {name: value[name] for name in names if _is_sound(value.get(name), getattr(plain, name), name)}
    return JobStatus(**kept, identity=ProcessIdentity.from_json(value.get("identity")))


def _is_sound(item: Any, default: Any, name: str) -> bool:
    """Whether a field of the file may be taken over: another version or a damaged disk may have left anything in it."""
    if isinstance(default, (str, bool)):
        return isinstance(item, type(default))
    if isinstance(item, bool) or not isinstance(item, (int, float)):
        return False
    whole = name in ("done", "total", "attempt")
    return abs(item) < _MOST and (isinstance(item, int) or not whole)
