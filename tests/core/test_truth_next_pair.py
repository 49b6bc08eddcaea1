"""The next pair: linked first, most telling then, never twice but on purpose, fewer answers than at random; and which rows are compared."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from sde_core.features.components import components
from sde_core.rules.truth import Asked, Comparison, JudgedPairs, choose_next_pair, fit_bradley_terry, sample_rows, self_agreement
from sde_core.rules.truth.bradley_terry import logistic
from sde_core.rules.truth.next_pair import expected_gain


def judged(*answers: tuple[int, int, float]) -> JudgedPairs:
    left, right, score = zip(*answers, strict=True) if answers else ((), (), ())
    return JudgedPairs(np.array(left, np.int64), np.array(right, np.int64), np.array(score, np.float64), "made")


def run(m: int, count: int, seed: int, *, active: bool = True, spread: float = 2.5) -> tuple[np.ndarray, JudgedPairs, list[Asked], list[bool]]:
    """A simulated person answers so many pairs; true strengths, answers, what was asked, which were repetitions."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, spread, m)
    answers: list[tuple[int, int, float]] = []
    asked: list[Asked] = []
    repeated = []
    for _ in range(count):
        if active:
            pair = choose_next_pair(np.arange(m), judged(*answers), asked, seed=seed)
            assert pair is not None
            left, right, again = pair.left, pair.right, pair.repeated
        else:
            (left, right), again = rng.choice(m, 2, replace=False).tolist(), False
        asked.append(Asked(left, right))
        repeated.append(again)
        answers.append((left, right, float(rng.random() < logistic(np.array(true[left] - true[right])))))
    return true, judged(*answers), asked, repeated


def spearman(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.corrcoef(left.argsort().argsort(), right.argsort().argsort())[0, 1])


def test_all_rows_are_linked_before_any_pair_is_refined() -> None:
    _, pairs, _, repeated = run(10, 10, 3)
    assert not any(repeated)
    assert len(set(components(10, pairs.left[:9], pairs.right[:9]).tolist())) == 1


def test_no_pair_comes_twice_but_every_fifteenth_with_its_sides_turned() -> None:
    _, _, asked, repeated = run(12, 60, 4)
    assert [place for place, again in enumerate(repeated) if again] == [14, 29, 44, 59]
    seen: dict[frozenset[int], Asked] = {}
    for one, again in zip(asked, repeated, strict=True):
        pair = frozenset((one.left, one.right))
        assert (pair in seen) == again
        if again:
            assert (one.left, one.right) == (seen[pair].right, seen[pair].left)
        seen[pair] = one


def test_a_skipped_pair_is_not_asked_again() -> None:
    pair = choose_next_pair(np.array([3, 7]), judged(), [])
    assert pair is not None and {pair.left, pair.right} == {0, 1}
    assert choose_next_pair(np.array([3, 7]), judged(), [Asked(0, 1, skipped=True)]) is None
    assert choose_next_pair(np.array([3]), judged(), []) is None


def test_the_same_answers_and_seed_give_the_same_pair_and_sides_are_fair() -> None:
    assert run(8, 12, 5)[2] == run(8, 12, 5)[2]
    lower_left = [choose_next_pair(np.arange(6), judged(), seed=seed).left < 3 for seed in range(200)]  # type: ignore[union-attr]
    swapped = [(pair := choose_next_pair(np.array([1, 2]), judged(), seed=seed)) is not None and pair.left == 0 for seed in range(200)]
    assert 70 < sum(swapped) < 130
    assert 70 < sum(lower_left) < 130


def test_answers_about_other_rows_are_left_aside() -> None:
    alone = choose_next_pair(np.array([0, 1, 2]), judged((0, 1, 1.0)), [Asked(0, 1)], seed=2)
    among = choose_next_pair(np.array([0, 1, 2]), judged((0, 1, 1.0), (8, 0, 1.0), (8, 9, 0.0)), [Asked(0, 1)], seed=2)
    assert alone == among


def test_rows_of_one_prompt_come_first() -> None:
    pair = choose_next_pair(np.arange(6), judged(), prompts=np.array([0, 1, 2, 3, 1, 5]))
    assert pair is not None and {pair.left, pair.right} == {1, 4}
    assert pair.reason == "new rows, same prompt"


