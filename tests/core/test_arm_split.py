"""The held-out split of a comparison: whole groups, in proportion, by text and not by place."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.evaluate.split import SplitRows, choose_split, default_size, held_out_size, split_rows

WORDS = [
    "amber",
    "birch",
    "cedar",
    "dune",
    "ember",
    "fjord",
    "grove",
    "heath",
    "islet",
    "joist",
    "knoll",
    "ledge",
    "marsh",
    "north",
    "orchid",
    "pond",
    "quarry",
    "ridge",
    "spruce",
    "thorn",
]


@st.composite
def rows_of_groups(draw):
    groups = draw(st.lists(st.integers(0, 30), min_size=8, max_size=80))
    strata = [draw(st.sampled_from("abc")) for _ in groups]
    draws = draw(st.permutations(range(len(groups))))
    none = np.zeros(len(groups), bool)
    return SplitRows(np.arange(len(groups)) * 3, np.array(groups), strata, np.array(draws, np.uint64), none)


@given(rows_of_groups(), st.integers(1, 40))
def test_no_group_straddles_and_nothing_is_lost(of, wanted):
    try:
        split = choose_split(of, wanted)
    except UsageError:
        return  # no group is small enough, or one holds all rows
    held, pool, barred = set(split.held_out), set(split.pool), set(split.barred)
    assert held | pool | barred == set(of.rows.tolist())
    assert not held & pool
    assert not barred
    assert len(held) <= wanted
    group_of = dict(zip(of.rows.tolist(), of.groups.tolist(), strict=True))
    assert not {group_of[row] for row in held} & {group_of[row] for row in pool}
    assert [group_of[row] for row in split.held_out] == list(split.clusters)


@given(st.lists(st.sampled_from("abcd"), min_size=12, max_size=90), st.integers(3, 12))
def test_each_stratum_has_its_share_to_a_row(strata, wanted):
    n = len(strata)
    of = SplitRows(np.arange(n), np.arange(n), strata, np.random.default_rng(n).permutation(n).astype(np.uint64), np.zeros(n, bool))
    split = choose_split(of, min(wanted, n - 1))
    sizes, held = Counter(strata), Counter(strata[row] for row in split.held_out)
    assert sum(held.values()) == min(wanted, n - 1)
    assert all(abs(held[name] - len(split.held_out) * size / n) < 1 for name, size in sizes.items())


@given(rows_of_groups(), st.lists(st.integers(0, 79), min_size=1, max_size=5))
def test_rows_near_to_named_ones_train_nowhere(of, named):
    rows = of.rows.tolist()
    named = {rows[i % len(rows)] for i in named}
    try:
        split = choose_split(of, named=named)
    except UsageError:
        return
    assert set(split.held_out) == named
    group_of = dict(zip(rows, of.groups.tolist(), strict=True))
    assert not {group_of[row] for row in named} & {group_of[row] for row in split.pool}
    assert all(group_of[row] in {group_of[other] for other in named} for row in split.barred)


def test_the_draw_follows_the_text_and_not_the_place(tmp_path):
    records = [
        {"prompt": f"Say {WORDS[i % 20]} and {WORDS[(i * 7) % 20]} {i}", "response": f"{WORDS[(i * 3) % 20]} {i}", "source": "ab"[i % 2]}
        for i in range(80)
    ]
    held = []
    for name, listed in (("one.jsonl", records), ("two.jsonl", records[::-1])):
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in listed))
        dataset = open_dataset(path)
        dataset.read_all()
        split = choose_split(split_rows(dataset, range(80), seed=4), 16)
        held.append({listed[row]["prompt"] for row in split.held_out})
        assert Counter(listed[row]["source"] for row in split.held_out) == {"a": 8, "b": 8}
    assert held[0] == held[1]


def test_near_duplicates_and_equal_prompts_stay_together(tmp_path):
    long = "The workshop on the hill opens at nine and closes at five on every day of the week except for Sunday when nobody comes"
    records = [{"prompt": f"{WORDS[i % 20]} {i} {WORDS[(i * 3) % 20]}?", "response": f"Number {i}"} for i in range(60)]
    records += [{"prompt": "When is it open?", "response": long}, {"prompt": "When is it open?", "response": "Never."}]
    records += [{"prompt": "Tell me about the hill", "response": long}, {"prompt": "Tell me about the hills", "response": long + "."}]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    dataset = open_dataset(path)
    dataset.read_all()
    groups = split_rows(dataset, range(64)).groups
    assert groups[60] == groups[61]
    assert groups[62] == groups[63]
    assert len(set(groups.tolist())) == 62


def test_the_datas_own_test_split_is_taken(tmp_path):
    records = [{"prompt": f"{WORDS[i % 20]} {i}", "response": f"{i}"} for i in range(60)]
    for name, part in (("test.jsonl", records[:12]), ("train.jsonl", records[12:])):
        (tmp_path / name).write_text("".join(json.dumps(record) + "\n" for record in part))
    dataset = open_dataset(tmp_path)
    dataset.read_all()
    split = choose_split(split_rows(dataset, range(60)), 8)
    assert set(split.held_out) <= set(range(12))
    assert len(split.held_out) == 8
    assert not set(split.pool) & set(range(12))
    assert "own test split" in split.how


def test_sizes_are_said_in_rows_and_shares():
    assert [held_out_size(text, 400) for text in ("25", "10%", "0.05")] == [25, 40, 20]
    assert [default_size(rows) for rows in (90, 300, 2000, 90_000)] == [30, 50, 200, 500]
    for wrong in ("many", "-3", "0", "inf"):
        with pytest.raises(UsageError):
            held_out_size(wrong, 400)
