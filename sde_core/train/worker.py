"""One of several training processes: `python -m sde_core.train.worker FOLDER PARENT`, started by torch.distributed.run."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import orjson

from sde_core.errors import CancelledError, SdeError
from sde_core.files import atomic_write
from sde_core.jobs import JobContext, JobStatus
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.status import read_status
from sde_core.train.imports import import_ahead
from sde_core.train.job import train_in_this_process
from sde_core.train.out_of_memory import MemoryFullError
from sde_core.train.recipe import read_recipe

_LOOK_SECONDS = 2.0


class WorkerContext(JobContext):
    """A job seen from one of its processes. Events are for the first of them to write; the status belongs to the process that started them all."""

    first = os.environ.get("RANK", "0") == "0"

    def event(self, kind: str, **fields: Any) -> None:
        """Append an event, in the first process."""
        if self.first:
            super().event(kind, **fields)

    def _update(self, *, force: bool, **changes: Any) -> None:
        """Nothing: the starting process passes the progress on."""


def main(folder: Path, parent: int) -> int:
    """Train in this process; what went wrong is left in `failure.json` for the process that started it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _end_with(ProcessIdentity.of_pid(parent))
    context = WorkerContext(folder, read_status(folder / "status.json") or JobStatus())
    try:
        recipe = read_recipe(folder / "recipe.json")
        import_ahead(lean=not recipe.report_to)
        train_in_this_process(context, recipe)
    except SdeError as error:
        stopped = isinstance(error, CancelledError)
        if context.first or not stopped:
            told = {"stopped": stopped, "smaller": isinstance(error, MemoryFullError), "message": error.message, "hint": error.hint}
            atomic_write(folder / "failure.json", [orjson.dumps(told)])
        return 0 if stopped else error.exit_code
    return 0


def _end_with(job: ProcessIdentity) -> None:
    """End this process when the job's first process is gone, so that nothing trains on behind a job that counts as lost."""

    def watch() -> None:
        while job.liveness() == "alive":
            time.sleep(_LOOK_SECONDS)
        os._exit(3)

    threading.Thread(target=watch, name="watch-job", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
