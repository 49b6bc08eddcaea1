"""`sde jobs`: list, show, follow, stop and resume jobs."""

from __future__ import annotations

from pathlib import Path

import click

from sde_core.cli.common import emit_json, json_option, talk
from sde_core.cli.following import follow, job_json, progress_line, say_outcome
from sde_core.errors import UsageError
from sde_core.jobs import Job, find_job, list_jobs
from sde_core.visible import visible
from sde_core.wording import duration

_ACTIONS = ("list", "show", "attach", "stop", "resume")


@click.command(
    "jobs",
    epilog="""\b
Examples:
  sde jobs                        the jobs of the datasets in this folder
  sde jobs --data ../data.jsonl   the jobs of one dataset
  sde jobs attach last            follow the latest; ctrl+c leaves it running
  sde jobs stop 3f9a              it saves and stops at its next step
  sde jobs resume 3f9a""",
)
@click.argument("action", type=click.Choice(_ACTIONS), default="list")
@click.argument("identifier", metavar="[ID]", default="last")
@click.option("--data", metavar="DATA", help="The dataset whose jobs are meant; all in this folder when omitted.")
@click.option("--kill", is_flag=True, help="With stop: end it at once, without saving.")
@json_option
@click.pass_context
def command(ctx: click.Context, action: str, identifier: str, data: str | None, kill: bool, as_json: bool) -> None:
    """List jobs, or show, attach to, stop or resume one. ID is an id, its end, a job's folder, or "last"."""
    if action == "list":
        _list([job for folder in _job_folders(data) for job in list_jobs(folder)], as_json)
        return
    job = _find(identifier, data)
    if action == "stop":
        job.kill() if kill else job.stop()
    elif action == "resume":
        job.resume()
    status = follow(job) if action == "attach" else job.status()
    if as_json:
        emit_json(job_json(job))
    elif action == "show":
        _show(job)
    elif action == "stop" and status.active:
        talk(f"{job.id} saves and stops at its next step.")
    elif action == "resume":
        talk(f"{job.id} goes on. Follow it with: sde jobs attach {job.id[-4:]}")
    else:
        say_outcome(job, status)
    if action == "attach" and status.state in ("failed", "lost"):
        ctx.exit(3)


def _job_folders(data: str | None) -> list[Path]:
    from sde_core.project import Project, user_state_folder

    if data:
        return [Project.of(data).jobs_dir]
    return sorted(Path.cwd().glob("*.sde/jobs")) + sorted(user_state_folder().glob("*/jobs"))


def _find(identifier: str, data: str | None) -> Job:
    if (Path(identifier) / "spec.json").is_file():
        return Job(Path(identifier).absolute())
    folders = [folder for folder in _job_folders(data) if list_jobs(folder)]
    if identifier == "last" and folders:
        return max((list_jobs(folder)[0] for folder in folders), key=lambda job: job.id)
    for folder in folders:
        matching = [job for job in list_jobs(folder) if job.id.startswith(identifier) or job.id.endswith(identifier)]
        if matching:
            return find_job(folder, identifier)
    raise UsageError(f"No job here matches {identifier!r}.", "sde jobs lists them; name the dataset with --data if you are in another folder.")


def _list(jobs: list[Job], as_json: bool) -> None:
    if as_json:
        emit_json({"jobs": [job_json(job) for job in jobs]})
        return
    if not jobs:
        talk("No jobs here. Start one with sde train DATA, or name a dataset with --data.")
    for job in sorted(jobs, key=lambda job: job.id, reverse=True):
        status = job.status()
        share = f"{status.done:,}/{status.total:,} {status.unit}" if status.total else ""
        left = f"{duration(status.eta_s)} left" if status.eta_s is not None and status.active else ""
        click.echo(f"{job.id}  {status.state:<8} {share:<16} {left:<14} {visible(job.title, 60)}".rstrip())


def _show(job: Job) -> None:
    from sde_core.train.curve import RunCurve

    status, curve, offset = job.status(), RunCurve(), 0
    while True:
        events, after = job.events(offset)
        if after == offset:
            break
        curve.add(events)
        offset = after
    click.echo(f"{job.id}  {status.state}\n{visible(job.title)}\n{visible(status.message)} {visible(status.hint)}".rstrip())
    if curve.train.count:
        click.echo(progress_line(status, curve))
        click.echo(f"loss: first ten {curve.train.mean_of(10, 0):.3f}, last ten {curve.train.mean_of(0, 10):.3f}")
    click.echo(f"folder  {visible(str(job.folder))}")
