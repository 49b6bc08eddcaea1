"""From a rule book to every row's quality: pins and bans, rules that a judge has rated in part or not at all, weights, and the paper's mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sde_core.errors import UsageError
from sde_core.project import Project
from sde_core.proposal import RuleWishes, quality_by_rules
from sde_core.rules import (
    PAPER_METHOD,
    RULES,
    PlainRule,
    RuleBook,
    choose_by_book,
    choose_rules,
    gram_kernel,
    plain_rule,
    quality,
    quality_of_choice,
    rule_scores,
    score_matrix,
    scored_by_book,
)
from sde_core.rules.contrast import rule_weights
from sde_core.rules.rating.cache import FIRST, RatingCache, row_keys
from sde_core.rules.rating.judge import Answer
from sde_core.rules.rating.prompts import Reading

TOPICS = ("tides", "glaciers", "printing", "chess", "honey", "bridges", "pianos", "comets")


def answer_of(i: int) -> str:
    topic = TOPICS[i % 8]
    said = [f"The {topic} matter because {i} people in Norway saw them."] + [f"However, {topic} may differ, for example in size."] * (i % 5)
    return "\n".join(f"- {part}" for part in said) if i % 3 == 0 else " ".join(said) + "!" * (i % 4 == 0)


TEXTS = pl.DataFrame(
    {
        "row": pl.Series(range(80), dtype=pl.UInt32),
        "system": [""] * 80,
        "prompt": [f"Explain {TOPICS[i % 8]} in {1 + i % 6} words{'?' if i % 2 else '.'}" for i in range(80)],
        "answer": [answer_of(i) for i in range(80)],
    }
)
ALL, PART, NONE = (plain_rule(name, f"Be {name}.") for name in ("rated-everywhere", "rated-in-part", "not-rated"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A judge has rated all rows by one rule and 30 by another."""
    project = Project(tmp_path, beside_data=True)
    rng = np.random.default_rng(0)
    rate(project, {ALL: rng.random(80), PART: rng.random(30)})
    return project


def rate(project: Project, scores: Mapping[PlainRule, np.ndarray]) -> None:
    with RatingCache(project.ratings_dir).writer("judge", "v1") as writer:
        for rule, values in scores.items():
            keys, _ = row_keys(rule, TEXTS)
            for place, value in enumerate(values.tolist()):
                writer.add(rule, int(keys[place]), FIRST, Reading(value), Answer("x"))


def test_pins_and_bans_of_the_book_are_kept() -> None:
    plain = choose_by_book(rule_scores(TEXTS, RuleBook()), RuleBook())
    book = RuleBook(pinned=("reasons-given",), banned=(plain.chosen[0],), disabled=(plain.chosen[1],))
    scores = rule_scores(TEXTS, book)
    choice = choose_by_book(scores, book)
    assert choice.chosen[0] == "reasons-given"
    assert {drop.rule for drop in choice.dropped if drop.gate == "banned"} == {plain.chosen[0]}
    assert plain.chosen[1] not in scores.matrix.rules


def test_rules_that_nobody_rated_are_dropped_with_the_reason_even_where_they_are_pinned(project: Project) -> None:
    book = RuleBook((ALL, NONE), pinned=("not-rated",))
    choice = choose_by_book(rule_scores(TEXTS, book, project), book)
    assert [(drop.rule, drop.gate) for drop in choice.dropped if drop.gate == "not rated"] == [("not-rated", "not rated")]
    assert "not-rated" not in choice.chosen
    told = choose_by_book(rule_scores(TEXTS, replace(book, banned=("not-rated",), pinned=()), project), replace(book, banned=("not-rated",)))
    assert next(drop.reason for drop in told.dropped if drop.rule == "not-rated") == "banned"


def test_quality_is_the_weighted_mean_of_the_chosen_rules(project: Project) -> None:
    book = RuleBook((ALL,), pinned=("rated-everywhere",))
    scores = rule_scores(TEXTS, book, project)
    choice = choose_by_book(scores, book, 5)
    found = quality_of_choice(TEXTS, book, project, scores, choice)
    weights = rule_weights(choice.chosen, scores.known.contrasts)
    by_hand = sum(weight * scores.matrix.column(name).astype(float) for name, weight in zip(choice.chosen, weights, strict=True))
    np.testing.assert_allclose(found.values, by_hand, atol=1e-6)
    assert found.rules == choice.chosen
    assert sum(found.weights) == pytest.approx(1.0)
    assert len(set(np.round(found.weights, 6))) > 1
    assert found.rows.tolist() == list(range(80))


