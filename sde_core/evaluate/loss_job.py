"""The detached job that measures the losses of answers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sde_core.dataset import Dataset, Layout, open_dataset
from sde_core.errors import MissingExtraError
from sde_core.evaluate.answer_loss import AnswerLosses, measure_answer_losses
from sde_core.jobs import Job, JobContext, launch, running_job
from sde_core.project import Project
from sde_core.tables import write_table
from sde_core.train.device import missing_packages, use_one_gpu
from sde_core.train.tokenizer import load_tokenizer, model_location

KIND = "answer-loss"
GOOD_SHARE_OF_CHANCE = 0.75
"""A model whose loss is above this part of that of a blind guess has nothing to say about the text."""


def launch_answer_losses(dataset: Dataset, project: Project, *, model: str = "", output: Path | None = None) -> Job:
    """Start the detached job; `cached_answer_losses` finds what it has computed, also while it runs.

    Args:
        dataset: Whose readable rows are measured, with the edits of the journal.
        project: The dataset's.
        model: A folder, a hub name, or "" for the base model that comes with sde.
        output: A table to write when all is done, see `sde_core.tables`, beside the job's own result.

    Raises:
        ModelError: When the model's tokenizer cannot be loaded.
        MissingExtraError: When a package is not installed.
        ReadOnlyError: When the job folder cannot be written.
    """
    missing = [name for name in missing_packages() if name in ("torch", "transformers")]
    if missing:
        raise MissingExtraError(f"Losses of answers need {', '.join(missing)}.", "pip install 'sde[ml]'")
    load_tokenizer(model)
    path = Path(dataset.path)
    spec: dict[str, Any] = {
        "dataset": str(path.absolute()) if path.exists() else dataset.path,
        "layout": asdict(dataset.layout),
        "model": model_location(model) if model else "",
        "cache": str(project.created().cache_dir.absolute()),
        "output": None if output is None else str(output.absolute()),
    }
    name = Path(model_location(model)).name
    return launch(project.jobs_dir, KIND, spec, title=f"Answer losses of {dataset.name} under {name}")


def running_answer_losses(project: Project, model: str = "") -> Job | None:
    """The job that measures the losses of this dataset under this model now; None where there is none."""
    return running_job(project.jobs_dir, KIND, model=model_location(model) if model else "")


def run_answer_losses(context: JobContext) -> None:
    """Do the job in the context's folder; what it computed before it was stopped is not computed again.

    Raises:
        SdeError: When the rows cannot be read or the model cannot be loaded.
        CancelledError: When it was asked to stop; it can be resumed.
    """
    use_one_gpu()
    context.say("Reading the rows.", unit="rows")
    spec = context.spec
    dataset = opened_with_edits(spec["dataset"], Layout(**spec["layout"]))
    losses = measure_answer_losses(
        dataset, spec["model"], cache_dir=Path(spec["cache"]), cancel=context, progress=context.report, say=lambda words: context.say(words)
    )
    write_table(losses.table(), context.result_dir / "scores.parquet")
    if spec["output"]:
        write_table(losses.table(), Path(spec["output"]))
    context.event("counts", **losses.counts())
    context.say(summary(losses))


def opened_with_edits(name: str, layout: Layout) -> Dataset:
    """The dataset under a layout, with the edits of its journal.

    Raises:
        InputError: When it cannot be read.
    """
    project = Project.of(name)
    return project.with_edits(open_dataset(name).keep_in(project.cache_dir).with_layout(layout))


def doubts(losses: AnswerLosses) -> list[str]:
    """What speaks against choosing by these losses, in sentences."""
    vocabulary = load_tokenizer(losses.model).backend.get_vocab_size()
    chance, typical = float(np.log(vocabulary)), losses.quantiles().get("loss_given_prompt", {}).get("0.5")
    said = []
    if typical is not None and typical > GOOD_SHARE_OF_CHANCE * chance:
        said.append(f"The model hardly knows such text: its usual loss is {typical:.2f}, that of a blind guess {chance:.2f}. Name a better one.")
    usable, measured = int((losses.ifd_loss_ratio < 1).sum()), int(np.isfinite(losses.ifd_loss_ratio).sum())
    if measured and usable < measured / 2:
        said.append(f"For {measured - usable:,} of {measured:,} rows the instruction does not help this model.")
    return said


def summary(losses: AnswerLosses) -> str:
    """What came of it in one sentence."""
    return "Answer losses: " + "; ".join(f"{name} {count:,}" for name, count in losses.counts().items()) + "."
