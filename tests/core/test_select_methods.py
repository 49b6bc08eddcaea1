"""The other selectors, the reasons of picks, and what all selectors promise."""

from __future__ import annotations

from collections import Counter

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.errors import UsageError
from sde_core.select import SELECTORS, RowFacts, SelectionParams, rows_wanted, select
from sde_core.select.baselines import class_quotas
from sde_core.select.seeding import seeded_priority

N = 400
ROWS = np.arange(1000, 1000 + N)
GENERATOR = np.random.default_rng(0)
VECTORS = GENERATOR.standard_normal((N, 12)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
QUALITY = GENERATOR.random(N)
LABELS = ["rare"] * 20 + ["common"] * 300 + [None] * 80
RATIOS = np.where(np.arange(N) % 10 == 0, np.nan, GENERATOR.uniform(0.4, 1.2, N))
FACTS = RowFacts(
    labels=LABELS,
    sources=["web" if row % 3 else "books" for row in range(N)],
    tokens=GENERATOR.integers(20, 400, N),
    scores={"ifd_loss_ratio": RATIOS, "perplexity_ratio": RATIOS**2},
)


def chosen_by(method, k=50, **params):
    return select(ROWS, VECTORS, QUALITY, SelectionParams(k, method=method, **params), facts=FACTS)


@pytest.mark.parametrize("method", [selector.name for selector in SELECTORS])
class TestEverySelector:
    def test_size_is_exact_rows_are_distinct_and_repeat_for_a_seed(self, method):
        for k in (1, 7, N):
            selection = chosen_by(method, k, seed=5)
            assert len(selection.picks) == len(set(selection.rows)) == k
            assert set(selection.rows) <= set(ROWS.tolist())
            assert selection == chosen_by(method, k, seed=5)

    def test_locked_first_banned_never(self, method):
        selection = chosen_by(method, 30, locked=(1399, 1003), banned=tuple(range(1100, 1300)))
        assert set(selection.rows[:2]) == {1003, 1399}
        assert [pick.locked for pick in selection.picks[:3]] == [True, True, False]
        assert not set(selection.rows) & set(range(1100, 1300))
        assert selection.candidates == N - 200

    def test_every_pick_has_its_own_figures_in_words(self, method):
        selection = chosen_by(method)
        rows = list(selection.rows)
        kernel_rows = VECTORS[np.asarray(rows) - 1000]
        for place, pick in enumerate(selection.picks):
            assert pick.quality == pytest.approx(QUALITY[pick.row - 1000])
            assert f"quality {pick.quality:.2f} (above {int(100 * (pick.quality > QUALITY).mean())} % of rows)" in pick.reason
            assert f"gain {pick.gain:+.2f}" in pick.reason
            if place:
                similarities = kernel_rows[:place] @ kernel_rows[place]
                assert pick.nearest_similarity == pytest.approx(float(similarities.max()), abs=1e-4)
                assert f"row {rows[int(similarities.argmax())]:,} at" in pick.reason
        assert selection.picks[0].nearest_row is None
        assert "nothing was chosen before it" in selection.picks[0].reason

    def test_goes_to_json(self, method):
        written = orjson.loads(orjson.dumps(chosen_by(method, 3).to_json()))
        assert written["params"]["method"] == method
        assert [pick["row"] for pick in written["picks"]] == list(chosen_by(method, 3).rows)
        assert written["log_det"] == pytest.approx(sum(pick["gain"] for pick in written["picks"]))


def test_topk_takes_the_best_and_says_their_rank():
    selection = chosen_by("topk", 5)
    assert list(selection.rows) == (1000 + np.argsort(-QUALITY)[:5]).tolist()
    assert selection.picks[2].reason.startswith("Number 3 by quality among 400 rows:")
    with pytest.raises(UsageError, match="needs a quality"):
        select(ROWS, VECTORS, None, SelectionParams(5, method="topk"))


def test_random_is_fair_and_keeps_its_rows_when_another_is_banned():
    counts = Counter(row for seed in range(400) for row in chosen_by("random", 40, seed=seed).rows)
    assert len(counts) == N
    assert max(counts.values()) < 40 + 6 * np.sqrt(40)
    before = chosen_by("random", 40, seed=3)
    after = chosen_by("random", 40, seed=3, banned=before.rows[:1])
    assert set(before.rows[1:]) < set(after.rows)


def test_stratified_keeps_class_shares_exactly():
    label_of = dict(zip(ROWS.tolist(), LABELS, strict=True))
    assert Counter(label_of[row] for row in chosen_by("stratified", 100).rows) == {"common": 75, None: 20, "rare": 5}
    locked = tuple(range(1000, 1012))
    counts = Counter(label_of[row] for row in chosen_by("stratified", 40, locked=locked).rows)
    assert counts["rare"] == 12
    assert sum(counts.values()) == 40
    assert "One of 75 drawn at random from the 300 rows of class common" in " ".join(pick.reason for pick in chosen_by("stratified", 100).picks)


def test_stratified_without_labels_says_what_to_do():
    with pytest.raises(UsageError, match="--map label=FIELD"):
        select(ROWS, VECTORS, QUALITY, SelectionParams(5, method="stratified"))
    with pytest.raises(UsageError, match="needs a label"):
        select(ROWS, VECTORS, QUALITY, SelectionParams(5, method="stratified"), labels=[""] * N)


def test_hostile_class_names_are_made_visible():
    labels = ["\x1b]52;c;AAAA\x07"] * N
    reason = select(ROWS, VECTORS, QUALITY, SelectionParams(5, method="stratified"), labels=labels).picks[0].reason
    assert "\x1b" not in reason


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.data())
def test_class_quotas_add_up_and_respect_what_there_is(available, data):
    locked = [data.draw(st.integers(0, count)) for count in available]
    k = data.draw(st.integers(max(1, sum(locked)), sum(available)))
    quotas = class_quotas(np.asarray(available), np.asarray(locked), k)
    assert quotas.sum() == k
    assert (quotas >= locked).all()
    assert (quotas <= available).all()
    if not any(locked):
        assert (np.abs(quotas - np.asarray(available) * k / sum(available)) < 1).all()


