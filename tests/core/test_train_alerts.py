"""What is said of a run that goes wrong, and that nothing is said of one that does not."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.jobs.vitals import Vitals
from sde_core.train import callbacks
from sde_core.train.alerts import alerts_of
from sde_core.train.callbacks import event_callback
from sde_core.train.curve import RunCurve


def curve_of(losses, *, seconds=1.0):
    curve = RunCurve()
    curve.add([{"event": "train", "step": 0, "steps": len(losses)}])
    curve.add({"event": "step", "step": step, "steps": len(losses), "loss": loss, "t": step * seconds} for step, loss in enumerate(losses, start=1))
    return curve


def kinds(losses, *, active=False, now=None, seconds=1.0):
    found = alerts_of(curve_of(losses, seconds=seconds), active=active, now=len(losses) * seconds if now is None else now)
    return [(alert.kind, alert.step) for alert in found]


FALLING = [4.0 / step**0.4 for step in range(1, 101)]


def test_a_run_that_learns_is_left_alone():
    noise = np.random.default_rng(3).normal(0, 0.15, 400).tolist()  # as they come from a log
    assert kinds(FALLING, active=True) == []
    assert kinds([2.0 * math.exp(-step / 90) + 0.6 + noise[step] for step in range(400)], active=True) == []
    spike = [*FALLING[:60], 30.0, *FALLING[60:]]
    assert kinds(spike) == []
    assert kinds([0.05] * 40) == []
    assert kinds([]) == []


def test_no_number_is_said_with_its_first_step_and_forgotten_after_a_resume():
    curve = curve_of([2.0, 1.9, None, 1.8])
    (alert,) = alerts_of(curve, active=False, now=0.0)
    assert (alert.kind, alert.step) == ("nan", 3)
    curve.add([{"event": "train", "step": 2, "steps": 9}, {"event": "step", "step": 3, "loss": 1.7}])
    assert alerts_of(curve, active=False, now=0.0) == ()


def test_a_zero_loss_is_said_since_when():
    assert kinds([2.0, 1.0, *[0.0] * 5]) == [("zero", 3)]
    assert kinds([0.0] * 5) == [("zero", 1)]
    assert kinds([1.0, *[0.0] * 4]) == []


@pytest.mark.parametrize("rise", [1.05, 1.1])
def test_a_loss_that_keeps_rising_is_a_divergence(rise):
    low = FALLING[:40]
    rising = [low[-1] * rise**step for step in range(1, 61)]
    ((kind, step),) = kinds([*low, *rising])
    assert kind == "diverging"
    assert 30 <= step <= 45


def test_a_rise_that_stays_below_the_beginning_is_none():
    assert kinds([*FALLING, *[FALLING[-1] * 1.6] * 20]) == []


def test_a_step_that_does_not_come_is_said_while_the_run_is_at_work():
    assert kinds(FALLING, active=True, now=100 + 59) == []
    assert kinds(FALLING, active=True, now=100 + 61) == [("stalled", 100)]
    assert kinds(FALLING, active=False, now=100 + 61) == []
    assert kinds(FALLING, active=True, seconds=30.0, now=3000 + 599) == []
    assert kinds(FALLING, active=True, seconds=30.0, now=3000 + 601) == [("stalled", 100)]


def test_an_evaluation_longer_than_many_steps_is_no_stall_until_it_says_nothing_either():
    curve = curve_of(FALLING)
    curve.add({"event": "evaluating", "step": 100, "t": 100.0 + second} for second in range(0, 300, 10))
    assert alerts_of(curve, active=True, now=100 + 300) == ()
    (alert,) = alerts_of(curve, active=True, now=100 + 290 + 61)
    assert (alert.kind, alert.step) == ("stalled", 100)
    assert "No step for 6 min" in alert.words or "No step for 5 min" in alert.words


def test_a_run_without_a_sign_of_life_is_frozen_and_one_in_a_long_step_is_not():
    curve = curve_of(FALLING)
    assert alerts_of(curve, active=True, now=130, silent_s=30.0) == ()
    (alert,) = alerts_of(curve, active=True, now=100 + 200, silent_s=200.0)
    assert (alert.kind, alert.words) == ("stalled", "No sign of life for 3 min 20 s: frozen, or its machine is too busy or away")
    (alert,) = alerts_of(curve, active=True, now=100 + 200, silent_s=5.0)
    assert alert.words.startswith("No step for 3 min 20 s")
    assert alerts_of(curve, active=False, now=100 + 200, silent_s=200.0) == ()


SAID = {
    "blocked": "No sign of life for 1 min 20 s: it waits for a disk or a device",
    "suspended": "No sign of life for 1 min 20 s: a signal suspended it",
    "idle": "No sign of life for 1 min 20 s: it takes no processor time",
    "elsewhere": "No sign of life for 1 min 20 s: only node␛7 can tell why",
    "unknown": "No sign of life for 1 min 20 s: frozen, or its machine is too busy or away",
}


@pytest.mark.parametrize("doing", SAID)
def test_of_a_silent_run_no_more_is_said_than_its_process_tells(doing):
    (alert,) = alerts_of(curve_of(FALLING), active=True, now=101, silent_s=80.0, look=lambda: Vitals(80.0, doing, "node\x1b7"))
    assert alert.words == SAID[doing]
    assert len(alert.words) <= 78


def test_a_machine_that_is_too_busy_is_no_alarm_for_ten_minutes():
    curve = curve_of(FALLING)
    for seconds in (61, 300, 599):
        assert alerts_of(curve, active=True, now=100 + seconds, silent_s=seconds, look=lambda s=seconds: Vitals(s, "busy")) == ()
        assert alerts_of(curve, active=True, now=100 + seconds, silent_s=1.0, look=lambda: Vitals(1.0, "busy")) == ()
    (alert,) = alerts_of(curve, active=True, now=101, silent_s=700.0, look=lambda: Vitals(700.0, "busy"))
    assert alert.words == "No sign of life for 11 min 40 s: its machine is too busy, or it is in a loop"
    (alert,) = alerts_of(curve, active=True, now=100 + 601, silent_s=1.0, look=lambda: Vitals(1.0, "busy"))
    assert alert.words.startswith("No step for 10 min")


def test_who_looked_late_himself_gives_no_alarm_and_nobody_looks_while_all_is_well():
    curve, looked = curve_of(FALLING), []
    assert alerts_of(curve, active=True, now=101, silent_s=500.0, look=lambda: Vitals(2.0, "idle")) == ()
    alerts_of(curve, active=True, now=130, silent_s=30.0, look=lambda: looked.append(1))
    assert looked == []


def test_a_run_that_was_resumed_and_waits_or_loads_has_not_stalled():
    curve = curve_of(FALLING)
    curve.add([{"event": "end", "t": 100.0}, {"event": "start", "t": 5000.0}])
    assert alerts_of(curve, active=True, now=9000.0, silent_s=1.0) == ()


def test_an_evaluation_says_that_it_is_at_work(monkeypatch):
    pytest.importorskip("transformers")
    told, clock = [], iter([0.0, 0.0, 4.0, 11.0, 11.0, 12.0])
    callback = event_callback(SimpleNamespace(event=lambda kind, **fields: told.append((kind, fields["step"]))), "cpu", None)
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    for _ in range(4):
        callback.on_prediction_step(None, SimpleNamespace(global_step=7), None)
    assert told == [("evaluating", 7)] * 2


def evaluated(held_out, train):
    """A run with a training loss and an evaluation every twenty steps."""
    curve = RunCurve()
    for number, (held, loss) in enumerate(zip(held_out, train, strict=True)):
        curve.add({"event": "step", "step": 20 * number + step, "loss": loss, "t": 1.0} for step in range(1, 21))
        curve.add([{"event": "eval", "step": 20 * number + 20, "loss": held, "t": 1.0}])
    return list(alerts_of(curve, active=False, now=0.0))


def test_rows_that_are_learnt_by_heart_are_told_of():
    (alert,) = evaluated([3.0, 2.5, 2.4, 2.6, 2.8, 3.0], [3.0, 2.5, 2.0, 1.5, 1.0, 0.5])
    assert (alert.kind, alert.step) == ("overfitting", 60)
    assert alert.words == "Held-out loss rises since step 60, 2.4 to 3, while the training loss falls"
    assert "fewer epochs" in alert.advice


@pytest.mark.parametrize(
    ("held_out", "train"),
    [
        ([3.0, 2.5, 2.4, 2.41, 2.42, 2.43], [3.0, 2.5, 2.0, 1.5, 1.0, 0.5]),
        ([3.0, 2.5, 2.4, 2.6, 2.5, 2.7], [3.0, 2.5, 2.0, 1.5, 1.0, 0.5]),
        ([3.0, 2.5, 2.4, 2.6, 2.8, 3.0], [3.0, 2.5, 2.0, 2.2, 2.4, 2.6]),
        ([3.0, 2.5, 2.6], [3.0, 2.5, 2.0]),
        ([3.0, 2.5, 2.4, 2.8, 3.0, 2.3], [3.0, 2.5, 2.0, 1.5, 1.0, 0.5]),
    ],
    ids=["hardly", "to and fro", "both rise", "too few", "fell again"],
)
def test_a_held_out_loss_that_only_wavers_is_no_alarm(held_out, train):
    assert evaluated(held_out, train) == []


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=80), st.booleans())
def test_any_curve_can_be_judged(losses, active):
    for alert in alerts_of(curve_of(losses), active=active, now=1e5):
        assert alert.words
        assert alert.advice
        assert len(alert.words) <= 78
        assert 0 <= alert.step <= len(losses)
