"""Agreement of answers and records, against the paper's example and scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, cohen_kappa_score

from sde_core.design.metrics import SENTIMENT_WEIGHTS, format_scores, span_scores, value_scores, value_weights, weighted_kappa
from sde_core.design.options import PRESETS
from sde_core.design.parse import parse_answer
from sde_core.design.task import Entry
from sde_core.errors import UsageError
from tests.core.test_design_answer import ASPECTS, INTENT, TERMS

VALUES = (*ASPECTS.values, ASPECTS.absent)


def entries(*values):
    return [Entry(target, value) for target, value in zip(ASPECTS.targets, values, strict=True) if value != ASPECTS.absent]


def test_the_example_of_the_published_code():
    matrix = np.array([[92, 1, 2, 5], [12, 3, 4, 3], [5, 0, 7, 3], [4, 0, 1, 158]])
    assert weighted_kappa(matrix, SENTIMENT_WEIGHTS) == pytest.approx(0.7639, abs=5e-5)
    assert matrix.trace() / matrix.sum() == pytest.approx(0.8667, abs=5e-5)


@given(st.lists(st.tuples(*[st.tuples(st.sampled_from(VALUES), st.sampled_from(VALUES))] * 3), min_size=1, max_size=12))
def test_accuracy_and_plain_kappa_equal_scikit_learn(records):
    gold = [entries(*(pair[0] for pair in record)) for record in records]
    said = [entries(*(pair[1] for pair in record)) for record in records]
    truth, answers = ([pair[side] for record in records for pair in record] for side in (0, 1))
    scores = value_scores(gold, said, ASPECTS)
    assert scores.accuracy == pytest.approx(accuracy_score(truth, answers))
    assert scores.whole == pytest.approx(np.mean([all(a == b for a, b in record) for record in records]))
    assert np.mean(list(scores.by_target.values())) == pytest.approx(scores.accuracy)
    plain = weighted_kappa(scores.matrix)
    if plain is not None:
        assert plain == pytest.approx(cohen_kappa_score(truth, answers))


def test_what_is_not_mentioned_counts_as_the_placeholder():
    scores = value_scores([[Entry("Food", "positive")]], [[]], ASPECTS)
    assert scores.by_target == {"Food": 0.0, "Drinks": 1.0, "Wait": 1.0}
    assert np.array_equal(value_weights(ASPECTS), SENTIMENT_WEIGHTS)
    assert value_weights(INTENT) is None


def test_the_order_in_which_a_task_names_its_sentiments_changes_no_kappa():
    gold, said = (
        [entries("positive", "neutral", "negative")] * 2,
        [entries("neutral", "negative", "negative"), entries("positive", "unmentioned", "neutral")],
    )
    published = value_scores(gold, said, ASPECTS)
    for values in permutations(ASPECTS.values):
        assert value_scores(gold, said, replace(ASPECTS, values=values)).kappa == pytest.approx(published.kappa)
    assert weighted_kappa(published.matrix) != pytest.approx(published.kappa)


def test_no_kappa_where_all_is_one_value():
    assert value_scores([[]], [[]], ASPECTS).kappa is None
    assert weighted_kappa(np.zeros((2, 2), np.int64)) is None


def test_values_need_fixed_targets_and_records():
    for gold, task in (([], ASPECTS), ([[]], TERMS)):
        with pytest.raises(UsageError):
            value_scores(gold, gold, task)


def test_spans_match_softly_by_likeness_and_strictly_by_letters():
    gold, said = [[Entry("Motion", "flew into")]], [[Entry("Motion", "flew")]]
    assert span_scores(gold, said).f1 == 0
    assert span_scores(gold, said, soft=True).f1 == 1
    assert span_scores(gold, [[Entry("Attack", "flew")]], soft=True).f1 == 0


def test_an_answer_given_twice_is_counted_against_precision_too():
    gold, said = [[Entry("Motion", "flew")]], [[Entry("Motion", "flew")] * 2]
    scores = span_scores(gold, said, soft=True)
    assert (scores.precision, scores.recall, scores.matched) == (0.5, 1.0, 1)


def test_records_without_spans_break_nothing():
    """The published code asks for the best of an empty list."""
    assert span_scores([[]], [[]], soft=True).f1 == 1
    assert span_scores([[]], [[Entry("Motion", "flew")]], soft=True).f1 == 0
    assert span_scores([[Entry("Motion", "flew")]], [[]], soft=True).recall == 0


@given(st.lists(st.tuples(*[st.lists(st.builds(Entry, st.sampled_from("ab"), st.text("xy", max_size=4)), max_size=4)] * 2), max_size=5))
def test_strict_f1_turns_round_and_soft_is_never_below_it(records):
    gold, said = [list(a) for a, _ in records], [list(b) for _, b in records]
    soft, strict = span_scores(gold, said, soft=True), span_scores(gold, said)
    assert soft.f1 >= strict.f1
    turned = span_scores(said, gold)
    assert (turned.precision, turned.recall) == (strict.recall, strict.precision)
    assert span_scores(gold, gold).f1 == 1


def test_adherence_counts_each_bad_answer_once_by_kind():
    design = PRESETS["es-sde"]
    good = "Food: positive\nDrinks: unmentioned\nWait: negative"
    bad = ["", "all fine", "Food: great\nDrinks: unmentioned\nWait: negative", "Food: positive\nWait: negative"]
    scores = format_scores([parse_answer(text, ASPECTS, design) for text in (good, *bad)])
    assert scores.adherence == pytest.approx(1 / 5)
    assert scores.faulty == {"empty": 1, "split": 1, "unknown value": 1, "missing target": 3}
    soft = format_scores([parse_answer(text, ASPECTS, design) for text in (good, *bad)], soft=True)
    assert soft.adherence == pytest.approx(2 / 5)
