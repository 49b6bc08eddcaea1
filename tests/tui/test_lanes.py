"""Work in threads: results, errors, cancelling, and late results."""

from __future__ import annotations

import asyncio
import threading

import pytest
from textual.app import App

from sde_core.errors import CancelledError, InputError
from sde_core.progress import raise_if_cancelled
from sde_tui.lanes import Lanes, Task


class Bench(App[None]):
    """An app with lanes and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []
        self.changes = 0
        self.lanes = Lanes(self, lambda error: self.failures.append(str(error)), self._count)

    def _count(self) -> None:
        self.changes += 1


@pytest.fixture
async def bench():
    app = Bench()
    async with app.run_test() as pilot:
        app.pilot = pilot
        yield app


async def _settle(app: Bench) -> None:
    await app.workers.wait_for_complete()
    await app.pilot.pause()


async def test_the_value_arrives_on_the_event_loop(bench):
    got = []
    bench.lanes.thread("sum", "adding", lambda cancel, progress: 2 + 2, lambda value: got.append((value, threading.current_thread())))
    assert [task.title for task in bench.lanes.tasks] == ["adding"]
    await _settle(bench)
    assert got == [(4, threading.main_thread())]
    assert bench.lanes.tasks == []


async def test_an_older_result_is_dropped_when_newer_work_was_asked_for(bench):
    release, got = threading.Event(), []
    bench.lanes.thread("filter", "filtering", lambda cancel, progress: release.wait(5), lambda value: got.append("old"))
    bench.lanes.thread("filter", "filtering", lambda cancel, progress: "new", got.append)
    release.set()
    await _settle(bench)
    assert got == ["new"]


async def test_work_of_different_purposes_does_not_disturb_each_other(bench):
    got = []
    bench.lanes.thread("a", "a", lambda cancel, progress: "a", got.append)
    bench.lanes.thread("b", "b", lambda cancel, progress: "b", got.append)
    await _settle(bench)
    assert sorted(got) == ["a", "b"]


async def test_stopping_sets_the_cancel_event_and_drops_the_result(bench):
    started, cancelled, got = threading.Event(), threading.Event(), []

    def work(cancel, progress):
        started.set()
        assert cancel.wait(5)
        cancelled.set()
        raise_if_cancelled(cancel)

    bench.lanes.thread("long", "working", work, got.append)
    assert await asyncio.to_thread(started.wait, 5)
    assert bench.lanes.stop("long")
    await _settle(bench)
    assert cancelled.is_set()
    assert got == []
    assert bench.failures == []
    assert not bench.lanes.stop("long")


async def test_who_waits_is_told_of_stopping_but_not_of_newer_work(bench):
    told = []

    def work(cancel, progress):
        cancel.wait(5)
        raise_if_cancelled(cancel)

    def start(number):
        bench.lanes.thread("long", "working", work, print, ended=lambda: told.append(number))

    start(1)
    start(2)
    bench.lanes.stop("long")
    assert told == [], "whoever stops it has the first word"
    await _settle(bench)
    assert told == [2]
    start(3)
    bench.lanes.stop_all()
    start(4)
    await bench.pilot.pause()
    assert told == [2], "what was stopped has begun anew"
    bench.lanes.stop("long")
    await _settle(bench)
    assert told == [2, 4]


async def test_an_error_stated_for_the_user_is_told(bench):
    ended = []

    def work(cancel, progress):
        raise InputError("rows.jsonl: no rows.", "Look again.")

    bench.lanes.thread("read", "reading", work, print, ended=lambda: ended.append(True))
    await _settle(bench)
    assert bench.failures == ["rows.jsonl: no rows. Look again."]
    assert ended == [True]


async def test_work_that_stops_by_itself_is_no_failure(bench):
    def work(cancel, progress):
        raise CancelledError

    bench.lanes.thread("read", "reading", work, print)
    await _settle(bench)
    assert bench.failures == []
    assert bench.lanes.tasks == []


async def test_progress_is_shown_with_share_and_time_left(bench):
    def work(cancel, progress):
        for done in range(0, 101, 10):
            progress(done, 100)

    before = bench.changes
    bench.lanes.thread("read", "reading", work, lambda value: None)
    await _settle(bench)
    assert bench.changes - before <= 6


def test_a_task_says_how_far_it_is():
    task = Task("read", "reading", 1)
    assert task.shown() == "reading…"
    task.done, task.total = 34, 100
    assert task.shown() == "reading 34 %"
    task.started -= 100
    assert task.shown() == "reading 34 %, 3 min left"
