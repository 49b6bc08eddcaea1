"""`sde jobs`: list, show, follow, stop, pause, resume, extend, queue, compare and remove jobs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from sde_core.cli.common import emit_json, json_option, talk
from sde_core.cli.following import follow, job_json, name_of, say_outcome
from sde_core.errors import JobError, UsageError
from sde_core.jobs import Job, JobStatus, find_job, list_jobs
from sde_core.visible import visible

_DYING_SECONDS, _LOOK_SECONDS = 5.0, 0.02


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says besides the verb.

    Attributes:
        ctx: For the exit status.
        words: What stands after the verb.
        data: The dataset whose jobs are meant, None for all in this folder.
        as_json: Print JSON and nothing else.
        kill: Stop at once, without saving.
        now: Begin beside whatever uses the device.
        yes: Ask nothing.
        limit: Runs that may use a device at once.
        steps: Optimizer steps that a run is given more.
        epochs: Passes over its rows that a run is given more.
    """

    ctx: click.Context
    words: tuple[str, ...]
    data: str | None
    as_json: bool
    kill: bool
    now: bool
    yes: bool
    limit: int | None
    steps: int
    epochs: float

    def word(self, place: int, default: str = "last") -> str:
        """The word at a place after the verb."""
        return self.words[place] if len(self.words) > place else default

    def job(self, place: int = 0) -> Job:
        """The job that the word at a place names.

        Raises:
            UsageError: When no job or several are meant.
        """
        return found_job(self.word(place), self.data)


def _list(asked: Asked) -> None:
    from sde_core.cli.jobs_text import list_jobs_text

    list_jobs_text([job for folder in job_folders(asked.data) for job in list_jobs(folder)], as_json=asked.as_json)


def _show(asked: Asked) -> None:
    from sde_core.cli.jobs_text import show_job

    show_job(asked.job(), as_json=asked.as_json)


def _attach(asked: Asked) -> None:
    job = asked.job()
    status = follow(job)
    if asked.as_json:
        emit_json(job_json(job))
    else:
        say_outcome(job, status)
    if status.state in ("failed", "lost"):
        asked.ctx.exit(3)


def _stop(asked: Asked) -> None:
    job = asked.job()
    before = job.status()
    waited = before.state == "waiting"
    if asked.kill and before.active and before.identity is not None and before.identity.liveness() == "elsewhere":
        there = visible(before.identity.host, 60)
        raise JobError(f"{job.id} works on another machine, {there}, and can only be killed there.", f"Ask it to stop: sde jobs stop {name_of(job)}")
    job.kill() if asked.kill else job.stop()
    status = _status_once_killed(job) if asked.kill else job.status()
    if asked.as_json:
        emit_json(job_json(job))
    elif waited and not asked.kill:
        talk(f"{job.id} leaves the queue. Queue it again with: sde jobs resume {name_of(job)}")
    elif status.active:
        talk(f"{job.id} is being killed." if asked.kill else f"{job.id} saves and stops at its next step.")
    else:
        say_outcome(job, status)


def _status_once_killed(job: Job) -> JobStatus:
    """How a job stands when its process is gone, which takes the system a moment; as it is if it takes longer."""
    deadline = time.monotonic() + _DYING_SECONDS
    while (status := job.status()).active and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return status


def _pause(asked: Asked) -> None:
    from sde_core.cli.jobs_control import pause_job

    pause_job(asked.job(), as_json=asked.as_json)


def _extend(asked: Asked) -> None:
    from sde_core.cli.jobs_control import extend_job

    extend_job(asked.job(), steps=asked.steps, epochs=asked.epochs, as_json=asked.as_json)


def _resume(asked: Asked) -> None:
    from sde_core.cli.jobs_queue import lost_jobs

    jobs = lost_jobs([job for folder in job_folders(asked.data) for job in list_jobs(folder)]) if asked.word(0) == "lost" else [asked.job()]
    if not jobs:
        talk("No run here was lost.")
    for job in jobs:
        job.resume(beside=asked.now)
        if asked.as_json:
            emit_json(job_json(job))
        else:
            talk(f"{job.id} {_goes_on(job)} Follow it with: sde jobs attach {name_of(job)}")


def _goes_on(job: Job) -> str:
    from sde_core.cli.jobs_queue import place_words

    place = place_words(job)
    return f"is queued again: {place}." if place else "goes on."


def _queue(asked: Asked) -> None:
    from sde_core.cli.jobs_queue import show_queue

    show_queue(limit=asked.limit, as_json=asked.as_json)


def _move(asked: Asked) -> None:
    from sde_core.cli.jobs_queue import move_job

    move_job(asked.job(), "now" if asked.now else asked.word(1, ""), as_json=asked.as_json)


