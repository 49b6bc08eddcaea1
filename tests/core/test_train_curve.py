"""The loss curve: one value a step whatever was repeated, exact in every bucket, and no more memory for ten million steps than for two thousand."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.train import series as series_module
from sde_core.train.curve import RunCurve
from sde_core.train.series import BUCKETS, Series
from sde_core.train.traces import columns_of, extremes_by_column, last_by_column, moving_average, tokens_at, trace_of

POINTS = st.dictionaries(st.integers(0, 400), st.floats(-5, 5), max_size=60)


@pytest.fixture
def few_buckets(monkeypatch):
    monkeypatch.setattr(series_module, "BUCKETS", 64)


def series_of(points, chunk=1):
    series, items = Series(), sorted(points.items())
    for start in range(0, len(items), chunk):
        part = items[start : start + chunk]
        series.extend(np.array([step for step, _ in part]), np.array([value for _, value in part], float))
    return series


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 5000), st.one_of(st.floats(-5, 5), st.just(math.nan)), max_size=300), st.integers(1, 90))
def test_every_bucket_is_exact(points, chunk):
    """Against the naive reference, with 64 buckets so that they fold often."""
    whole, series_module.BUCKETS = series_module.BUCKETS, 64
    try:
        series = series_of(points, chunk)
        found = series.buckets()
    finally:
        series_module.BUCKETS = whole
    assert len(found.step) <= 64
    last = max(points, default=0)
    assert series.width == 1 << max(0, math.ceil(math.log2((last + 1) / 64)))
    expected = {}
    for step, value in points.items():
        expected.setdefault(step // series.width, []).append((value, step))
    assert [int(step // series.width) for step in found.step] == sorted(expected)
    for place, bucket in enumerate(sorted(expected)):
        numbers = [(value, step) for value, step in expected[bucket] if value == value]
        assert (found.count[place], found.missing[place]) == (len(numbers), len(expected[bucket]) - len(numbers))
        if numbers:
            values = [value for value, _ in numbers]
            assert (found.low[place], found.high[place]) == (min(values), max(values))
            assert found.mean[place] == pytest.approx(sum(values) / len(values), abs=1e-9)
            assert found.top[place] == min(step for value, step in numbers if value == max(values))
    numbers = [value for _, value in sorted(points.items()) if value == value]
    assert series.count == len(numbers)
    assert series.mean_of(10, 0) == (pytest.approx(sum(numbers[:10]) / len(numbers[:10])) if numbers else None)
    assert series.mean_of(0, 10) == (pytest.approx(sum(numbers[-10:]) / len(numbers[-10:])) if numbers else None)
    assert series.lowest() == min(numbers, default=None)


def test_ten_million_steps_take_the_memory_of_two_thousand():
    long = Series()
    for start in range(0, 10_000_000, 500_000):
        steps = np.arange(start, start + 500_000)
        long.extend(steps, np.where(steps == 7_654_321, 9.0, 1.0))
    short = series_of(dict.fromkeys(range(BUCKETS), 1.0), chunk=BUCKETS)
    assert len(long.buckets().step) <= BUCKETS == len(short.buckets().step)
    assert memory_of(long) == memory_of(short)
    assert (long.count, long.width, long.last_step) == (10_000_000, 8192, 9_999_999)
    assert long.standing_out() == long.highest_within(0, 10_000_000) == 7_654_321
    assert (long.at(7_654_321), long.at(7_654_320)) == (9.0, None)
    assert len(trace_of(long, RunCurve()).x) <= BUCKETS


def memory_of(series):
    return sum(sys.getsizeof(value) for value in vars(series).values() if isinstance(value, np.ndarray))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 600), st.floats(0, 9)), max_size=50))
def test_the_last_value_of_a_step_counts(reports):
    series = Series()
    for step, value in reports:
        series.set(step, value)
    steps, values = series.points()
    assert dict(zip(steps.tolist(), values.tolist(), strict=True)) == dict(reports)
    assert series.count == len(dict(reports))
    assert series.last_step == max((step for step, _ in reports), default=-1)


def test_a_run_that_was_resumed_has_one_curve():
    curve = RunCurve()
    curve.add([{"event": "rows", "training": 9}, {"event": "train", "step": 0, "steps": 5}])
    curve.add([{"event": "step", "step": step, "loss": 9.0 - step, "steps": 5} for step in (1, 2, 3)])
    curve.add([{"event": "start"}, {"event": "train", "step": 2, "steps": 5}, {"event": "step", "step": 3, "loss": 5.5, "lr": 1e-4}])
    curve.add([{"event": "eval", "step": 3, "loss": 7.0}, {"event": "step", "step": 4, "loss": None}, {"event": "step"}, {"event": "end"}])
    assert [axis.tolist() for axis in curve.train.points()] == [[1, 2, 3], [8.0, 7.0, 5.5]]
    assert curve.held_out.latest == 7.0
    assert (curve.steps, curve.facts, curve.train.mean_of(2, 0), curve.train.mean_of(0, 2)) == (5, {"training": 9}, 7.5, 6.25)
    assert curve.latest["step"] == 4


def events_between(first, last, offset=0.0):
    return [{"event": "step", "step": step, "loss": math.sin(step) + offset, "steps": 300, "tokens": 7 * step} for step in range(first, last + 1)]


@pytest.mark.parametrize("cut", [200, 260])
def test_what_a_resume_repeats_is_counted_once_also_where_buckets_hold_many_steps(few_buckets, cut):
    resumed, straight = RunCurve(), RunCurve()
    resumed.add([*events_between(1, 150), {"event": "checkpoint", "step": 150}, *events_between(151, cut, offset=5.0)])
    resumed.add([{"event": "train", "step": 150, "steps": 300}, *events_between(151, 300)])
    straight.add(events_between(1, 300))
    for name in ("loss", "tokens"):
        for found, expected in zip(vars_of(resumed.series(name).buckets()), vars_of(straight.series(name).buckets()), strict=True):
            np.testing.assert_allclose(found, expected)
    assert (resumed.train.count, resumed.trend.latest, resumed.trend.lowest_step) == (300, straight.trend.latest, straight.trend.lowest_step)
    again = RunCurve()
    again.add([*events_between(1, 200), {"event": "train", "step": 0, "steps": 300}, *events_between(1, 20)])
    assert (again.train.count, again.train.last_step) == (20, 20)


def vars_of(buckets):
    return [getattr(buckets, name) for name in buckets.__slots__]


def test_events_in_one_piece_or_one_by_one_make_the_same_curve():
    events = [{"event": "train", "step": 0, "steps": 300}, *events_between(1, 300), {"event": "eval", "step": 300, "loss": 1.0}]
    events[40]["loss"] = None
    whole, pieces = RunCurve(), RunCurve()
    whole.add(events)
    for event in events:
        pieces.add([event])
    for found, expected in zip(vars_of(whole.train.buckets()), vars_of(pieces.train.buckets()), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert vars(whole.trend).keys() == vars(pieces.trend).keys()
    assert (whole.not_a_number, whole.trend.lowest, whole.trend.lowest_step) == (40, pieces.trend.lowest, pieces.trend.lowest_step)


@given(POINTS, st.integers(0, 400), st.integers(1, 60))
def test_the_highest_value_of_a_range_is_found(points, first, length):
    series = series_of(points)
    inside = {step: value for step, value in points.items() if first <= step < first + length}
    found = series.highest_within(first, first + length)
    assert (found in inside and inside[found] == max(inside.values())) if inside else found is None
    assert series.at(first) == points.get(first)


def test_the_step_that_stands_out_is_a_spike_and_not_the_high_beginning():
    series = series_of({step: 4.0 / step**0.3 + (1.0 if step == 60 else 0.0) for step in range(1, 101)})
    assert series.standing_out() == 60
    assert series.standing_out(1, 50) < 50
    assert Series().standing_out() is None
    assert series.standing_out(500, 600) is None


# ---- made ready to be drawn


@settings(deadline=None)
@given(POINTS, st.integers(1, 40))
def test_columns_keep_every_extreme_and_every_gap(points, count):
    points = {step: math.nan if value > 4 else value for step, value in points.items()}
    trace, last = trace_of(series_of(points), RunCurve()), max(points, default=0)
    low, high, missing = extremes_by_column(trace, columns_of(trace.x, 0, last, count), count)
    for column in range(count):
        inside = [value for step, value in points.items() if step * count // (last + 1) == column]
        numbers = [value for value in inside if value == value]
        assert missing[column] == (bool(inside) and not numbers)
        assert ((low[column], high[column]) == (min(numbers), max(numbers))) if numbers else (np.isnan(low[column]) and np.isnan(high[column]))


def test_the_moving_average_is_the_bias_corrected_one():
    values = [3.0, 1.0, math.nan, 2.0, 5.0]
    found = moving_average(trace_of(series_of(dict(enumerate(values))), RunCurve()), span=4.0)
    fade, average, weight, expected = math.exp(-1 / 4), 0.0, 0.0, []
    for value in values:
        if value == value:
            average, weight = fade * average + (1 - fade) * value, fade * weight + (1 - fade)
        expected.append(average / weight if value == value else math.nan)
    np.testing.assert_allclose(found, expected)
    assert found[0] == 3.0


def test_a_bucket_of_equal_values_weighs_as_many_in_the_average(few_buckets):
    values = {step: 1.0 if step < 128 else 3.0 for step in range(256)}
    folded, plain = series_of(values), {}
    average, weight = 0.0, 0.0
    for step, value in values.items():
        average, weight = average * math.exp(-1 / 50) + value * (1 - math.exp(-1 / 50)), weight * math.exp(-1 / 50) + 1 - math.exp(-1 / 50)
        plain[step] = average / weight
    found = moving_average(trace_of(folded, RunCurve()), 50)
    assert folded.width == 4
    np.testing.assert_allclose(found, [plain[step] for step in range(3, 256, 4)])


def test_over_tokens_a_run_with_bigger_batches_moves_faster():
    curve = RunCurve()
    curve.add([{"event": "step", "step": step, "loss": 1.0, "tokens": 100 * step} for step in (2, 4)])
    assert trace_of(curve.train, curve, "tokens").x.tolist() == [200.0, 400.0]
    assert tokens_at(curve, np.array([0, 1, 3])).tolist() == [0.0, 100.0, 300.0]
    assert tokens_at(RunCurve(), np.array([5])).tolist() == [5.0]


def test_the_last_number_of_a_column():
    found = last_by_column(np.array([1.0, 2.0, math.nan, 4.0]), np.array([0, 0, 1, 9]), 3)
    assert found[0] == 2.0
    assert np.isnan(found[1:]).all()
