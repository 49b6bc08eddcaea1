"""The detached job that measures how a base model takes the samples of several designs before any tuning."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import xxhash

from sde_core.design.sample import Sample
from sde_core.design.task import TaskRecord
from sde_core.errors import InputError, MissingExtraError, SdeError, UsageError
from sde_core.evaluate.answer_loss import form_hash, model_hash
from sde_core.evaluate.design_cost import design_encoder, design_perplexity
from sde_core.files import atomic_write
from sde_core.jobs import Job, JobContext, launch, running_job
from sde_core.jobs.job import new_job_folder
from sde_core.project import Project
from sde_core.train.device import missing_packages, plan_device, use_one_gpu
from sde_core.train.launch import write_recipe
from sde_core.train.recipe import Recipe, read_recipe
from sde_core.train.tokenizer import load_tokenizer, model_location
from sde_core.visible import visible

KIND = "design-perplexity"
DEFAULT_ROWS = 200
"""Records that are measured: enough for a rank of designs, few enough for a processor."""


@dataclass(frozen=True, slots=True)
class MeasuredPerplexity:
    """Perplexity of the samples of one design under a base model; see `DesignPerplexity`.

    Attributes:
        samples: How many were measured.
        prompt: exp of the mean negative log-likelihood of all tokens before the answer but the first of each sample.
        output: The same for the tokens of answers and their end.
        vocabulary: The perplexity of a blind guess.
    """

    samples: int
    prompt: float
    output: float
    vocabulary: int

    @property
    def doubt(self) -> str:
        """Why the figures say nothing of a design, "" where they do."""
        guess = "a blind guess: this model knows no such text."
        return (
            f"A perplexity above {self.vocabulary:,} is worse than {guess}" if self.prompt > self.vocabulary or self.output > self.vocabulary else ""
        )


def drawn_records(records: Mapping[int, TaskRecord], count: int) -> list[TaskRecord]:
    """Records to measure: all, or so many drawn with a fixed seed, in file order, so that every design is measured on the same."""
    rows = sorted(records) if len(records) <= count else sorted(random.Random(0).sample(sorted(records), count))
    return [records[row] for row in rows]


def kept_perplexity(project: Project, samples: Sequence[Sample], recipe: Recipe) -> MeasuredPerplexity | None:
    """What was measured of these samples under the recipe's model before, None where nothing was.

    Raises:
        ModelError: When the model's tokenizer cannot be loaded.
    """
    return _kept(_kept_at(project.cache_dir, samples, recipe))


def launch_design_perplexity(project: Project, designs: Mapping[str, Sequence[Sample]], recipe: Recipe, *, dataset: str = "") -> Job:
    """Start the detached job that measures every design; what was measured before is not measured again.

    Args:
        project: The dataset's.
        designs: Samples of the same records by the design's name.
        recipe: Its model, chat template and length.
        dataset: Path of the data, for the list of jobs.

    Raises:
        UsageError: When there are no samples.
        MissingExtraError: When torch or transformers is not installed.
        ModelError: When the model's tokenizer cannot be loaded.
        ReadOnlyError: When the job folder cannot be written.
    """
    if not designs or not all(designs.values()):
        raise UsageError("There are no samples to measure.", "No row fits the task, or a design makes no sense for it.")
    if missing := [name for name in missing_packages() if name in ("torch", "transformers")]:
        raise MissingExtraError(f"Perplexity needs {', '.join(missing)}.", "pip install 'sde[ml]'")
    location = model_location(recipe.model)
    load_tokenizer(recipe.model)
    folder = new_job_folder(project.created().jobs_dir, KIND)
    try:
        write_recipe(folder, recipe, location)
        texts = {name: [[sample.prompt, sample.answer] for sample in samples] for name, samples in designs.items()}
        atomic_write(folder / "samples.json", [json.dumps(texts).encode()])  # not orjson: lone surrogates
        spec: dict[str, Any] = {"dataset": dataset, "designs": list(designs), "model": location, "cache": str(project.cache_dir.absolute())}
        title = f"Perplexity of {visible(', '.join(designs), 60)} under {visible(Path(location).name, 30)}"
        return launch(project.jobs_dir, KIND, spec, title=title, folder=folder)
    except (SdeError, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        raise


def running_design_perplexity(project: Project) -> Job | None:
    """The job that measures designs of this dataset now; None where there is none."""
    return running_job(project.jobs_dir, KIND)


def read_perplexity(folder: Path) -> dict[str, MeasuredPerplexity]:
    """What a job has measured so far, by the design's name."""
    try:
        told = orjson.loads((folder / "result" / "perplexity.json").read_bytes())
        return {name: _measured(of) for name, of in told.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{folder} cannot be read: {error}.", "Measure again; what is kept is not measured twice.") from error


def run_design_perplexity(context: JobContext) -> None:
    """Do the job in the context's folder; a design that was measured before it was stopped is not measured again.

    Raises:
        SdeError: When its input cannot be read or the model cannot be loaded.
        CancelledError: When it was asked to stop; it can be resumed.
    """
    use_one_gpu()
    recipe = read_recipe(context.folder / "recipe.json")
    designs = {name: [Sample(*texts) for texts in of] for name, of in json.loads((context.folder / "samples.json").read_bytes()).items()}
    total, done = sum(map(len, designs.values())), 0
    measured: dict[str, MeasuredPerplexity] = {}
    model = None
    for name, samples in designs.items():
        context.say(f"Measuring {name}.", unit="samples")
        context.report(done, total)
        path = _kept_at(Path(context.spec["cache"]), samples, recipe)
        kept = _kept(path)
        if kept is None:
            model = model if model is not None else _loaded(recipe)
            report = partial(_report, context, done, total)
            found = design_perplexity(samples, recipe.model, recipe=recipe, loaded=model, cancel=context, progress=report)
            kept = MeasuredPerplexity(len(samples), found.prompt, found.output, found.vocabulary)
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, [orjson.dumps(kept)])
        measured[name] = kept
        done += len(samples)
        atomic_write(context.result_dir / "perplexity.json", [orjson.dumps(measured)])
        context.event("measured", design=name, **dataclasses.asdict(measured[name]))
    context.report(total, total)
    context.say("Perplexity of prompt and answer: " + "; ".join(f"{name} {of.prompt:.1f}, {of.output:.2f}" for name, of in measured.items()) + ".")


def _report(context: JobContext, before: int, total: int, done: int, _of_design: int | None) -> None:
    context.report(before + done, total)


def _loaded(recipe: Recipe) -> Any:
    from sde_core.train.model import load_model

    plan = dataclasses.replace(plan_device(recipe), precision="float32")
    return load_model(recipe, plan).to(plan.device).eval()


def _kept(path: Path) -> MeasuredPerplexity | None:
    try:
        return _measured(orjson.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _measured(told: Any) -> MeasuredPerplexity:
    return MeasuredPerplexity(int(told["samples"]), _number(told["prompt"]), _number(told["output"]), int(told["vocabulary"]))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)  # orjson writes nan as null


def _kept_at(cache_dir: Path, samples: Sequence[Sample], recipe: Recipe) -> Path:
    """Named by the model, the form that its encoder gives a sample, and the samples."""
    encoder = design_encoder(recipe.model, recipe=recipe)
    digest = xxhash.xxh3_128(f"{model_hash(recipe.model)}\0{form_hash(encoder)}\0{encoder.max_length}\0{recipe.too_long}".encode())
    for sample in samples:
        for text in (sample.prompt, sample.answer):
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
    return cache_dir / "design-perplexity" / f"{digest.hexdigest()}.json"
