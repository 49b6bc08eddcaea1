"""`sde compare`: does the chosen part of the data train a better model than the rest, and how surely?"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sde_core.cli.common import data_options, emit_json, journal_if_any, json_option, stderr_progress, talk
from sde_core.cli.finding_jobs import job_of_kind
from sde_core.cli.recipe_options import AskedRecipe, recipe_options
from sde_core.dataset import Dataset
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.jobs import Job


class _DataFirst(click.Group):
    """A group whose first word may be a dataset: `sde compare DATA` is `sde compare run DATA`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "DATA [OPTIONS] | show [ID] | forgetting [ID]")


@click.group(
    "compare",
    cls=_DataFirst,
    epilog="""\b
Examples:
  sde compare data.jsonl --arms full,selected,random:selected --seeds 3
  sde compare show                      what the latest has found so far
  sde compare forgetting 3f9a           what a finished fine-tune unlearnt

sde compare run --help lists the options.""",
)
def command() -> None:
    """Train arms of DATA on the same token budget, evaluate them on the same held-out rows, and say which differences are shown."""


@command.command(
    "run",
    epilog="""\b
Arms, separated by commas:
  full             all rows that were not rejected
  selected         the accepted rows
  random:ARM       random rows with as many tokens as ARM, drawn for each seed
  top:ARM          the rows of the highest quality, with as many tokens
  method:NAME:K    K rows (or K%) chosen by a selector of sde select
  rows:FILE        row numbers in a file, as sde train --rows takes them
  base             the model before training
  ARM:25%          a random part of ARM, by tokens: a learning curve

Every run reads the same number of tokens (the model's input, padding left
out); an arm with fewer rows reads them more often. The first arm is what the
others are compared with. Rows that nearly equal a held-out row train in no
arm. The job can be stopped and resumed; sde compare show reads it any time.

\b
Examples:
  sde compare data.jsonl
  sde compare data.jsonl --arms full,selected,random:selected --seeds 5
  sde compare data.jsonl --arms full:25%,full:50%,full --set epochs=2
  sde compare data.jsonl --arms selected,random:selected --budget 200k""",
)
@data_options
@click.option("--arms", default="full,selected,random:selected", show_default=True, help="What is compared; see below.")
@click.option("--seeds", type=int, default=3, show_default=True, help="Runs of each arm.")
@click.option("--budget", metavar="TOKENS", help="Tokens that each run reads, such as 200k; by default what the recipe reads of the largest arm.")
@click.option("--held-out", metavar="N|SHARE|FILE", help="How much is held out, or a file of rows; a tenth (50 to 500 rows) by default.")
@click.option("--general", type=click.Path(path_type=Path), help="Texts for the forgetting check; those that come with sde when omitted.")
@recipe_options
@click.option("--attach/--detach", default=None, help="Follow the job, or return at once; follows on a terminal by default.")
@json_option
@click.pass_context
def run_command(
    ctx: click.Context, dataset: Dataset, arms: str, seeds: int, budget: str | None, held_out: str | None, general: Path | None,
    asked: AskedRecipe, attach: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Compare arms of DATA, as a job that outlives this terminal."""
    from sde_core.cli.following import leave_or_follow
    from sde_core.cli.train import rows_in_file
    from sde_core.evaluate.compare_launch import CompareRequest, launch_compare
    from sde_core.project import Project
    from sde_core.select.protocol import tokens_wanted

    project = Project.of(dataset.path)
    request = CompareRequest(arms, seeds, None if budget is None else tokens_wanted(budget), held_out, general)
    recipe = asked.recipe(project)
    dataset.read_all()
    with journal_if_any(dataset, writing=False) as journal:
        accepted = [] if journal is None else journal.state.accepted_rows().tolist()
        rejected = [] if journal is None else journal.state.rejected_rows().tolist()
    with stderr_progress("preparing") as progress:
        job = launch_compare(
            dataset, project, request, recipe, accepted=accepted, rejected=rejected, read_rows=lambda path: rows_in_file(path, len(dataset)),
            progress=progress,
        )  # fmt: skip
    leave_or_follow(ctx, job, attach, as_json=as_json)
    if job.status().state == "done" and not as_json:
        _print(job)


@command.command("show")
@click.argument("identifier", metavar="[ID]", default="last")
@click.option("--data", metavar="DATA", help="The dataset whose comparison is meant; all in this folder when omitted.")
@json_option
def show_command(identifier: str, data: str | None, as_json: bool) -> None:
    """Show what a comparison has found, also while it runs. ID is an id, its end, the job's folder, or "last"."""
    from sde_core.evaluate.comparison import read_comparison

    job = job_of_kind(identifier, data, "compare")
    if as_json:
        status = job.status().to_json()
        emit_json({"id": job.id, "folder": str(job.folder), "status": status, **read_comparison(job.folder).to_json()})
    else:
        _print(job)


@command.command("forgetting")
@click.argument("identifier", metavar="[ID]", default="last")
@click.option("--data", metavar="DATA", help="The dataset whose fine-tune is meant; all in this folder when omitted.")
@click.option("--general", type=click.Path(path_type=Path), help="General texts; those that come with sde when omitted.")
@json_option
def forgetting_command(identifier: str, data: str | None, general: Path | None, as_json: bool) -> None:
    """Loss on general texts before and after a finished fine-tune."""
    from sde_core.evaluate.forgetting import forgetting_of_run, general_source, general_texts
    from sde_core.evaluate.verdict import interval_words, signed

    job = job_of_kind(identifier, data, "train")
    found = forgetting_of_run(job.folder, general_texts(general), general_source(general))
    if as_json:
        emit_json({"id": job.id, **found.to_json()})
        return
    change = found.change
    click.echo(f"Loss a token on {visible(found.source, 80)}, {found.texts:,} texts: {found.before:.3f} before, {found.after:.3f} after.")
    said = (
        "No forgetting is shown" if not change.excludes_zero else "Something was forgotten" if change.estimate > 0 else "General text became easier"
    )
    click.echo(f"{said}: {signed(change.estimate)} (95 % interval over texts {interval_words(change)}).")


def _print(job: Job) -> None:
    from sde_core.evaluate.comparison import read_comparison
    from sde_core.evaluate.comparison_text import comparison_lines
    from sde_core.evaluate.verdict import notes

    found = read_comparison(job.folder)
    for line in comparison_lines(found):
        click.echo("\n".join(textwrap.wrap(line, 80, break_long_words=False)) if len(line) > 80 else line)
    for note in notes(found):
        talk("\n".join(textwrap.wrap(f"· {note}", 80, subsequent_indent="  ")))
    talk(f"The report is in {visible(str(job.result_dir / 'report.md'))}")
