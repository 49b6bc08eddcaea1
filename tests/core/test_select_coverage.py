"""Coverage figures against a dense computation."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from sde_core.errors import CancelledError
from sde_core.select import RowFeatures, SelectionParams, coverage, coverage_of, select
from sde_core.select.coverage import LENGTH_EDGES, distances_to_nearest

N = 300
GENERATOR = np.random.default_rng(1)
VECTORS = GENERATOR.standard_normal((N, 8)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
QUALITY = GENERATOR.random(N)
LABELS = ["a"] * 200 + ["b"] * 90 + [""] * 10
LENGTHS = GENERATOR.integers(0, 20_000, N)
ROWS = np.arange(N) * 2
FEATURES = RowFeatures(ROWS, VECTORS, QUALITY, LABELS, LENGTHS)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(coverage, "BLOCK_ROWS", 37)
    monkeypatch.setattr(coverage, "SPREAD_ROWS", 13)


def proposal(k=60, **params):
    return select(ROWS, VECTORS, QUALITY, SelectionParams(k, **params))


def test_figures_equal_a_dense_computation():
    selection = proposal()
    found = coverage_of(FEATURES, selection).proposal
    chosen = np.asarray(selection.rows) // 2
    left_out = np.setdiff1d(np.arange(N), chosen)
    distances = 1 - (VECTORS[left_out] @ VECTORS[chosen].T).max(axis=1)
    assert found.rows == 60
    assert found.mean_distance == pytest.approx(distances.mean(), abs=1e-5)
    assert found.covering_radius == pytest.approx(distances.max(), abs=1e-5)
    apart = VECTORS[chosen] @ VECTORS[chosen].T
    np.fill_diagonal(apart, -1)
    assert found.spread == pytest.approx((1 - apart.max(axis=1)).mean(), abs=1e-5)
    assert found.mean_quality == pytest.approx(QUALITY[chosen].mean())
    assert dict(found.classes) == {label: sum(LABELS[i] == label for i in chosen) for label in ("a", "b", "")}
    assert found.length_quantiles[1] == np.median(LENGTHS[chosen])
    assert found.length_histogram == tuple(np.histogram(LENGTHS[chosen], bins=[*LENGTH_EDGES, np.inf])[0])


def test_full_random_and_proposal_stand_side_by_side():
    found = coverage_of(FEATURES, proposal(seed=9))
    assert (found.full.rows, found.proposal.rows, found.random.rows) == (N, 60, 60)
    assert (found.full.mean_distance, found.full.covering_radius) == (0, 0)
    assert [label for label, _ in found.full.classes] == [label for label, _ in found.proposal.classes] == ["a", "b", ""]
    for profile in (found.full, found.proposal, found.random):
        assert sum(profile.length_histogram) == sum(count for _, count in profile.classes) == profile.rows
    assert set(dict(found.random.classes).values()) != {0}
    assert found.proposal.mean_quality > found.random.mean_quality
    random = proposal(method="random", seed=9)
    assert coverage_of(FEATURES, random).proposal == found.random
    assert found.full.spread is None
    assert found.proposal.spread > found.random.spread
    assert orjson.loads(orjson.dumps(found.to_json()))["seed"] == 9


def test_kcenter_covers_with_a_smaller_radius_than_random():
    found = coverage_of(FEATURES, proposal(method="kcenter"))
    assert found.proposal.covering_radius < found.random.covering_radius


def test_a_sample_is_said_to_be_one_and_its_radius_is_a_lower_bound():
    selection = proposal()
    whole, part = coverage_of(FEATURES, selection), coverage_of(FEATURES, selection, sample=50)
    assert whole.measured_rows is None
    assert part.measured_rows == 50
    assert part.proposal.covering_radius <= whole.proposal.covering_radius
    assert part.proposal.mean_distance == pytest.approx(whole.proposal.mean_distance, abs=0.05)
    assert coverage_of(FEATURES, selection, sample=240).measured_rows is None


def test_everything_chosen_leaves_no_distance():
    found = coverage_of(FEATURES, proposal(N)).proposal
    assert (found.mean_distance, found.covering_radius) == (0, 0)


def test_without_labels_and_quality_there_are_none():
    bare = RowFeatures(ROWS, VECTORS, None, None, LENGTHS)
    found = coverage_of(bare, proposal()).proposal
    assert found.classes == ()
    assert found.mean_quality is None


def test_distances_can_be_stopped():
    class Stopped:
        def is_set(self) -> bool:
            return True

    with pytest.raises(CancelledError):
        distances_to_nearest(VECTORS, np.arange(10), np.arange(N), Stopped())


def test_empty_rows_are_near_to_nothing_and_do_not_count():
    vectors = VECTORS.copy()
    selection = proposal()
    empty = next(i for i in range(N) if i * 2 not in selection.rows)
    before = coverage_of(FEATURES, selection).proposal
    vectors[empty] = 0
    after = coverage_of(RowFeatures(ROWS, vectors, QUALITY, LABELS, LENGTHS), selection).proposal
    assert after.covering_radius <= before.covering_radius < 1
