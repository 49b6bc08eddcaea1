"""Who may use a device, and who comes next: one queue for all runs of a user on a machine, whatever dataset they belong to.

A run that needs a device is launched like any other job. Its process, light as long as it loads no torch, enters the queue and looks twice a
second whether it is its turn. So nothing else has to be alive: no daemon, no app, not the run before it. The other way, in which a run that ends
starts the next one, loses the queue whenever that run is killed. A process that is gone has left the queue, since identities tell; there is nothing
to give back, so no death can keep the device.

The queue is one small file, read by anybody without a lock and replaced whole under a `Mutex`; a copy beside it is read where it is missing or
damaged, and where both are gone, who writes it anew enters all jobs whose processes live (`living`): so deleting it lets nobody begin beside another.
Its order is by rank: a number that only rises, whatever the clock does, until somebody moves a run. A run may begin when fewer runs than
the limit hold or, with a lower rank, want each of its devices; so nobody is overtaken for ever by runs that want less.
"""

from __future__ import annotations

import math
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from sde_core.errors import JobError, ReadOnlyError, UsageError
from sde_core.files import atomic_write, unwritable
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.living import living_runs
from sde_core.jobs.mutex import Mutex
from sde_core.project import user_state_folder

LIMIT_VARIABLE = "SDE_RUNS_AT_ONCE"
"""Environment variable: how many runs may use a device at once."""
_PATIENCE_SECONDS = 20.0
_DELETIONS = 5
"""So often a change is made once more because the queue was deleted under it."""
Move = Literal["up", "down", "first", "last"]
MOVES: tuple[Move, ...] = ("up", "down", "first", "last")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One run in the queue.

    Attributes:
        folder: Its job folder.
        devices: What it needs, such as ("cpu",) or ("gpu0", "gpu1").
        rank: Lower comes first; from `QueueFile.new_rank` at its launch, unless it was moved.
        beside: Whether it begins at once, beside whatever runs.
        holding: Whether it has its devices.
        identity: Its process.
    """

    folder: str
    devices: tuple[str, ...]
    rank: float
    beside: bool = False
    holding: bool = False
    identity: ProcessIdentity | None = None

    @property
    def id(self) -> str:
        """The job's id."""
        return Path(self.folder).name

    def is_of(self, folder: Path, identity: ProcessIdentity | None) -> bool:
        """Whether it is this process's."""
        return self.folder == str(folder) and self.identity == identity

    @property
    def alive(self) -> bool:
        """Whether its process is there; else it has left the queue."""
        return self.identity is not None and self.identity.liveness() == "alive"


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue at one moment.

    Attributes:
        tickets: Runs that hold a device, then those that wait, each in order.
        limit: Runs that may use a device at once.
    """

    tickets: tuple[Ticket, ...] = ()
    limit: int = 1

    @property
    def waiting(self) -> tuple[Ticket, ...]:
        """Runs that wait, in order."""
        return tuple(ticket for ticket in self.tickets if not ticket.holding)

    def of(self, folder: Path, identity: ProcessIdentity | None) -> Ticket | None:
        """The ticket of a job's process, None where it is not in the queue; an earlier process of the job may still be leaving."""
        return next((ticket for ticket in self.tickets if ticket.is_of(folder, identity)), None)

    def place(self, folder: Path) -> int | None:
        """1 for the run that comes next; None for a run that does not wait."""
        return next((place for place, ticket in enumerate(self.waiting, start=1) if ticket.folder == str(folder)), None)

    def ahead_of(self, ticket: Ticket) -> tuple[Ticket, ...]:
        """Runs that it waits for: they hold one of its devices, or want one and come first."""
        return tuple(
            other
            for other in self.tickets
            if other is not ticket and set(other.devices) & set(ticket.devices) and (other.holding or other.rank < ticket.rank)
        )

    def may_begin(self, ticket: Ticket) -> bool:
        """Whether it is the turn of this run."""
        ahead = self.ahead_of(ticket)
        return ticket.beside or all(sum(device in other.devices for other in ahead) < self.limit for device in ticket.devices)


@dataclass(frozen=True, slots=True)
class _Written:
    """What the file holds: all tickets, the limit, the highest rank that was ever given, and whether it is to be written again."""

    tickets: tuple[Ticket, ...] = ()
    limit: int = 1
    last_rank: float = 0.0
    lost: bool = True

    def rank_after(self, moment: float) -> float:
        """A rank behind all others: this moment, or where the clock was set back, next to the highest."""
        return max(moment, math.nextafter(max([self.last_rank, *(ticket.rank for ticket in self.tickets)]), math.inf))


