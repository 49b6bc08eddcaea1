"""`sde handover`: a finished run for other hands and other tools."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sde_core.cli.common import emit_json, json_option, talk
from sde_core.errors import UsageError
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.jobs import Job


@click.command(
    "handover",
    epilog="""\b
Examples:
  sde handover last -o my-adapter
  sde handover 3f9a -o my-adapter --merge --base Qwen/Qwen3-0.6B
  sde handover last --data ../data.jsonl -o my-adapter --json

The folder holds adapter and card (README.md), the rows, and recipes for TRL,
Axolotl, LLaMA-Factory, Unsloth and mlx-lm that point at them.""",
)
@click.argument("run", metavar="RUN")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option("--merge", is_flag=True, help="Add the adapter to the base model's weights too, and check that it says the same.")
@click.option("--base", default="", metavar="NAME", help="What the recipes call the base model, such as its hub name.")
@click.option("--data", metavar="DATA", help="The dataset whose run is meant; all in this folder when omitted.")
@json_option
def command(run: str, output: Path, merge: bool, base: str, data: str | None, as_json: bool) -> None:
    """Write a finished RUN into a folder: adapter, card, rows, and recipes for other tools. RUN is an id, its end, a job's folder, or "last"."""
    from sde_core.handover.hand_over import hand_over

    job = _finished_run(run, data)
    told = hand_over(job.folder, output, merge=merge, base=base, say=lambda words: None if as_json else talk(words))
    if as_json:
        emit_json({"run": job.id, **asdict(told)})
        return
    merged = f"; merged logits within {told.merged_difference:.1e}" if told.merged_difference is not None else ""
    talk(f"Run {job.id[-4:]} handed over in {visible(told.folder)}: {count_of(told.rows.train, 'row')} and {told.rows.held_out:,} held out{merged}.")
    for remark in told.remarks:
        talk(remark)
    for recipe in told.recipes:
        click.echo(f"{recipe.tool:<14} {recipe.command}")
        for gap in recipe.gaps:
            click.echo(f"    not carried over: {visible(gap, 200)}")
    click.echo(f"{'card':<14} README.md: purpose and licence are left to fill in")


def _finished_run(name: str, data: str | None) -> Job:
    """The run that is meant; "last" is the latest that is done."""
    from sde_core.cli.jobs import found_job, job_folders
    from sde_core.jobs import list_jobs

    if name != "last":
        return found_job(name, data)
    runs = [job for folder in job_folders(data) for job in list_jobs(folder) if job.kind == "train" and job.status().state == "done"]
    if not runs:
        raise UsageError("No run here is done.", "Start one with sde train DATA, or name the dataset with --data.")
    return max(runs, key=lambda job: job.id)
