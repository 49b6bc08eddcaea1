"""The loss curve: one value a step whatever was repeated, and no spike lost when it is drawn small."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sde_core.train.curve import RunCurve, Series

POINTS = st.dictionaries(st.integers(0, 400), st.floats(-5, 5), max_size=60)


@given(POINTS, st.integers(1, 40))
def test_columns_keep_every_extreme(points, count):
    series = Series()
    for step, value in points.items():
        series.set(step, value)
    last = max(points, default=0)
    low, high = series.columns(count, last)
    for column in range(count):
        inside = [value for step, value in points.items() if step * count // (last + 1) == column]
        if inside:
            assert (low[column], high[column]) == (min(inside), max(inside))
        else:
            assert np.isnan(low[column])
            assert np.isnan(high[column])


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


@given(POINTS, st.integers(0, 400), st.integers(1, 60))
def test_the_highest_value_of_a_range_is_found(points, first, length):
    series = Series()
    for step, value in points.items():
        series.set(step, value)
    inside = {step: value for step, value in points.items() if first <= step < first + length}
    found = series.highest_within(first, first + length)
    assert (found in inside and inside[found] == max(inside.values())) if inside else found is None
    assert series.at(first) == points.get(first)


def test_the_step_that_stands_out_is_a_spike_and_not_the_high_beginning():
    series = Series()
    for step in range(1, 101):
        series.set(step, 4.0 / step**0.3 + (1.0 if step == 60 else 0.0))
    assert series.standing_out() == 60
    assert Series().standing_out() is None
