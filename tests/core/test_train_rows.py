"""A run's rows and their order: exact, seeded, and independent of the file afterwards."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.errors import CancelledError, UsageError
from sde_core.train.encode import IGNORED
from sde_core.train.order import EpochSampler, epoch_order
from sde_core.train.rows import MAX_HELD_OUT, choose_held_out, read_snapshot, write_snapshot
from sde_core.train.samples import Collator, Sample


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_dataset(path)


@pytest.fixture
def dataset(tmp_path):
    return write_rows(tmp_path / "data.jsonl", [{"prompt": f"question {i // 2}", "response": f"answer {i}"} for i in range(60)])


def snapshot(folder, dataset, rows, **options):
    folder.mkdir(exist_ok=True)
    manifest = write_snapshot(folder, dataset, rows, **{"held_out": 0.1, "seed": 3, **options})
    return manifest, list(read_snapshot(folder))


def test_a_snapshot_is_the_rows_as_they_were(tmp_path, dataset):
    edited = dataset.with_edits({4: {("response",): "another answer"}})
    rows = [4, 2, 9, 11]
    manifest, kept = snapshot(tmp_path / "job", edited, rows, held_out=0)
    (tmp_path / "data.jsonl").unlink()
    assert [row.row for row in kept] == rows
    assert [row.turns.answer for row in kept] == ["another answer", "answer 2", "answer 9", "answer 11"]
    assert [row.key for row in kept] == [int(dataset.keys()[row]) for row in rows]
    assert manifest["rows"] == {"train": 4, "held-out": 0}
    assert manifest["dataset"]["fingerprint"] == dataset.fingerprint
    assert json.loads((tmp_path / "job" / "manifest.json").read_text()) == manifest


def test_values_that_json_writes_reluctantly_come_back(tmp_path):
    (tmp_path / "odd.jsonl").write_bytes(
        b'{"prompt":"a \\ud800 b","response":"c","big":123456789012345678901234567890}\n{"prompt":"p","response":"q"}\n'
    )
    dataset = open_dataset(tmp_path / "odd.jsonl")
    _, kept = snapshot(tmp_path / "job", dataset, range(len(dataset)), held_out=0)
    assert [row.turns.answer for row in kept][-1] == "q"


def test_the_split_is_the_seeds_and_divides_no_prompt(dataset):
    rows = list(range(60))
    chosen = choose_held_out(dataset, rows, share=0.2, seed=1)
    assert len(chosen) == 12
    assert chosen == choose_held_out(dataset, rows[::-1], share=0.2, seed=1)
    assert chosen != choose_held_out(dataset, rows, share=0.2, seed=2)
    assert all({row, row ^ 1} <= chosen for row in chosen)


def test_something_is_always_left_to_train_on(dataset):
    assert choose_held_out(dataset, [5], share=0.9, seed=0) == frozenset()
    assert len(choose_held_out(dataset, [0, 2], share=0.9, seed=0)) == 1
    assert len(choose_held_out(dataset, [0, 1], share=0.9, seed=0)) == 1
    assert choose_held_out(dataset, list(range(60)), share=0, seed=0) == frozenset()


def test_one_prompt_for_all_rows_still_leaves_some_held_out_and_divides_no_equal_rows(tmp_path):
    dataset = write_rows(tmp_path / "one.jsonl", [{"prompt": "classify", "response": f"answer {i // 3}"} for i in range(30)])
    chosen = choose_held_out(dataset, list(range(30)), share=0.2, seed=0)
    assert len(chosen) == 6
    assert {row // 3 for row in chosen} == {row // 3 for row in chosen if {row // 3 * 3 + i for i in range(3)} <= chosen}


def test_held_out_rows_have_a_limit(tmp_path):
    big = write_rows(tmp_path / "big.jsonl", [{"prompt": f"p{i}", "response": "r"} for i in range(MAX_HELD_OUT * 3)])
    assert len(choose_held_out(big, range(len(big)), share=0.9, seed=0)) == MAX_HELD_OUT


def test_the_datas_own_test_split_is_never_trained_on(tmp_path):
    (tmp_path / "splits.json").write_text(
        json.dumps({"train": [{"prompt": f"p{i}", "response": "r"} for i in range(6)], "test": [{"prompt": "t", "response": "r"}]})
    )
    dataset = open_dataset(tmp_path / "splits.json")
    dataset.read_all()
    chosen = choose_held_out(dataset, range(len(dataset)), share=0.5, seed=0)
    assert [dataset.split(row) for row in chosen] == ["test"]


def test_no_rows_and_a_stop(tmp_path, dataset):
    with pytest.raises(UsageError, match="no rows"):
        snapshot(tmp_path / "job", dataset, [])

    class Stop:
        def is_set(self):
            return True

    with pytest.raises(CancelledError):
        snapshot(tmp_path / "job", dataset, [1], cancel=Stop())


LENGTHS = st.lists(st.integers(1, 50), max_size=80).map(np.array)


@given(lengths=LENGTHS, batch=st.integers(1, 9), seed=st.integers(0, 5), epoch=st.integers(0, 3), grouped=st.booleans())
def test_an_epoch_sees_every_sample_once(lengths, batch, seed, epoch, grouped):
    order = epoch_order(lengths, batch, seed=seed, epoch=epoch, grouped=grouped)
    assert sorted(order.tolist()) == list(range(len(lengths)))
    assert order.tolist() == epoch_order(lengths, batch, seed=seed, epoch=epoch, grouped=grouped).tolist()


def test_epochs_and_seeds_differ_and_grouping_saves_padding():
    lengths = np.random.default_rng(0).integers(5, 500, 1000)

    def padded(grouped):
        order = epoch_order(lengths, 10, seed=0, epoch=0, grouped=grouped).reshape(-1, 10)
        return int(lengths[order].max(axis=1).sum() * 10)

    assert padded(True) < 0.6 * padded(False)
    first = epoch_order(lengths, 10, seed=0, epoch=0, grouped=True)
    assert not np.array_equal(first, epoch_order(lengths, 10, seed=0, epoch=1, grouped=True))
    assert not np.array_equal(first, epoch_order(lengths, 10, seed=1, epoch=0, grouped=True))
    sampler = EpochSampler(lengths, 10, seed=0, grouped=True)
    sampler.set_epoch(1)
    assert list(sampler) == epoch_order(lengths, 10, seed=0, epoch=1, grouped=True).tolist()
    assert len(sampler) == 1000


def test_batches_are_padded_where_nothing_trains():
    torch = pytest.importorskip("torch")
    samples = [
        Sample(0, np.array([5, 6, 7], np.int32), np.array([IGNORED, 6, 7], np.int32)),
        Sample(1, np.array([8], np.int32), np.array([IGNORED], np.int32)),
    ]
    batch = Collator(pad_id=2, multiple=4)(samples)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 2], [8, 2, 2, 2]]
    assert batch["labels"].tolist() == [[-100, 6, 7, -100], [-100] * 4]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert batch["input_ids"].dtype == torch.int64
