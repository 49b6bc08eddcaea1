"""DEITA, SemDeDup, CaR, IFD and k-center, each against its own definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from select_pools import choose, make_pool, unit_vectors

from sde_core.errors import UsageError
from sde_core.progress import NEVER
from sde_core.select import RowFacts
from sde_core.select.car import ClusterAndRank, principal_components
from sde_core.select.deita import DeitaFilter
from sde_core.select.ifd import IFD, SUPERFILTERING
from sde_core.select.kcenter import KCenterGreedy
from sde_core.select.kmeans import k_means
from sde_core.select.semdedup import SemDeDup, highest_before

N, SIMILAR = 300, 0.93
VECTORS = unit_vectors(N, 10, 4, clusters=25, noise=0.35)
QUALITY = np.random.default_rng(9).random(N)


def deita_by_definition(vectors, quality, k, allowed):
    accepted = []
    for row in np.argsort(-quality, kind="stable"):
        if len(accepted) < k and all(float(vectors[row].astype(float) @ vectors[other].astype(float)) <= allowed for other in accepted):
            accepted.append(int(row))
    return accepted


@given(st.integers(0, 1000), st.floats(0.2, 0.95), st.integers(1, 60))
def test_deita_accepts_what_its_definition_accepts(seed, allowed, k):
    vectors = unit_vectors(120, 6, seed, clusters=12)
    quality = np.random.default_rng(seed).permutation(120) / 120
    choice = choose(DeitaFilter(), vectors, quality, k=k, max_similarity=allowed)
    accepted = deita_by_definition(vectors, quality, k, allowed)
    assert choice.positions[: len(accepted)].tolist() == accepted
    assert dict(choice.figures) == {"accepted": len(accepted), "filled_up": k - len(accepted)}
    left = [row for row in np.argsort(-quality) if row not in accepted]
    assert choice.positions[len(accepted) :].tolist() == left[: k - len(accepted)]


def test_no_accepted_pair_is_above_the_limit_over_several_blocks():
    vectors = unit_vectors(3000, 8, 1)
    choice = choose(DeitaFilter(), vectors, np.random.default_rng(0).random(3000), k=60, max_similarity=0.6)
    accepted = vectors[choice.positions[: int(dict(choice.figures)["accepted"])]].astype(float)
    similarity = accepted @ accepted.T
    np.fill_diagonal(similarity, -1)
    assert len(accepted) > 20
    assert similarity.max() <= 0.6 + 1e-6


def test_deita_always_keeps_the_best_row_and_says_what_fills_up():
    copies = np.repeat(unit_vectors(1, 4), 5, axis=0)
    choice = choose(DeitaFilter(), copies, np.asarray([0.1, 0.9, 0.3, 0.2, 0.5]), k=3)
    assert choice.positions.tolist() == [1, 4, 2]
    assert "nothing was accepted before it" in choice.notes[0]
    assert choice.notes[1].startswith("Fills up")
    assert "Only 1 rows pass" in choice.remarks[0]


def semdedup_by_definition(vectors, labels, distances, locked, allowed, keep):
    """Rows that are dropped, one cluster and one row at a time."""
    dropped = set()
    for cluster in np.unique(labels):
        members = np.flatnonzero(labels == cluster)
        sign = -1 if keep == "hard" else 1
        order = sorted(members, key=lambda row: (row not in locked, sign * round(distances[row], 9)))
        for place, row in enumerate(order):
            if any(float(vectors[row].astype(float) @ vectors[other].astype(float)) > allowed for other in order[:place]):
                dropped.add(int(row))
    return dropped


@pytest.mark.parametrize("keep", ["hard", "easy"])
@pytest.mark.parametrize("locked", [(), (12, 40)])
def test_semdedup_drops_what_the_formula_drops(keep, locked):
    pool, params = make_pool(VECTORS, QUALITY, k=N, clusters=6, keep=keep, max_similarity=SIMILAR, locked=locked)
    clustering = k_means(pool.vectors, 6, pool.priority, seed=params.seed)
    dropped = semdedup_by_definition(VECTORS, clustering.labels, clustering.distances, locked, SIMILAR, keep)
    choice = choose(SemDeDup(), VECTORS, QUALITY, k=N, clusters=6, keep=keep, max_similarity=SIMILAR, locked=locked)
    filled = {int(p) for p, note in zip(choice.positions, choice.notes, strict=True) if note.startswith("Fills up")}
    assert 20 < len(dropped) < 280
    assert filled == dropped
    assert dict(choice.figures) == {"kept": N - len(dropped), "duplicates": len(dropped)}
    assert set(choice.positions[len(choice.positions) - len(dropped - set(locked)) :].tolist()) == dropped - set(locked)


def test_semdedup_keeps_the_best_of_what_is_left_and_fills_up_with_what_repeats_least():
    few = choose(SemDeDup(), VECTORS, QUALITY, k=30, clusters=6, max_similarity=SIMILAR)
    assert not any(note.startswith("Fills up") for note in few.notes)
    assert (np.diff(QUALITY[few.positions]) <= 0).all()
    assert "of those kept the best 30 are taken" in few.remarks[0]
    unranked = choose(SemDeDup(), VECTORS, k=30, clusters=6, max_similarity=SIMILAR)
    assert "of those kept the first drawn 30 are taken" in unranked.remarks[0]
    orders = {
        keep: choose(SemDeDup(), VECTORS, k=N, clusters=6, max_similarity=SIMILAR, keep=keep).positions.tolist()
        for keep in ("hard", "easy", "random")
    }
    assert len({tuple(order) for order in orders.values()}) == 3
    with pytest.raises(UsageError, match="cannot keep"):
        choose(SemDeDup(), VECTORS, k=3, keep="soft")


def test_highest_before_is_the_running_maximum():
    vectors = unit_vectors(2500, 5, 8)
    similarity = np.tril(vectors.astype(float) @ vectors.T.astype(float), -1) + np.triu(np.full((2500, 2500), -2.0))
    found = highest_before(vectors)
    assert found[0] == -1
    assert found[1:] == pytest.approx(similarity.max(axis=1)[1:], abs=1e-6)


def test_car_takes_the_best_row_of_each_cluster_then_the_best_rows():
    choice = choose(ClusterAndRank(), VECTORS, QUALITY, k=60)
    pool, params = make_pool(VECTORS, QUALITY, k=60)
    clusters = k_means(principal_components(VECTORS, 0.95, NEVER), 12, pool.priority, seed=params.seed)
    assert len(clusters.sizes) == int(np.sqrt(N / 2)) == 12
    best = {int(np.flatnonzero(clusters.labels == c)[np.argmax(QUALITY[clusters.labels == c])]) for c in range(12)}
    assert set(choice.positions[:12].tolist()) == best
    rest = [row for row in np.argsort(-QUALITY) if row not in best]
    assert choice.positions[12:].tolist() == rest[:48]
    assert choice.notes[0].startswith("Best of cluster")
    assert choice.notes[12].startswith("Number ")
    assert "the best row of each of 12 clusters, and the best 48 of the others" in choice.remarks[0]


def test_car_makes_no_more_clusters_than_rows_are_wanted():
    choice = choose(ClusterAndRank(), VECTORS, QUALITY, k=7, locked=(3, 4))
    assert choice.positions[:2].tolist() == [3, 4]
    assert dict(choice.figures)["clusters"] == 5
    assert "√(n/2) would be 12" in choice.remarks[0]
    with pytest.raises(UsageError, match="needs a quality"):
        choose(ClusterAndRank(), VECTORS, k=7)


def test_principal_components_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.decomposition")
    theirs = sklearn.PCA(0.95, svd_solver="full").fit_transform(VECTORS.astype(float))
    ours = principal_components(VECTORS, 0.95, NEVER)
    assert ours.shape == theirs.shape
    assert np.abs(np.abs(ours) - np.abs(theirs)).max() < 5e-3


@pytest.mark.parametrize(("selector", "score"), [(IFD, "ifd_loss_ratio"), (SUPERFILTERING, "perplexity_ratio")])
def test_difficulty_ranks_by_the_named_ratio_below_one(selector, score):
    ratios = np.asarray([0.5, 0.9, 1.0, np.nan, 0.7, 1.4, 0.99])
    facts = RowFacts(scores={score: ratios})
    choice = choose(selector, unit_vectors(7, 3), k=7, facts=facts)
    assert choice.positions.tolist() == [6, 1, 4, 0, 2, 5, 3]
    assert f"Number 2 of 4 by {score} " in choice.notes[1]
    assert f"its {score} of 1.4000 is not below 1" in choice.notes[5]
    assert f"without a {score}" in choice.notes[6]
    assert "4 rows are below 1; 2 are not, since the instruction does not help; 1 have no ratio" in choice.remarks[0]
    assert "3 of those not below 1 fill up" in choice.remarks[1]
    assert len(choose(selector, unit_vectors(7, 3), k=4, facts=facts).remarks) == 1
    assert choose(selector, unit_vectors(7, 3), k=2, locked=(3,), facts=facts).positions.tolist() == [3, 6]
    with pytest.raises(UsageError, match="have not been computed"):
        choose(selector, unit_vectors(7, 3), k=2)


def test_kcenter_tells_a_radius_that_never_grows_and_keeps_empty_texts_for_last():
    vectors = unit_vectors(200, 6, 2)
    vectors[[5, 50]] = 0
    choice = choose(KCenterGreedy(), vectors, k=60, seed=3)
    told = [float(note.split("distance ")[1].split(",")[0]) for note in choice.notes[1:]]
    assert (np.diff(told) <= 1e-3).all()
    whole = vectors[np.setdiff1d(np.arange(200), [5, 50])]
    radius = 1 - (whole @ vectors[choice.positions].T).max(axis=1).min()
    assert dict(choice.figures)["covering_radius"] == pytest.approx(radius, abs=1e-5)
    assert f"{radius:.3f}" in choice.remarks[0]
    everything = choose(KCenterGreedy(), vectors, k=200)
    assert set(everything.positions[-2:].tolist()) == {5, 50}
    assert everything.notes[-1].startswith("Fills up")
