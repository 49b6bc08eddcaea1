"""What a job's function sees of its folder: the spec, the way to report, and whether to stop."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from sde_core.errors import CancelledError
from sde_core.jobs.disk import give_room_back
from sde_core.jobs.event_log import append_event
from sde_core.jobs.status import JobState, JobStatus, write_status

BEAT_SECONDS = 10.0
"""A job writes its status at least this often, so that other machines see that it lives."""
STOP, PAUSE = "STOP", "pause"
"""The file that asks a job to stop, and what it holds where the job is only to pause."""
_WRITE_SECONDS = 0.25
_LOOK_SECONDS = 0.1
_RATE_WINDOW_SECONDS = 30.0


class JobContext:
    """A job's own view of its folder; also the `Cancel` and, as `report`, the `Progress` that engine functions take.

    Args:
        folder: The job's folder.
        status: The status to go on from.
    """

    def __init__(self, folder: Path, status: JobStatus) -> None:
        self.folder = folder
        self.spec: dict[str, Any] = orjson.loads((folder / "spec.json").read_bytes())["spec"]
        self.result_dir = folder / "result"
        self.attempt = status.attempt
        self._status = status
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._written = 0.0
        self._looked = 0.0
        self._stop_asked = False
        self._samples: deque[tuple[float, int]] = deque()
        self._remarks: list[str] = []

    @property
    def status(self) -> JobStatus:
        """What was reported last."""
        return self._status

    def report(self, done: int, total: int | None) -> None:
        """Say how far the work is; written at most four times a second."""
        now = time.monotonic()
        rate = self._rate(now, done)
        eta = (total - done) / rate if total is not None and rate > 0 else None
        self._update(force=done == total, done=done, total=total, rate=rate, eta_s=eta)

    def say(self, message: str, *, unit: str | None = None) -> None:
        """Say what the work is at now, in one short sentence, and what `report` counts from here on."""
        self._samples.clear()
        counting = {} if unit is None else {"unit": unit, "done": 0, "total": None, "rate": 0.0, "eta_s": None}
        self._update(force=True, message=message, **counting)

    def waits(self, message: str, rank: float) -> None:
        """Say that the job waits for a device, and where it stands."""
        self._update(force=True, state="waiting", message=message, rank=rank)

    def begins(self) -> None:
        """Say that the job has what it waited for and begins its work."""
        self._update(force=True, state="running", message="Starting.", started=time.time())

    def event(self, kind: str, **fields: Any) -> None:
        """Append one event to `events.jsonl`."""
        append_event(self.folder / "events.jsonl", {"event": kind, **fields})

    def remark(self, words: str) -> None:
        """Say something that its owner is to read even if nobody looks now: it is an event, and a part of the job's last word."""
        self.event("remark", words=words)
        self._remarks.append(words)

    def is_set(self) -> bool:
        """Whether somebody asked the job to stop: by the STOP file or by a signal."""
        now = time.monotonic()
        if not self._stop_asked and now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._stop_asked = (self.folder / "STOP").exists()
        return self._stop_asked

    @property
    def pause_asked(self) -> bool:
        """Whether whoever asked it to stop means to go on with it."""
        with suppress(OSError):
            return (self.folder / STOP).read_bytes() == PAUSE.encode()
        return False

    def on_terminate(self) -> None:
        """A signal to end: the first asks as the STOP file does, any later one breaks off wherever the work stands.

        Raises:
            CancelledError: When the job had been asked to stop before.
        """
        if self._ended.is_set():
            return  # its last word is being written
        if self._stop_asked or (self.folder / "STOP").exists():
            self._stop_asked = True
            raise CancelledError("Broken off.")
        self._stop_asked = True

    def finish(self, state: JobState, message: str, hint: str = "") -> None:
        """Write the final status, if need be in the room that was kept for it.

        Args:
            state: A final one.
            message: What came of it, in one sentence.
            hint: The way out of a failure.
        """
        self._ended.set()
        give_room_back(self.folder)
        self._update(force=True, state=state, message=" ".join([message, *self._remarks]), hint=hint, ended=time.time(), eta_s=None)

    def ended_within(self, seconds: float) -> bool:
        """Wait until the job has said its last word, at most so long; whether it has."""
        return self._ended.wait(seconds)

    def beat_forever(self) -> threading.Thread:
        """Start the thread that keeps the status fresh while the work is silent."""
        thread = threading.Thread(target=self._beat, name="job-heartbeat", daemon=True)
        thread.start()
        return thread

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            if time.monotonic() - self._written >= BEAT_SECONDS:
                with suppress(OSError):  # a full disk is for the work to report, which can stop
                    self._update(force=True)

    def _update(self, *, force: bool, **changes: Any) -> None:
        with self._lock:
            self._status = replace(self._status, beat=time.time(), awake=time.monotonic(), cpu_s=time.process_time(), **changes)
            if force or time.monotonic() - self._written >= _WRITE_SECONDS:
                write_status(self.folder / "status.json", self._status)
                self._written = time.monotonic()

    def _rate(self, now: float, done: int) -> float:
        """Units a second over the last half minute."""
        if self._samples and done < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[0][0] > _RATE_WINDOW_SECONDS:
            self._samples.popleft()
        (then, before), elapsed = self._samples[0], now - self._samples[0][0]
        return (done - before) / elapsed if elapsed > 0 and then < now else 0.0
