"""The order of a run's samples in every epoch, whatever stands between the sampler and the Trainer."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from sde_core.train.encode import IGNORED
from sde_core.train.order import EpochSampler, epoch_order
from sde_core.train.recipe_steps import RecipeSteps
from sde_core.train.samples import NO_ROW, blank_sample

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


@pytest.mark.parametrize(("count", "processes", "size"), [(10, 2, 3), (5, 4, 2), (1, 2, 4), (12, 2, 3), (7, 3, 1)])
@pytest.mark.parametrize("shuffled", [True, False])
def test_processes_that_share_the_batches_see_every_sample_once_an_epoch_and_fill_up_with_what_has_no_loss(count, processes, size, shuffled):
    torch_data = pytest.importorskip("torch.utils.data")
    data_loader = pytest.importorskip("accelerate.data_loader")
    lengths = np.arange(1, count + 1)
    order = EpochSampler(lengths, size * processes, seed=3, grouped=True, shuffled=shuffled, filled=True)
    batches = torch_data.BatchSampler(order, size, False)
    shares = [list(data_loader.BatchSamplerShard(batches, processes, i)) for i in range(processes)]
    assert {len(batch) for share in shares for batch in share} == {size}
    seen = [sample for step in zip(*shares, strict=True) for batch in step for sample in batch]
    alone = list(EpochSampler(lengths, size * processes, seed=3, grouped=True, shuffled=shuffled))
    assert seen == [*alone, *[count] * (len(order) - count)]
    assert len(shares[0]) == -(-count // (size * processes))


def test_a_sample_that_fills_up_a_batch_is_of_no_row_and_has_no_loss():
    blank = blank_sample(7)
    assert (blank.row, blank.ids.tolist(), blank.labels.tolist()) == (NO_ROW, [7], [IGNORED])
