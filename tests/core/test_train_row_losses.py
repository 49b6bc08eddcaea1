"""The loss of rows: the recorder against transformers' own loss and a sum by hand, and the file that a run leaves, whatever happened to it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sde_core.train import row_losses
from sde_core.train.row_loss_log import RECORD_BYTES, append_block
from sde_core.train.row_losses import RowLossRecorder, last_step_of, read_row_losses, row_losses_path, token_losses

torch = pytest.importorskip("torch")


def batch(rows=3, length=7, vocabulary=11, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, length, vocabulary, generator=generator)
    labels = torch.randint(0, vocabulary, (rows, length), generator=generator)
    labels[0, :4] = -100
    labels[1, 2:] = -100
    return logits, labels


def by_hand(logits, labels):
    """Losses of the trained tokens of each row, from the definition."""
    found = []
    for row_logits, row_labels in zip(logits.tolist(), labels.tolist(), strict=True):
        pairs = zip(row_logits, row_labels[1:], strict=False)
        found.append([math.log(sum(map(math.exp, scores))) - scores[label] for scores, label in pairs if label != -100])
    return found


def means_by_hand(logits, labels):
    return [sum(losses) / len(losses) for losses in by_hand(logits, labels)]


def recorded(recorder, step, rows, logits, labels, *, held_out=False, segments=None, epoch=None):
    recorder.rows, recorder.segments, recorder.held_out = torch.tensor(rows), segments, held_out
    recorder.loss({"logits": logits}, labels)
    recorder.write(step, held_out=held_out, epoch=epoch)


# ---- the loss


@pytest.mark.parametrize("chunk", [1, 100, 1 << 20])
@pytest.mark.parametrize("items", [None, 29])
def test_the_loss_is_that_of_transformers_and_so_is_its_gradient(tmp_path, monkeypatch, items, chunk):
    from transformers.loss.loss_utils import ForCausalLMLoss

    monkeypatch.setattr(row_losses, "_CHUNK_BYTES", chunk)
    logits, labels = batch()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    count = None if items is None else torch.tensor(items)
    found = RowLossRecorder(tmp_path / "losses").loss({"logits": ours}, labels, count)
    expected = ForCausalLMLoss(theirs, labels, vocab_size=logits.shape[-1], num_items_in_batch=count)
    found.backward()
    expected.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-7)


def test_losses_of_half_precision_logits_are_computed_in_float32():
    logits, labels = batch()
    half = logits.bfloat16().requires_grad_()
    losses = token_losses(half, labels)
    assert losses.dtype == torch.float32
    assert np.allclose(losses.tolist(), np.concatenate(by_hand(half.float(), labels)), atol=1e-5)
    losses.sum().backward()
    assert half.grad.dtype == torch.bfloat16


def test_large_logits_neither_overflow_nor_make_the_gradient_no_number():
    logits = torch.tensor([[[1e4, -1e4], [0.0, 0.0]]], requires_grad=True)
    losses = token_losses(logits, torch.tensor([[0, 1]]))
    losses.sum().backward()
    assert losses.tolist() == [2e4]
    assert torch.isfinite(logits.grad).all()


# ---- what is recorded


def test_rows_cost_what_a_sum_by_hand_says(tmp_path):
    logits, labels = batch()
    recorded(RowLossRecorder(row_losses_path(tmp_path)), 3, [40, 7, 12], logits, labels, epoch=1.25)
    losses = read_row_losses(tmp_path)
    assert losses.rows.tolist() == [40, 7, 12]
    assert losses.steps.tolist() == [3, 3, 3]
    assert losses.tokens.tolist() == [3, 1, 6]
    assert losses.epochs.tolist() == [1, 1, 1]
    assert np.allclose(losses.losses, means_by_hand(logits, labels), atol=1e-5)
    expected = sorted(zip(losses.rows.tolist(), losses.losses.tolist(), strict=True), key=lambda pair: -pair[1])
    assert losses.of_step(3) == [(row, pytest.approx(loss)) for row, loss in expected]
    assert losses.of_step(4) == []


def test_rows_of_a_packed_batch_are_told_apart(tmp_path):
    """Rows 5 and 9 share the first sequence, row 7 stands alone in the second; what separates samples carries no loss."""
    logits, labels = batch(rows=2, length=8)
    labels[:] = torch.arange(8) % 5
    labels[0, 3], labels[1, 6:] = -100, -100
    segments = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1], [2] * 8])
    recorded(RowLossRecorder(row_losses_path(tmp_path)), 1, [5, 9, 7], logits, labels, segments=segments)
    losses = read_row_losses(tmp_path)
    first, second = by_hand(logits, labels)
    assert losses.rows.tolist() == [5, 9, 7]
    assert losses.tokens.tolist() == [2, 4, 5]
    assert np.allclose(losses.losses, [np.mean(first[:2]), np.mean(first[2:]), np.mean(second)], atol=1e-5)


def test_batches_that_make_one_step_are_one_block(tmp_path):
    recorder, (logits, labels) = RowLossRecorder(row_losses_path(tmp_path)), batch()
    recorder.rows = torch.tensor([1, 2, 3])
    recorder.loss({"logits": logits}, labels)
    recorded(recorder, 1, [4, 5, 6], *batch(seed=1))
    losses = read_row_losses(tmp_path)
    assert losses.rows.tolist() == [1, 2, 3, 4, 5, 6]
    assert np.allclose(losses.losses, means_by_hand(logits, labels) + means_by_hand(*batch(seed=1)), atol=1e-5)


def test_a_row_in_parts_counts_by_its_tokens(tmp_path):
    logits, labels = batch()
    recorded(RowLossRecorder(row_losses_path(tmp_path)), 1, [8, 8, 3], logits, labels)
    parts = by_hand(logits, labels)
    assert dict(read_row_losses(tmp_path).of_step(1)) == {8: pytest.approx(np.mean(parts[0] + parts[1])), 3: pytest.approx(np.mean(parts[2]))}


def test_evaluations_are_kept_apart_from_training(tmp_path):
    recorder = RowLossRecorder(row_losses_path(tmp_path))
    recorded(recorder, 1, [1, 2, 3], *batch())
    recorded(recorder, 1, [7, 8, 9], *batch(seed=2), held_out=True)
    losses = read_row_losses(tmp_path)
    assert losses.held_out.tolist() == [False] * 3 + [True] * 3
    assert {row for row, _ in losses.of_step(1)} == {1, 2, 3}


def test_the_held_out_loss_is_the_mean_of_its_tokens_whatever_shares_a_batch(tmp_path):
    logits, labels = batch(rows=5, seed=3)
    every = [loss for losses in by_hand(logits, labels) for loss in losses]
    for size in (1, 2, 5):
        recorder = RowLossRecorder(tmp_path / f"{size}.bin")
        recorder.held_out = True
        for start in range(0, 5, size):
            recorder.rows = torch.arange(start, min(start + size, 5))
            recorder.loss({"logits": logits[start : start + size]}, labels[start : start + size])
        total, tokens = recorder.held_out_sums()
        assert tokens == len(every)
        assert total / tokens == pytest.approx(sum(every) / len(every), abs=1e-6)
        recorder.write(1, held_out=True)
        assert recorder.held_out_sums() == (0, 0)


def test_a_row_that_trains_on_nothing_has_no_loss(tmp_path):
    logits, labels = batch()
    labels[1] = -100
    recorded(RowLossRecorder(row_losses_path(tmp_path)), 1, [0, 1, 2], logits, labels)
    assert read_row_losses(tmp_path).rows.tolist() == [0, 2]
    nothing = logits.clone().requires_grad_()
    loss = RowLossRecorder(tmp_path / "x").loss({"logits": nothing}, torch.full_like(labels, -100))
    loss.backward()
    assert loss.item() == 0.0
    assert not nothing.grad.any()


def test_a_loss_that_is_no_number_is_kept_and_comes_first(tmp_path):
    logits, labels = batch()
    logits[2] = float("nan")
    recorded(RowLossRecorder(row_losses_path(tmp_path)), 1, [0, 1, 2], logits, labels)
    (row, loss), *others = read_row_losses(tmp_path).of_step(1)
    assert row == 2
    assert math.isnan(loss)
    assert all(math.isfinite(other) for _, other in others)


# ---- the file


def block(path, step, rows, losses, **options):
    append_block(path, step, np.array(rows), np.array(losses), np.full(len(rows), 2), **options)


def told(losses):
    return list(zip(losses.steps.tolist(), losses.rows.tolist(), losses.losses.tolist(), losses.held_out.tolist(), strict=True))


def test_steps_that_a_resumed_run_repeats_count_once(tmp_path):
    path = row_losses_path(tmp_path)
    block(path, 1, [5], [4.0], begins=True)
    block(path, 2, [6], [3.0])
    block(path, 2, [9], [1.0], held_out=True)
    block(path, 3, [7], [8.0])
    block(path, 2, [6, 5], [2.5, 2.0], begins=True)
    block(path, 2, [9], [0.5], held_out=True)
    assert told(read_row_losses(tmp_path)) == [(1, 5, 4.0, False), (2, 6, 2.5, False), (2, 5, 2.0, False), (2, 9, 0.5, True)]


def test_an_evaluation_that_is_repeated_leaves_its_step_as_it_trained(tmp_path):
    path = row_losses_path(tmp_path)
    block(path, 4, [5], [4.0], begins=True)
    block(path, 4, [9], [1.0], held_out=True)
    block(path, 4, [9], [0.75], held_out=True, begins=True)
    assert told(read_row_losses(tmp_path)) == [(4, 5, 4.0, False), (4, 9, 0.75, True)]


def test_steps_of_several_processes_come_together(tmp_path):
    for process, first, second in ((0, 5, 8), (1, 6, 5)):
        block(row_losses_path(tmp_path, process), 1, [first], [2.0], begins=True)
        block(row_losses_path(tmp_path, process), 2, [second], [1.0])
    losses = read_row_losses(tmp_path)
    assert losses.steps.tolist() == [1, 1, 2, 2]
    assert {row for row, _ in losses.of_step(2)} == {5, 8}


def test_what_a_process_recorded_that_the_run_has_no_more_is_repeated_by_the_others(tmp_path):
    block(row_losses_path(tmp_path, 1), 1, [1], [2.0], begins=True)
    block(row_losses_path(tmp_path, 1), 2, [2], [2.0])
    recorded(RowLossRecorder(row_losses_path(tmp_path), processes=1), 2, [0, 1, 2], *batch())
    losses = read_row_losses(tmp_path)
    assert list(zip(losses.steps.tolist(), losses.rows.tolist(), strict=True)) == [(1, 1), (2, 0), (2, 1), (2, 2)]


@pytest.mark.parametrize("lost", range(1, 2 * RECORD_BYTES))
def test_what_a_kill_tears_costs_only_itself(tmp_path, lost):
    path = row_losses_path(tmp_path)
    block(path, 1, [5], [2.0], begins=True)
    block(path, 2, [6, 7], [3.0, 4.0])
    path.write_bytes(path.read_bytes()[:-lost])
    assert told(read_row_losses(tmp_path))[0] == (1, 5, 2.0, False)
    recorder = RowLossRecorder(path)
    recorded(recorder, 2, [0, 1, 2], *batch())
    recorded(recorder, 3, [3, 4, 5], *batch())
    losses = read_row_losses(tmp_path)
    assert [len(losses.of_step(step)) for step in (1, 2, 3)] == [1, 3, 3]
    assert len(losses) == 7


def test_rows_and_counts_that_no_run_has_are_left_out_whatever_bit_flipped(tmp_path):
    path = row_losses_path(tmp_path)
    append_block(path, 1, np.arange(4), np.ones(4), np.full(4, 5), begins=True)
    whole = path.read_bytes()
    for at in range(RECORD_BYTES, len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            found = read_row_losses(tmp_path)
            assert (found.rows >= 0).all() and (found.tokens > 0).all(), (at, bit)
            assert len(found) >= 3


def test_zeros_that_a_power_cut_left_are_no_rows(tmp_path):
    path = row_losses_path(tmp_path)
    block(path, 1, [5], [2.0], begins=True)
    with path.open("ab") as file:
        file.write(bytes(3 * RECORD_BYTES + 5))
    block(path, 2, [6], [3.0], begins=True)
    assert told(read_row_losses(tmp_path)) == [(1, 5, 2.0, False), (2, 6, 3.0, False)]


def test_the_last_step_is_found_at_the_end_of_the_file(tmp_path):
    assert last_step_of(tmp_path) == 0
    path = row_losses_path(tmp_path)
    block(path, 7, [5], [2.0], begins=True)
    assert last_step_of(tmp_path) == 7
    block(path, 8, [6, 7], [3.0, 1.0])
    path.write_bytes(path.read_bytes()[:-5])
    assert last_step_of(tmp_path) == 8


def test_a_folder_without_losses_has_none(tmp_path):
    assert len(read_row_losses(tmp_path)) == 0
    row_losses_path(tmp_path).touch()
    assert len(read_row_losses(tmp_path)) == 0
