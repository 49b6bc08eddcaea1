"""Where the session's work runs so that no key waits for it.

Inline: up to 10 ms, just call it. Thread: up to some seconds, polars or numpy or file reading; here. Job: everything longer; see `session_jobs`.
A thread's result is dropped when newer work of the same purpose was started meanwhile, and when it was stopped.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sde_core.errors import CancelledError, SdeError
from sde_core.progress import Progress
from sde_core.wording import duration

if TYPE_CHECKING:
    from textual.app import App

_REPORTS_PER_SECOND = 2.0

Work = Callable[[threading.Event, Progress], Any]


@dataclass(slots=True)
class Task:
    """Work of one purpose that runs in a thread.

    Attributes:
        purpose: New work of the same purpose replaces this.
        title: What the status line calls it ("reading", "checking").
        generation: Counts the works of all purposes.
        done: Units done.
        total: Units in all, None where unknown.
        quiet: Not shown in the status line.
        ended: Called when it failed or was stopped.
    """

    purpose: str
    title: str
    generation: int
    quiet: bool = False
    ended: Callable[[], None] | None = None
    done: int = 0
    total: int | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    started: float = field(default_factory=time.monotonic)

    def shown(self) -> str:
        """Progress in a few words: "checking 34 %, 12 s left"."""
        if not self.total:
            return f"{self.title}…"
        share = min(self.done / self.total, 1.0)
        passed = time.monotonic() - self.started
        left = f", {duration(max(passed / share - passed, 1), units=1)} left" if share > 0.02 and passed > 3 else ""
        return f"{self.title} {int(share * 100)} %{left}"


class Lanes:
    """Threads of one app, at most one for each purpose.

    Args:
        app: Owns the threads: a screen that goes away must not take its work along.
        failed: Told of errors stated for the user.
        changed: Told that a task began, moved on or ended.
    """

    def __init__(self, app: App[Any], failed: Callable[[SdeError], None], changed: Callable[[], None]) -> None:
        self._app = app
        self._failed = failed
        self._changed = changed
        self._tasks: dict[str, Task] = {}
        self._generation = 0

    @property
    def tasks(self) -> list[Task]:
        """What runs, oldest first."""
        return list(self._tasks.values())

    def running(self, purpose: str) -> Task | None:
        """The task of this purpose, None when there is none."""
        return self._tasks.get(purpose)

    def thread(
        self, purpose: str, title: str, work: Work, done: Callable[[Any], None], *, quiet: bool = False, ended: Callable[[], None] | None = None
    ) -> int:
        """Runs `work(cancel, progress)` in a thread, then `done(its value)` on the event loop.

        Args:
            purpose: What runs already for it is stopped, and its result dropped.
            title: For the status line.
            work: Must look at `cancel` between slices.
            done: Called unless the work failed, was stopped or was replaced.
            quiet: Leave it out of the status line.
            ended: Called on the event loop when the work failed or was stopped (not when it was replaced).

        Returns:
            The work's generation number.
        """
        self._take_away(purpose)
        self._generation += 1
        task = Task(purpose, title, self._generation, quiet, ended)
        self._tasks[purpose] = task
        self._app.run_worker(lambda: self._run(task, work, done), thread=True, group=f"lane-{purpose}", name=title, exit_on_error=False)
        self._changed()
        return task.generation

    def stop(self, purpose: str) -> bool:
        """Asks the task of this purpose to stop and drops its result; whether there was one. What its `ended` does comes after the caller's work."""
        task = self._take_away(purpose)
        if task is not None:
            self._app.call_later(self._stopped, task)
            self._changed()
        return task is not None

    def stop_all(self) -> list[str]:
        """Stops everything; returns the titles of what was stopped."""
        titles = [task.title for task in self.tasks if not task.quiet]
        for purpose in list(self._tasks):
            self.stop(purpose)
        return titles

    def _take_away(self, purpose: str) -> Task | None:
        task = self._tasks.pop(purpose, None)
        if task is not None:
            task.cancel.set()
        return task

    def _stopped(self, task: Task) -> None:
        if task.purpose not in self._tasks and task.ended is not None:  # else what stopped it has begun anew
            task.ended()

    def _run(self, task: Task, work: Work, done: Callable[[Any], None]) -> None:
        last_report = 0.0

        def progress(done_units: int, total: int | None) -> None:
            nonlocal last_report
            task.done, task.total = done_units, total
            now = time.monotonic()
            if now - last_report > 1 / _REPORTS_PER_SECOND and not task.quiet:
                last_report = now
                self._app.call_later(self._changed)

        try:
            value = work(task.cancel, progress)
        except CancelledError:
            self._app.call_later(self._finish, task, task.ended or _nothing)
        except SdeError as failure:
            self._app.call_later(self._finish, task, task.ended or _nothing, failure)
        except Exception as failure:
            # the session's border: a fault of ours must not take the user's screen away
            self._app.call_later(self._finish, task, task.ended or _nothing, internal_error(failure, task.title))
        else:
            self._app.call_later(self._finish, task, lambda: done(value))

    def _finish(self, task: Task, then: Callable[[], None], error: SdeError | None = None) -> None:
        if self._tasks.get(task.purpose) is not task:
            return
        del self._tasks[task.purpose]
        then()
        if error is not None:
            self._failed(error)
        self._changed()


def _nothing() -> None:
    """For work that nobody waits for."""


def internal_error(failure: BaseException, doing: str) -> SdeError:
    """The sentence for a fault of our own; the details go to the log on file descriptor 2."""
    from sde_tui.terminal import log_stream

    traceback.print_exception(failure, file=log_stream() or sys.__stderr__)
    return SdeError(f"Internal error while {doing}: {type(failure).__name__}: {failure}.", "The log has the details; please report it.")
