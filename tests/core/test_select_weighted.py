"""Samples that prefer quality by a temperature: what τ does, against the figures of the reference and against enumeration."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from select_pools import choose, unit_vectors

from sde_core.errors import UsageError
from sde_core.select.baselines import TopQuality
from sde_core.select.weighted import GumbelTopK, SoftmaxSample, inclusion_chances, systematic_sample

N = 100_000
SCORES = np.random.default_rng(1).normal(0.5, 0.15, N)
FLAT = np.ones((N, 1), dtype=np.float32)


REFERENCE = [
    ({"tau": 1.0}, 0.522), ({"tau": 0.2}, 0.61), ({"tau": 0.1}, 0.71), ({"tau": 0.05}, 0.81),
    ({"tau": 1.0, "standardized": True}, 0.646), ({"tau": 2.0, "standardized": True}, 0.575), ({"tau": 1e-4}, 0.863),
]  # fmt: skip
"""Mean quality of the top 2 % by Gumbel noise, simulated for the reference from scores of mean 0.5 and deviation 0.15."""


@pytest.mark.parametrize(("wishes", "mean"), REFERENCE)
def test_mean_quality_follows_tau_as_simulated(wishes, mean):
    choice = choose(GumbelTopK(), FLAT, SCORES, k=N // 50, **wishes)
    figures = dict(choice.figures)
    assert SCORES[choice.positions].mean() == pytest.approx(mean, abs=0.012)
    assert figures["mean_quality"] == pytest.approx(SCORES[choice.positions].mean())
    assert figures["topk_mean_quality"] == pytest.approx(0.863, abs=0.01)
    assert figures["uniform_mean_quality"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("wishes", "mean"), REFERENCE)
def test_softmax_has_the_mean_that_its_chances_promise(wishes, mean):
    choice = choose(SoftmaxSample(), FLAT, SCORES, k=N // 50, **wishes)
    spread = SCORES.std() if "standardized" in wishes else 1.0
    chances = inclusion_chances(SCORES / (wishes["tau"] * spread), N // 50)
    assert SCORES[choice.positions].mean() == pytest.approx((chances * SCORES).sum() / (N // 50), abs=0.01)
    assert SCORES[choice.positions].mean() == pytest.approx(mean, abs=0.025)


def test_the_remark_shows_the_means_and_warns_where_tau_makes_it_random():
    warm, cold = (choose(GumbelTopK(), FLAT, SCORES, k=2000, tau=tau).remarks for tau in (1.0, 0.05))
    assert "At τ = 1 the mean quality is 0.52" in warm[0]
    assert "the best 2,000 rows have 0.86" in warm[0]
    assert "random rows 0.499" in warm[0]
    assert "nearly a random sample" in warm[1]
    assert len(cold) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("tau", [1e-7, 1e-20, 1e-300, 5e-324])
@pytest.mark.parametrize("selector", [GumbelTopK(), SoftmaxSample()])
def test_without_temperature_it_is_top_k(selector, tau):
    vectors, quality = unit_vectors(300, 4), np.random.default_rng(0).random(300)
    best = choose(TopQuality(), vectors, quality, k=20, locked=(7,), banned=(3,)).positions
    assert set(choose(selector, vectors, quality, k=20, locked=(7,), banned=(3,), tau=tau).positions) == set(best)


@pytest.mark.parametrize("selector", [GumbelTopK(), SoftmaxSample()])
def test_refuses_what_makes_no_sense(selector):
    with pytest.raises(UsageError, match="needs a quality"):
        choose(selector, unit_vectors(5, 2), k=2)
    for tau in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="temperature"):
            choose(selector, unit_vectors(5, 2), np.arange(5.0), k=2, tau=tau)


def test_gumbel_draws_as_if_rows_were_taken_one_by_one_in_proportion():
    quality, tau, k = np.asarray([0.9, 0.5, 0.3, 0.1]), 0.4, 2
    weights = np.exp(quality / tau)
    chance = np.zeros(4)
    for first, second in permutations(range(4), k):
        chance[[first, second]] += weights[first] / weights.sum() * weights[second] / (weights.sum() - weights[first])
    seeds = 4000
    drawn = np.bincount(
        np.concatenate([choose(GumbelTopK(), np.ones((4, 1), np.float32), quality, k=k, tau=tau, seed=s).positions for s in range(seeds)])
    )
    assert drawn / seeds == pytest.approx(chance, abs=0.03)


def test_softmax_draws_each_row_with_the_chance_it_tells():
    quality = np.linspace(0, 1, 12)
    counts = np.zeros(12)
    for seed in range(3000):
        choice = choose(SoftmaxSample(), np.ones((12, 1), np.float32), quality, k=4, tau=0.3, seed=seed)
        counts[choice.positions] += 1
    chances = inclusion_chances(quality / 0.3, 4)
    assert counts / 3000 == pytest.approx(chances, abs=0.04)
    assert f"with a chance of {chances[choice.positions[0]]:.2%}" in choice.notes[0]


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=40), st.data())
def test_chances_sum_to_the_size_and_keep_the_order_of_the_weights(log_weights, data):
    n = data.draw(st.integers(0, len(log_weights)))
    weights = np.asarray(log_weights)
    chances = inclusion_chances(weights, n)
    assert chances.sum() == pytest.approx(n, abs=1e-6)
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (np.diff(chances[np.argsort(weights)]) >= -1e-9).all()
    unsure = (chances < 1 - 1e-9) & (chances > 1e-12)
    if unsure.sum() > 1:
        assert np.ptp(np.log(chances[unsure]) - weights[unsure]) < 1e-6
    drawn = systematic_sample(chances, n, data.draw(st.floats(0, 0.999)))
    assert len(set(drawn.tolist())) == n


@pytest.mark.parametrize("selector", [GumbelTopK(), SoftmaxSample()])
def test_rows_not_positions_decide(selector):
    vectors, quality, rows = unit_vectors(200, 4), np.random.default_rng(0).random(200), np.arange(500, 700)
    shuffled = np.random.default_rng(5).permutation(200)
    before = rows[choose(selector, vectors, quality, rows=rows, k=30, tau=0.2, seed=3).positions]
    after = rows[shuffled][choose(selector, vectors[shuffled], quality[shuffled], rows=rows[shuffled], k=30, tau=0.2, seed=3).positions]
    assert before.tolist() == after.tolist()
