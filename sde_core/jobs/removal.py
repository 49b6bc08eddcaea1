"""How much disk a job takes, and giving it back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sde_core.errors import JobError
from sde_core.files import unwritable
from sde_core.jobs.job import Job, tell_watchers

_REMOVED = "removed-"


def folder_bytes(folder: Path) -> int:
    """Bytes of all files under a folder; files that go meanwhile count for nothing."""
    total, folders = 0, [os.fspath(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def remove_job(job: Job) -> int:
    """Delete a job's folder with all that it made.

    The spec goes first: a folder without one is no job, so a removal that is broken off leaves nothing half alive. The next one clears it away.

    Returns:
        Bytes that this freed.

    Raises:
        JobError: When it is at work, or waits.
        ReadOnlyError: When the folder cannot be deleted.
    """
    freed, jobs_dir = folder_bytes(job.folder), job.folder.parent
    with job.changing():
        status = job.status()
        if status.active:
            raise JobError(
                f"Job {job.id} is {status.state}; only jobs that have ended can be removed.", f"Stop it first: sde jobs stop {job.id[-4:]}"
            )
        try:
            (job.folder / "spec.json").unlink()
            job.folder.rename(jobs_dir / f"{_REMOVED}{job.id}")
        except OSError as error:
            raise unwritable(job.folder, error) from error
    for left in jobs_dir.glob(f"{_REMOVED}*"):
        shutil.rmtree(left, ignore_errors=True)
    tell_watchers(jobs_dir)
    return freed
