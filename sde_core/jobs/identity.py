"""Which process a job is: a process id alone lies, because ids are reused and other machines see the same folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

Liveness = Literal["alive", "gone", "elsewhere"]


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process on one boot of one machine.

    Attributes:
        pid: Process id.
        start: When the process started, in the system's own unit (clock ticks since boot on Linux); compared, never computed with.
        boot: Id of this boot of the machine, empty where the system has none.
        host: The machine's name.
    """

    pid: int
    start: str
    boot: str
    host: str

    @classmethod
    def of_pid(cls, pid: int) -> ProcessIdentity:
        """The identity of a process on this machine; `start` is empty where it is gone."""
        return cls(pid, _start_of(pid), boot_id(), socket.gethostname())

    @classmethod
    def from_json(cls, value: Any) -> ProcessIdentity | None:
        """The identity that a status file holds, None where it holds none."""
        if not isinstance(value, dict) or not isinstance(value.get("pid"), int):
            return None
        return cls(value["pid"], str(value.get("start", "")), str(value.get("boot", "")), str(value.get("host", "")))

    def liveness(self) -> Liveness:
        """Whether this very process runs; "elsewhere" when only another machine can tell."""
        if self.host != socket.gethostname():
            return "elsewhere"
        if self.boot != boot_id():
            return "gone"
        return "alive" if self.start and _start_of(self.pid) == self.start else "gone"


@cache
def boot_id() -> str:
    """An id that changes with every boot of this machine."""
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.exists():
        return linux.read_text().strip()
    return _output(["sysctl", "-n", "kern.bootsessionuuid"]) if sys.platform == "darwin" else ""


def _start_of(pid: int) -> str:
    """When the process started; empty where it is gone or a zombie."""
    if not Path("/proc/self/stat").exists():
        state, _, started = _output(["ps", "-o", "stat=,lstart=", "-p", str(pid)]).partition(" ")
        return "" if state.startswith("Z") else started.strip()
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    # The command's name stands in parentheses and may hold anything, so the fields are counted from the last one.
    fields = stat[stat.rfind(b")") + 2 :].split()
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _output(command: list[str]) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    return finished.stdout.strip()
