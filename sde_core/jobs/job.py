"""Launching, watching, stopping and resuming jobs."""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import orjson

from sde_core.errors import JobError, SdeError, UsageError
from sde_core.files import unwritable
from sde_core.jobs.context import PAUSE, STOP
from sde_core.jobs.event_log import CHUNK_BYTES, read_events
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.kinds import JOB_KINDS
from sde_core.jobs.living import process_in
from sde_core.jobs.queue import QueueFile, Ticket
from sde_core.jobs.status import FINAL_STATES, JobState, JobStatus, read_status, write_status

_UNBORN_SECONDS, _LATE_SECONDS = 60.0, 900.0
"""A launched job whose process has not reported by then is looked for among all processes, and later counts as lost."""
_SILENT_SECONDS = 300.0
"""A job on another machine that has not written for this long counts as lost."""
_BUSY_QUEUE_SECONDS = 2.0
_children: dict[Path, subprocess.Popen[bytes]] = {}
"""Processes that this one launched: only their parent can tell that they ended, and must, or they stay as zombies."""
_leaving: list[subprocess.Popen[bytes]] = []
"""Earlier processes of resumed jobs that have said their last word and are not quite gone."""


class Job:
    """One job folder. Cheap to make; every answer is read from the folder.

    Args:
        folder: The job's folder.

    Raises:
        JobError: When the folder holds no job.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder = folder.absolute()
        self._changing = False
        self.id = folder.name
        try:
            launched = orjson.loads((folder / "spec.json").read_bytes())
            self.kind: str = launched["kind"]
            self.title: str = launched["title"]
            self.spec: dict[str, Any] = launched["spec"]
            sound = isinstance(self.kind, str) and isinstance(self.title, str) and isinstance(self.spec, dict)
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise JobError(f"{folder} is not a job folder.", "sde jobs lists the jobs of a dataset.") from error
        if not sound:
            raise JobError(f"{folder} is not a job folder: its spec.json is damaged.", "sde jobs lists the jobs of a dataset.")

    @property
    def devices(self) -> tuple[str, ...]:
        """What it takes its turn for, such as ("cpu",); a job whose spec names nothing waits for nobody."""
        devices = self.spec.get("devices")
        return tuple(map(str, devices)) if isinstance(devices, list) else ()

    @property
    def result_dir(self) -> Path:
        """Where the job leaves what it made."""
        return self.folder / "result"

    @property
    def log_path(self) -> Path:
        """Everything the job printed."""
        return self.folder / "log.txt"

    def status(self) -> JobStatus:
        """How far the job is; "lost" when its process is gone without a final word.

        Raises:
            JobError: When its folder was removed.
        """
        status = self._written_status()
        if status.state in FINAL_STATES:
            self._child_ended()
            return status
        if self._process_is_gone(status):
            # Its last act may have been to write the final status after it was read above.
            status = self._written_status()
            return status if status.state in FINAL_STATES else replace(status, state="lost", rate=0.0, eta_s=None, message=self._last_words())
        stopping: JobState = "stopping" if (self.folder / "STOP").exists() else status.state
        return replace(status, state=stopping)

    def events(self, offset: int = 0, max_bytes: int = CHUNK_BYTES) -> tuple[list[dict[str, Any]], int]:
        """The events from a byte offset on, and the offset to go on from; see `read_events`."""
        return read_events(self.folder / "events.jsonl", offset, max_bytes)

    def stop(self) -> None:
        """Ask the job to save and stop at its next step; ReadOnlyError where its folder cannot be written."""
        self._ask("")

    def pause(self) -> None:
        """Ask the job to save and to leave its device to others at its next step; it goes on when somebody resumes it.

        Raises:
            JobError: When it is not at work.
        """
        status = self.status()
        if not status.active:
            raise JobError(f"Job {self.id} is {status.state}; only a job at work can pause.")
        self._ask(PAUSE)

    def _ask(self, words: str) -> None:
        try:
            (self.folder / STOP).write_text(words)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def terminate(self) -> None:
        """Ask harder (SIGTERM), for a job that does not come to its next step."""
        self.stop()
        self._signal(signal.SIGTERM, self.status().identity)

    def kill(self) -> None:
        """End the job and everything it started at once; it can be resumed from what it last saved."""
        from psutil import NoSuchProcess, Process

        status = self.status()
        identity = status.identity or (process_in(self.folder) if status.active else None)  # it may not have come to telling its identity
        if identity is None or identity.liveness() != "alive":
            return
        try:
            started_by_it = Process(identity.pid).children(recursive=True)
        except NoSuchProcess:
            return
        self._signal(signal.SIGKILL, identity)
        for process in started_by_it:
            if process.is_running():
                process.kill()

    def resume(self, *, beside: bool = False, extended: bool = False) -> None:
        """Start the job again in the same folder; it goes on from what it saved.

        A job that was lost keeps its place among those that wait for a device, any other joins at the end.

        Args:
            beside: Begin at once, beside whatever uses its device.
            extended: Whether it was given more to do, so that one that is done goes on.

        Raises:
            JobError: When it still runs, or is done.
            ReadOnlyError: When its folder cannot be written, the disk being full for example.
        """
        with self.changing():
            status = self.status()
            if status.active:
                raise JobError(f"Job {self.id} is still {status.state}.", "Stop it first, or attach to it.")
            if status.state == "done" and not extended:
                raise JobError(f"Job {self.id} is done; there is nothing to resume.", "Start a new one.")
            rank = status.rank if status.state == "lost" and status.rank else self._new_rank()
            again = replace(status, state="queued", identity=None, started=None, ended=None, attempt=status.attempt + 1, message="Starting again.")
            try:
                (self.folder / STOP).unlink(missing_ok=True)
                self._start(replace(again, rank=rank, beside=beside, hint="", earlier_s=status.worked_s()))
            except OSError as error:
                raise unwritable(self.folder, error) from error

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep others from resuming or removing the job meanwhile: two that find it ended at the same moment would both start it.

        Entered once more by whoever is in it already, such as an extension that resumes.

        Raises:
            JobError: When its folder was removed.
            ReadOnlyError: When its folder cannot be written.
        """
        if self._changing:
            yield
            return
        try:
            lock = os.open(self.folder / "changing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError as error:
            raise self._removed() from error
        except OSError as error:
            raise unwritable(self.folder, error) from error
        self._changing = True
        try:
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            self._changing = False
            os.close(lock)

    def wait(self, timeout: float | None = None) -> JobStatus:
        """Wait until the job ends; for scripts and tests, since the job itself needs nobody.

        Raises:
            TimeoutError: When it has not ended within `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.status()).active:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"Job {self.id} is still {status.state}: {status.message}")
            time.sleep(0.05)
        if self.folder in _children:
            _children.pop(self.folder).wait()
        return status

    def _start(self, status: JobStatus) -> None:
        queue = str(QueueFile().folder) if self.devices else ""
        write_status(self.folder / "status.json", replace(status, queue=queue, beat=time.time(), awake=0.0, cpu_s=0.0))
        earlier = _children.pop(self.folder, None)
        _leaving[:] = [child for child in (*_leaving, *([earlier] if earlier else [])) if child.poll() is None]
        with self.log_path.open("ab") as log:
            _children[self.folder] = subprocess.Popen(
                _command(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder,
                env=_environment(),
            )
        if self.devices:
            self._enter_queue(_children[self.folder].pid, status)
        tell_watchers(self.folder.parent)

    def _new_rank(self) -> float:
        """Its place behind all that wait; 0 for a job that needs no device."""
        if not self.devices:
            return 0.0
        try:
            return QueueFile().new_rank(_BUSY_QUEUE_SECONDS)
        except SdeError:  # its process says so when it comes to its turn
            return time.time()

    def _enter_queue(self, pid: int, status: JobStatus) -> None:
        """Queue the job's process in the order of launching: by itself it would come when Python is up, early or late. Where this fails it does."""
        ticket = Ticket(str(self.folder), self.devices, status.rank, status.beside, identity=ProcessIdentity.of_pid(pid))
        with suppress(SdeError):
            QueueFile().enter(ticket, timeout=_BUSY_QUEUE_SECONDS)

    def _written_status(self) -> JobStatus:
        status = read_status(self.folder / "status.json")
        if status is not None:
            return status
        try:
            made = self.folder.stat().st_mtime
        except FileNotFoundError as error:
            raise self._removed() from error
        return JobStatus(created=made, beat=made)

    def _removed(self) -> JobError:
        return JobError(f"Job {self.id} was removed.", "sde jobs lists those that are left.")

    def _process_is_gone(self, status: JobStatus) -> bool:
        if self.folder in _children:
            return self._child_ended()
        if status.identity is None:
            waited = abs(time.time() - status.beat)  # a clock that was set back must not let it look young for ever
            return waited > _UNBORN_SECONDS and not (waited < _LATE_SECONDS and process_in(self.folder))
        liveness = status.identity.liveness()
        return liveness == "gone" or (liveness == "elsewhere" and time.time() - status.beat > _SILENT_SECONDS)

    def _child_ended(self) -> bool:
        """Whether the process was launched from here and has ended; lets go of it then."""
        child = _children.get(self.folder)
        if child is None or child.poll() is None:
            return False
        del _children[self.folder]
        return True

    def _last_words(self) -> str:
        """The end of the log, where a process that died without a status may have said why."""
        try:
            lines = self.log_path.read_bytes()[-4096:].decode("utf-8", "replace").split("\n")
        except OSError:
            lines = []
        told = [line for line in lines if line.strip() and not line.startswith(" ") and "Warning" not in line]
        return "Its process is gone." + (f" The log ends: {told[-1][:200]}" if told else " It was killed, or the machine went down.")

    def _signal(self, number: signal.Signals, identity: ProcessIdentity | None) -> None:
        if identity is None or identity.liveness() != "alive":
            return
        try:
            os.killpg(identity.pid, number)
        except ProcessLookupError:
            return


def tell_watchers(jobs_dir: Path) -> None:
    """Change the time of the folder of jobs, so that who watches it looks at all of them again."""
    with suppress(OSError):
        os.utime(jobs_dir)


def launch(jobs_dir: Path, kind: str, spec: dict[str, Any], *, title: str, folder: Path | None = None, beside: bool = False) -> Job:
    """Start a detached job; one whose spec names "devices" waits for its turn on them.

    Args:
        jobs_dir: Where job folders stand; made when it is missing.
        kind: One of `JOB_KINDS`.
        spec: What the job's function reads; goes to JSON. Paths in it must be absolute.
        title: One line that tells this job from others.
        folder: A folder from `new_job_folder` that already holds the job's input; a new one by default.
        beside: Begin at once, beside whatever uses its devices.

    Raises:
        UsageError: When there is no such kind.
        ReadOnlyError: When the folder cannot be written.
    """
    if kind not in JOB_KINDS:
        raise UsageError(f"There is no kind of job named {kind!r}.", f"Known kinds: {', '.join(JOB_KINDS)}.")
    folder = folder or new_job_folder(jobs_dir, kind)
    try:
        (folder / "spec.json").write_bytes(orjson.dumps({"kind": kind, "title": title, "spec": spec}, option=orjson.OPT_INDENT_2))
        job = Job(folder)
        job._start(JobStatus(created=time.time(), message="Starting.", rank=job._new_rank(), beside=beside))
    except OSError as error:
        raise unwritable(folder, error) from error
    return job


def new_job_folder(jobs_dir: Path, kind: str) -> Path:
    """Make an empty folder for a job, named by time, kind and chance, so that names sort by age.

    Raises:
        ReadOnlyError: When it cannot be made.
    """
    now = datetime.now(timezone.utc)
    folder = jobs_dir / f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{kind}-{secrets.token_hex(2)}"
    try:
        (folder / "result").mkdir(parents=True)
    except OSError as error:
        raise unwritable(jobs_dir, error) from error
    return folder


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "sde_core.jobs.main", str(folder)]


def _environment() -> dict[str, str]:
    """The environment of a job: quiet libraries, and this very copy of the engine also where it is not installed."""
    quiet = {
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONWARNINGS": "ignore::FutureWarning",
    }
    home = Path(__file__).resolve().parents[2]
    if home.name not in ("site-packages", "dist-packages"):
        quiet["PYTHONPATH"] = os.pathsep.join(filter(None, [str(home), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **quiet}
