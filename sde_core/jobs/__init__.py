"""Long work as detached processes, each with a folder that tells all about it.

The folder holds `spec.json` (what to do), `status.json` (how far it is; replaced atomically), `events.jsonl` (what happened, appended), `log.txt`
(everything printed), `STOP` (put there by whoever wants it to stop) and `result/`. A job outlives the program that launched it.
"""

from sde_core.jobs.context import JobContext
from sde_core.jobs.event_log import read_events
from sde_core.jobs.finding import find_job, list_jobs, running_job
from sde_core.jobs.job import Job, launch
from sde_core.jobs.kinds import JOB_KINDS
from sde_core.jobs.status import ACTIVE_STATES, JobState, JobStatus

__all__ = [
    "ACTIVE_STATES",
    "JOB_KINDS",
    "Job",
    "JobContext",
    "JobState",
    "JobStatus",
    "find_job",
    "launch",
    "list_jobs",
    "read_events",
    "running_job",
]
