"""The summary of a long run: the same curve as from all its events, and never another run's."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sde_core.train import curve_file, series
from sde_core.train.curve import QUANTITIES, RunCurve
from sde_core.train.curve_file import read_curve, summary_path


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(curve_file, "SUMMARY_BYTES", 1000)
    monkeypatch.setattr(series, "BUCKETS", 64)


def told(first, last, shift=0.0):
    events = []
    for step in range(first, last + 1):
        loss = None if step == 33 else math.sin(step) + shift
        events.append({"event": "step", "t": 5.0 + step, "step": step, "steps": 900, "loss": loss, "lr": 1e-4 * step, "tokens": 7 * step})
        if step % 50 == 0:
            events.append({"event": "eval", "t": 5.0 + step, "step": step, "loss": 1 / step})
        if step % 100 == 0:
            events.append({"event": "checkpoint", "t": 5.0 + step, "step": step})
    return events


def write(folder, events, how="a"):
    with (folder / "events.jsonl").open(how) as file:
        file.write("".join(json.dumps(event) + "\n" for event in events))


def assert_same(found, expected):
    for name in QUANTITIES:
        for one, other in zip(*(curve.series(name).to_arrays().items() for curve in (found, expected)), strict=True):
            np.testing.assert_array_equal(one[1], other[1])
    assert found.held_out.points()[0].tolist() == expected.held_out.points()[0].tolist()
    assert found.trend.to_json() == expected.trend.to_json()
    for name in ("latest", "steps", "not_a_number", "told_at", "moments", "evaluations", "facts"):
        assert getattr(found, name) == getattr(expected, name)


def test_reading_on_from_the_summary_is_reading_it_all(tmp_path):
    first, second = [{"event": "train", "step": 0, "steps": 900}, *told(1, 420)], told(421, 700)
    write(tmp_path, first)
    whole = RunCurve()
    whole.add(first)
    assert_same(read_curve(tmp_path)[0], whole)
    assert summary_path(tmp_path).exists()
    assert_same(read_curve(tmp_path)[0], whole)
    kept = summary_path(tmp_path).read_bytes()
    write(tmp_path, second)
    whole.add(second)
    found, offset = read_curve(tmp_path)
    assert_same(found, whole)
    assert offset == (tmp_path / "events.jsonl").stat().st_size
    assert summary_path(tmp_path).read_bytes() != kept


def test_only_what_is_new_is_read(tmp_path, monkeypatch):
    write(tmp_path, told(1, 400))
    _, size = read_curve(tmp_path)
    offsets, real = [], curve_file.read_events
    monkeypatch.setattr(curve_file, "read_events", lambda path, offset: offsets.append(offset) or real(path, offset))
    read_curve(tmp_path)
    assert offsets == [size]


def test_a_resume_after_the_summary_goes_back_to_its_checkpoint(tmp_path):
    first, again = told(1, 450, shift=3.0), [{"event": "train", "step": 400, "steps": 900}, *told(401, 900)]
    write(tmp_path, first)
    read_curve(tmp_path)
    write(tmp_path, again)
    whole = RunCurve()
    whole.add([*first, *again])
    assert_same(read_curve(tmp_path)[0], whole)


@pytest.mark.parametrize("damage", ["cut", "other", "shorter", "nonsense"])
def test_a_summary_that_is_not_of_these_events_is_left_alone(tmp_path, damage):
    write(tmp_path, told(1, 400))
    read_curve(tmp_path)
    path = summary_path(tmp_path)
    events = told(1, 400)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-300])
    elif damage == "nonsense":
        path.write_bytes(b"PK nonsense")
    else:
        events = told(1, 400, shift=1.0) if damage == "other" else told(1, 100)
        write(tmp_path, events, "w")
    whole = RunCurve()
    whole.add(events)
    assert_same(read_curve(tmp_path)[0], whole)


def test_a_short_run_needs_no_summary(tmp_path):
    write(tmp_path, told(1, 5))
    read_curve(tmp_path)
    assert not summary_path(tmp_path).exists()
    assert read_curve(tmp_path / "none")[1] == 0
