"""Kernels, the overlap number, greedy MAP and exact k-DPP sampling, each against an oracle, and the choice of rules on top."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations, pairwise
from math import comb, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sde_core.errors import UsageError
from sde_core.rules import DEFAULT_METHOD, METHODS, PAPER_METHOD, ScoreMatrix, choose_rules, correlation_kernel, cosine_kernel, gram_kernel, rho
from sde_core.rules.dpp import greedy_map, largest_set, log_det_gains, log_elementary_symmetric, sample_k_dpp

Array = NDArray[np.float64]


def matrix_of(scores: NDArray[np.floating]) -> ScoreMatrix:
    n, width = scores.shape
    return ScoreMatrix(np.arange(n, dtype=np.uint32), tuple(f"r{i}" for i in range(width)), scores.astype(np.float32), np.arange(n, dtype=np.uint32))


def random_scores(n: int = 200, width: int = 12, seed: int = 0) -> NDArray[np.float32]:
    """Rules in families: neighbours share a hidden cause, so that a choice has something to avoid."""
    rng = np.random.default_rng(seed)
    causes = rng.random((n, max(width // 3, 1)))
    return np.clip(causes[:, np.arange(width) % causes.shape[1]] * 0.7 + 0.3 * rng.random((n, width)), 0, 1).astype(np.float32)


def psd(seed: int, size: int, rank: int | None = None) -> Array:
    factors = np.random.default_rng(seed).normal(size=(size, rank or size + 2))
    return factors @ factors.T


# ---- kernels and rho


def test_kernels_against_numpy() -> None:
    scores = random_scores()
    np.testing.assert_allclose(correlation_kernel(scores), np.corrcoef(scores.T.astype(np.float64)), atol=1e-9)
    np.testing.assert_allclose(gram_kernel(scores), scores.T.astype(np.float64) @ scores.astype(np.float64), rtol=1e-12)
    unit = scores.astype(np.float64) / np.linalg.norm(scores.astype(np.float64), axis=0)
    np.testing.assert_allclose(cosine_kernel(scores), unit.T @ unit, atol=1e-12)


def test_kernels_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = random_scores(n=100)
    whole = correlation_kernel(scores), gram_kernel(scores)
    monkeypatch.setattr("sde_core.rules.kernel._BLOCK_ROWS", 7)
    np.testing.assert_allclose(correlation_kernel(scores), whole[0], atol=1e-12)
    np.testing.assert_allclose(gram_kernel(scores), whole[1], rtol=1e-12)


def test_constant_columns_give_no_nan() -> None:
    scores = random_scores(width=3)
    scores[:, 1] = 0.3
    correlation = correlation_kernel(scores)
    assert np.isfinite(correlation).all()
    assert correlation[1].tolist() == [0.0, 1.0, 0.0]
    scores[:, 1] = 0.0
    assert cosine_kernel(scores)[1].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("r", [2, 3, 10])
def test_rho_of_identical_rules(r: int) -> None:
    column = np.random.default_rng(1).random((50, 1)).astype(np.float32)
    assert rho(correlation_kernel(np.repeat(column, r, axis=1))) == pytest.approx(sqrt(1 - 1 / r))


def test_rho_hand_values() -> None:
    assert rho(np.eye(4)) == 0.0
    assert rho(np.ones((2, 2))) == pytest.approx(sqrt(0.5))
    assert rho(np.array([[1.0, -0.5], [-0.5, 1.0]])) == pytest.approx(sqrt(2 * 0.25) / 2)
    assert rho(np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]]), [0, 2]) == 0.0
    orthogonal = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    assert rho(correlation_kernel(orthogonal)) == 0.0
    with pytest.raises(UsageError):
        rho(np.eye(3), [])


# ---- greedy MAP


def brute_force_greedy(kernel: Array, size: int, first: tuple[int, ...] = ()) -> list[int]:
    taken = list(first)
    while len(taken) < size:
        gains = {i: np.linalg.slogdet(kernel[np.ix_([*taken, i], [*taken, i])])[1] for i in range(len(kernel)) if i not in taken}
        taken.append(max(gains, key=lambda i: gains[i]))
    return taken


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.data())
def test_map_equals_brute_force_greedy(seed: int, width: int, data: st.DataObject) -> None:
    kernel = psd(seed, width)
    size = data.draw(st.integers(1, width))
    first = tuple(data.draw(st.permutations(range(width)))[: data.draw(st.integers(0, size - 1))])
    assert greedy_map(kernel, size, first) == brute_force_greedy(kernel, size, first)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_gains_add_up_to_the_log_determinant(seed: int, width: int) -> None:
    kernel = psd(seed, width)
    items = greedy_map(kernel, width)
    gains = log_det_gains(kernel, items)
    assert sum(gains) == pytest.approx(np.linalg.slogdet(kernel)[1], abs=1e-8)
    assert all(earlier >= later - 1e-9 for earlier, later in pairwise(gains)), "log det is submodular"


def test_first_pick_among_equals_is_the_most_independent() -> None:
    kernel = np.array([[1.0, 0.8, 0.1], [0.8, 1.0, 0.2], [0.1, 0.2, 1.0]])
    assert greedy_map(kernel, 2) == [2, 0]
    assert greedy_map(np.eye(3), 3) == [0, 1, 2]


def test_map_refuses_more_than_the_rank() -> None:
    kernel = psd(5, 6, rank=3)
    assert largest_set(kernel) == 3
    assert len(greedy_map(kernel, 3)) == 3
    with pytest.raises(UsageError, match="4 rules are more than the 3") as caught:
        greedy_map(kernel, 4)
    assert "at most 3" in caught.value.hint


def test_pinned_items_that_repeat_each_other_are_refused() -> None:
    kernel = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    for attempt in (lambda: greedy_map(kernel, 3, [0, 1]), lambda: sample_k_dpp(kernel, 3, np.random.default_rng(0), [0, 1])):
        with pytest.raises(UsageError, match="pinned rules say the same"):
            attempt()
    assert largest_set(kernel, [0]) == 2


# ---- k-DPP


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 50), min_size=1, max_size=8), st.integers(1, 8))
def test_elementary_symmetric_polynomials_against_brute_force(values: list[float], size: int) -> None:
    logs = log_elementary_symmetric(np.array(values), size)
    for degree in range(size + 1):
        for n in range(len(values) + 1):
            brute = sum(np.prod(chosen) for chosen in combinations(values[:n], degree)) if degree <= n else 0.0
            expected = log(brute) if brute > 0 else -np.inf
            assert logs[degree, n] == pytest.approx(expected, abs=1e-9)


def test_elementary_symmetric_polynomials_do_not_overflow() -> None:
    logs = log_elementary_symmetric(np.full(400, 1e200), 200)
    assert logs[200, 400] == pytest.approx(200 * log(1e200) + log(comb(400, 200)), rel=1e-9)


def enumerated(kernel: Array, size: int) -> dict[frozenset[int], float]:
    weights = {frozenset(chosen): max(float(np.linalg.det(kernel[np.ix_(chosen, chosen)])), 0.0) for chosen in combinations(range(len(kernel)), size)}
    total = sum(weights.values())
    return {chosen: weight / total for chosen, weight in weights.items()}


def chi_square_p(kernel: Array, size: int, draws: list[list[int]], first: tuple[int, ...] = ()) -> float:
    from scipy.stats import chisquare

    expected = {chosen: chance for chosen, chance in enumerated(kernel, size).items() if set(first) <= chosen}
    total = sum(expected.values())
    counts = dict.fromkeys(expected, 0)
    for drawn in draws:
        counts[frozenset(drawn)] += 1
    return float(chisquare(list(counts.values()), [len(draws) * chance / total for chance in expected.values()]).pvalue)


GRAM = gram_kernel(random_scores(n=40, width=6, seed=9)) + 0.4 * np.eye(6)


@pytest.mark.parametrize("size", [2, 3])
def test_sampling_follows_the_determinants(size: int) -> None:
    rng = np.random.default_rng(11)
    draws = [sample_k_dpp(GRAM, size, rng) for _ in range(2000)]
    assert chi_square_p(GRAM, size, draws) > 0.001


def test_a_wrong_kernel_would_be_noticed() -> None:
    rng = np.random.default_rng(11)
    draws = [sample_k_dpp(cosine_kernel(random_scores(n=40, width=6, seed=9)), 2, rng) for _ in range(2000)]
    assert chi_square_p(GRAM, 2, draws) < 1e-6


@pytest.mark.parametrize("first", [(2,), (5, 0)])
def test_sampling_given_pinned_items_follows_the_determinants(first: tuple[int, ...]) -> None:
    rng = np.random.default_rng(12)
    draws = [sample_k_dpp(GRAM, 3, rng, first) for _ in range(1500)]
    assert all(drawn[: len(first)] == list(first) for drawn in draws)
    assert chi_square_p(GRAM, 3, draws, first) > 0.001


@pytest.mark.filterwarnings("ignore")
def test_inclusion_chances_agree_with_dppy() -> None:
    from dppy.finite_dpps import FiniteDPP

    kernel, draws = psd(21, 7), 1500
    reference = FiniteDPP("likelihood", L=kernel)
    oracle_rng, rng = np.random.RandomState(1), np.random.default_rng(1)
    theirs, ours = np.zeros(7), np.zeros(7)
    for _ in range(draws):
        theirs[reference.sample_exact_k_dpp(size=3, random_state=oracle_rng)] += 1 / draws
        ours[sample_k_dpp(kernel, 3, rng)] += 1 / draws
    exact = np.array([sum(chance for chosen, chance in enumerated(kernel, 3).items() if i in chosen) for i in range(7)])
    margin = 4 * np.sqrt(exact * (1 - exact) / draws)
    assert (np.abs(ours - exact) < margin).all()
    assert (np.abs(theirs - exact) < margin).all()


def test_sampling_refuses_more_than_the_rank() -> None:
    with pytest.raises(UsageError, match="4 rules are more than the 3"):
        sample_k_dpp(psd(5, 6, rank=3), 4, np.random.default_rng(0))


def test_sampling_everything_takes_everything() -> None:
    assert sorted(sample_k_dpp(psd(3, 5), 5, np.random.default_rng(0))) == [0, 1, 2, 3, 4]
    assert sample_k_dpp(psd(3, 5), 2, np.random.default_rng(0), [4, 1]) == [4, 1]


# ---- the choice


def test_default_choice_overlaps_less_than_random_sets() -> None:
    choice = choose_rules(matrix_of(random_scores(n=300, width=18)), 6, seed=7)
    assert choice.method == DEFAULT_METHOD == "map-correlation"
    assert len(set(choice.chosen)) == 6
    assert choice.against_random is not None
    assert choice.against_random.subsets == 1000
    assert choice.rho < choice.against_random.median_rho
    assert choice.against_random.win.rate > 0.95


def test_choice_reports_rho_and_gains_of_its_set() -> None:
    scores = random_scores()
    matrix = matrix_of(scores)
    choice = choose_rules(matrix, 4)
    columns = [matrix.index(name) for name in choice.chosen]
    correlation = np.corrcoef(scores[:, columns].T.astype(np.float64))
    assert choice.rho == pytest.approx(np.linalg.norm(correlation - np.eye(4)) / 4)
    assert sum(choice.gains) == pytest.approx(np.linalg.slogdet(correlation)[1], abs=1e-6)


@pytest.mark.parametrize(("method", "kernel_of"), [("map-correlation", correlation_kernel), ("map-cosine", cosine_kernel)])
@pytest.mark.parametrize("seed", range(4))
def test_greedy_methods_take_what_brute_force_takes(method: str, kernel_of: Callable[[NDArray[np.float32]], Array], seed: int) -> None:
    matrix = matrix_of(random_scores(seed=seed))
    choice = choose_rules(matrix, 6, method=method, random_subsets=0)
    columns = [matrix.index(name) for name in choice.chosen]
    kernel = kernel_of(matrix.scores)
    assert columns == brute_force_greedy(kernel, 6, (columns[0],))
    others = (kernel**2).sum(axis=1)
    assert columns[0] == int(np.argmin(others)), "all begin alike, and the one most unlike all others comes first"


def test_sampling_on_the_cosine_kernel_follows_its_determinants() -> None:
    matrix = matrix_of(random_scores(n=40, width=6, seed=9))
    draws = [
        [matrix.index(name) for name in choose_rules(matrix, 2, method="kdpp-cosine", seed=seed, random_subsets=0).chosen] for seed in range(1500)
    ]
    assert chi_square_p(cosine_kernel(matrix.scores), 2, draws) > 0.001


@pytest.mark.parametrize("method", [method.name for method in METHODS])
def test_every_method_keeps_to_pins_and_bans_and_its_seed(method: str) -> None:
    matrix = matrix_of(random_scores())
    asked = {"method": method, "pinned": ["r5", "r2"], "banned": ["r0", "r1"]}
    choices = [choose_rules(matrix, 5, seed=seed, **asked) for seed in range(12)]  # type: ignore[arg-type]
    for choice in choices:
        assert choice.chosen[:2] == ("r5", "r2")
        assert not {"r0", "r1"} & set(choice.chosen)
        assert len(set(choice.chosen)) == 5
    assert choose_rules(matrix, 5, seed=3, **asked) == choices[3]  # type: ignore[arg-type]
    assert (len({choice.chosen for choice in choices}) > 1) == method.startswith("kdpp")


def test_constant_and_hardly_varying_rules_are_dropped_with_the_reason() -> None:
    scores = random_scores(n=100)
    scores[:, 0] = 1.0
    scores[:, 1] = 0.0
    scores[:5, 1] = 1.0
    reasons = {drop.rule: drop.reason for drop in choose_rules(matrix_of(scores), 3, banned=["r2"]).dropped}
    assert reasons == {"r0": "constant: every row scores 1.00", "r1": "barely varies: 95 % of the rows score the same", "r2": "banned"}
    assert "r1" in choose_rules(matrix_of(scores), 3, pinned=["r1"]).chosen
    assert {drop.rule for drop in choose_rules(matrix_of(scores), 3, method=PAPER_METHOD).dropped} == {"r0"}


def test_where_every_rule_hardly_varies_the_gate_is_lifted() -> None:
    scores = np.zeros((100, 3))
    scores[:3, 0] = scores[5:9, 1] = 1.0
    choice = choose_rules(matrix_of(scores))
    assert set(choice.chosen) == {"r0", "r1"}
    assert {drop.rule for drop in choice.dropped} == {"r2"}


def test_r_left_open_is_ten_or_what_is_independent() -> None:
    assert len(choose_rules(matrix_of(random_scores(width=12))).chosen) == 10
    scores = random_scores(width=4)
    assert len(choose_rules(matrix_of(np.hstack([scores, scores]))).chosen) == 4
    assert len(choose_rules(matrix_of(scores), pinned=["r0", "r1", "r2", "r3"]).chosen) == 4


@pytest.mark.parametrize(
    ("r", "options", "message"),
    [
        (0, {}, "0 rules cannot be chosen"),
        (13, {}, "13 rules were asked for but only 12"),
        (2, {"method": "nope"}, "no way to choose rules called 'nope'"),
        (2, {"pinned": ["nope"]}, "no rule 'nope'"),
        (2, {"banned": ["nope"]}, "no rule 'nope'"),
        (2, {"pinned": ["r1"], "banned": ["r1"]}, "both pinned and banned"),
        (1, {"pinned": ["r1", "r2"]}, "2 rules are pinned but only 1"),
        (9, {"banned": [f"r{i}" for i in range(4)]}, "9 rules were asked for but only 8"),
    ],
)
def test_impossible_wishes_are_refused_with_a_way_out(r: int, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        choose_rules(matrix_of(random_scores()), r, **options)  # type: ignore[arg-type]
    assert caught.value.hint


@pytest.mark.parametrize("method", [DEFAULT_METHOD, PAPER_METHOD])
def test_more_rules_than_the_rank_are_refused(method: str) -> None:
    scores = random_scores(width=4)
    with pytest.raises(UsageError, match="6 rules are more than the 4"):
        choose_rules(matrix_of(np.hstack([scores, scores])), 6, method=method)


def test_rows_that_no_rule_tells_apart_are_refused() -> None:
    for rows in (0, 1):
        with pytest.raises(UsageError, match="No rule tells these rows apart"):
            choose_rules(matrix_of(random_scores(n=1)[:rows]), 2)
    with pytest.raises(UsageError, match="pinned but constant"):
        choose_rules(matrix_of(np.ones((5, 3))), 1, pinned=["r0"])


def test_choice_goes_to_json() -> None:
    choice = choose_rules(matrix_of(random_scores()), 3, pinned=["r4"], banned=["r1"])
    read_back = json.loads(json.dumps(choice.to_json()))
    assert read_back["chosen"][0] == "r4"
    assert read_back["against_random"]["subsets"] == 1000
    assert read_back["dropped"] == [{"rule": "r1", "reason": "banned", "gate": "banned"}]