@pytest.mark.parametrize("options", [{"method": PAPER_METHOD, "seed": 3}, {"gated": False}])
def test_quality_without_gates_is_the_plain_mean(options: dict[str, object]) -> None:
    book = RuleBook()
    scores = rule_scores(TEXTS, book)
    choice = choose_by_book(scores, book, 4, **options)  # type: ignore[arg-type]
    found = quality_of_choice(TEXTS, book, None, scores, choice)
    np.testing.assert_array_equal(found.values, quality(scores.matrix, choice.chosen))
    assert found.weights == pytest.approx((0.25,) * 4)


def test_choice_on_a_sample_gives_every_row_the_mean_of_the_rules_that_score_it(project: Project) -> None:
    book = RuleBook((ALL, PART), pinned=("rated-everywhere", "rated-in-part"))
    scores = rule_scores(TEXTS, book, project)
    assert scores.matrix.rows_of_sample
    assert len(scores.matrix.rows) == 30
    choice = choose_by_book(scores, book, 4)
    found = quality_of_choice(TEXTS, book, project, scores, choice)
    assert found.not_rated == ("rated-in-part",)
    assert found.rules == tuple(name for name in choice.chosen if name != "rated-in-part")
    assert len(found.rows) == 80
    whole = scored_by_book(TEXTS, book, project, found.rules)
    weights = rule_weights(found.rules, scores.known.contrasts)
    np.testing.assert_allclose(found.values, whole.scores[:, [whole.index(name) for name in found.rules]] @ weights, atol=1e-6)


def test_quality_by_a_rule_that_is_rated_in_part_or_not_at_all_is_refused(project: Project) -> None:
    book = RuleBook((ALL, PART, NONE))
    assert quality_by_rules(TEXTS, ["rated-everywhere"], book=book, project=project).rules == ("rated-everywhere",)
    for name, message in (("rated-in-part", "some of the rows only"), ("not-rated", "is not rated yet"), ("made-up", "There is no rule made-up")):
        with pytest.raises(UsageError, match=message) as caught:
            quality_by_rules(TEXTS, [name], book=book, project=project)
        assert caught.value.hint


def test_named_rules_give_their_plain_mean_whatever_the_book_bans_or_switches_off() -> None:
    names = ["answer-length", "code-fenced", "asked-count"]
    found = quality_by_rules(TEXTS, names, book=RuleBook(banned=("answer-length",), disabled=("asked-count",)))
    np.testing.assert_array_equal(found.values, quality(score_matrix(TEXTS, RULES), names))


def test_wishes_reach_the_choice() -> None:
    wished = quality_by_rules(TEXTS, wishes=RuleWishes(3, PAPER_METHOD, 5))
    assert wished.rules == choose_rules(rule_scores(TEXTS, RuleBook()).matrix, 3, method=PAPER_METHOD, seed=5).chosen
    assert quality_by_rules(TEXTS, wishes=RuleWishes(3)).rules == choose_by_book(rule_scores(TEXTS, RuleBook()), RuleBook(), 3).chosen


def test_rows_that_nothing_tells_apart_have_no_quality() -> None:
    assert quality_by_rules(TEXTS.head(1)).values is None
    assert quality_by_rules(TEXTS.head(0)).values is None


def test_pairs_are_drawn_in_paper_mode_as_often_as_their_determinants_say() -> None:
    from scipy.stats import chisquare

    names = ("answer-length", "reading-ease", "varied-words", "numbers", "long-words", "proper-names")
    matrix = score_matrix(TEXTS, [rule for rule in RULES if rule.name in names])
    kernel, pairs = gram_kernel(matrix.scores), list(combinations(range(6), 2))
    expected = np.array([np.linalg.det(kernel[np.ix_(pair, pair)]) for pair in pairs])
    drawn = dict.fromkeys((frozenset(matrix.rules[i] for i in pair) for pair in pairs), 0)
    for seed in range(1500):
        drawn[frozenset(choose_rules(matrix, 2, method=PAPER_METHOD, seed=seed, random_subsets=0).chosen)] += 1
    assert chisquare(list(drawn.values()), 1500 * expected / expected.sum()).pvalue > 0.001
