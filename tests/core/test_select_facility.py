"""Facility location against brute force and plain greedy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from select_pools import choose, make_pool, unit_vectors

from sde_core.errors import CancelledError
from sde_core.progress import silent
from sde_core.select import facility
from sde_core.select.facility import FacilityLocation

SELECTOR = FacilityLocation()


def value(vectors, chosen, rows=None):
    """Σ_i max_j max(cos, 0), the sum over `rows` or over all."""
    similarity = np.maximum(vectors.astype(float) @ vectors[list(chosen)].T.astype(float), 0)
    return float((similarity if rows is None else similarity[rows]).max(axis=1).sum())


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_reaches_its_guarantee_and_plain_greedy_on_small_pools(seed, k):
    vectors = unit_vectors(11, 3, seed)
    chosen = choose(SELECTOR, vectors, k=k).positions.tolist()
    best = max(value(vectors, some) for some in combinations(range(11), k))
    assert value(vectors, chosen) >= (1 - 1 / np.e) * best - 1e-3
    for place, position in enumerate(chosen):
        gains = [value(vectors, [*chosen[:place], other]) for other in range(11) if other not in chosen[:place]]
        assert value(vectors, [*chosen[:place], position]) >= max(gains) - 0.01


def test_locked_rows_count_and_banned_rows_need_nobody_to_stand_for_them():
    vectors = np.vstack([unit_vectors(60, 6, 1), -unit_vectors(60, 6, 1)])
    banned = tuple(range(60, 120))
    chosen = choose(SELECTOR, vectors, k=6, locked=(5,), banned=banned).positions.tolist()
    assert chosen[0] == 5
    assert max(chosen) < 60
    alone = choose(SELECTOR, vectors[:60], k=6, locked=(5,)).positions.tolist()
    assert chosen == alone


def test_notes_figures_and_remark_say_what_each_row_stands_for():
    vectors = unit_vectors(200, 8, 3, clusters=5)
    choice = choose(SELECTOR, vectors, k=5)
    assert choice.notes[0].startswith("Nearer to ")
    assert "of 200 rows than all rows chosen before it" in choice.notes[0]
    mean = dict(choice.figures)["mean_similarity"]
    assert mean == pytest.approx(value(vectors, choice.positions) / 200, abs=1e-3)
    assert f"{mean:.3f}" in choice.remarks[0]


def test_neighbour_lists_and_samples_lose_little(monkeypatch):
    vectors = unit_vectors(1500, 24, 2, clusters=40, noise=0.6)
    exact = value(vectors, choose(SELECTOR, vectors, k=30).positions)
    random = np.mean([value(vectors, np.random.default_rng(s).choice(1500, 30, replace=False)) for s in range(5)])
    monkeypatch.setattr(facility, "EDGES", 150_000)
    full = choose(SELECTOR, vectors, k=30)
    assert dict(full.figures)["measured_rows"] == 1000
    assert "over 1,000 of 1,500 rows and the 150 nearest of each" in full.remarks[0]
    assert "of the 1,000 rows sampled" in full.notes[0]
    monkeypatch.setattr(facility, "COMPARED_IN_FULL", 1000)
    near = choose(SELECTOR, vectors, k=30)
    for choice in (full, near):
        assert len(set(choice.positions.tolist())) == 30
        assert (value(vectors, choice.positions) - random) / (exact - random) > 0.85


def test_is_the_same_on_any_number_of_threads(monkeypatch):
    threads = pytest.importorskip("threadpoolctl")
    monkeypatch.setattr(facility, "EDGES", 60_000)
    monkeypatch.setattr(facility, "COMPARED_IN_FULL", 1000)
    vectors = unit_vectors(1200, 16, 5)
    with threads.threadpool_limits(1):
        alone = choose(SELECTOR, vectors, k=40).positions.tolist()
    assert choose(SELECTOR, vectors, k=40).positions.tolist() == alone


def test_rows_without_a_direction_come_last():
    vectors = unit_vectors(20, 4)
    vectors[[3, 9]] = 0
    assert set(choose(SELECTOR, vectors, k=20).positions[-2:].tolist()) == {3, 9}


def test_stops_when_asked():
    class Set:
        def is_set(self):
            return True

    pool, params = make_pool(unit_vectors(50, 4), k=3)
    with pytest.raises(CancelledError):
        SELECTOR.choose(pool, params, Set(), silent)
