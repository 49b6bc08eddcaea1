"""Which rules can be relied on: each gate with a rule that it must hold back and one that it must let through."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from sde_core.dataset import open_dataset
from sde_core.rules import (
    DEFAULT_METHOD,
    FAVOURS,
    GATES,
    PAPER_METHOD,
    RULES,
    RatingSummary,
    Rule,
    RuleBook,
    RuleChoice,
    RuleEvidence,
    ScoreMatrix,
    choose_by_book,
    choose_rules,
    quality_of_choice,
    reliability_of,
    rule_scores,
    score_matrix,
)
from sde_core.rules.contrast import rule_weights
from sde_core.rules.ranks import rank_correlation
from sde_core.rules.reliability import BARELY_VARIES, LEAST_SELF_AGREEMENT
from sde_core.rules.retest import RETEST_ROWS, retests
from sde_core.rules.rewording import reworded
from sde_core.rules.truth import RowTruth
from sde_core.rules.truth.rule_agreement import correlation_interval, rule_agreements
from tests.conftest import ROOT, SHARED

SUPPORT = ROOT / "sample_data" / "support.jsonl"


def noise_rule(name: str, seed: int) -> Rule:
    """Orthogonal to everything, constant in nothing, and worthless."""
    return Rule(name, "specificity", "A hash of the answer.", "nothing", (pl.col("answer").hash(seed) % 10_007).cast(pl.Float64) / 10_006.0)


NOISE = tuple(noise_rule(f"noise-{i}", i) for i in range(4))


@pytest.fixture(scope="module")
def support() -> pl.DataFrame:
    return open_dataset(str(SUPPORT)).texts()


def matrix_of(scores: NDArray[np.floating], words: NDArray[np.integer] | None = None, **ratings: RatingSummary) -> ScoreMatrix:
    n, width = scores.shape
    lengths = (np.arange(n) if words is None else words).astype(np.uint32)
    return ScoreMatrix(np.arange(n, dtype=np.uint32), tuple(f"r{i}" for i in range(width)), scores.astype(np.float32), lengths, ratings=ratings)


def truth_of(values: Sequence[float] | NDArray[np.floating]) -> RowTruth:
    told = np.asarray(values, dtype=np.float64)
    return RowTruth(np.arange(len(told), dtype=np.int64), told, told, told, "planted")


def gates_of(matrix: ScoreMatrix, **evidence: object) -> dict[str, str]:
    return {drop.rule: drop.gate for drop in reliability_of(matrix, **evidence).gated()}  # type: ignore[arg-type]


# ---- the same in other characters


def test_rewording_changes_what_carries_nothing() -> None:
    texts = pl.DataFrame(
        {"prompt": ["Why?"] * 10, "answer": ["It's very late. We don't mind the dark at all, in fact we like 42 of them.\n- A \"name\": Bo."] * 10}
    )
    said = reworded(texts)
    expected = 'It’s late.  We don’t mind the dark at all, in fact we like 42 of them.\n- A "name": Bo. '
    assert sorted(said["answer"].to_list()) == sorted([expected] * 9 + ["i" + expected[1:]])
    assert said["prompt"].to_list().count("Why? ") == 9, "a short text keeps its words"


def test_rewording_leaves_empty_texts_and_other_columns_alone() -> None:
    texts = pl.DataFrame({"row": [3, 9], "prompt": ["", " \n"], "answer": ["", "Étude"], "label": [None, "x"]})
    said = reworded(texts)
    assert said["prompt"].to_list() == ["", " \n"]
    assert said["answer"][0] == ""
    assert said.select("row", "label").equals(texts.select("row", "label"))


@settings(max_examples=30)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=12), st.integers(0, 5))
def test_rewording_is_seeded_and_takes_any_text(answers: list[str], seed: int) -> None:
    texts = pl.DataFrame({"prompt": answers, "answer": answers[::-1]})
    assert reworded(texts, seed=seed).equals(reworded(texts, seed=seed))
    assert [text.strip() == "" for text in reworded(texts, seed=seed)["answer"]] == [text.strip() == "" for text in texts["answer"]]


# ---- test and retest


def test_a_hash_fails_its_retest_and_a_formula_does_not(support: pl.DataFrame) -> None:
    rules = [*RULES, *NOISE]
    matrix = score_matrix(support, rules)
    again = retests(support, matrix, rules, seed=3)
    assert all(abs(again[rule.name].agreement) < 0.3 for rule in NOISE)
    assert all(retest.rows == RETEST_ROWS for retest in again.values())
    gated = {drop.rule: drop for drop in reliability_of(matrix, support, rules).gated()}
    for rule in NOISE:
        assert gated[rule.name].gate == "retest"
        assert gated[rule.name].reason.startswith("unstable: scores of 500 rows reworded correlate ")
    assert [name for name, drop in gated.items() if drop.gate == "retest"] == [rule.name for rule in NOISE]


def test_orthogonality_picks_noise_where_no_gate_stands_before_it(support: pl.DataFrame) -> None:
    rules = [*RULES, *NOISE]
    matrix = score_matrix(support, rules)
    known = reliability_of(matrix, support, rules)
    names = {rule.name for rule in NOISE}
    assert len(names & set(choose_rules(matrix, 10, known=known, gated=False, random_subsets=0).chosen)) >= 3
    gated = choose_rules(matrix, 10, known=known, random_subsets=0)
    assert not names & set(gated.chosen)
    assert names <= {drop.rule for drop in gated.dropped if drop.gate == "retest"}
    assert not names & {drop.rule for drop in choose_rules(matrix, 10, known=known, method=PAPER_METHOD, random_subsets=0).dropped}


def test_rules_that_tell_something_are_favoured_as_far_as_the_choice_stays_independent(support: pl.DataFrame) -> None:
    matrix = score_matrix(support, RULES)
    known = reliability_of(matrix, support, RULES)
    choice, plain = choose_rules(matrix, 10, known=known), choose_rules(matrix, 10, known=replace(known, evidence=untold(known.evidence)))
    assert choice.favour in FAVOURS[:-1]
    assert plain.favour == 0.0
    assert choice.against_random is not None
    assert choice.rho <= choice.against_random.median_rho * 1.05, "measured on another draw of random sets"
    told, told_plainly = (sum(known.contrasts[name].telling for name in chosen) for chosen in (choice.chosen, plain.chosen))
    assert told > told_plainly
    assert choose_rules(matrix, 10, known=known, seed=9).chosen == choice.chosen, "the seed is that of random sets alone"


def test_the_plain_choice_is_greedy_on_the_correlations_alone_and_its_quality_the_plain_mean(support: pl.DataFrame) -> None:
    scores = rule_scores(support, RuleBook())
    chosen: dict[str, RuleChoice] = {}
    for method in (DEFAULT_METHOD, "map-plain", PAPER_METHOD):
        chosen[method] = choice = choose_by_book(scores, RuleBook(), 8, method=method, random_subsets=0)
        columns = scores.matrix.scores[:, [scores.matrix.index(name) for name in choice.chosen]].astype(np.float64)
        weights = rule_weights(choice.chosen, scores.known.contrasts) if method == DEFAULT_METHOD else np.full(8, 1 / 8)
        found = quality_of_choice(support, RuleBook(), None, scores, choice)
        np.testing.assert_allclose(found.values, columns @ weights, atol=1e-6)
        np.testing.assert_allclose(found.weights, weights)
    plain = chosen["map-plain"]
    assert (plain.favour, plain.weighted, plain.gated) == (0.0, False, True)
    assert (chosen[PAPER_METHOD].weighted, chosen[PAPER_METHOD].gated) == (False, False)
    candidates = [name for name in scores.matrix.rules if name not in {drop.rule for drop in plain.dropped}]
    correlation = np.corrcoef(scores.matrix.scores[:, [scores.matrix.index(name) for name in candidates]].T.astype(np.float64))
    taken = [candidates.index(name) for name in plain.chosen]
    for size in range(2, 9):
        volumes = {i: np.linalg.det(correlation[np.ix_([*taken[: size - 1], i], [*taken[: size - 1], i])]) for i in range(len(candidates))}
        assert volumes[taken[size - 1]] == pytest.approx(max(volumes[i] for i in volumes if i not in taken[: size - 1]), rel=1e-9)


def untold(evidence: Sequence[RuleEvidence]) -> tuple[RuleEvidence, ...]:
    return tuple(replace(known, contrast=None) for known in evidence)


@pytest.mark.parametrize("path", ["instruct/alpaca_5000.json", "instruct/dolly_3k.json", "formats/alpaca_zh_demo.json", "math/gsm8k_train.jsonl"])
def test_no_rule_of_the_bank_fails_its_retest_on_real_rows(path: str) -> None:
    if not (SHARED / "data" / path).exists():
        pytest.skip("needs the shared real data")
    texts = open_dataset(str(SHARED / "data" / path)).texts().head(800)
    matrix = score_matrix(texts, RULES)
    varied = {summary.rule for summary in matrix.summaries if summary.most_common_share < BARELY_VARIES}
    again = retests(texts, matrix, [rule for rule in RULES if rule.name in varied])
    assert len(again) > 15
    assert {name: retest.agreement for name, retest in again.items() if retest.agreement < LEAST_SELF_AGREEMENT} == {}


def test_retests_look_at_the_rows_of_the_matrix_alone(support: pl.DataFrame) -> None:
    part = support.filter(pl.col("row") % 7 == 0)
    matrix = score_matrix(part, RULES[:5])
    assert retests(support, matrix, RULES) == retests(part, matrix, RULES)
    assert set(retests(support, matrix, RULES)) == {rule.name for rule in RULES[:5]}
    assert retests(support.head(0), score_matrix(support.head(0), RULES), RULES) == {}


def test_too_few_rows_prove_no_instability(support: pl.DataFrame) -> None:
    few = support.head(20)
    matrix = score_matrix(few, NOISE)
    assert gates_of(matrix, texts=few, rules=NOISE) == {}


def test_a_score_that_varies_only_once_agrees_with_nothing() -> None:
    texts = pl.DataFrame({"row": range(40), "prompt": ["x"] * 40, "answer": [f"word{'' if i % 2 else ' '}" for i in range(40)]})
    ends_bare = Rule("ends-bare", "structure", "No blank at the end.", "x", (~pl.col("answer").str.ends_with(" ")).cast(pl.Float64))
    matrix = score_matrix(texts, [ends_bare])
    assert retests(texts, matrix, [ends_bare])["ends-bare"].agreement == 0.0
    assert gates_of(matrix, texts=texts, rules=[ends_bare]) == {"ends-bare": "retest"}


# ---- the other gates


def rated(**wanted: float) -> RatingSummary:
    return replace(RatingSummary("r0", rated=100, unparseable=0, imputed=0, retest_rows=60), **wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rating", "gate"),
    [
        (rated(), ""),
        (rated(unparseable=10, rated=90), ""),
        (rated(unparseable=11, rated=89), "unparseable"),
        (rated(retest=0.6), ""),
        (rated(retest=0.5), "retest"),
        (rated(retest=0.5, retest_rows=20), ""),
        (rated(retest=0.1, retest_rows=20), "retest"),
        (rated(retest=0.1, retest_rows=9), ""),
        (rated(retest=-0.4, unparseable=50, rated=50), "unparseable"),
    ],
)
def test_ratings_of_a_judge_are_gated_by_what_is_unparseable_and_by_second_ratings(rating: RatingSummary, gate: str) -> None:
    scores = np.random.default_rng(0).random((100, 2))
    assert gates_of(matrix_of(scores, r0=rating)) == ({"r0": gate} if gate else {})


def test_reasons_hold_the_figures() -> None:
    scores = np.random.default_rng(0).random((100, 4))
    scores[:, 1] = 0.25
    scores[3:, 2] = 0.5
    matrix = matrix_of(scores, r0=rated(unparseable=50, rated=50), r3=rated(retest=0.123))
    assert {drop.rule: drop.reason for drop in reliability_of(matrix).gated()} == {
        "r0": "unparseable: no score in 50 of 100 answers of the judge",
        "r1": "constant: every row scores 0.25",
        "r2": "barely varies: 97 % of the rows score the same",
        "r3": "unstable: scores of 60 rows rated twice correlate +0.12 with the first, at most +0.37",
    }


def test_pins_lift_every_gate_but_constancy() -> None:
    scores = np.random.default_rng(0).random((100, 3))
    scores[:, 1] = 0.25
    matrix = matrix_of(scores, r0=rated(retest=0.0))
    known = reliability_of(matrix)
    assert {drop.rule for drop in known.gated(pinned=["r0", "r1"])} == {"r1"}
    assert {drop.rule for drop in known.gated(only_always=True)} == {"r1"}
    assert choose_rules(matrix, 2, pinned=["r0"], known=known).chosen == ("r0", "r2")


def test_where_every_rule_is_held_back_the_gates_are_lifted_and_it_is_said() -> None:
    matrix = matrix_of(np.random.default_rng(0).random((100, 2)), r0=rated(retest=0.0), r1=rated(retest=0.1))
    choice = choose_rules(matrix)
    assert not choice.gated
    assert set(choice.chosen) == {"r0", "r1"}
    assert choice.dropped == ()


def test_every_gate_has_a_name_of_its_own() -> None:
    assert len({gate.name for gate in GATES}) == len(GATES)
    assert [gate.name for gate in GATES if gate.always] == ["constant"]


def test_evidence_goes_to_json_without_nan(support: pl.DataFrame) -> None:
    matrix = score_matrix(support.head(60), RULES)
    known = reliability_of(matrix, support, RULES, truth=truth_of(np.arange(60) / 60))
    told = json.loads(json.dumps(known.to_json(), allow_nan=False))
    assert [rule["rule"] for rule in told] == list(matrix.rules)
    assert told[0]["retest"]["how"] == "reworded"
    assert told[0]["truth"]["rows"] == 60


# ---- people


def people(seed: int = 0, n: int = 400) -> tuple[ScoreMatrix, RowTruth]:
    """Columns: what people value, its opposite, nothing, answer length where people value brevity, and the same but for rows of one length."""
    rng = np.random.default_rng(seed)
    truth, words = rng.random(n), rng.integers(5, 500, n)
    at_length = np.clip(0.5 * truth + 0.5 * words / 500 + rng.normal(0, 0.05, n), 0, 1)
    short_valued = np.clip(truth * 0.3 + (1 - words / 500) * 0.7, 0, 1)
    scores = np.column_stack([truth, 1 - truth, rng.random(n), at_length])
    return matrix_of(np.clip(scores + rng.normal(0, 0.05, scores.shape), 0, 1), words), truth_of(short_valued)


def test_rules_that_contradict_people_are_held_back_and_doubtful_ones_are_not() -> None:
    matrix, _ = people()
    truth = truth_of(matrix.column("r0").astype(float))
    assert gates_of(matrix, truth=truth) == {"r1": "people"}, "400 rows cannot tell noise from a weak rule"
    some = RowTruth(truth.rows[:29], truth.values[:29], truth.values[:29], truth.values[:29], "planted")
    assert gates_of(matrix, truth=some) == {}, "29 rows prove nothing"


def test_many_judged_rows_show_that_noise_says_nothing() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(6000)
    matrix = matrix_of(np.column_stack([rng.random(6000), np.clip(truth * 0.2 + rng.random(6000) * 0.8, 0, 1)]))
    assert gates_of(matrix, truth=truth_of(truth)) == {"r0": "people"}


def test_a_rule_that_is_right_at_equal_length_is_kept_although_it_is_wrong_overall() -> None:
    matrix, truth = people()
    told = rule_agreements(matrix, truth)["r3"]
    assert told.upper < 0.05 < told.correlation_within_length
    assert "r3" not in gates_of(matrix, truth=truth)


def test_agreement_figures_against_scipy_and_a_plain_loop() -> None:
    matrix, _ = people(n=80)
    rng = np.random.default_rng(5)
    truth = truth_of((rng.random(80) > 0.5).astype(float))
    told = rule_agreements(matrix, truth)
    words = matrix.answer_words.astype(int)
    for name in matrix.rules:
        column = matrix.column(name)
        good, bad = np.flatnonzero(truth.values == 1), np.flatnonzero(truth.values == 0)
        won = {(i, j): 1.0 if column[i] > column[j] else 0.5 if column[i] == column[j] else 0.0 for i in good for j in bad}
        within = [value for (i, j), value in won.items() if 10 * max(words[i], words[j]) <= 11 * min(words[i], words[j])]
        assert told[name].auroc == pytest.approx(np.mean(list(won.values())))
        assert told[name].auroc_at_equal_length == pytest.approx(np.mean(within))
        assert told[name].correlation == pytest.approx(spearmanr(column, truth.values).statistic)
        assert told[name].lower <= told[name].correlation <= told[name].upper


def test_agreement_needs_rows_of_different_truth() -> None:
    matrix, truth = people(n=50)
    nowhere = RowTruth(np.array([900, 901]), np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([0.0, 1.0]), "elsewhere")
    assert rule_agreements(matrix, nowhere) == {}
    assert rule_agreements(matrix, truth_of(np.full(50, 0.5))) == {}
    assert len(rule_agreements(matrix, truth)) == 4


def test_pairs_of_many_rows_are_sampled_by_seed() -> None:
    matrix, truth = people(n=2000)
    first, again, other = (rule_agreements(matrix, truth, seed=seed)["r0"].auroc for seed in (1, 1, 2))
    assert first == again
    assert first == pytest.approx(other, abs=0.03)


def test_correlation_interval_covers_what_it_should() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        cause = rng.normal(size=(60, 2))
        left, right = cause[:, 0], 0.5 * cause[:, 0] + np.sqrt(0.75) * cause[:, 1]
        low, high = correlation_interval(rank_correlation(left, right), 60)
        inside += low <= 6 / np.pi * np.arcsin(0.25) <= high
    assert inside / 300 == pytest.approx(0.95, abs=0.03)
    assert correlation_interval(0.5, 3) == (-1.0, 1.0)
    assert correlation_interval(float("nan"), 50) == (-1.0, 1.0)