class QueueFile:
    """The queue of this user on this machine.

    Args:
        folder: Where it lives; in the user's state folder by default, one a machine since process ids mean nothing elsewhere.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_state_folder() / "queue" / re.sub(r"[^\w.-]", "_", socket.gethostname())
        self.path = self.folder / "queue.json"
        self.copy_path = self.folder / "queue-copy.json"
        self._mutex = Mutex(self.folder / "turns")

    def read(self) -> Queue:
        """The queue as it stands; runs whose process is gone are left out."""
        written = self._written()
        return _ordered((ticket for ticket in written.tickets if ticket.alive), _limit_asked() or written.limit)

    def new_rank(self, timeout: float = _PATIENCE_SECONDS) -> float:
        """A rank behind all that were given before, also where the clock was set back meanwhile.

        Args:
            timeout: Seconds to wait for others who change the queue.

        Raises:
            JobError: When another process hangs while it holds the queue.
            ReadOnlyError: When the queue cannot be written.
        """
        given: list[float] = []

        def ranked(before: _Written) -> _Written:
            given.append(before.rank_after(time.time()))
            return replace(before, last_rank=given[-1])

        self._rewrite(ranked, timeout)
        return given[-1]

    def enter(self, ticket: Ticket, timeout: float = _PATIENCE_SECONDS) -> Queue:
        """Put a run into the queue, once: a process that is there already stays where it is.

        Args:
            ticket: With the identity of its process.
            timeout: Seconds to wait for others who change the queue.

        Raises:
            JobError: When another process hangs while it holds the queue.
            ReadOnlyError: When the queue cannot be written.
        """

        def entered(queue: Queue) -> Iterable[Ticket]:
            return queue.tickets if queue.of(Path(ticket.folder), ticket.identity) else (*queue.tickets, ticket)

        return self._change(entered, timeout=timeout)

    def begin(self, folder: Path, identity: ProcessIdentity) -> bool:
        """Take the devices where it is this run's turn; whether it was.

        Raises:
            JobError: When another process hangs while it holds the queue.
            ReadOnlyError: When the queue cannot be written.
        """

        def taken(queue: Queue) -> Iterable[Ticket]:
            mine = queue.of(folder, identity)
            if mine is None or not queue.may_begin(mine):
                return queue.tickets
            return (replace(ticket, holding=True) if ticket is mine else ticket for ticket in queue.tickets)

        mine = self._change(taken).of(folder, identity)
        return mine is not None and mine.holding

    def hold(self, ticket: Ticket) -> Queue:
        """Put a run that is at work into the queue as one that holds its devices, whatever stands there of its process.

        Raises:
            JobError: When another process hangs while it holds the queue.
            ReadOnlyError: When the queue cannot be written.
        """

        def held(queue: Queue) -> Iterable[Ticket]:
            others = (other for other in queue.tickets if not other.is_of(Path(ticket.folder), ticket.identity))
            return (*others, replace(ticket, holding=True))

        return self._change(held)

    def leave(self, folder: Path, identity: ProcessIdentity) -> None:
        """Take a run out of the queue, and its devices from it. A process that ends need not say so."""
        self._change(lambda queue: (ticket for ticket in queue.tickets if not ticket.is_of(folder, identity)))

    def move(self, folder: Path, where: Move) -> Queue:
        """Let a waiting run come earlier or later.

        Raises:
            UsageError: When it does not wait.
            JobError: When another process hangs while it holds the queue.
            ReadOnlyError: When the queue cannot be written.
        """

        def moved(queue: Queue) -> Iterable[Ticket]:
            waiting = list(queue.waiting)
            at = next((i for i, ticket in enumerate(waiting) if ticket.folder == str(folder)), None)
            if at is None:
                raise UsageError(f"Run {folder.name} does not wait.", "sde jobs queue shows the runs that do.")
            mine = waiting.pop(at)
            to = {"up": max(at - 1, 0), "down": min(at + 1, len(waiting)), "first": 0, "last": len(waiting)}[where]
            waiting.insert(to, mine)
            # The same ranks in their order, one each: so a run that is launched later still comes after all of them.
            ranks = _distinct(sorted(ticket.rank for ticket in waiting))
            return (*(t for t in queue.tickets if t.holding), *(replace(t, rank=rank) for t, rank in zip(waiting, ranks, strict=True)))

        return self._change(moved)

    def start_beside(self, folder: Path) -> Queue:
        """Let a waiting run begin at once, beside whatever runs."""
        return self._change(lambda queue: (replace(t, beside=t.beside or t.folder == str(folder)) for t in queue.tickets))

    def set_limit(self, limit: int) -> Queue:
        """Say how many runs may use a device at once.

        Raises:
            UsageError: When it is below 1.
        """
        if limit < 1:
            raise UsageError(f"{limit} runs at once is none.", "The least is 1.")
        return self._change(lambda queue: queue.tickets, limit=limit)

    def _change(self, change: Callable[[Queue], Iterable[Ticket]], *, limit: int | None = None, timeout: float = _PATIENCE_SECONDS) -> Queue:
        asked = _limit_asked()

        def changed(before: _Written) -> _Written:
            after = tuple(change(_ordered((ticket for ticket in before.tickets if ticket.alive), asked or before.limit)))
            last = max([before.last_rank, *(ticket.rank for ticket in after)])
            written = replace(before, tickets=after, limit=limit or before.limit)
            return written if written == before else replace(written, last_rank=last)

        written = self._rewrite(changed, timeout)
        return _ordered(written.tickets, asked or written.limit)

    def _rewrite(self, change: Callable[[_Written], _Written], timeout: float) -> _Written:
        """Change what stands in the file while nobody else does, once more where it was deleted meanwhile; what stands there then."""
        for _ in range(_DELETIONS):
            try:
                with self._changing(timeout) as (before, still_alone):
                    written = change(before)
                    if written == before and not before.lost:
                        return written
                    self._write(written)
                    if still_alone():
                        return written
            except ReadOnlyError as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise
        raise JobError("The queue of runs is deleted again and again.", f"It is {self.folder}; end what deletes it.")

    @contextmanager
    def _changing(self, timeout: float) -> Iterator[tuple[_Written, Callable[[], bool]]]:
        """What stands in the file while nobody else changes it, and whether that is still so."""
        try:
            with self._mutex.held(timeout) as still_held:
                yield self._written(searching=True), still_held
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _write(self, known: _Written) -> None:
        """The copy first: whichever of the two is read after a power failure, it was true a moment ago."""
        content = orjson.dumps({"limit": known.limit, "last_rank": known.last_rank, "tickets": [asdict(ticket) for ticket in known.tickets]})
        for path in (self.copy_path, self.path):
            atomic_write(path, [content])

    def _written(self, *, searching: bool = False) -> _Written:
        """What the file holds, or where it is missing or damaged its copy; where that is as well nothing, or if searched for what lives."""
        for path in (self.path, self.copy_path):
            found = _read(path)
            if found is not None:
                return replace(found, lost=path != self.path)
        return _Written(self._living_tickets() if searching else ())

    def _living_tickets(self) -> tuple[Ticket, ...]:
        """What living runs that were launched into this queue would have in it."""
        runs = (run for run in living_runs() if run.devices and run.status.queue == str(self.folder))
        return tuple(Ticket(str(run.folder), run.devices, run.status.rank, run.status.beside, run.working, run.identity) for run in runs)


def _read(path: Path) -> _Written | None:
    try:
        value = orjson.loads(path.read_bytes())
        tickets = tuple(_ticket(entry) for entry in value["tickets"])
        return _Written(tickets, max(int(value["limit"]), 1), float(value.get("last_rank", 0.0)), lost=False)
    except (OSError, orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return None


def _ordered(tickets: Iterable[Ticket], limit: int) -> Queue:
    return Queue(tuple(sorted(tickets, key=lambda ticket: (not ticket.holding, ticket.rank, ticket.folder))), limit)


def _distinct(ranks: list[float]) -> list[float]:
    """Rising ranks with no two alike, or moving one past the other would change nothing."""
    for i in range(1, len(ranks)):
        ranks[i] = max(ranks[i], math.nextafter(ranks[i - 1], math.inf))
    return ranks


def _ticket(entry: dict[str, Any]) -> Ticket:
    return Ticket(
        str(entry["folder"]),
        tuple(map(str, entry["devices"])),
        float(entry["rank"]),
        bool(entry.get("beside")),
        bool(entry.get("holding")),
        ProcessIdentity.from_json(entry.get("identity")),
    )


def _limit_asked() -> int | None:
    """What the environment says, None where it says nothing that makes sense."""
    asked = os.environ.get(LIMIT_VARIABLE, "")
    return int(asked) if asked.isdigit() and int(asked) else None