def test_expected_gain_is_the_mutual_information_of_a_sampled_posterior() -> None:
    known = fit_bradley_terry(judged((0, 1, 1.0), (1, 2, 1.0), (0, 1, 1.0), (2, 3, 0.5)), rows=np.arange(4))
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_normal(known.log_strength, known.raw_covariance, 200_000)
    for first, second in ((0, 2), (0, 1), (1, 3)):
        p = logistic(drawn[:, first] - drawn[:, second])
        entropy = lambda q: -q * np.log(q) - (1 - q) * np.log(1 - q)  # noqa: E731
        information = entropy(p.mean()) - np.mean([entropy(x) for x in p[:20_000]])
        assert expected_gain(known, np.array([first]), np.array([second]))[0] == pytest.approx(information, abs=4e-3)


def test_chosen_pairs_rank_better_than_as_many_random_ones() -> None:
    """The margin grows with the answers: at 5 a row, random pairs need some 20 to 30 % more (benchmarks/active_pairs.py)."""
    by_way = {}
    for active in (True, False):
        found = []
        for seed in range(8):
            true, pairs, _, _ = run(14, 70, seed, active=active)
            found.append(spearman(fit_bradley_terry(pairs, rows=np.arange(14)).log_strength, true))
        by_way[active] = np.mean(found)
    assert by_way[True] > by_way[False] + 0.03


def test_self_agreement_looks_at_pairs_answered_twice_by_one_person_whichever_way_they_stood() -> None:
    answers = [(0, 1, "a", "x"), (2, 1, "tie", "x"), (1, 0, "b", "x"), (1, 2, "a", "x"), (4, 5, "a", "x"), (4, 5, "b", "y"), (4, 5, "skip", "x")]
    found = self_agreement(Comparison(a, b, winner, by, float(at)) for at, (a, b, winner, by) in enumerate(answers))
    assert (found.agreed, found.repeated, found.share) == (1, 2, 0.5)
    assert np.isnan(self_agreement([]).share)


# ---- the sample


def texts(prompts: list[str], answers: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"row": pl.Series(range(len(prompts)), dtype=pl.UInt32), "prompt": prompts, "answer": answers})


def test_the_sample_is_spread_over_the_quality_and_the_same_for_a_seed() -> None:
    table = texts([f"q{i}" for i in range(200)], [f"a{i}" for i in range(200)])
    quality = np.linspace(0, 1, 200, dtype=np.float32)[np.random.default_rng(1).permutation(200)]
    rows = sample_rows(table, quality, 20, seed=3)
    assert np.bincount((quality[rows] * 19.999).astype(int), minlength=20).tolist() == [1] * 20
    assert rows.tolist() == sample_rows(table, quality, 20, seed=3).tolist() == sorted(set(rows.tolist()))
    assert rows.tolist() != sample_rows(table, quality, 20, seed=4).tolist()


@pytest.mark.parametrize(("rows", "size"), [(12, 8), (13, 12), (7, 7), (100, 30)])
def test_a_sample_is_as_large_as_asked(rows: int, size: int) -> None:
    table = texts([f"q{i}" for i in range(rows)], [f"a{i}" for i in range(rows)])
    assert len(sample_rows(table, None, size)) == size


def test_empty_and_repeated_rows_are_left_out_and_small_sets_taken_whole() -> None:
    table = texts(["q", "q", "r", "s", "t"], ["a", "a", " ", "b", "c"])
    assert sample_rows(table, None, 30).tolist() == [0, 3, 4]


def test_answers_to_one_prompt_come_in_pairs_up_to_half_of_the_sample() -> None:
    table = texts([f"q{i // 2}" for i in range(60)] + [f"p{i}" for i in range(60)], [f"a{i}" for i in range(120)])
    rows = sample_rows(table, None, 20, seed=1)
    together = [row for row in rows.tolist() if row < 60 and (row ^ 1) in rows]
    assert len(rows) == 20
    assert len(together) >= 10


def test_a_growing_sample_keeps_its_rows() -> None:
    table = texts([f"q{i}" for i in range(50)], [f"a{i}" for i in range(50)])
    small = sample_rows(table, None, 5, seed=1)
    assert set(small.tolist()) < set(sample_rows(table, None, 12, seed=2, keep=small.tolist()).tolist())
