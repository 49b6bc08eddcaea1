"""Finding jobs: all of a dataset, one by its name, one at work on something."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sde_core.errors import JobError, UsageError
from sde_core.jobs.job import Job


def list_jobs(*jobs_dirs: Path) -> list[Job]:
    """All jobs in these folders of jobs, the latest first; folders that are still being prepared or are damaged are left out."""
    folders = [folder for jobs_dir in jobs_dirs if jobs_dir.is_dir() for folder in jobs_dir.iterdir()]
    return [job for folder in sorted(folders, key=lambda folder: folder.name, reverse=True) if (job := _job_in(folder)) is not None]


def running_job(jobs_dir: Path, kind: str, **asked: Any) -> Job | None:
    """The latest job that is at work on this now; None where there is none.

    Args:
        jobs_dir: The dataset's job folders.
        kind: As it was launched.
        asked: What its spec must say; other entries may say anything.
    """
    alike = (job for job in list_jobs(jobs_dir) if job.kind == kind and all(job.spec.get(name) == value for name, value in asked.items()))
    return next((job for job in alike if job.status().active), None)


def find_job(jobs_dir: Path, name: str, *, also: Sequence[Path] = ()) -> Job:
    """The job whose id is, starts with, or ends with `name`; "last" is the latest.

    Args:
        jobs_dir: The dataset's job folders.
        name: What it is called.
        also: Other folders of jobs of the same dataset.

    Raises:
        UsageError: When none or several match.
    """
    jobs = list_jobs(*dict.fromkeys([jobs_dir, *also]))
    matching = jobs[:1] if name == "last" else [job for job in jobs if job.id == name or re.search(f"^{re.escape(name)}|{re.escape(name)}$", job.id)]
    if len(matching) != 1:
        found = "No job" if not matching else f"{len(matching)} jobs"
        raise UsageError(f"{found} of this dataset match {name!r}.", "sde jobs lists them; the end of an id is enough, and so is the word last.")
    return matching[0]


def _job_in(folder: Path) -> Job | None:
    try:
        return Job(folder)
    except JobError:
        return None
