"""k-means in whole numbers, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from select_pools import unit_vectors

from sde_core.errors import CancelledError
from sde_core.select import kmeans
from sde_core.select.kmeans import Clustering, cluster_count, k_means, lloyd, on_grid, starting_centers
from sde_core.select.seeding import seeded_priority

X = unit_vectors(600, 16, clusters=9, noise=0.7)
PRIORITY = seeded_priority(np.arange(600), 0)


def inertia(found: Clustering) -> float:
    """Sum of the squared distances, as scikit-learn calls it."""
    return float((found.distances**2).sum())


def test_reaches_the_same_clusters_as_scikit_learn_from_the_same_start(monkeypatch):
    sklearn = pytest.importorskip("sklearn.cluster")
    monkeypatch.setattr(kmeans, "SETTLED_SHARE", 0.0)
    grid, scale = on_grid(X)
    start = starting_centers(grid, 9, seed=3)
    theirs = sklearn.KMeans(9, init=start / scale, n_init=1, max_iter=300, tol=0).fit(X)
    labels, squares = kmeans.assigned(grid, lloyd(grid, start))
    agree = np.unique(np.stack([labels, theirs.labels_]), axis=1)
    assert agree.shape[1] == 9
    assert squares.sum() / scale**2 == pytest.approx(theirs.inertia_, rel=1e-3)


def test_is_as_good_as_one_start_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.cluster")
    ours = np.mean([inertia(k_means(X, 12, PRIORITY, seed=seed)) for seed in range(6)])
    theirs = np.mean([sklearn.KMeans(12, n_init=1, random_state=seed).fit(X).inertia_ for seed in range(6)])
    assert ours < 1.04 * theirs


def test_products_on_the_grid_are_exact_whole_numbers():
    grid, scale = on_grid(unit_vectors(200, 256, seed=2))
    assert (grid == np.rint(grid)).all()
    assert (grid.astype(np.float64) @ grid.T.astype(np.float64) == (grid @ grid.T)).all()
    assert np.abs(grid @ grid.T / scale**2 - unit_vectors(200, 256, seed=2) @ unit_vectors(200, 256, seed=2).T).max() < 1e-3


def test_rows_in_any_order_and_on_any_number_of_threads_give_the_same_clusters():
    threads = pytest.importorskip("threadpoolctl")
    whole = k_means(X, 8, PRIORITY, seed=1)
    shuffled = np.random.default_rng(0).permutation(600)
    with threads.threadpool_limits(1):
        other = k_means(X[shuffled], 8, PRIORITY[shuffled], seed=1)
    assert (other.labels == whole.labels[shuffled]).all()
    assert (other.centers == whole.centers).all()


def test_clusters_are_told_by_size_with_their_distances():
    found = k_means(X, 7, PRIORITY)
    assert (np.diff(found.sizes) <= 0).all()
    assert (np.bincount(found.labels) == found.sizes).all()
    assert found.distances == pytest.approx(np.linalg.norm(X - found.centers[found.labels], axis=1), abs=2e-3)


def test_no_cluster_is_empty_and_copies_make_fewer_clusters():
    copies = np.repeat(unit_vectors(3, 5), 20, axis=0)
    found = k_means(copies, 10, seeded_priority(np.arange(60), 0))
    assert found.sizes.tolist() == [20, 20, 20]
    assert inertia(found) == pytest.approx(0, abs=1e-2)
    everything = k_means(unit_vectors(12, 5), 12, PRIORITY[:12])
    assert everything.sizes.tolist() == [1] * 12


def test_zero_vectors_alone_are_one_cluster():
    assert k_means(np.zeros((5, 3), np.float32), 3, PRIORITY[:5]).sizes.tolist() == [5]


def test_centres_fitted_on_a_sample_take_in_all_rows(monkeypatch):
    monkeypatch.setattr(kmeans, "FIT_ROWS_PER_CLUSTER", 20)
    monkeypatch.setattr(kmeans, "LEAST_ROWS", 1)
    found = k_means(X, 9, PRIORITY)
    assert found.sizes.sum() == 600
    assert inertia(found) < 1.25 * inertia(k_means(X, 9, PRIORITY, seed=4))


def test_cluster_count_is_that_of_the_paper():
    assert [cluster_count(n) for n in (1, 2, 8, 52_002)] == [1, 1, 2, 161]


def test_stops_when_asked():
    class Set:
        def is_set(self):
            return True

    with pytest.raises(CancelledError):
        k_means(X, 5, PRIORITY, cancel=Set())
