"""Tokens and sources of rows, as budgets and quotas count them."""

from __future__ import annotations

import pytest
from select_pools import unit_vectors
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.evaluate.token_counts import counted_tokens, estimated_tokens, row_keys
from sde_core.evaluate.wanted_facts import with_wanted_facts
from sde_core.features.sources import sources_of_rows
from sde_core.project import Project
from sde_core.proposal import row_features
from sde_core.select import SelectionParams
from sde_core.train.preflight import preflight
from sde_core.train.recipe import Recipe

ROWS = [
    {"instruction": f"Where did cat {i} sit?", "output": "the cat sat on a mat " * (1 + i % 4), "meta": {"corpus": "a" if i % 3 else "b"}}
    for i in range(20)
]


def opened(path):
    dataset = open_dataset(path)
    dataset.read_all()
    return dataset


@pytest.fixture
def data(write_jsonl):
    return opened(write_jsonl(ROWS))


def test_tokens_are_those_of_preflight_and_are_kept(data, tmp_path, monkeypatch):
    model = str(make_tiny_model(tmp_path / "model"))
    counts = counted_tokens(data, Recipe(model=model), cache_dir=tmp_path / "cache")
    assert counts.tokens.tolist() == [check.tokens for check in preflight(data, Recipe(model=model)).rows]
    assert counts.source == "the tokenizer of model"
    monkeypatch.setattr("sde_core.train.encode.Encoder.encode_all", None)
    assert counted_tokens(data, Recipe(model=model), cache_dir=tmp_path / "cache").tokens.tolist() == counts.tokens.tolist()


def test_messages_behind_the_last_answer_and_roles_of_other_names_count_too(write_jsonl, tmp_path):
    turns = [("user", "Where?"), ("assistant", "Here.")]
    ends = [[("user", "x")], [("user", "x" * 80)], [("narrator", "x"), ("assistant", "Here.")], [("teller", "x"), ("assistant", "Here.")], []]
    rows = [{"messages": [{"role": role, "content": text} for role, text in [*turns, *end]]} for end in ends]
    data, recipe = opened(write_jsonl(rows)), Recipe(model=str(make_tiny_model(tmp_path / "model")))
    once, again = (counted_tokens(data, recipe, cache_dir=tmp_path / "cache").tokens.tolist() for _ in range(2))
    assert once == again == [check.tokens for check in preflight(data, recipe).rows]
    assert len(set(row_keys(data, data.texts()).tolist())) == len(rows)


def test_another_form_counts_anew(data, tmp_path):
    model = str(make_tiny_model(tmp_path / "model", template="{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"))
    chat, plain = (counted_tokens(data, Recipe(model=model, template=form), cache_dir=tmp_path).tokens for form in ("auto", "plain"))
    assert (chat != plain).any()


def test_an_estimate_is_a_quarter_of_the_characters_and_says_so(data):
    counts = estimated_tokens(data)
    assert counts.tokens[1] == -(-len(ROWS[1]["instruction"] + ROWS[1]["output"]) // 4)
    assert "estimated" in counts.source


def test_sources_are_files_then_fields_by_name_or_as_told(data, tmp_path, write_jsonl):
    assert sources_of_rows(data) is None
    assert sources_of_rows(data, "meta.corpus") == [row["meta"]["corpus"] for row in ROWS]
    named = opened(write_jsonl([{**row, "source": "web"} for row in ROWS], "named.jsonl"))
    assert sources_of_rows(named) == ["web"] * 20
    with pytest.raises(UsageError, match="No row has a field nothing"):
        sources_of_rows(data, "nothing")
    folder = tmp_path / "several"
    folder.mkdir()
    for name in ("train", "extra"):
        (folder / f"{name}.jsonl").write_bytes(write_jsonl(ROWS[:3], f"{name}.jsonl").read_bytes())
    assert sources_of_rows(opened(folder)) == ["extra"] * 3 + ["train"] * 3


def test_only_what_is_asked_for_is_found_out(data):
    project = Project.of(data.path)
    features = row_features(data, unit_vectors(20, 4), None)
    assert with_wanted_facts(features, SelectionParams(3), data, project) is features
    full = with_wanted_facts(features, SelectionParams(3, tokens=100, quota_by="source"), data, project, source_field="meta.corpus")
    assert full.tokens.min() > 0
    assert full.sources[0] == "b"
    assert "the tokenizer of base_model" in full.token_source
    rough = with_wanted_facts(features, SelectionParams(3, tokens=100), data, project, estimate_tokens=True)
    assert "estimated" in rough.token_source
    with pytest.raises(UsageError, match="of 20 rows under the base model"):
        with_wanted_facts(features, SelectionParams(3, method="ifd"), data, project)
