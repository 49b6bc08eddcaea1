"""What a comparison of designs will cost, before it starts: runs, steps, tokens, answers, and time at the pace of another comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sde_core.design.options import Design, design_named, why_not
from sde_core.design.sample import render_sample
from sde_core.design.task import Task, TaskRecord
from sde_core.errors import CancelledError, SdeError
from sde_core.evaluate.cell_context import compared_recipe
from sde_core.evaluate.design_cost import DesignTokens, design_encoder, design_tokens
from sde_core.evaluate.design_grid import BEFORE, KIND, DesignRequest, read_input
from sde_core.evaluate.design_pace import ComparisonPace, comparison_pace
from sde_core.evaluate.design_results import read_cell
from sde_core.jobs import Job, list_jobs
from sde_core.progress import NEVER, Cancel
from sde_core.train.preflight import steps_of
from sde_core.train.recipe import Recipe
from sde_core.wording import count_of

LOOKED_AT = 200
"""Records whose tokens are counted, from the first: enough for a mean, few enough for a moment."""
_LOOKED_THROUGH = 20
"""Jobs that are looked through for one that tells the pace, the latest first."""


@dataclass(frozen=True)
class ComparisonCost:
    """What a comparison takes.

    Attributes:
        runs: Trained models.
        steps: Optimizer steps of all runs.
        tokens: That all runs read in training, by the mean of the first records.
        answers: That models write, before and after tuning.
    """

    runs: int
    steps: int
    tokens: int
    answers: int


def tokens_of_designs(
    records: Sequence[TaskRecord], task: Task, designs: Iterable[tuple[Design, int]], model: str, *, cancel: Cancel = NEVER
) -> dict[tuple[Design, int], DesignTokens]:
    """Tokens of the first records in each design and wording that makes sense for the task.

    Raises:
        ModelError: When the model's tokenizer cannot be loaded.
        CancelledError: When stopped.
    """
    found = {}
    for design, wording in designs:
        if cancel.is_set():
            raise CancelledError
        if not why_not(design, task) and wording < len(task.instructions):
            samples = [render_sample(record, task, design, wording=wording) for record in records[:LOOKED_AT]]
            found[design, wording] = design_tokens(samples, design_encoder(model, loss_on_input=design.loss_on_input))
    return found


def comparison_cost(
    request: DesignRequest, recipe: Recipe, tokens: Mapping[tuple[Design, int], DesignTokens], *, test: int, ood: int = 0
) -> ComparisonCost:
    """What a comparison takes, by the mean tokens of its designs.

    Args:
        request: What is compared.
        recipe: How every run is trained.
        tokens: From `tokens_of_designs`.
        test: Records to test on.
        ood: Records of another domain.
    """
    recipe = compared_recipe(recipe)
    wordings, sizes = dict.fromkeys(request.wordings), dict.fromkeys(request.sizes)
    steps_by_size = {size: steps_of(size, recipe) for size in sizes}
    samples = {size: min(steps * recipe.batch_size * recipe.accumulation, _most_samples(size, recipe)) for size, steps in steps_by_size.items()}
    read = 0.0
    for name in request.designs:
        counted = [tokens[design_named(name), wording] for wording in wordings if (design_named(name), wording) in tokens]
        read += sum(each.tokens / each.samples for each in counted if each.samples) * sum(samples.values()) * request.seeds
    runs = len(request.designs) * len(sizes) * request.seeds * len(wordings)
    steps = sum(steps_by_size.values()) * len(request.designs) * request.seeds * len(wordings)
    asked_before = len(BEFORE) * test * len(request.designs) * len(wordings) if request.before else 0
    return ComparisonCost(runs, steps, round(read), runs * (test + ood) + asked_before)


def _most_samples(size: int, recipe: Recipe) -> int:
    """Samples of a run that ends with its last epoch, whose last batch may be short."""
    return recipe.max_steps * recipe.batch_size * recipe.accumulation if recipe.max_steps else round(size * max(recipe.epochs, 0))


def pace_of(job: Job, model: str) -> ComparisonPace | None:
    """The pace of a comparison's finished runs.

    Args:
        job: Any job.
        model: Where the model is, from `model_location`.

    Returns:
        None where it is no comparison, of another model, or has no finished run.
    """
    if job.kind != KIND:
        return None
    try:
        given = read_input(job.folder)
    except SdeError:
        return None
    done = {cell.name: told for cell in given.cells if (told := read_cell(job.folder, cell.name)) is not None}
    return comparison_pace(given, done) if given.recipe.model == model else None


def seconds_of(cost: ComparisonCost, pace: ComparisonPace) -> float:
    """What a comparison takes at a pace; asking the untuned model is as slow as asking a tuned one."""
    return cost.tokens * pace.token_s + cost.answers * pace.answer_s


def latest_pace(jobs_dir: Path, model: str) -> tuple[str, ComparisonPace] | None:
    """The end of the id of the latest comparison that tells the pace of a model, and that pace.

    Args:
        jobs_dir: The dataset's job folders.
        model: Where the model is, from `model_location`.
    """
    jobs = sorted(list_jobs(jobs_dir), key=lambda job: job.id, reverse=True)[:_LOOKED_THROUGH]
    return next(((job.id[-4:], pace) for job in jobs if (pace := pace_of(job, model)) is not None), None)


def cost_words(cost: ComparisonCost) -> str:
    """What a comparison takes, in a sentence."""
    tokens, steps = f"{cost.tokens:,} tokens", count_of(cost.steps, "step")
    return f"About {tokens} to train on in {steps}, and {count_of(cost.answers, 'answer')} to write."
