"""Detached jobs of this dataset, watched by their folders."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sde_core.errors import JobError
from sde_core.wording import ordinal

if TYPE_CHECKING:
    from textual.timer import Timer

    from sde_tui.session import Session

POLL_SECONDS = 1.0
QUIET_POLLS = 10
"""After so many polls without news of jobs at work they are looked at as if there were some: what they said grows old, and may be all they say."""
_SILENT_SECONDS = 60.0
"""A job whose process gave no sign of life for so long has no time left that anybody knows."""


@dataclass(frozen=True, slots=True)
class JobLine:
    """What the status line and a list show of a job."""

    id: str
    kind: str
    title: str
    state: str
    done: int
    total: int | None
    eta_s: float | None
    message: str
    place: int | None = None
    """1 for the job that is next to get its device, None for one that does not wait."""
    unit: str = ""
    """What is counted: a run counts rows while it reads them, then steps."""

    @property
    def active(self) -> bool:
        """Whether its process lives, or soon will."""
        return self.state in ("queued", "waiting", "running", "stopping")

    @property
    def counts_steps(self) -> bool:
        """Whether steps are counted, as a run does once it has read its rows."""
        return self.unit in ("", "steps")

    def shown(self) -> str:
        """ "train 812/3,000", "train waits (2nd)"."""
        if self.state == "waiting":
            return f"{self.kind} waits" + (f" ({ordinal(self.place)})" if self.place else "")
        count = f" {self.done:,}/{self.total:,}" if self.total else ""
        count += f" {self.unit}" if count and self.kind == "train" and not self.counts_steps else ""
        return f"{self.kind}{count}" + ("" if self.state == "running" else f" {self.state}")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A job as it was read last, and what its status file was then."""

    job: Any
    stamp: tuple[int, int, int]
    line: JobLine


class JobsPart:
    """Polls the folder of jobs, always, since another program may start one; all but active jobs cost nothing.

    A job that begins, goes on or is removed changes the time of the folder, whoever does it. Only then all status files are looked at.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lines: tuple[JobLine, ...] = ()
        self._timer: Timer | None = None
        self._quiet = 0
        self._folder_time: int | None = None
        self._seen: dict[str, _Seen] = {}

    def start(self) -> None:
        """Looks for jobs of earlier sessions and attaches to those that run."""
        self._session.lanes.thread("jobs", "looking for jobs", lambda *_: self._read(), self._attached, quiet=True)

    def watch(self) -> None:
        """Call after launching, stopping or resuming a job."""
        self._folder_time = None
        self._show(self._read())

    @property
    def lines(self) -> tuple[JobLine, ...]:
        """All jobs, the latest first."""
        return self._lines

    @property
    def active(self) -> list[JobLine]:
        """Jobs whose process lives."""
        return [line for line in self._lines if line.active]

    @property
    def active_words(self) -> list[str]:
        """What works and waits, for one line: "train 812/3,000", "3 wait"."""
        waiting = [line for line in self.active if line.state == "waiting"]
        words = [line.shown() for line in self.active if line.state != "waiting"]
        if len(waiting) == 1:
            return [*words, "1 waits" if words else waiting[0].shown()]
        return [*words, f"{len(waiting)} wait"] if waiting else words

    def _attached(self, lines: tuple[JobLine, ...]) -> None:
        self._show(lines)
        if self.active:
            self._session.flash("Attached again: " + ", ".join(self.active_words), "good")

    def _read(self) -> tuple[JobLine, ...]:
        folder = self._session.project.jobs_dir
        try:
            changed = folder.stat().st_mtime_ns
            names = sorted((name for name in os.listdir(folder) if name[:1].isdigit()), reverse=True) if changed != self._folder_time else []  # noqa: PTH208
        except FileNotFoundError:
            self._seen = {}
            return ()
        except OSError:  # a network file system that is away for a moment
            return self._lines
        if changed != self._folder_time:
            self._folder_time = changed
            seen = {name: _looked_at(folder / name, self._seen.get(name)) for name in names}
        else:
            seen = {name: _looked_at(folder / name, one) if one.line.active else one for name, one in self._seen.items()}
        self._seen = {name: one for name, one in seen.items() if one is not None}
        return self._placed(tuple(one.line for one in self._seen.values()))

    def _placed(self, lines: tuple[JobLine, ...]) -> tuple[JobLine, ...]:
        """The lines with their places in the queue; that is read only where one waits."""
        if not any(line.state == "waiting" for line in lines):
            return lines
        from sde_core.jobs.queue import QueueFile

        queue, folder = QueueFile().read(), self._session.project.jobs_dir.absolute()
        return tuple(replace(line, place=queue.place(folder / line.id)) if line.state == "waiting" else line for line in lines)

    def _show(self, lines: tuple[JobLine, ...]) -> None:
        changed, self._lines = lines != self._lines, lines
        if self._timer is None:
            self._timer = self._session.app.set_interval(POLL_SECONDS, self._poll)
        self._quiet = 0 if changed else self._quiet + 1
        if changed or (self._quiet >= QUIET_POLLS and self.active):
            self._quiet = 0
            self._session.signals.jobs.publish("moved")

    def _poll(self) -> None:
        self._session.attempt(lambda: self._show(self._read()))


def _looked_at(folder: Path, before: _Seen | None) -> _Seen | None:
    """The job as it is now, read anew where it is active or its status file is another; None where the folder holds none."""
    from sde_core.jobs import Job

    stamp = _stamp(folder / "status.json")
    if before is not None and before.stamp == stamp and not before.line.active:
        return before
    try:
        job = before.job if before is not None else Job(folder)
        status = job.status()
    except (JobError, FileNotFoundError):
        return None
    left = status.eta_s if time.time() - status.beat < _SILENT_SECONDS else None
    line = JobLine(job.id, job.kind, job.title, status.state, status.done, status.total, left, status.message, unit=status.unit)
    return _Seen(job, stamp, line)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino
