"""What is asked, in which order, once; what it may cost; what the report says of it."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from sde_core.errors import CancelledError, JobError, UsageError
from sde_core.rules.plain_rule import PlainRule
from sde_core.rules.rating import Answer, RatingCache, RatingParams, form_in_use, prompt_form, rate
from sde_core.rules.rating.plan import plan_of, sample_rows
from sde_core.rules.rating.report import report_from_json
from tests.core.rating_rows import ANSWERS_IT, KEEP_SHORT, RULES, FakeJudge, place_of, rows, sharp

FORM, PAPER = prompt_form("expected"), prompt_form("paper")
ALL = RatingParams(sample=4, everything=True, retest_share=0)


@pytest.fixture
def cache(tmp_path):
    return RatingCache(tmp_path / "ratings")


def test_a_sample_is_rated_first_and_then_the_rest_and_nothing_twice(cache):
    judge, texts = FakeJudge(), rows(20)
    report = rate(judge, texts, RULES, FORM, cache, RatingParams(sample=8, retest_share=0.25))
    assert (report.sample_calls_left, report.calls_left, report.run.calls) == (0, 24, 8 * 2 + 2 * 2)
    sampled = set(sample_rows(20, 8, 0).tolist())
    rated = cache.column(ANSWERS_IT, "fake", "expected-1", texts).rated
    assert set(np.flatnonzero(rated)) == sampled
    report = rate(judge, texts, RULES, FORM, cache, RatingParams(sample=8, retest_share=0.25, everything=True))
    assert (report.calls_left, report.run.calls) == (0, 24)
    assert len(judge.asked) == len(set(judge.asked)) == 44
    assert rate(judge, texts, RULES, FORM, cache, ALL).run.calls == 0


def test_scores_are_the_expected_places(cache):
    texts = rows(12)
    rate(FakeJudge(), texts, [ANSWERS_IT], FORM, cache, ALL)
    column = cache.column(ANSWERS_IT, "fake", "expected-1", texts)
    for row, score in enumerate(column.scores):
        place = place_of(FORM.question(ANSWERS_IT, example_of(texts, row)).text)
        assert score == pytest.approx((place * 0.96 + sum(n * 0.01 for n in range(1, 6) if n != place) - 1) / 4)


def example_of(texts, row):
    from sde_core.rules.rating import Example

    return Example(texts["system"][row], texts["prompt"][row], texts["answer"][row])


def test_a_sample_is_seeded_and_grows_by_its_seed():
    assert sample_rows(100, 10, 3).tolist() == sample_rows(100, 20, 3)[:10].tolist()
    assert sample_rows(100, 10, 3).tolist() != sample_rows(100, 10, 4).tolist()
    assert sorted(sample_rows(5, 10, 0).tolist()) == [0, 1, 2, 3, 4]


def test_all_rules_of_a_row_follow_each_other_the_retest_follows_the_sample_and_the_rest_is_in_file_order(cache):
    plan = plan_of(rows(10), RULES, "fake", FORM.version, cache, RatingParams(sample=3, retest_share=0.5))
    asked = [(one.row, one.rule, one.slot) for one in plan.questions(everything=True)]
    sampled = sample_rows(10, 3, 0).tolist()
    others = [row for row in range(10) if row not in sampled]
    assert asked == [(row, rule, 0) for row in sampled for rule in (0, 1)] + [(row, rule, 1) for row in sampled[:2] for rule in (0, 1)] + [
        (row, rule, 0) for row in others for rule in (0, 1)
    ]
    assert (plan.sample_calls, plan.all_calls) == (10, 24)


def test_equal_rows_are_asked_about_once_and_empty_ones_never(cache):
    texts = pl.concat([rows(3), rows(3), rows(1).with_columns(prompt=pl.lit(""), answer=pl.lit("  "))])
    judge = FakeJudge()
    report = rate(judge, texts, [ANSWERS_IT], FORM, cache, ALL)
    assert len(judge.asked) == 3
    assert (report.calls_left, report.rules[0].rated) == (0, 7)
    scores = cache.column(ANSWERS_IT, "fake", "expected-1", texts).scores
    assert scores[:3].tolist() == scores[3:6].tolist() and scores[6] == 0


def test_two_names_of_one_sentence_are_asked_about_once(cache):
    judge = FakeJudge()
    report = rate(judge, rows(5), [ANSWERS_IT, replace(ANSWERS_IT, name="complete")], FORM, cache, ALL)
    assert len(judge.asked) == 5
    assert [(rule.rule, rule.rated) for rule in report.rules] == [("answers-it", 5), ("complete", 5)]


def test_a_new_rule_asks_only_for_itself(cache):
    texts, judge = rows(5), FakeJudge()
    rate(judge, texts, [ANSWERS_IT], FORM, cache, ALL)
    assert rate(judge, texts, RULES, FORM, cache, ALL).run.calls == 5
    assert rate(judge, texts, [replace(ANSWERS_IT, name="new-name")], FORM, cache, ALL).run.calls == 0
    assert rate(judge, texts, [replace(ANSWERS_IT, sentence="Be brief.")], FORM, cache, ALL).run.calls == 5


def test_the_judge_that_was_asked_for_last_is_the_latest(cache):
    def named(name):
        judge = FakeJudge()
        judge.id = name
        return judge

    for name in ("a", "b", "a"):
        rate(named(name), rows(2), [ANSWERS_IT], FORM, cache, ALL)
        assert cache.judges()[-1] == (name, "expected-1")


def test_unparseable_replies_are_counted_and_not_asked_again(cache):
    replies = iter(["0.5", "I cannot", "1", "0.5", "nan", "0"])
    report = rate(FakeJudge(lambda _: Answer(next(replies), None, 10, 1)), rows(6), [ANSWERS_IT], PAPER, cache, ALL)
    rule = report.rules[0]
    assert (rule.rated, rule.unparseable, report.calls_left) == (4, 2, 0)
    assert rule.unparseable_share == pytest.approx(1 / 3)
    assert rule.mean == pytest.approx(0.5)
    assert [reply["reply"] for reply in cache.unparsed_replies("fake", "paper-1")] == ["I cannot", "nan"]
    assert rate(FakeJudge(), rows(6), [ANSWERS_IT], PAPER, cache, ALL).run.calls == 0


def test_unread_replies_are_asked_again_where_that_is_asked_for(cache):
    replies = iter(["0.5", "I cannot", "1", "nan", "0.25", "never"])
    judge = FakeJudge(lambda _: Answer(next(replies), None, 10, 1))
    rate(judge, rows(4), [ANSWERS_IT], PAPER, cache, ALL)
    report = rate(judge, rows(4), [ANSWERS_IT], PAPER, cache, replace(ALL, unread_again=True))
    assert (report.run.calls, report.rules[0].rated, report.rules[0].unparseable) == (2, 3, 1)
    assert len(set(judge.asked)) == 4
    assert np.nanmin(cache.column(ANSWERS_IT, "fake", "paper-1", rows(4)).scores) == 0.25


def test_the_report_says_how_far_a_judge_agrees_with_itself(cache):
    shifted = FakeJudge(lambda q: Answer("", sharp(place_of(q.text) if q.text.startswith("Between") else max(place_of(q.text) - 1, 1)), 10, 1))
    report = rate(shifted, rows(40), [ANSWERS_IT], FORM, cache, RatingParams(sample=40, retest_share=1.0))
    rule = report.rules[0]
    assert rule.twice == 40
    assert 0.9 < rule.agreement < 1.0
    assert 0.1 < rule.difference < 0.25
    noisy = iter(np.random.default_rng(0).integers(1, 6, 1000).tolist())
    report = rate(
        FakeJudge(lambda _: Answer("", sharp(next(noisy)), 10, 1)), rows(200), [KEEP_SHORT], FORM, cache, RatingParams(200, retest_share=1.0)
    )
    assert abs(report.rules[0].agreement) < 0.2
    constant = rate(FakeJudge(lambda _: Answer("0.5")), rows(9), [KEEP_SHORT], PAPER, cache, RatingParams(9, retest_share=1.0)).rules[0]
    assert (constant.agreement, constant.difference, constant.sd) == (None, 0.0, 0.0)


def test_a_judge_without_probabilities_is_asked_for_the_number_and_never_mixed(cache):
    judge, texts = FakeJudge(lambda q: Answer(str(place_of(q.text)), None, 10, 1)), rows(6)
    report = rate(judge, texts, [ANSWERS_IT], FORM, cache, ALL)
    assert (report.prompt_version, report.run.calls, len(judge.asked)) == ("scale-1", 6, 6)
    assert not cache.column(ANSWERS_IT, "fake", "expected-1", texts).rated.any()
    assert cache.column(ANSWERS_IT, "fake", "scale-1", texts).scores.tolist() == [
        (place_of(FORM.question(ANSWERS_IT, example_of(texts, row)).text) - 1) / 4 for row in range(6)
    ]
    assert form_in_use("fake", FORM, cache).version == "scale-1"
    assert form_in_use("another", FORM, cache) is FORM
    assert rate(judge, texts, [ANSWERS_IT], FORM, cache, ALL).run.calls == 0


def test_probabilities_that_go_missing_later_are_unparseable_not_another_scale(cache):
    answers = iter([Answer("4", sharp(4))] + [Answer("4")] * 3)
    report = rate(FakeJudge(lambda _: next(answers)), rows(4), [ANSWERS_IT], FORM, cache, ALL)
    assert (report.prompt_version, report.rules[0].rated, report.rules[0].unparseable) == ("expected-1", 1, 3)


def test_questions_without_an_answer_are_asked_again_next_time(cache):
    texts = rows(6)
    broken = FakeJudge(lambda q: Answer(problem="Too long for the judge: 9.") if "item 3 " in q.text else Answer("0.5", None, 10, 1))
    report = rate(broken, texts, [ANSWERS_IT], PAPER, cache, ALL)
    assert (report.run.calls, report.run.lost, report.run.problem, report.calls_left) == (5, 1, "Too long for the judge: 9.", 1)
    assert (report.rules[0].rated, report.rules[0].unparseable) == (5, 0)
    report = rate(FakeJudge(lambda _: Answer("1")), texts, [ANSWERS_IT], PAPER, cache, ALL)
    assert (report.run.calls, report.run.lost, report.calls_left) == (1, 0, 0)


def test_a_judge_that_answers_nothing_at_first_is_an_error(cache):
    judge = FakeJudge(lambda _: Answer(problem="No reply after 6 attempts: it answered 500."))
    with pytest.raises(JobError, match=r"answers no question\. No reply after 6 attempts: it answered 500\."):
        rate(judge, rows(9), [ANSWERS_IT], FORM, cache, ALL)
    assert len(judge.asked) == 3


def test_the_cost_is_foreseen_and_its_bound_is_kept(cache):
    texts, prices = rows(50), {"input_price": 1.0, "output_price": 10.0}
    judge = FakeJudge(lambda q: Answer("0.5", None, len(q.text) // 4, 2))
    report = rate(judge, texts, [ANSWERS_IT], PAPER, cache, RatingParams(10, retest_share=0, **prices))
    spent = sum(len(text) // 4 for text in judge.asked) / 1e6 + 10 * 2 * 10 / 1e6
    assert report.run.spent == pytest.approx(spent)
    assert report.cost_left == pytest.approx(40 * spent / 10)
    report = rate(judge, texts, [ANSWERS_IT], PAPER, cache, RatingParams(10, everything=True, max_cost=spent, **prices, retest_share=0))
    assert report.run.bounded and 0 < report.run.calls < 10 and report.run.spent <= spent
    assert report.calls_left == 40 - report.run.calls


def test_a_resumed_run_keeps_its_bound(cache):
    judge = FakeJudge(lambda _: Answer("0.5", None, 1000, 0))
    params = RatingParams(50, retest_share=0, input_price=1.0, max_cost=0.0105, run="job-1")
    assert rate(judge, rows(50), [ANSWERS_IT], PAPER, cache, params).run.calls == 10
    assert rate(judge, rows(50), [ANSWERS_IT], PAPER, cache, params).run.calls == 0
    assert rate(judge, rows(50), [ANSWERS_IT], PAPER, cache, replace(params, run="job-2")).run.calls == 10


def test_uncounted_tokens_are_guessed_for_the_bound_and_not_reported(cache):
    report = rate(FakeJudge(lambda _: Answer("1")), rows(20), [ANSWERS_IT], PAPER, cache, RatingParams(20, input_price=1.0, max_cost=0.002))
    assert report.run.bounded and 0 < report.run.calls < 20
    assert (report.tokens_in, report.cost_left) == (None, None)


def test_stopping_keeps_what_was_rated(cache):
    stop = threading.Event()

    def answer(question):
        if len(judge.asked) == 5:
            stop.set()
        return Answer("0.5")

    judge = FakeJudge(answer)
    with pytest.raises(CancelledError):
        rate(judge, rows(20), [ANSWERS_IT], PAPER, cache, ALL, cancel=stop)
    assert cache.column(ANSWERS_IT, "fake", "paper-1", rows(20)).rated.sum() == 5
    assert rate(FakeJudge(lambda _: Answer("0.5")), rows(20), [ANSWERS_IT], PAPER, cache, ALL).run.calls == 15


def test_progress_counts_calls(cache):
    seen = []
    rate(FakeJudge(lambda _: Answer("1")), rows(5), RULES, PAPER, cache, ALL, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 10) for n in range(11)]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (RatingParams(sample=0), "says nothing"), (RatingParams(retest_share=1.5), "between 0 and 1"), (RatingParams(input_price=-1), "from 0 on"),
        (RatingParams(max_cost=5.0), "needs a price"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(cache, params, said):
    with pytest.raises(UsageError, match=said):
        rate(FakeJudge(), rows(2), RULES, FORM, cache, params)


def test_nothing_to_rate_is_said(cache):
    with pytest.raises(UsageError, match="no rules to rate by"):
        rate(FakeJudge(), rows(2), [], FORM, cache)
    with pytest.raises(UsageError, match="no rows to rate"):
        rate(FakeJudge(), rows(0), RULES, FORM, cache)


def test_a_report_goes_to_json_and_back(cache):
    import json

    report = rate(FakeJudge(), rows(5), RULES, FORM, cache, RatingParams(5))
    assert report_from_json(json.loads(json.dumps(report.to_json()))) == report


def test_shortened_rows_are_counted_and_their_form_is_another(cache):
    texts = rows(3).with_columns(answer=pl.Series(["x" * 200, "y", "z" * 101]))
    report = rate(FakeJudge(), texts, [PlainRule("r", "Be brief.")], prompt_form("expected", max_chars=100), cache, ALL)
    assert (report.shortened, report.prompt_version) == (2, "expected-1/chars=100")
