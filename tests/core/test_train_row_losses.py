"""The loss of rows: the recorder against transformers' own loss and a sum by hand, and what a real run leaves behind."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sde_core.train.row_losses import RowLossRecorder, read_row_losses, row_losses_path

torch = pytest.importorskip("torch")


def batch(rows=3, length=7, vocabulary=11, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, length, vocabulary, generator=generator)
    labels = torch.randint(0, vocabulary, (rows, length), generator=generator)
    labels[0, :4] = -100
    labels[1, 2:] = -100
    return logits, labels


def by_hand(logits, labels):
    """Mean NLL of each row, from the definition."""
    means = []
    for row_logits, row_labels in zip(logits.tolist(), labels.tolist(), strict=True):
        losses = []
        for scores, label in zip(row_logits, row_labels[1:], strict=False):
            if label != -100:
                losses.append(math.log(sum(math.exp(score) for score in scores)) - scores[label])
        means.append(sum(losses) / len(losses) if losses else 0.0)
    return means


@pytest.mark.parametrize("items", [None, 29])
def test_the_loss_is_that_of_transformers_and_so_is_its_gradient(tmp_path, items):
    from transformers.loss.loss_utils import ForCausalLMLoss

    logits, labels = batch()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    count = None if items is None else torch.tensor(items)
    found = RowLossRecorder(tmp_path / "losses").loss({"logits": ours}, labels, count)
    expected = ForCausalLMLoss(theirs, labels, vocab_size=logits.shape[-1], num_items_in_batch=count)
    found.backward()
    expected.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-7)


def test_rows_cost_what_a_sum_by_hand_says(tmp_path):
    logits, labels = batch()
    recorder = RowLossRecorder(row_losses_path(tmp_path))
    recorder.rows = torch.tensor([40, 7, 12])
    recorder.loss({"logits": logits}, labels)
    recorder.write(3, held_out=False)
    losses = read_row_losses(tmp_path)
    assert losses.rows.tolist() == [40, 7, 12]
    assert losses.steps.tolist() == [3, 3, 3]
    assert losses.tokens.tolist() == [3, 1, 6]
    assert np.allclose(losses.losses, by_hand(logits, labels), atol=1e-5)
    assert losses.of_step(3) == sorted(zip(losses.rows.tolist(), losses.losses.tolist(), strict=True), key=lambda pair: -pair[1])
    assert losses.of_step(4) == []


def test_a_row_that_trains_on_nothing_costs_nothing(tmp_path):
    logits, labels = batch()
    labels[1] = -100
    recorder = RowLossRecorder(row_losses_path(tmp_path))
    recorder.rows = torch.tensor([0, 1, 2])
    assert torch.isfinite(recorder.loss({"logits": logits}, labels))
    recorder.write(1, held_out=False)
    assert read_row_losses(tmp_path).losses[1] == 0.0
    assert RowLossRecorder(tmp_path / "x").loss({"logits": logits}, torch.full_like(labels, -100)).item() == 0.0


def test_a_repeated_step_counts_once_and_a_torn_line_not_at_all(tmp_path):
    line = '{"step":%d,"split":"%s","rows":[%d],"losses":[%s],"tokens":[2]}\n'
    first = line % (1, "train", 5, "2.0") + line % (2, "train", 6, "3.0") + line % (2, "held-out", 9, "1.0")
    row_losses_path(tmp_path).write_text(first + line % (2, "train", 6, "2.5") + line % (3, "train", 5, "null") + '{"step":4,"spl')
    losses = read_row_losses(tmp_path)
    assert losses.of_step(2) == [(6, 2.5)]
    assert losses.held_out.sum() == 1
    assert math.isnan(losses.latest()[5])
    assert losses.latest()[9] == 1.0


def test_the_last_loss_of_a_row_is_that_of_its_last_step_whichever_process_had_it(tmp_path):
    line = '{"step":%d,"split":"train","rows":[%d,%d],"losses":[%s],"tokens":[2,2]}\n'
    row_losses_path(tmp_path, 0).write_text(line % (1, 5, 6, "4.0,3.0") + line % (2, 7, 8, "1.0,1.5"))
    row_losses_path(tmp_path, 1).write_text(line % (1, 7, 8, "3.5,2.5") + line % (2, 6, 5, "0.5,0.25"))
    losses = read_row_losses(tmp_path)
    assert losses.latest() == {5: 0.25, 6: 0.5, 7: 1.0, 8: 1.5}
    assert losses.of_step(2) == [(8, 1.5), (7, 1.0), (6, 0.5), (5, 0.25)]


def test_a_folder_without_losses_has_none(tmp_path):
    assert len(read_row_losses(tmp_path).rows) == 0


def test_a_line_torn_by_a_kill_costs_only_itself(tmp_path):
    path = row_losses_path(tmp_path)
    path.write_text('{"step":1,"split":"train","rows":[5],"losses":[2.0],"tokens":[2]}\n{"step":2,"spl')
    logits, labels = batch()
    recorder = RowLossRecorder(path)
    for step in (2, 3):
        recorder.rows = torch.tensor([0, 1, 2])
        recorder.loss({"logits": logits}, labels)
        recorder.write(step, held_out=False)
    losses = read_row_losses(tmp_path)
    assert [len(losses.of_step(step)) for step in (1, 2, 3)] == [1, 3, 3]