def test_kcenter_is_the_farthest_point_greedy_and_within_twice_the_best_radius():
    selection = chosen_by("kcenter", 30, seed=4)
    chosen = [row - 1000 for row in selection.rows]
    nearest = np.full(N, -1.0)
    for place, position in enumerate(chosen):
        if place:
            distance = 1 - nearest
            distance[chosen[:place]] = -1
            assert distance[position] >= distance.max() - 1e-5
        nearest = np.maximum(nearest, VECTORS @ VECTORS[position])
    radius = np.arccos(np.clip(nearest.min(), -1, 1))
    apart = VECTORS[chosen] @ VECTORS[chosen].T
    np.fill_diagonal(apart, -1)
    assert np.arccos(np.clip(apart.max(), -1, 1)) >= radius - 1e-3


def test_kcenter_with_locked_rows_starts_from_them():
    selection = chosen_by("kcenter", 2, locked=(1000,))
    assert selection.rows[1] - 1000 == int(np.argmin(VECTORS @ VECTORS[0]))


def test_reasons_without_quality_do_not_speak_of_it():
    picks = select(ROWS, VECTORS, None, SelectionParams(10)).picks
    assert all(pick.quality is None and "quality" not in pick.reason for pick in picks)


@pytest.mark.parametrize(
    ("text", "rows"), [("500", 500), ("10%", 100), ("0.1%", 1), ("0.01%", 1), ("12.5%", 125), ("1,000", 1000), ("100%", 1000), (" 7 ", 7)]
)
def test_sizes_are_rows_or_percent(text, rows):
    assert rows_wanted(text, 1000) == rows


@pytest.mark.parametrize("text", ["0", "-5", "1001", "101%", "0%", "-3%", "many", "%", "", "1.5", "nan%"])
def test_sizes_that_make_no_sense_say_so(text):
    with pytest.raises(UsageError):
        rows_wanted(text, 1000)


def test_seeded_order_is_a_fixed_function_of_row_and_seed():
    whole, part = seeded_priority(np.arange(1000), 7), seeded_priority(np.arange(500, 600), 7)
    assert (whole[500:600] == part).all()
    assert len(np.unique(whole)) == 1000
    assert (whole >= 0).all()
    assert not (whole == seeded_priority(np.arange(1000), 8)).any()
    assert abs(np.corrcoef(np.arange(1000), whole)[0, 1]) < 0.1


def test_no_method_depends_on_the_number_of_threads():
    threads = pytest.importorskip("threadpoolctl")
    draw = np.random.default_rng(2)
    vectors = draw.standard_normal((2500, 48)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    facts = RowFacts(
        scores={"ifd_loss_ratio": draw.uniform(0.3, 1.2, 2500), "perplexity_ratio": draw.uniform(0.3, 1.2, 2500)}, labels=["a", "b"] * 1250
    )
    quality = draw.random(2500)
    for selector in SELECTORS:
        params = SelectionParams(150, method=selector.name, max_similarity=0.5)
        many = select(np.arange(2500), vectors, quality, params, facts=facts).rows
        with threads.threadpool_limits(1):
            assert select(np.arange(2500), vectors, quality, params, facts=facts).rows == many, selector.name
