"""Quotas and budgets, with every selector."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from select_pools import unit_vectors

from sde_core.errors import UsageError
from sde_core.select import SELECTORS, RowFacts, SelectionParams, select
from sde_core.select.dpp import quality_offsets
from sde_core.select.pool import pool_of
from sde_core.select.quotas import bounded_shares

N = 260
ROWS = np.arange(500, 500 + N)
VECTORS = unit_vectors(N, 9, 1, clusters=7, noise=0.5)
DRAW = np.random.default_rng(3)
QUALITY = DRAW.random(N)
LABELS = ["rare"] * 13 + ["common"] * 195 + [None] * 52
SOURCES = ["web" if row % 4 else "books" for row in range(N)]
FACTS = RowFacts(LABELS, SOURCES, DRAW.integers(20, 400, N), {"ifd_loss_ratio": DRAW.uniform(0.3, 1.3, N), "perplexity_ratio": DRAW.uniform(0, 2, N)})
NAMES = [selector.name for selector in SELECTORS]
LABEL_OF = dict(zip(ROWS.tolist(), LABELS, strict=True))


def chosen_by(method, k=40, facts=FACTS, quality=QUALITY, **params):
    return select(ROWS, VECTORS, quality, SelectionParams(k, method=method, **params), facts=facts)


@pytest.mark.parametrize("method", NAMES)
class TestEverySelectorWithinQuotas:
    def test_proportional_shares_are_exact_with_locked_and_banned_rows(self, method):
        selection = chosen_by(method, quota_by="class", locked=(501, 700), banned=tuple(range(520, 560)))
        assert len(set(selection.rows)) == 40
        assert {501, 700} <= set(selection.rows[:2])
        assert not set(selection.rows) & set(range(520, 560))
        assert Counter(LABEL_OF[row] for row in selection.rows) == {"rare": 2, "common": 28, None: 10}
        assert "Quotas by class (proportional): common 28, none 10, rare 2." in selection.remarks

    def test_equal_shares_fill_what_there_is(self, method):
        selection = chosen_by(method, 60, quota_by="class", quota_split="equal")
        assert Counter(LABEL_OF[row] for row in selection.rows) == {"rare": 13, "common": 24, None: 23} or Counter(
            LABEL_OF[row] for row in selection.rows
        ) == {"rare": 13, "common": 23, None: 24}
        assert any("class rare has no more rows; the others share the rest" in remark for remark in selection.remarks)

    def test_shares_by_hand(self, method):
        selection = chosen_by(method, quota_by="class", quotas=(("common", 3), ("rare", 1)))
        assert Counter(LABEL_OF[row] for row in selection.rows) == {"rare": 10, "common": 30}

    def test_by_source_and_by_cluster(self, method):
        sources = Counter(SOURCES[row - 500] for row in chosen_by(method, quota_by="source", quota_split="equal").rows)
        assert sources == {"web": 20, "books": 20}
        clustered = chosen_by(method, 30, quota_by="cluster", clusters=5)
        assert len(set(clustered.rows)) == 30
        assert any(remark.startswith("Quotas by cluster (proportional): 1 ") for remark in clustered.remarks)

    def test_repeats_for_a_seed_and_takes_all_rows_when_asked(self, method):
        assert chosen_by(method, quota_by="class", seed=4) == chosen_by(method, quota_by="class", seed=4)
        assert set(chosen_by(method, N, quota_by="class").rows) == set(ROWS.tolist())

    def test_every_pick_has_a_reason(self, method):
        assert all(len(pick.reason) > 20 for pick in chosen_by(method, quota_by="class").picks)

    def test_token_budgets_take_rows_in_order_until_one_does_not_fit(self, method):
        selection = chosen_by(method, N, tokens=5_000)
        used = np.cumsum([FACTS.tokens[row - 500] for row in selection.rows])
        assert used[-1] <= 5_000
        assert dict(selection.figures)["tokens"] == used[-1]
        assert f"{len(used):,} rows with {used[-1]:,} of 5,000 tokens" in selection.remarks[0]
        assert 5_000 - used[-1] < 400
        assert len(set(selection.rows)) == len(selection.rows)

    def test_token_budgets_keep_locked_rows_and_the_most_rows(self, method):
        selection = chosen_by(method, 12, tokens=10**9, locked=(503,))
        assert len(selection.rows) == 12
        assert 503 in selection.rows
        assert "no more rows were wanted" in selection.remarks[0]

    def test_token_budgets_keep_to_quotas(self, method):
        selection = chosen_by(method, N, tokens=4_000, quota_by="class", quota_split="equal", locked=(501, 700))
        used, counts = sum(FACTS.tokens[row - 500] for row in selection.rows), Counter(LABEL_OF[row] for row in selection.rows)
        assert {501, 700} <= set(selection.rows)
        assert used <= 4_000
        assert 4_000 - used < 800
        assert max(counts.values()) - min(counts.values()) <= 1
        assert f"{len(selection.rows)} rows with {used:,} of 4,000 tokens, so many that the quotas hold" in selection.remarks[0]
        assert any(remark.startswith("Quotas by class (equal)") for remark in selection.remarks)


@pytest.mark.parametrize(
    ("wanted", "tokens", "rows", "why"),
    [(N, 10**9, 27, "the quotas allow no more rows"), (20, 10**9, 20, "no more rows were wanted"), (N, 240, 24, "one row more is too many")],
)
def test_a_token_budget_takes_as_many_rows_as_quotas_by_hand_allow(wanted, tokens, rows, why):
    facts = RowFacts(LABELS, SOURCES, np.full(N, 10))
    selection = chosen_by("topk", wanted, facts, tokens=tokens, quota_by="class", quotas=(("rare", 1), ("common", 1)))
    assert Counter(LABEL_OF[row] for row in selection.rows) == {"rare": rows // 2, "common": rows - rows // 2}
    assert why in selection.remarks[0]


def test_dpp_within_quotas_is_greedy_over_all_groups_at_once():
    """Each pick is the best of the groups that still have room, given the picks of all groups before it."""
    selection = chosen_by("dpp", 25, quota_by="class", max_similarity=1.0)
    limits, chosen = {"rare": 1, "common": 19, None: 5}, []
    kernel = (VECTORS.astype(float) @ VECTORS.T.astype(float) + 0.01 * np.eye(N)) / 1.01
    offsets = quality_offsets(QUALITY, 0.5)
    for row in selection.rows:
        open_rows = [p for p in range(N) if p not in chosen and sum(LABELS[c] == LABELS[p] for c in chosen) < limits[LABELS[p]]]
        gains = [np.linalg.slogdet(kernel[np.ix_([*chosen, p], [*chosen, p])])[1] + offsets[p] for p in open_rows]
        position = int(row) - 500
        assert gains[open_rows.index(position)] >= max(gains) - 1e-6
        chosen.append(position)


@pytest.mark.parametrize("method", ["dpp", "deita", "semdedup", "kcenter", "facility"])
def test_groups_of_copies_still_fill_up(method):
    copies = np.repeat(unit_vectors(6, 9, 4), 20, axis=0)
    labels = ["few"] * 40 + ["many"] * 80
    params = SelectionParams(60, method=method, quota_by="class", quota_split="equal", max_similarity=0.9)
    selection = select(np.arange(120), copies, np.linspace(0, 1, 120), params, labels=labels)
    assert Counter(labels[row] for row in selection.rows) == {"few": 30, "many": 30}
    assert len(set(selection.rows)) == 60


def test_quality_alone_keeps_quotas_too():
    selection = chosen_by("dpp", balance=1.0, quota_by="class")
    assert Counter(LABEL_OF[row] for row in selection.rows) == {"rare": 2, "common": 30, None: 8}
    common = [row for row in selection.rows if LABEL_OF[row] == "common"]
    best = sorted((row for row in ROWS if LABEL_OF[row] == "common"), key=lambda row: -QUALITY[row - 500])[:30]
    assert common == best


@given(st.lists(st.tuples(st.just(0.0) | st.floats(0.01, 10), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=7), st.data())
def test_bounded_shares_add_up_within_their_bounds(groups, data):
    weights = np.asarray([weight for weight, _, _ in groups])
    least, most = (np.asarray([pick(a, b) for _, a, b in groups]) for pick in (min, max))
    k = data.draw(st.integers(int(least.sum()), int(most.sum())))
    counts = bounded_shares(weights, least, most, k)
    assert counts.sum() == k
    assert ((counts >= least) & (counts <= most)).all()
    free = (counts > least) & (counts < most) & (weights > 0)
    if free.sum() > 1 and most[weights > 0].sum() + least[weights <= 0].sum() >= k:
        ideal = counts[free] / weights[free]
        rounding = 1 / weights[free]
        assert (ideal - rounding).max() <= (ideal + rounding).min() + 1e-6


@pytest.mark.parametrize(
    ("params", "said", "hint"),
    [
        ({"quotas": (("rare", 1), ("common", 1)), "quota_by": "class"}, "quota of class rare is 20 rows but only 13", "at most 26 rows"),
        ({"quotas": (("odd", 1),), "quota_by": "class"}, "no group odd", "There are: common, rare"),
        ({"quotas": (("rare", -1),), "quota_by": "class"}, "share of -1", "not below 0"),
        ({"quotas": (("rare", 0),), "quota_by": "class"}, "All quotas are 0", "above 0"),
        ({"quotas": (("common", 1),), "quota_by": "class", "locked": (501,)}, "class rare are locked", "Unlock"),
        ({"quotas": (("common", 1),), "quota_by": "class", "locked": (750,)}, "Rows without a class are locked", "Unlock"),
        ({"quota_by": "colour"}, "no quotas by colour", "class, source, cluster"),
        ({"quota_by": "class", "quota_split": "fair"}, "quota split fair", "proportional"),
        ({"tokens": 0}, "0 tokens is no budget", "at least 1"),
        ({"tokens": 10}, "Not even the first row", "more tokens"),
        ({"tokens": 10, "quota_by": "class"}, "Not even the first row", "more tokens"),
        ({"tokens": 99, "quotas": (("odd", 1),), "quota_by": "class"}, "no group odd", "There are: common, rare"),
        ({"tokens": 10, "locked": (501,)}, "locked rows alone have", "Unlock"),
        ({"clusters": -1}, "-1 clusters", "from 1"),
    ],
)
def test_what_cannot_be_met_says_why_and_what_to_do(params, said, hint):
    with pytest.raises(UsageError) as refused:
        chosen_by("random", **params)
    assert said in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e308, 1.0, 1e-320])
def test_shares_count_by_their_proportion_however_large_they_are(scale):
    selection = chosen_by("random", quota_by="class", quotas=(("rare", scale), ("common", scale)), k=20)
    assert Counter(LABEL_OF[row] for row in selection.rows) == {"rare": 10, "common": 10}


def test_quotas_and_budgets_need_what_they_count():
    for by, hint in (("class", "--map label=FIELD"), ("source", "--source-field")):
        with pytest.raises(UsageError) as refused:
            chosen_by("random", facts=RowFacts(), quota_by=by)
        assert hint in refused.value.hint
    with pytest.raises(UsageError, match="not counted"):
        chosen_by("random", facts=RowFacts(), tokens=100)
    with pytest.raises(UsageError, match=r"260 rows came with 3 sources"):
        chosen_by("random", facts=RowFacts(sources=["a"] * 3))


def test_hostile_group_names_are_made_visible():
    facts = RowFacts(labels=["\x1b]52;c;AAAA\x07"] * N)
    assert not any("\x1b" in remark for remark in chosen_by("random", facts=facts, quota_by="class").remarks)
    with pytest.raises(UsageError) as refused:
        chosen_by("random", facts=facts, quota_by="class", quotas=(("\x1b[31m", 1.0),))
    assert "\x1b" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("method", NAMES)
def test_rows_in_any_order_give_the_same_subset(method):
    shuffled = np.random.default_rng(8).permutation(N)
    facts = RowFacts(
        [LABELS[p] for p in shuffled], [SOURCES[p] for p in shuffled], FACTS.tokens[shuffled], {n: v[shuffled] for n, v in FACTS.scores.items()}
    )
    for params in ({}, {"quota_by": "class"}):
        asked = SelectionParams(30, method=method, **params)
        again = select(ROWS[shuffled], VECTORS[shuffled], QUALITY[shuffled], asked, facts=facts)
        assert set(again.rows) == set(select(ROWS, VECTORS, QUALITY, asked, facts=FACTS).rows)


def test_a_document_for_a_source_name_makes_no_other_row_larger_and_can_have_a_quota():
    documents = ["x" * 200_000 + end for end in ("a", "b")]
    facts = RowFacts(sources=[*documents, *SOURCES[2:]])
    pool = pool_of(ROWS, VECTORS, None, facts, SelectionParams(4, quota_by="source"))
    assert pool.groups is not None
    assert pool.groups.nbytes < 1000 * N
    assert len(set(pool.groups.tolist())) == 4
    chosen = chosen_by("random", 2, facts, quota_by="source", quotas=tuple((document, 1) for document in documents))
    assert set(chosen.rows) == {500, 501}
