"""A comparison's process that waits after the first checkpoint of one run, where a test kills it: by itself that run is over in a moment.

Run as the job's process, with the job's folder and the run's name. It goes on once a file named go lies in the job's folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from sde_core.jobs.context import JobContext
from sde_core.jobs.main import main


def held_command(cell: str):
    """What starts such a process, for `jobs.job._command`."""
    return lambda folder: [sys.executable, __file__, str(folder), cell]


def hold(folder: Path, cell: str) -> None:
    """Has the run wait after it said that it has a checkpoint."""
    said = JobContext.event

    def event(context: JobContext, kind: str, **fields: Any) -> None:
        said(context, kind, **fields)
        while kind == "checkpoint" and context.folder.name == cell and not (folder / "go").exists():
            time.sleep(0.01)

    JobContext.event = event


if __name__ == "__main__":
    hold(Path(sys.argv[1]), sys.argv[2])
    sys.exit(main(Path(sys.argv[1])))
