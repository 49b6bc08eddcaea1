"""`sde jobs pause` and `sde jobs extend`: what only the owner of a run does with it."""

from __future__ import annotations

from sde_core.cli.common import emit_json, talk
from sde_core.cli.following import job_json, name_of
from sde_core.jobs import Job


def pause_job(job: Job, *, as_json: bool) -> None:
    """Let a job save and leave its device until somebody resumes it.

    Raises:
        JobError: When it is not at work.
    """
    waited = job.status().state == "waiting"
    job.pause()
    if as_json:
        emit_json(job_json(job))
    else:
        does = "leaves the queue" if waited else "saves at its next step and leaves its device to others"
        talk(f"{job.id} {does}. Go on with: sde jobs resume {name_of(job)}")


def extend_job(job: Job, *, steps: int, epochs: float, as_json: bool) -> None:
    """Let a fine-tune go on for more steps or epochs than were planned.

    Raises:
        UsageError: When nobody can tell for how many, or it is no fine-tune.
        JobError: When it is at work, or has no checkpoint.
    """
    from sde_core.train.extend import extend_training

    extension = extend_training(job, steps=steps, epochs=epochs)
    if as_json:
        emit_json(job_json(job))
    else:
        talk(f"{job.id} is extended. {extension.words()}\nFollow it with: sde jobs attach {name_of(job)}")
