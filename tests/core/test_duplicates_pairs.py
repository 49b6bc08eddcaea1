"""Components and forests against union-find in Python; exact cosine pairs against the full product."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.checks.duplicates.cosine import cosine_pairs
from sde_core.checks.duplicates.pairs import ScoredPairs, joined_pairs, no_pairs, strongest_forest, strongest_neighbours
from sde_core.errors import CancelledError
from sde_core.features.components import components


def union_find(n: int, edges: list[tuple[int, int]]) -> list[int]:
    parent = list(range(n))

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for one, other in edges:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return [root(node) for node in range(n)]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, float]]]:
    n = draw(st.integers(1, 25))
    edge = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9, 1.0]))
    return n, [(min(a, b), max(a, b), score) for a, b, score in draw(st.lists(edge, max_size=60)) if a != b]


def scored(edges: list[tuple[int, int, float]]) -> ScoredPairs:
    first, second, scores = (np.array(column) for column in zip(*edges, strict=True)) if edges else (np.empty(0),) * 3
    return ScoredPairs(first.astype(np.int64), second.astype(np.int64), scores.astype(np.float32), 0.5)


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_components_are_those_of_union_find(graph: tuple[int, list[tuple[int, int, float]]]) -> None:
    n, edges = graph
    pairs = scored(edges)
    assert components(n, pairs.first, pairs.second).tolist() == union_find(n, [(a, b) for a, b, _ in edges])


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_the_forest_gives_the_components_at_every_threshold(graph: tuple[int, list[tuple[int, int, float]]]) -> None:
    n, edges = graph
    forest = strongest_forest(n, scored(edges))
    assert len(forest) == n - len(set(union_find(n, [(a, b) for a, b, _ in edges])))
    for threshold in (0.5, 0.6, 0.75, 0.8, 1.0):
        strong = forest.at_least(threshold)
        assert components(n, strong.first, strong.second).tolist() == union_find(
            n, [(a, b) for a, b, score in edges if score >= np.float32(threshold)]
        )


def test_a_long_path_is_one_component() -> None:
    nodes = np.arange(5000)
    shuffled = np.random.default_rng(0).permutation(4999)
    assert (components(5000, nodes[:-1][shuffled], nodes[1:][shuffled]) == 0).all()


def test_at_least_and_joined() -> None:
    pairs = scored([(0, 1, 0.6), (1, 2, 0.9)])
    assert pairs.at_least(0.7).second.tolist() == [2]
    assert pairs.at_least(0.7).floor == pytest.approx(0.7)
    both = joined_pairs([pairs, no_pairs(0.5)], 0.5)
    assert len(both) == 2
    assert both.complete


def test_strongest_neighbours() -> None:
    neighbours, scores = strongest_neighbours(4, scored([(0, 1, 0.6), (1, 2, 0.9), (0, 2, 0.7)]))
    assert neighbours.tolist() == [2, 2, 1, -1]
    assert scores.tolist() == pytest.approx([0.7, 0.9, 0.9, 0.0])


def unit_vectors(n: int, d: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(n, d)).astype(np.float32)
    vectors[n // 2 :] = vectors[: n - n // 2] + 0.4 * generator.normal(size=(n - n // 2, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_cosine_pairs_are_exactly_those_of_the_full_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sde_core.checks.duplicates.cosine._BLOCK", 16)
    vectors = unit_vectors(90, 24, 1)
    eligible = np.flatnonzero(np.arange(90) % 7 != 0)
    pairs = cosine_pairs(vectors, eligible, 0.8)
    product = vectors @ vectors.T
    expected = {(a, b) for a in eligible for b in eligible if a < b and product[a, b] >= 0.8}
    assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == expected
    assert expected
    assert pairs.complete
    assert pairs.scores == pytest.approx(product[pairs.first, pairs.second], abs=1e-5)
    assert (pairs.scores <= 1).all()


def test_too_many_cosine_pairs_leave_the_forest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The groups stay the same at every threshold although most pairs are forgotten."""
    monkeypatch.setattr("sde_core.checks.duplicates.cosine._BLOCK", 8)
    vectors = unit_vectors(60, 3, 2)
    whole = cosine_pairs(vectors, np.arange(60), 0.8)
    cut = cosine_pairs(vectors, np.arange(60), 0.8, most=20)
    assert not cut.complete
    assert len(cut) < len(whole)
    for threshold in (0.8, 0.9, 0.97, 0.99):
        some, every = cut.at_least(threshold), whole.at_least(threshold)
        assert np.array_equal(components(60, some.first, some.second), components(60, every.first, every.second))


def test_cosine_is_cancelled() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        cosine_pairs(unit_vectors(4, 2, 0), np.arange(4), 0.8, cancel=stop)
