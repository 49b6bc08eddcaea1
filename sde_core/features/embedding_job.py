"""Embedding as a detached job: the vectors go to the cache, where everything that embeds the same texts finds them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from sde_core.errors import UsageError
from sde_core.features.embedding import PARTS, Part, embed_table, load_encoder
from sde_core.files import from_home, unwritable
from sde_core.jobs import Job, JobContext, launch, list_jobs, running_job
from sde_core.jobs.job import new_job_folder
from sde_core.visible import visible
from sde_core.wording import count_of

KIND = "embed"
TEXTS_FILE = "texts.parquet"
_READ = ("row", "prompt", "answer")


def launch_embedding(name: str, texts: pl.DataFrame, encoder: str, *, jobs_dir: Path, cache_dir: Path, part: Part = "row") -> Job:
    """Start a detached job that embeds rows; `embed_rows` with the same encoder and `cache_dir` finds the vectors, also while it runs.

    Args:
        name: The dataset's name, for the job's title.
        texts: `Dataset.texts()`, with the user's edits; kept in the job's folder, which needs the dataset no more.
        encoder: See `sde_core.features.embedding.load_encoder`.
        jobs_dir: The dataset's job folders.
        cache_dir: The dataset's cache.
        part: What of each row is embedded.

    Raises:
        UsageError: When `part` is none of `PARTS`.
        ReadOnlyError: When the job's folder cannot be written.
    """
    if part not in PARTS:
        raise UsageError(f"There is no part {part!r} of a row to embed.", f"Use one of {', '.join(PARTS)}.")
    folder = new_job_folder(jobs_dir, KIND)
    try:
        texts.select(_READ).write_parquet(folder / TEXTS_FILE)
    except OSError as error:
        raise unwritable(folder, error) from error
    spec = {"encoder": absolute_encoder(encoder), "part": part, "cache": str(cache_dir.absolute())}
    title = f"Embedding of {visible(name, 60)} by {visible(Path(encoder).name, 60)}"
    return launch(jobs_dir, KIND, spec, title=title, folder=folder)


def running_embedding(jobs_dir: Path, encoder: str, part: Part = "row") -> Job | None:
    """The job that embeds this dataset by this encoder now; None where there is none."""
    return running_job(jobs_dir, KIND, encoder=absolute_encoder(encoder), part=part)


def finished_embedding(jobs_dir: Path, texts: pl.DataFrame, encoder: str, part: Part = "row") -> Job | None:
    """The latest job that has embedded just these texts by this encoder; None where there is none.

    Raises:
        JobError: When a job folder cannot be read.
    """
    asked, wanted = (absolute_encoder(encoder), part), texts.select(_READ)
    for job in list_jobs(jobs_dir):
        if job.kind == KIND and (job.spec.get("encoder"), job.spec.get("part")) == asked and job.status().state == "done":
            return job if _embedded_texts(job.folder).equals(wanted) else None
    return None


def _embedded_texts(folder: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(folder / TEXTS_FILE)
    except (OSError, pl.exceptions.PolarsError):
        return pl.DataFrame()


def absolute_encoder(encoder: str) -> str:
    """A folder by its absolute path, since a job works elsewhere; any other name as it is."""
    folder = from_home(encoder)
    return str(folder.absolute()) if folder.is_dir() else encoder


def run_embedding(context: JobContext) -> None:
    """Do the job in the context's folder; texts that are in the cache are not embedded again.

    Raises:
        SdeError: When the encoder cannot be loaded.
        CancelledError: When it was asked to stop; it can be resumed.
    """
    spec = context.spec
    context.say("Loading the encoder.", unit="texts")
    encoder = load_encoder(spec["encoder"])
    context.say("Embedding.", unit="texts")
    texts = pl.read_parquet(context.folder / TEXTS_FILE)
    matrix = embed_table(texts, encoder, part=spec["part"], cache_dir=Path(spec["cache"]), cancel=context, progress=context.report)
    context.event("embedded", rows=len(matrix.rows), dimensions=int(matrix.vectors.shape[1]), encoder=matrix.encoder)
    context.say(f"Embedded {count_of(len(matrix.rows), 'row')} in {matrix.vectors.shape[1]} dimensions by {matrix.encoder}.")
