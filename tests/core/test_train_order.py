"""The order of a run's samples in every epoch, whatever stands between the sampler and the Trainer."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from sde_core.train.order import EpochSampler, epoch_order
from sde_core.train.recipe_steps import RecipeSteps

LENGTHS = np.arange(1, 25)


def sampler(**options):
    return EpochSampler(LENGTHS, 2, seed=3, grouped=False, **options)


def test_a_sampler_told_its_epoch_goes_on_as_one_that_came_there_step_by_step():
    resumed = sampler()
    resumed.set_epoch(2)
    assert list(resumed) == epoch_order(LENGTHS, 2, seed=3, epoch=2, grouped=False).tolist() != list(sampler())


@pytest.mark.parametrize("processes", [1, 2])
def test_batches_skipped_after_a_resume_are_those_of_the_epoch_it_resumes_in(processes):
    """accelerate wraps the sampler once more where it skips batches, and tells only the outer one its epoch; the inner one has to hold it."""
    torch_data = pytest.importorskip("torch.utils.data")
    data_loader = pytest.importorskip("accelerate.data_loader")
    order = sampler()
    batches = torch_data.BatchSampler(order, 2, False)
    shares = [data_loader.BatchSamplerShard(batches, processes, i) for i in range(processes)] if processes > 1 else [batches]
    order.set_epoch(1)
    wanted = epoch_order(LENGTHS, 2, seed=3, epoch=1, grouped=False).reshape(-1, processes, 2)
    for process, share in enumerate(shares):
        skipping = data_loader.SkipBatchSampler(share, skip_batches=2)
        assert list(skipping) == wanted[2:, process].tolist()


class Trainer:
    """What the Trainer does in an epoch, as far as the order goes."""

    def _run_epoch(self, *, epoch):
        self.seen[epoch] = list(self.order)


def test_an_epoch_begins_with_its_own_order_though_nothing_else_tells_the_sampler():
    class Run(RecipeSteps, Trainer):
        order, seen = sampler(), {}

    for epoch in (2, 0):
        Run()._run_epoch(epoch=epoch)
    assert Run.seen == {epoch: epoch_order(LENGTHS, 2, seed=3, epoch=epoch, grouped=False).tolist() for epoch in (2, 0)}


def test_the_trainer_that_is_installed_runs_its_epochs_by_that_name():
    transformers = pytest.importorskip("transformers")
    assert "epoch" in inspect.signature(transformers.Trainer._run_epoch).parameters
