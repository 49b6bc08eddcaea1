"""Several samples in one sequence: the same losses as alone, by rows, and no way from one to the next."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import make_tiny_model

from sde_core.dataset.turns import Turn, Turns
from sde_core.errors import UsageError
from sde_core.jobs import JobContext, JobStatus
from sde_core.train.encode import IGNORED, Encoder
from sde_core.train.order import EpochSampler
from sde_core.train.packing import best_fit_decreasing, refuse_if_samples_leak
from sde_core.train.recipe import Recipe
from sde_core.train.row_losses import RowLossRecorder, read_row_losses
from sde_core.train.rows import SnapshotRow
from sde_core.train.samples import Collator, Pack, Sample, encode_rows, row_count
from sde_core.train.tokenizer import load_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "the", "dog", "ran", "to", "the", "old", "red", "barn"]


def turns_of(row: int) -> Turns:
    return Turns((Turn("user", " ".join(WORDS[: 2 + row % 7])), Turn("assistant", " ".join(WORDS[row % 5 : 3 + (3 * row) % 11]))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa", use_cache=False).eval()


@pytest.fixture(scope="module")
def samples(folder):
    recipe = Recipe(model=str(folder), max_length=96, packing=True)
    rows = [SnapshotRow(row, row, "train" if row < 30 else "held-out", turns_of(row)) for row in range(34)]
    return encode_rows(rows, Encoder(load_tokenizer(str(folder)), recipe), total=34)


# ---- which samples share a sequence


@given(st.lists(st.integers(1, 40), max_size=80), st.integers(40, 90))
def test_every_sample_stands_in_one_sequence_that_holds_it_and_few_are_needed(lengths, capacity):
    bins = best_fit_decreasing(lengths, capacity)
    assert sorted(i for one in bins for i in one) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in one) <= capacity for one in bins)
    assert all(sum(lengths[i] for i in one) + sum(lengths[i] for i in other) > capacity for one, other in itertools.pairwise(bins))


def best_fit_by_looking_at_every_sequence(lengths, capacity):
    room = []
    for length in sorted(lengths, reverse=True):
        fitting = [i for i, space in enumerate(room) if space >= length]
        if fitting:
            room[min(fitting, key=lambda i: room[i])] -= length
        else:
            room.append(capacity - length)
    return sorted(capacity - space for space in room)


@given(st.lists(st.integers(1, 60), max_size=60))
def test_sequences_are_as_full_as_those_of_the_plain_rule(lengths):
    assert sorted(sum(lengths[i] for i in one) for one in best_fit_decreasing(lengths, 64)) == best_fit_by_looking_at_every_sequence(lengths, 64)


# ---- batches


def test_positions_start_again_and_tokens_know_their_sample():
    first, second = (Sample(row, np.arange(1, 1 + n, dtype=np.int32), np.full(n, IGNORED, np.int32)) for row, n in ((5, 3), (9, 2)))
    batch = Collator(0, 4)([Pack((first, second)), Pack((second,))])
    assert batch["input_ids"].tolist() == [[1, 2, 3, 1, 2, 0, 0, 0], [1, 2, 0, 0, 0, 0, 0, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0, 1, 2], [0, 1, 0, 1, 2, 3, 4, 5]]
    assert batch["attention_mask"].sum().item() == 7
    assert batch["segments"][:, :5].tolist() == [[0, 0, 0, 1, 1], [2, 2, 0, 0, 0]]
    assert batch["rows"].tolist() == [5, 9, 9]
    flat = Collator(0, 4, flat=True)([Pack((first, second)), Pack((second,))])
    assert flat["input_ids"].tolist() == [[1, 2, 3, 1, 2, 1, 2]]
    assert flat["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0, 1]]
    assert flat["segments"].tolist() == [[0, 0, 0, 1, 1, 2, 2]]


def test_unpacked_batches_are_what_they_were(samples):
    batch = Collator(0)(list(samples.held_out))
    assert set(batch) == {"input_ids", "attention_mask", "labels", "rows"}
    assert [len(sample) for sample in samples.held_out] == sorted(len(sample) for sample in samples.held_out)


def test_no_first_token_of_a_sample_is_predicted_from_the_sample_before_it(samples):
    assert all(sample.labels[0] == IGNORED for pack in samples.train for sample in pack.samples)
    assert row_count(samples.train) == 30
    assert len(samples.train) < 20
    assert max(map(len, samples.train)) <= 96


def row_losses(model, sequences, tmp_path):
    import torch

    recorder = RowLossRecorder(tmp_path / "row_losses-0.jsonl")
    batch = Collator(0, 8)(sequences)
    recorder.rows, recorder.segments, labels = batch.pop("rows"), batch.pop("segments", None), batch.pop("labels")
    if recorder.segments is not None:
        batch.pop("attention_mask")
    with torch.no_grad():
        loss = recorder.loss(model(**batch), labels)
    ((rows, sums, counts),) = recorder._waiting[False]
    return loss.item(), {row: (total, count) for row, total, count in zip(rows.tolist(), sums.tolist(), counts.tolist(), strict=True)}


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_packed_row_costs_what_it_costs_alone(folder, samples, attention, tmp_path):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention, use_cache=False).eval()
    loss, together = row_losses(model, samples.train[:6], tmp_path)
    alone = {}
    for pack in samples.train[:6]:
        for sample in pack.samples:
            alone |= row_losses(model, [sample], tmp_path)[1]
    assert together.keys() == alone.keys()
    assert len(alone) > 6
    for row, (total, count) in alone.items():
        assert together[row][1] == count > 0
        assert together[row][0] == pytest.approx(total, abs=1e-5 * count)
    assert loss == pytest.approx(sum(total for total, _ in alone.values()) / sum(count for _, count in alone.values()), abs=1e-5)


def test_a_model_that_reads_on_from_one_sample_into_the_next_is_refused(model):
    import torch

    class Recurrent(torch.nn.Module):
        """Its state goes on whatever the positions say."""

        device = "cpu"

        def __init__(self) -> None:
            super().__init__()
            self.words = torch.nn.Embedding(50, 8)

        def get_input_embeddings(self):
            return self.words

        def forward(self, input_ids, position_ids):
            return SimpleNamespace(logits=self.words(input_ids).cumsum(1))

    refuse_if_samples_leak(model, flat=False)
    assert not model.training
    for flat in (False, True):
        with pytest.raises(UsageError, match="apart") as refusal:
            refuse_if_samples_leak(Recurrent(), flat=flat)
        assert "packing=false" in refusal.value.hint
    model.config.use_cache = True
    with pytest.raises(UsageError, match="apart"):
        refuse_if_samples_leak(model, flat=False)
    model.config.use_cache = False


def test_an_order_can_be_left_as_it_stands():
    lengths = np.array([5, 1, 9, 2, 2])
    assert list(EpochSampler(lengths, 2, seed=1, grouped=True, shuffled=False)) == [0, 1, 2, 3, 4]
    assert sorted(EpochSampler(lengths, 2, seed=1, grouped=True)) == [0, 1, 2, 3, 4]


def test_packing_takes_the_place_of_grouping():
    assert Recipe().groups_lengths
    assert not Recipe(packing=True).groups_lengths
    assert not Recipe(group_by_length=False).groups_lengths


# ---- a run


def test_a_packed_run_records_every_row_in_every_epoch(folder, samples, tmp_path):
    from sde_core.train.device import DevicePlan
    from sde_core.train.lora import train_adapter

    (tmp_path / "spec.json").write_bytes(orjson.dumps({"kind": "train", "title": "t", "spec": {}}))
    recipe = Recipe(model=str(folder), max_length=96, packing=True, batch_size=4, epochs=2, learning_rate=1e-2, eval_steps=100)
    for name in ("recipe.json", "manifest.json"):
        (tmp_path / name).write_bytes(orjson.dumps(recipe.to_json()))
    (tmp_path / "result").mkdir()
    train_adapter(JobContext(tmp_path, JobStatus()), recipe, DevicePlan("cpu", "float32", "none", "CPU"), samples, load_tokenizer(str(folder)))
    metrics = orjson.loads((tmp_path / "result" / "metrics.json").read_bytes())
    assert metrics["steps"] == 2 * -(-len(samples.train) // 4)
    assert metrics["tokens"] == 2 * sum(map(len, samples.train))
    assert metrics["training_rows"] == 30
    losses = read_row_losses(tmp_path)
    trained = ~losses.held_out
    assert sorted(losses.rows[trained].tolist()) == sorted([*range(30), *range(30)])
    tokens = {check.row: check.trained for check in samples.checks}
    assert all(tokens[row] == count for row, count in zip(losses.rows.tolist(), losses.tokens.tolist(), strict=True))
    assert losses.losses[trained][-5:].mean() < losses.losses[trained][:5].mean()
