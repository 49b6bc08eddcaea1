"""What a selection needs to know of rows beyond embedding, quality and class, found only where it is asked for.

The command line and the app both complete their features here, so that the same wishes give the same rows.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np

from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.evaluate.answer_loss import cached_answer_losses
from sde_core.evaluate.token_counts import counted_tokens, estimated_tokens
from sde_core.features.sources import sources_of_rows
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.project import Project
from sde_core.select import RowFeatures, SelectionParams
from sde_core.train.recipe import project_recipe

LOSS_METHODS = ("ifd", "superfiltering")
"""Selectors that need the losses of answers."""


def with_wanted_facts(
    features: RowFeatures,
    params: SelectionParams,
    dataset: Dataset,
    project: Project,
    *,
    model: str = "",
    source_field: str = "",
    estimate_tokens: bool = False,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> RowFeatures:
    """The features with tokens, sources and ratios of losses where `params` asks for them and they are not there yet.

    Args:
        features: `sde_core.proposal.row_features` of the dataset.
        params: What is asked of the selector.
        dataset: Read to its end.
        project: Its recipe names the tokenizer that counts tokens, its cache keeps the counts and holds the losses.
        model: Whose losses of answers are taken; "" for the base model that comes with sde.
        source_field: See `sources_of_rows`.
        estimate_tokens: Whether tokens are estimated from characters rather than counted.
        cancel: Stops the work.
        progress: In rows.

    Raises:
        UsageError: When losses are needed and some rows have none yet.
        ModelError: When a tokenizer cannot be loaded.
        CancelledError: When stopped.
    """
    if params.tokens is not None and features.tokens is None:
        counts = (
            estimated_tokens(dataset, cancel=cancel)
            if estimate_tokens
            else counted_tokens(dataset, project_recipe(project), cache_dir=project.cache_dir, cancel=cancel, progress=progress)
        )
        features = replace(features, tokens=counts.tokens, token_source=counts.source)
    if params.quota_by == "source" and features.sources is None:
        features = replace(features, sources=sources_of_rows(dataset, source_field, cancel=cancel, progress=progress))
    if params.method in LOSS_METHODS:
        features = replace(features, scores={**features.scores, **_ratios(dataset, project, model, cancel)})
    return features


def _ratios(dataset: Dataset, project: Project, model: str, cancel: Cancel) -> dict[str, np.ndarray]:
    losses = cached_answer_losses(dataset, model, cache_dir=project.cache_dir, cancel=cancel)
    command = shlex.join(["sde", "ifd", dataset.path, *(["--model", model] if model else [])])
    if losses is None or not losses.known.all():
        lacking = len(dataset.texts()) if losses is None else int((~losses.known).sum())
        raise UsageError(
            f"The losses of the answers of {lacking:,} rows under {model or 'the base model that comes with sde'} are not computed yet.",
            f"Compute them first, as a job that can be stopped and resumed: {command}",
        )
    return losses.scores
