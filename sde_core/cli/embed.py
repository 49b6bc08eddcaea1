"""`sde embed`: embed all rows by a model, as a detached job whose vectors are found by every other command."""

from __future__ import annotations

import click

from sde_core.cli.common import cache_folder, data_options, json_option, stderr_progress
from sde_core.dataset import Dataset
from sde_core.features.embedding import PARTS, Part


@click.command(
    "embed",
    epilog="""\b
Examples:
  sde embed data.jsonl --encoder all-MiniLM-L6-v2
  sde embed data.jsonl --encoder ./my-encoder --detach
  sde select data.jsonl -k 500 --encoder ./my-encoder

The vectors are kept beside the data, found by text and encoder: sde select,
sde dups and the app embed nothing again that is there. A stopped or killed
job goes on with sde jobs resume.""",
)
@data_options
@click.option("--encoder", default="static", show_default=True, help="static, or a sentence-transformers model by name or folder.")
@click.option("--embed", "part", type=click.Choice(PARTS), default="row", show_default=True, help="What of each row is embedded.")
@click.option("--attach/--detach", default=None, help="Follow the job, or return at once; follows on a terminal by default.")
@json_option
@click.pass_context
def command(ctx: click.Context, dataset: Dataset, encoder: str, part: Part, attach: bool | None, as_json: bool) -> None:
    """Embed all rows of DATA, as a job that outlives this terminal."""
    from sde_core.cli.following import leave_or_follow
    from sde_core.errors import ReadOnlyError
    from sde_core.features.embedding_job import launch_embedding, running_embedding
    from sde_core.project import Project

    project = Project.of(dataset.path)
    job = running_embedding(project.jobs_dir, encoder, part)
    if job is None:
        with stderr_progress("reading", "rows" if dataset.complete else "bytes") as progress:
            texts = dataset.texts(progress=progress)
        cache_dir = cache_folder(dataset)
        if cache_dir is None:
            raise ReadOnlyError("The vectors have nowhere to be kept.", "Make the folder of the data writable, or copy the data elsewhere.")
        job = launch_embedding(dataset.name, texts, encoder, jobs_dir=project.created().jobs_dir, cache_dir=cache_dir, part=part)
    leave_or_follow(ctx, job, attach, as_json=as_json)
