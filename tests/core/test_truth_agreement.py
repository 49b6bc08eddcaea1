"""Agreement with a truth: hand values, oracles, equal length, and that intervals hold what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.rules.truth import JudgedPairs, RowTruth
from sde_core.rules.truth.agreement import LENGTH, agreement_with
from sde_core.rules.truth.judged_texts import texts_beside
from sde_core.rules.truth.pair_sets import length_bands
from tests.conftest import SHARED


def truth_of(values: list[float], rows: list[int] | None = None) -> RowTruth:
    known = np.array(values)
    return RowTruth(np.array(range(len(values)) if rows is None else rows, np.int64), known, known, known, "made")


def pairs_of(*judged: tuple[int, int, float]) -> JudgedPairs:
    left, right, score = zip(*judged, strict=True)
    return JudgedPairs(np.array(left), np.array(right), np.array(score), "made")


def report(scores: dict[str, list[float]], truth: RowTruth | None, pairs: JudgedPairs | None = None, words: list[int] | None = None, **options):
    count = len(next(iter(scores.values())))
    table = {name: np.array(column, np.float32) for name, column in scores.items()}
    return agreement_with(table, np.arange(count, dtype=np.uint32), np.array(words or [10] * count), truth, pairs, **options)


def test_figures_by_hand() -> None:
    found = report({"good": [0.1, 0.4, 0.9], "turned": [0.9, 0.4, 0.1], "same": [0.5, 0.5, 0.5]}, truth_of([0.0, 0.5, 1.0]))
    good, turned, same = found.agreements[:3]
    assert found.measure == "pairwise accuracy"
    assert (good.accuracy.value, turned.accuracy.value, same.accuracy.value) == (1.0, 0.0, 0.5)
    assert good.mse.value == pytest.approx((0.01 + 0.01 + 0.01) / 3)
    assert good.spearman.value == pytest.approx(1.0)
    assert same.spearman.value != same.spearman.value
    assert found.pairs == 3
    json.dumps(found.to_json(), allow_nan=False)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=4, max_size=60).filter(lambda rows: len({good for good, _ in rows}) == 2))
def test_two_classes_give_auroc(rows: list[tuple[bool, int]]) -> None:
    good = np.array([one for one, _ in rows])
    score = np.array([value for _, value in rows], float)
    found = report({"score": score.tolist()}, truth_of(good.astype(float).tolist()), resamples=20)
    by_hand = np.mean([(p > n) + 0.5 * (p == n) for p in score[good] for n in score[~good]])
    assert found.measure == "AUROC"
    assert found.agreements[0].accuracy.value == pytest.approx(by_hand)


def test_auroc_of_many_rows_is_exact_though_pairs_are_sampled() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    good = rng.random(1500) < 0.4
    score = rng.normal(good * 0.5, 1).round(1)
    found = report({"score": score.tolist()}, truth_of(good.astype(float).tolist()), resamples=50).agreements[0].accuracy
    assert found.value == pytest.approx(metrics.roc_auc_score(good, score))
    assert found.lower < found.value < found.upper
    assert found.upper - found.lower == pytest.approx(4 * 0.0148, rel=0.3), "about what DeLong's variance gives here"


def test_spearman_and_its_resamples_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(2)
    true, score = rng.random(40).round(1), rng.random(40).round(1)
    found = report({"score": score.tolist()}, truth_of(true.tolist()), resamples=300).agreements[0]
    assert found.spearman.value == pytest.approx(stats.spearmanr(score, true).statistic, abs=1e-6)
    by_hand = []
    for _ in range(300):
        drawn = rng.integers(0, 40, 40)
        by_hand.append(stats.spearmanr(score[drawn], true[drawn]).statistic)
    assert found.spearman.lower == pytest.approx(np.quantile(by_hand, 0.025), abs=0.09)
    assert found.spearman.upper == pytest.approx(np.quantile(by_hand, 0.975), abs=0.09)


def test_a_score_that_is_length_in_disguise_says_nothing_at_equal_length() -> None:
    rng = np.random.default_rng(3)
    words = rng.integers(5, 200, 600)
    content = rng.normal(0, 1, 600)
    good = (words / 100 + content + rng.normal(0, 0.3, 600)) > 1
    found = report({"disguise": np.log(words).tolist(), "content": content.tolist()}, truth_of(good.astype(float).tolist()), words=words.tolist())
    disguise, content_found = found.agreements[:2]
    assert disguise.accuracy.value > 0.65
    assert abs(disguise.equal_length.value - 0.5) < 0.06
    assert content_found.equal_length.value > content_found.accuracy.value
    assert disguise.length_correlation == pytest.approx(1.0)
    assert found.of(LENGTH).accuracy.value == pytest.approx(disguise.accuracy.value)
    assert len(found.bands) == 4
    assert sum(count for _, count in found.bands) < found.pairs


def test_equal_length_is_a_share_of_the_shorter_answer() -> None:
    found = report({"s": [1, 0, 1, 0]}, truth_of([1, 0, 1, 0]), words=[100, 110, 1000, 1101], tolerance=0.1)
    assert found.equal_length_pairs == 1
    assert report({"s": [1, 0, 1, 0]}, truth_of([1, 0, 1, 0]), words=[100, 110, 1000, 1100], tolerance=0.1).equal_length_pairs == 2


def test_bands_are_quarters_and_rows_of_one_length_share_one() -> None:
    assert np.bincount(length_bands(np.arange(80.0))).tolist() == [21, 20, 20, 19]
    assert set(length_bands(np.full(9, 7.0)).tolist()) == {0}
    assert len(length_bands(np.empty(0))) == 0


def test_judged_pairs_ties_and_rows_without_a_score() -> None:
    judged = pairs_of((0, 1, 1.0), (2, 1, 0.0), (2, 3, 0.5), (0, 99, 1.0))
    found = report({"s": [0.9, 0.5, 0.5, 0.1]}, None, judged)
    assert (found.pairs, found.ties, found.rows) == (2, 1, 4)
    assert found.agreements[0].accuracy.value == 0.75
    assert found.agreements[0].mse.to_json() == {"value": None, "lower": None, "upper": None}
    both = report({"s": [0.9, 0.5, 0.5, 0.1]}, truth_of([1.0, 0.5], rows=[0, 1]), judged).agreements[0]
    assert both.mse.value == pytest.approx(0.005)


def test_a_missing_score_counts_as_the_mean_and_a_seed_gives_the_same_again() -> None:
    scores = {"s": [0.0, float("nan"), 1.0]}
    first, second = (report(scores, truth_of([0.0, 0.5, 1.0]), seed=7) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert first.agreements[0].mse.value == pytest.approx(0)


def test_intervals_of_a_useless_score_hold_one_half_about_as_often_as_they_say() -> None:
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        good = rng.permutation(np.repeat([0.0, 1.0], 40))
        found = report({"noise": rng.random(80).tolist()}, truth_of(good.tolist()), seed=seed).agreements[0].accuracy
        held.append(found.lower <= 0.5 <= found.upper)
    assert np.mean(held) >= 0.85


def test_no_truth_is_refused() -> None:
    with pytest.raises(UsageError, match="no truth"):
        report({"s": [1.0, 2.0]}, None)
    with pytest.raises(UsageError, match="told apart"):
        report({"s": [1.0, 2.0]}, truth_of([0.0, 1.0], rows=[7, 8]))
    with pytest.raises(UsageError, match="told apart"):
        report({"s": [1.0, 2.0]}, None, pairs_of((0, 1, 0.5)))


# ---- what rules may read


@pytest.mark.parametrize("mark", [("Instruction:", "Response:"), ("### Question:", "### Answer:")])
def test_the_field_with_the_truth_is_hidden_from_the_rules(write_jsonl: Callable[..., Path], mark: tuple[str, str]) -> None:
    rows = [{"src": f"{mark[0]} Name {i} fruits. {mark[1]} Pear\nand {i} more.", "score": str(i % 2)} for i in range(12)]
    dataset = open_dataset(str(write_jsonl(rows)))
    assert dataset.texts()["answer"].to_list()[:2] == ["0", "1"]
    texts, note = texts_beside(dataset, "score")
    assert texts["answer"].to_list()[1] == "Pear\nand 1 more."
    assert texts["prompt"].to_list()[1] == "Name 1 fruits."
    assert "Response:" in note


def test_a_labelled_text_is_the_answer_and_other_layouts_are_left_alone(write_jsonl: Callable[..., Path]) -> None:
    labelled = open_dataset(str(write_jsonl([{"text": f"A text of {i} words.", "label": str(i % 2)} for i in range(12)])))
    texts, note = texts_beside(labelled, "label")
    assert texts["answer"].to_list()[3] == "A text of 3 words."
    assert set(texts["prompt"].to_list()) == {""}
    assert "as the answer" in note
    plain = open_dataset(str(write_jsonl([{"instruction": "a", "output": "b", "score": i} for i in range(3)], "plain.jsonl")))
    untouched, said = texts_beside(plain, "score")
    assert said == ""
    assert untouched.equals(plain.texts())


@pytest.mark.skipif(not (SHARED / "data").exists(), reason="the real data is not at hand")
def test_length_on_expert_revisions() -> None:
    """Experts lengthen answers: longer is better overall and, by construction, worthless at equal length."""
    from sde_core.rules import RULES, score_matrix
    from sde_core.rules.truth import truth_from_field

    dataset = open_dataset(str(SHARED / "data/quality/expert_revised_train.csv"))
    matrix = score_matrix(texts_beside(dataset, "score")[0], [rule for rule in RULES if rule.name == "topic-covered"])
    found = agreement_with({"topic-covered": matrix.scores[:, 0]}, matrix.rows, matrix.answer_words, truth_from_field(dataset, "score"))
    assert found.of(LENGTH).accuracy.value == pytest.approx(0.67, abs=0.02)
    assert found.of(LENGTH).equal_length.value == pytest.approx(0.5, abs=0.02)
    assert found.of("topic-covered").equal_length.lower > 0.55
