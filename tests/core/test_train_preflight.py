"""Preflight: what every row contributes, and the run that is refused because none does."""

from __future__ import annotations

import json

import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import ModelError, UsageError
from sde_core.jobs import list_jobs
from sde_core.train.encode import Encoder
from sde_core.train.launch import launch_training
from sde_core.train.preflight import preflight, steps_of
from sde_core.train.recipe import Recipe
from sde_core.train.rows import SnapshotRow
from sde_core.train.samples import encode_rows, row_count
from sde_core.train.tokenizer import load_tokenizer


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(make_tiny_model(tmp_path_factory.mktemp("model")))


def write_rows(path, rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return open_dataset(path)


@pytest.fixture
def mixed(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "sat"}]},
        {"messages": [{"role": "user", "content": "the cat"}]},
        "{not json",
        {"messages": [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "the cat sat on a mat " * 8}]},
        {"messages": [{"role": "user", "content": "the cat sat on a mat " * 20}, {"role": "assistant", "content": "no"}]},
        {"messages": [{"role": "user", "content": "say <s>"}, {"role": "assistant", "content": ""}]},
    ]
    return write_rows(tmp_path / "mixed.jsonl", rows)


def test_long_rows_are_split_into_samples_that_all_count(mixed, model):
    recipe = Recipe(model=model, max_length=40, batch_size=3, held_out=0, too_long="split")
    report = preflight(mixed, recipe)
    assert [(row.row, row.verdict, row.truncated) for row in report.rows if row.row in (3, 4)] == [(3, "ok", 0), (4, "ok", 0)]
    rows = [SnapshotRow(row, row, "train", mixed.turns(row)) for row in (0, 1, 3, 4, 5)]
    samples = encode_rows(rows, Encoder(load_tokenizer(model), recipe), total=5)
    assert max(len(sample.ids) for sample in samples.train) == 40
    assert [row.samples for row in report.rows] == [sum(sample.row == row.row for sample in samples.train) for row in report.rows]
    assert report.summary.samples == len(samples.train) > report.summary.training_rows == row_count(samples.train) == 4
    assert report.summary.steps == steps_of(len(samples.train), recipe)


def test_every_row_and_the_sum_agree_with_the_encoder(mixed, model):
    recipe = Recipe(model=model, max_length=40, batch_size=3, held_out=0)
    report = preflight(mixed, recipe)
    assert [(row.row, row.verdict) for row in report.rows] == [(0, "ok"), (1, "nothing"), (3, "cut"), (4, "nothing"), (5, "empty")]
    encoder = Encoder(load_tokenizer(model), recipe)
    for row in report.rows:
        encoded = encoder.encode(mixed.turns(row.row))
        assert (row.tokens, row.trained, row.truncated) == (encoded.n_tokens, encoded.n_trained, encoded.n_cut)
    summary = report.summary
    assert (summary.rows, summary.training_rows, summary.verdicts) == (5, 3, {"nothing": 2, "ok": 1, "cut": 1, "empty": 1})
    assert summary.trained == sum(row.trained for row in report.rows)
    assert summary.tokens == sum(row.tokens - row.truncated for row in report.rows if row.trained)
    assert summary.special_text_rows == 1
    assert summary.steps == 1
    assert sum(count for _, _, count in summary.histogram) == 5
    assert summary.histogram[0][0] <= min(row.tokens for row in report.rows) <= summary.longest < summary.histogram[-1][1]
    assert 0 < summary.padding_share < 1


def test_the_report_has_the_promised_form(mixed, model):
    report = json.loads(json.dumps(preflight(mixed, Recipe(model=model), rows=[0, 3]).to_json()))
    assert set(report) == {"summary", "rows"}
    assert [row["row"] for row in report["rows"]] == [0, 3]
    assert {"row", "tokens", "trained", "truncated", "verdict"} <= set(report["rows"][0])


@pytest.mark.parametrize(("rows", "recipe", "steps"), [(16, Recipe(batch_size=8), 2), (17, Recipe(batch_size=8), 3), (17, Recipe(batch_size=8, accumulation=2, epochs=3), 6), (1, Recipe(), 1), (0, Recipe(), 0), (5, Recipe(max_steps=70), 70), (100, Recipe(epochs=0.5, batch_size=10), 5)])  # fmt: skip
def test_steps(rows, recipe, steps):
    assert steps_of(rows, recipe) == steps


@pytest.mark.parametrize(
    ("row", "options", "words", "way_out"),
    [
        ({"messages": [{"role": "user", "content": "the cat"}]}, {}, "no assistant turn", "completion_only=false"),
        ({"prompt": "the cat sat on a mat", "response": "and ran"}, {"max_length": 5}, "max_length 5 cuts all answers off", "max_length=32"),
        ({"prompt": "the cat sat on a mat", "response": "and ran"}, {"max_length": 5, "too_long": "drop"}, "max_length is 5", "max_length=32"),
    ],
)
def test_a_run_that_would_learn_nothing_is_refused_and_the_option_named(tmp_path, model, row, options, words, way_out):
    dataset = write_rows(tmp_path / "data.jsonl", [row, row])
    with pytest.raises(UsageError, match="Nothing would train") as refusal:
        launch_training(dataset, [0, 1], Recipe(model=model, **options), tmp_path / "jobs")
    assert words in refusal.value.message
    assert "Row 0 and 1 other:" in refusal.value.message
    assert way_out in refusal.value.hint
    assert list_jobs(tmp_path / "jobs") == []


def test_a_template_that_refuses_every_row_is_named(tmp_path):
    picky = str(make_tiny_model(tmp_path / "picky", template="{{ raise_exception('only poems') }}", bos=False))
    dataset = write_rows(tmp_path / "data.jsonl", [{"prompt": "a", "response": "b"}])
    with pytest.raises(UsageError, match="only poems") as refusal:
        launch_training(dataset, [0], Recipe(model=picky), tmp_path / "jobs")
    assert "template=plain" in refusal.value.hint


def test_no_rows_no_weights_and_no_model(tmp_path, model):
    dataset = write_rows(tmp_path / "data.jsonl", [{"prompt": "a", "response": "b"}])
    with pytest.raises(UsageError, match="no rows"):
        launch_training(dataset, [], Recipe(model=model), tmp_path / "jobs")
    bare = make_tiny_model(tmp_path / "bare")
    (bare / "model.safetensors").rename(bare / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        launch_training(dataset, [0], Recipe(model=str(bare)), tmp_path / "jobs")
    with pytest.raises(ModelError, match="no model folder") as refusal:
        launch_training(dataset, [0], Recipe(model=str(tmp_path / "absent")), tmp_path / "jobs")
    assert "comes with sde" in refusal.value.hint
    assert not (tmp_path / "jobs").exists()
