"""A run belongs to nobody's terminal: it survives hang-up, kill -9 and quitting of the app, the app re-attaches with the whole curve, a killed run resumes."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pty_app import PtyApp

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "core"))

from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.jobs import Job, list_jobs
from sde_core.project import Project

STEPS = 20_000
PATIENCE = 120


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture
def data(rows_file, model):
    path = rows_file(60)
    recipe = {"model": model, "max_steps": STEPS, "batch_size": 2, "held_out": 0, "save_steps": 20, "device": "cpu", "processes": 1}
    Project.of(path).created().recipe_path.write_text(json.dumps(recipe))
    dataset = open_dataset(path)
    journal = Project.of(path).open_journal(dataset)
    journal.accept(range(60), "all are good")
    journal.close()
    yield path
    for job in list_jobs(Project.of(path).jobs_dir):
        end(job)


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def end(job: Job) -> None:
    if job.status().active:
        os.kill(job.status().identity.pid, signal.SIGKILL)
        until(lambda: not job.status().active)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def steps_of(job: Job) -> list[int]:
    events, _ = job.events(0)
    return [event["step"] for event in events if event["event"] == "step"]


def started(app: PtyApp, data: Path) -> Job:
    """Starts the fine-tune with one key and waits until it steps."""
    app.wait_for("2 Rec")
    app.quiet(1.0)
    app.press("9", 1.0)
    app.send("F")
    jobs_dir = Project.of(data).jobs_dir
    until(lambda: drained(app) and bool(list_jobs(jobs_dir)))
    job = list_jobs(jobs_dir)[0]
    until(lambda: drained(app) and len(steps_of(job)) > 3)
    return job


def drained(app: PtyApp) -> bool:
    """Reads what the app draws, so that it never waits for its terminal."""
    app.quiet(0.05, 0.2)
    return True


def test_hang_up_kill_9_and_quitting_leave_the_run_alone_and_the_app_comes_back_to_a_whole_curve(data):
    with PtyApp(str(data)) as app:
        job = started(app, data)
        app.hang_up()
        assert app.wait() == 128 + signal.SIGHUP
    assert job.status().active
    with PtyApp(str(data)) as app:
        app.wait_for("Attached again")
        app.press("9", 0.6)
        app.wait_for(f"of {STEPS:,}")
        app.kill()
    with PtyApp(str(data)) as app:
        app.wait_for("Attached again")
        app.send("q")
        app.wait_for("What runs keeps running")
        app.send("y")
        assert app.wait() == 0
    seen = len(steps_of(job))
    until(lambda: len(steps_of(job)) > seen + 3)
    assert job.status().active
    steps = steps_of(job)
    assert steps == list(range(1, len(steps) + 1))


def test_a_run_that_was_killed_is_seen_and_resumed_with_one_unbroken_curve(data):
    with PtyApp(str(data)) as app:
        job = started(app, data)
        until(lambda: drained(app) and len(steps_of(job)) > 45)
        end(job)
        app.wait_for("lost")
        before = max(steps_of(job))
        app.send("r")
        until(lambda: drained(app) and job.status().active and max(steps_of(job)) > before)
    steps = steps_of(job)
    resumed_at = steps[steps.index(before) + 1]
    assert resumed_at <= before + 1
    assert sorted(set(steps)) == list(range(1, max(steps) + 1))