def _diff(asked: Asked) -> None:
    from sde_core.cli.jobs_diff import show_difference

    a, b = (asked.job(0), asked.job(1)) if len(asked.words) > 1 else (None, asked.job(0))
    show_difference(a, b, as_json=asked.as_json)


def _remove(asked: Asked) -> None:
    from sde_core.cli.jobs_queue import remove_jobs

    if not asked.words:
        raise UsageError("Which job is to be removed?", "Name it: sde jobs remove 3f9a; sde jobs lists them.")
    remove_jobs([asked.job(place) for place in range(len(asked.words))], yes=asked.yes, as_json=asked.as_json)


VERBS: dict[str, tuple[Callable[[Asked], None], int]] = {
    "list": (_list, 0),
    "show": (_show, 1),
    "attach": (_attach, 1),
    "stop": (_stop, 1),
    "pause": (_pause, 1),
    "resume": (_resume, 1),
    "extend": (_extend, 1),
    "queue": (_queue, 0),
    "move": (_move, 2),
    "diff": (_diff, 2),
    "remove": (_remove, 99),
}
"""Each verb's function, and how many words it takes at most."""


@click.command(
    "jobs",
    epilog="""\b
Examples:
  sde jobs                        the jobs of the datasets in this folder
  sde jobs --data ../data.jsonl   the jobs of one dataset
  sde jobs attach last            follow the latest; ctrl+c leaves it running
  sde jobs stop 3f9a              it saves and stops at its next step
  sde jobs resume 3f9a            go on with it
  sde jobs resume lost            with all that were lost, in their order
  sde jobs pause 3f9a             save and leave the device until resumed
  sde jobs extend 3f9a --steps 200
                                  more steps than were planned, or --epochs 1
  sde jobs queue                  what waits for a device, of all datasets
  sde jobs queue --limit 2        let two runs use a device at once
  sde jobs move 3f9a first        or up, down, last; or --now
  sde jobs show 3f9a              its recipe, its rows, what came of it
  sde jobs diff 3f9a 77b0         what differs: recipe, rows, losses
  sde jobs remove 3f9a            delete it and free its disk space""",
)
@click.argument("action", type=click.Choice(list(VERBS)), default="list", metavar="[ACTION]")
@click.argument("words", metavar="[ID]...", nargs=-1)
@click.option("--data", metavar="DATA", help="The dataset whose jobs are meant; all in this folder when omitted.")
@click.option("--kill", is_flag=True, help="With stop: end it at once, without saving.")
@click.option("--now", is_flag=True, help="With resume and move: begin at once, beside whatever uses the device.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="With queue: so many runs may use a device at once; 1 at first.")
@click.option("--steps", type=click.IntRange(0), default=0, metavar="N", help="With extend: so many steps more.")
@click.option("--epochs", type=float, default=0.0, metavar="N", help="With extend: so many passes over the rows more.")
@click.option("--yes", is_flag=True, help="With remove: do not ask.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, action: str, words: tuple[str, ...], as_json: bool, **options: object) -> None:
    """List jobs, or do something with them.

    ACTION is list (the default), show, attach, stop, pause, resume, extend, queue, move, diff or remove. ID is an id, its end, a job's folder,
    or "last".
    """
    verb, most = VERBS[action]
    if len(words) > most:
        raise UsageError(f"sde jobs {action} takes {most or 'no'} word{'s' if most != 1 else ''} after it, not {len(words)}.", "See sde jobs --help.")
    verb(Asked(ctx, words, as_json=as_json, **options))  # type: ignore[arg-type]


def job_folders(data: str | None) -> list[Path]:
    """The folders of jobs that are meant: of one dataset, or of all in this folder and in the user's state folder."""
    from sde_core.project import Project, user_state_folder

    if data:
        return list(Project.jobs_dirs_of(data))
    return sorted(Path.cwd().glob("*.sde/jobs")) + sorted(user_state_folder().glob("*/jobs"))


def found_job(identifier: str, data: str | None) -> Job:
    """The job that is meant; see the command's help.

    Raises:
        UsageError: When no job or several are meant.
    """
    if (Path(identifier) / "spec.json").is_file():
        return Job(Path(identifier).absolute())
    folders = [folder for folder in job_folders(data) if list_jobs(folder)]
    if identifier == "last" and folders:
        return max((list_jobs(folder)[0] for folder in folders), key=lambda job: job.id)
    for folder in folders:
        matching = [job for job in list_jobs(folder) if job.id.startswith(identifier) or job.id.endswith(identifier)]
        if matching:
            return find_job(folder, identifier)
    raise UsageError(f"No job here matches {identifier!r}.", "sde jobs lists them; name the dataset with --data if you are in another folder.")
