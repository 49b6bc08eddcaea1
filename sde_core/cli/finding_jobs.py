"""The job that a command's ID means, where only one kind of job is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_core.errors import UsageError

if TYPE_CHECKING:
    from sde_core.jobs import Job

_KIND_WORDS = {"compare": "comparison", "train": "fine-tune", "design-compare": "comparison of designs"}
_SHOWN = {"compare": "sde compare show", "train": "sde jobs show", "design-compare": "sde design results"}


def job_of_kind(identifier: str, data: str | None, kind: str) -> Job:
    """The job that is meant, "last" being the latest of its kind.

    Args:
        identifier: An id, its end, a job's folder, or "last".
        data: The dataset whose jobs are meant; None for all in this folder.
        kind: Of the job.

    Raises:
        UsageError: When there is none, or it is of another kind.
    """
    from sde_core.cli.jobs import found_job, job_folders
    from sde_core.jobs import list_jobs

    if identifier == "last":
        jobs = [job for folder in job_folders(data) for job in list_jobs(folder) if job.kind == kind]
        if not jobs:
            hint = f"If you are in another folder, name the dataset: {_SHOWN[kind]} last --data DATA."
            raise UsageError(f"There is no {_KIND_WORDS[kind]} here.", hint)
        return max(jobs, key=lambda job: job.id)
    job = found_job(identifier, data)
    if job.kind != kind:
        raise UsageError(f"{job.id} is a job of kind {job.kind}, not {kind}.", "sde jobs lists them.")
    return job
