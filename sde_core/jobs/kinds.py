"""The kinds of job there are, and where the function of each one lives."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from sde_core.errors import UsageError

if TYPE_CHECKING:
    from sde_core.jobs.context import JobContext

JOB_KINDS: dict[str, str] = {
    "train": "sde_core.train.job:run_training",
    "probe": "sde_core.train.probe:run_probe",
    "compare": "sde_core.evaluate.compare_job:run_compare",
    "design-compare": "sde_core.evaluate.design_compare_job:run_design_compare",
    "design-perplexity": "sde_core.evaluate.design_perplexity_job:run_design_perplexity",
    "answer-loss": "sde_core.evaluate.loss_job:run_answer_losses",
    "embed": "sde_core.features.embedding_job:run_embedding",
    "rate": "sde_core.rules.rating.job:run_rating",
}
"""Kind -> "module:function"; the function takes a `JobContext`. The module is imported in the job's own process only."""


def job_function(kind: str) -> Callable[[JobContext], None]:
    """The function that does the work of this kind.

    Raises:
        UsageError: When there is no such kind.
    """
    if kind not in JOB_KINDS:
        raise UsageError(f"There is no kind of job named {kind!r}.", f"Known kinds: {', '.join(JOB_KINDS)}.")
    module_name, _, function_name = JOB_KINDS[kind].partition(":")
    function: Callable[[JobContext], None] = getattr(import_module(module_name), function_name)
    return function
