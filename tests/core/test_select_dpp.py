"""The DPP against oracles: brute-force greedy on the dense kernel, plain greedy in double precision, and pyversity."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from dense_dpp import dense_kernel, log_det, plain_greedy, unit_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.errors import CancelledError, UsageError
from sde_core.select import DEFAULT_RIDGE, SelectionParams, lazy_greedy, processors, select
from sde_core.select.dpp import quality_offsets
from sde_core.select.volume import ChosenVolume, unit_rows


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 12),
    d=st.integers(1, 6),
    seed=st.integers(0, 10_000),
    balance=st.sampled_from([0.0, 0.2, 0.5, 0.9]),
    ridge=st.sampled_from([0.001, 0.01, 0.3]),
    locked_count=st.integers(0, 2),
)
def test_every_pick_is_the_brute_force_best_and_its_gain_is_the_log_det_difference(n, d, seed, balance, ridge, locked_count):
    vectors, quality = unit_vectors(n, d, seed), np.random.default_rng(seed + 1).random(n)
    kernel = dense_kernel(vectors, quality, balance, ridge)
    locked = tuple(range(min(locked_count, n)))
    params = SelectionParams(n, seed=seed, balance=balance, ridge=ridge, locked=locked, max_similarity=1.0)
    selection = select(np.arange(n), vectors, quality, params)
    chosen: list[int] = []
    for place, pick in enumerate(selection.picks):
        gain_of = {i: log_det(kernel, [*chosen, i]) - log_det(kernel, chosen) for i in range(n) if i not in chosen}
        assert pick.gain == pytest.approx(gain_of[pick.row], abs=1e-6)
        if place >= len(locked):
            assert pick.gain >= max(gain_of.values()) - 1e-6
        chosen.append(pick.row)
    assert set(locked) == set(chosen[: len(locked)])
    assert selection.log_det == pytest.approx(log_det(kernel, chosen), abs=1e-5)


@pytest.mark.parametrize(("n", "d", "k"), [(3000, 64, 300), (2500, 16, 900), (2000, 8, 2000)])
def test_lazy_blocks_give_the_sequence_of_plain_greedy_also_far_past_the_dimension(n, d, k, monkeypatch):
    monkeypatch.setattr(lazy_greedy, "HOT_ROWS", 100)
    monkeypatch.setattr(lazy_greedy, "BLOCK_ROWS", 256)
    vectors, quality = unit_vectors(n, d, 3), np.random.default_rng(4).random(n)
    selection = select(np.arange(n), vectors, quality, SelectionParams(k, balance=0.5, max_similarity=1.0))
    chosen, gains = plain_greedy(vectors, quality_offsets(quality, 0.5), k)
    assert list(selection.rows) == chosen
    assert np.allclose([pick.gain for pick in selection.picks], gains, atol=1e-6)


def test_gains_never_rise_so_log_det_is_concave_in_the_picks():
    selection = select(np.arange(500), unit_vectors(500, 12, 0), None, SelectionParams(200, balance=0.0, max_similarity=1.0))
    gains = np.array([pick.gain for pick in selection.picks])
    assert (np.diff(gains) <= 1e-9).all()
    assert gains[0] == pytest.approx(0.0, abs=1e-9)
    assert gains[-1] > np.log(2 * DEFAULT_RIDGE) - 1


def test_a_hundred_rows_of_eight_dimensions_are_chosen_and_spread_better_than_random_ones():
    vectors = unit_vectors(2000, 8, 5)
    best = select(np.arange(2000), vectors, None, SelectionParams(100, balance=0.0, max_similarity=1.0))
    random = [select(np.arange(2000), vectors, None, SelectionParams(100, method="random", balance=0.0, seed=seed)).log_det for seed in range(20)]
    assert len(set(best.rows)) == 100
    assert best.log_det > max(random)


@pytest.mark.parametrize("balance", [0.2, 0.5])
def test_agrees_with_pyversity_below_the_rank(balance):
    import pyversity

    vectors, quality = unit_vectors(400, 48, 8), np.random.default_rng(9).random(400)
    alpha = balance / (2 * (1 - balance))
    theirs = pyversity.diversify(vectors, quality, k=30, strategy=pyversity.Strategy.DPP, diversity=0.5, scale=2 * alpha / 4)
    ours = select(np.arange(400), vectors, quality, SelectionParams(30, balance=balance, ridge=1e-6))
    assert list(ours.rows) == theirs.indices.tolist()
    assert np.allclose([pick.gain for pick in ours.picks], np.log(theirs.selection_scores), atol=1e-2)


def test_balance_moves_from_spread_to_quality():
    vectors, quality = unit_vectors(1000, 16, 1), np.random.default_rng(2).random(1000)
    selections = [select(np.arange(1000), vectors, quality, SelectionParams(50, balance=b)) for b in (0, 0.3, 0.6, 0.9, 1)]
    means = [np.mean([pick.quality for pick in selection.picks]) for selection in selections]
    assert means == sorted(means)
    assert len(set(means)) == len(means)
    top = set(np.argsort(-quality)[:50].tolist())
    assert set(select(np.arange(1000), vectors, quality, SelectionParams(50, balance=1.0)).rows) == top


def test_quality_scale_and_shift_do_not_matter():
    vectors, quality = unit_vectors(300, 8, 1), np.random.default_rng(2).random(300)
    rows = [select(np.arange(300), vectors, q, SelectionParams(40)).rows for q in (quality, 0.4 + quality / 50)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("locked_or_banned", [(), (3, 900)])
def test_same_seed_same_rows_on_any_number_of_threads(locked_or_banned):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    vectors = np.repeat(unit_vectors(600, 32, 6), 2, axis=0)
    quality = np.repeat(np.random.default_rng(1).random(600), 2)
    params = SelectionParams(200, seed=11, locked=locked_or_banned)
    chosen = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            chosen.append(select(np.arange(1200), vectors, quality, params).rows)
    assert chosen[0] == chosen[1]


IN_ANOTHER_PROCESS = """
import numpy as np
from sde_core.select import SelectionParams, lazy_greedy, processors, select
lazy_greedy.HOT_ROWS, lazy_greedy.BLOCK_ROWS = 200, 256
vectors = np.random.default_rng(6).standard_normal((6000, 48)).astype(np.float32)
vectors[3000:] = vectors[:3000]
quality = np.tile(np.random.default_rng(1).random(3000), 2)
print(select(np.arange(6000), vectors, quality, SelectionParams(300, seed=3)).rows)
"""


def test_same_rows_where_the_environment_gives_another_number_of_threads():
    told = []
    for threads in ("1", "2"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", IN_ANOTHER_PROCESS], env=environment, capture_output=True, text=True, check=True)
        told.append(done.stdout)
    assert told[0] == told[1]
    assert told[0].count(",") == 299


def test_the_blas_has_one_thread_meanwhile_and_its_own_number_afterwards():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]

    with threadpoolctl.threadpool_limits(2):
        before = threads()
        with processors.all_processors() as outer, processors.all_processors():
            assert set(threads()) == {1}
            with pytest.raises(ZeroDivisionError):
                outer(lambda block: 1 // block, [1, 2, 0])
        assert threads() == before


def test_every_block_is_worked_on_once():
    done: list[int] = []
    with processors.all_processors() as each:
        each(done.append, range(50))
    assert sorted(done) == list(range(50))


def test_the_seed_breaks_ties_only():
    identical = np.ones((50, 4), dtype=np.float32) / 2
    orders = [select(np.arange(50), identical, None, SelectionParams(10, seed=s)).rows for s in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    vectors, quality = unit_vectors(200, 8, 1), np.random.default_rng(2).random(200)
    assert len({select(np.arange(200), vectors, quality, SelectionParams(20, seed=s)).rows for s in range(3)}) == 1


def test_copies_come_after_everything_that_is_new():
    originals = unit_vectors(20, 32, 4)
    vectors = np.concatenate([originals, originals, originals])
    selection = select(np.arange(60), vectors, None, SelectionParams(40, balance=0.0))
    assert {row % 20 for row in selection.rows[:20]} == set(range(20))
    assert all(pick.nearest_similarity > 0.999 for pick in selection.picks[20:])


def test_thousands_of_identical_rows_are_survived():
    vectors = np.zeros((5000, 16), dtype=np.float32)
    vectors[:, 0] = 1
    selection = select(np.arange(5000), vectors, None, SelectionParams(6, balance=0.0))
    assert len(set(selection.rows)) == 6


@pytest.mark.parametrize("balance", [0.0, 0.5])
def test_empty_rows_come_after_everything_that_says_something(balance):
    vectors = unit_vectors(3000, 16, 3)
    empty = np.arange(0, 3000, 100)
    vectors[empty] = 0
    quality = np.random.default_rng(1).random(3000)
    quality[empty] = 0
    selection = select(np.arange(3000), vectors, quality, SelectionParams(100, balance=balance, max_similarity=1.0))
    assert not set(selection.rows) & set(empty.tolist())
    if balance:
        assert list(selection.rows) == plain_greedy(vectors, quality_offsets(quality, balance), 100)[0]


def test_locking_what_was_chosen_changes_nothing():
    vectors, quality = unit_vectors(600, 16, 1), np.random.default_rng(2).random(600)
    for balance in (0.5, 1.0):
        before = select(np.arange(600), vectors, quality, SelectionParams(80, balance=balance))
        after = select(np.arange(600), vectors, quality, SelectionParams(80, balance=balance, locked=tuple(sorted(before.rows))))
        assert after.rows == before.rows
        assert [pick.gain for pick in after.picks] == [pick.gain for pick in before.picks]


def test_locked_rows_are_in_and_banned_rows_are_not_and_banning_moves_nothing_else_needlessly():
    vectors, quality = unit_vectors(800, 16, 1), np.random.default_rng(2).random(800)
    plain = select(np.arange(800), vectors, quality, SelectionParams(60))
    banned = plain.rows[-1:]
    without = select(np.arange(800), vectors, quality, SelectionParams(60, banned=banned))
    assert without.rows[:-1] == plain.rows[:-1]
    assert banned[0] not in without.rows
    locked = (799, 5)
    conditioned = select(np.arange(800), vectors, quality, SelectionParams(60, locked=locked, banned=plain.rows[:3]))
    assert set(conditioned.rows[:2]) == {5, 799}
    assert [pick.locked for pick in conditioned.picks[:3]] == [True, True, False]
    assert not set(conditioned.rows) & set(plain.rows[:3])


def test_cancel_stops_between_picks():
    class AfterTen:
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > 10

    with pytest.raises(CancelledError):
        select(np.arange(500), unit_vectors(500, 8, 1), None, SelectionParams(400), AfterTen())


def test_progress_counts_to_k():
    seen = []
    select(np.arange(100), unit_vectors(100, 8, 1), None, SelectionParams(7), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 7) for i in range(1, 8)]


def test_volume_survives_many_flushes():
    vectors = unit_rows(unit_vectors(400, 6, 2))
    volume = ChosenVolume(6, 0.01)
    gains = [volume.add(vector) for vector in vectors]
    similarity = (vectors @ vectors.T + 0.01 * np.eye(400)) / 1.01
    assert sum(gains) == pytest.approx(np.linalg.slogdet(similarity)[1], abs=1e-6)
    spread = volume.spread(vectors[:5])
    assert np.allclose(spread, np.square(vectors[:5] @ volume.root()).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (SelectionParams(0), "at least 1"),
        (SelectionParams(31), "only 30"),
        (SelectionParams(30, banned=(1,)), "only 29"),
        (SelectionParams(2, locked=(1, 2, 3)), "3 rows are locked"),
        (SelectionParams(5, locked=(1,), banned=(1,)), "locked and banned"),
        (SelectionParams(5, locked=(77,)), "Row 77 is locked"),
        (SelectionParams(5, method="magic"), "no selector called magic"),
        (SelectionParams(5, balance=1.2), "balance of 1.2"),
        (SelectionParams(5, ridge=0.0), "ridge of 0"),
    ],
)
def test_requests_that_cannot_be_met_say_so(params, said):
    with pytest.raises(UsageError, match=said):
        select(np.arange(30), unit_vectors(30, 4, 1), np.ones(30), params)


def test_values_that_are_no_numbers_are_named():
    vectors, quality = unit_vectors(10, 4, 1), np.ones(10)
    with pytest.raises(UsageError, match="quality of row 104"):
        select(np.arange(100, 110), vectors, np.where(np.arange(10) == 4, np.nan, quality), SelectionParams(2))
    vectors[6, 1] = np.inf
    with pytest.raises(UsageError, match="row number 6"):
        select(np.arange(100, 110), vectors, quality, SelectionParams(2))
    with pytest.raises(UsageError, match="10 rows came with 9 embeddings"):
        select(np.arange(10), vectors[:9], quality, SelectionParams(2))


def test_embeddings_that_are_not_of_unit_norm_are_made_so():
    vectors = unit_vectors(100, 8, 3)
    stretched = vectors * np.linspace(0.2, 9, 100, dtype=np.float32)[:, None]
    assert select(np.arange(100), stretched, None, SelectionParams(20)).rows == select(np.arange(100), vectors, None, SelectionParams(20)).rows


def test_copies_are_passed_over_far_past_the_dimension_until_nothing_else_is_left():
    originals = unit_vectors(150, 8, 4)
    quality = np.tile(np.random.default_rng(1).random(150), 2)
    vectors = np.concatenate([originals, originals])
    k = 40
    chosen = select(np.arange(300), vectors, quality, SelectionParams(k, balance=0.9, max_similarity=0.95)).rows
    products = vectors[list(chosen)] @ vectors[list(chosen)].T
    np.fill_diagonal(products, 0)
    assert products.max() <= 0.95
    plain = select(np.arange(300), vectors, quality, SelectionParams(k, balance=0.9, max_similarity=1.0)).rows
    assert len({row % 150 for row in plain}) < k
    everything = select(np.arange(300), vectors, quality, SelectionParams(300, balance=0.9, max_similarity=0.95))
    assert sorted(everything.rows) == list(range(300))


def test_locked_rows_count_when_copies_are_passed_over():
    vectors = np.repeat(unit_vectors(10, 4, 3), 2, axis=0)
    chosen = select(np.arange(20), vectors, None, SelectionParams(4, locked=(6,), max_similarity=0.99)).rows
    assert 7 not in chosen
