"""The queue of runs: one at a time on a device, in order, whoever dies; as real processes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from queue_tickets import HERE, ticket

import sde_core.jobs.job as job_module
from sde_core.errors import JobError, UsageError
from sde_core.jobs import JOB_KINDS, Job, JobContext, JobStatus, launch, turn
from sde_core.jobs.mutex import Mutex
from sde_core.jobs.queue import QueueFile

BODY = Path(__file__).with_name("counting_job.py")
PATIENCE = 60


@pytest.fixture(autouse=True)
def counting_kind(monkeypatch):
    monkeypatch.setenv("COUNTING_LOOK_SECONDS", "0.05")
    monkeypatch.setitem(JOB_KINDS, "count", "counting_job:count")
    monkeypatch.setattr(job_module, "_command", lambda folder: [sys.executable, str(BODY), str(folder)])


@pytest.fixture
def start(tmp_path):
    started = []

    def start_counting(*, dataset="a", beside=False, **spec):
        jobs_dir = tmp_path / dataset / "jobs"
        started.append(launch(jobs_dir, "count", {"total": 2, "devices": ["cpu"], **spec}, title="Count", beside=beside))
        return started[-1]

    yield start_counting
    for job in started:
        job.kill()
        job.wait(PATIENCE)


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def held(start, **spec):
    """A job that holds its device until a file named go lies in its folder."""
    job = start(hold_at=1, **spec)
    wait_for(lambda: job.status().state == "running")
    return job


def go(job):
    (job.folder / "go").touch()


def order_of(jobs):
    """The jobs by when they began to work."""
    return [job.id for job in sorted(jobs, key=lambda job: job.status().started)]


# ---- as processes


def test_the_next_run_waits_says_for_what_and_begins_by_itself(start):
    first = held(start)
    second = start(dataset="b")
    wait_for(lambda: second.status().state == "waiting" and second.status().message.startswith("Waits"))
    status = second.status()
    assert (status.active, status.started, status.message) == (True, None, "Waits for 1 run before it on the CPU.")
    assert QueueFile().read().place(second.folder) == 1
    go(first)
    assert first.wait(PATIENCE).state == "done"
    assert second.wait(PATIENCE).state == "done"
    assert second.status().started >= first.status().ended
    assert [event["event"] for event in second.events()[0]][:2] == ["start", "turn"]


def test_a_waiting_process_is_light(start):
    import psutil

    held(start)
    second = start()
    wait_for(lambda: second.status().state == "waiting")
    assert psutil.Process(second.status().identity.pid).memory_info().rss < 30e6


def test_killing_the_holder_gives_its_turn_on_and_it_comes_back_before_those_behind_it(start):
    first = held(start)
    second, third = start(hold_at=1), start()
    wait_for(lambda: len(QueueFile().read().waiting) == 2)
    os.killpg(first.status().identity.pid, signal.SIGKILL)
    wait_for(lambda: second.status().state == "running")
    wait_for(lambda: first.status().state == "lost")
    first.resume()
    wait_for(lambda: QueueFile().read().place(first.folder) == 1)
    assert QueueFile().read().place(third.folder) == 2
    go(first)
    go(second)
    assert third.wait(PATIENCE).state == "done"
    assert order_of([first, second, third]) == [second.id, first.id, third.id]


def test_cancelling_keeps_the_run_and_it_can_be_queued_again(start):
    first = held(start)
    second, third = start(), start()
    wait_for(lambda: third.status().state == "waiting")
    second.stop()
    status = second.wait(PATIENCE)
    assert (status.state, status.message) == ("stopped", "Taken out of the queue before its turn; what it had done before is kept.")
    assert [ticket.id for ticket in QueueFile().read().waiting] == [third.id]
    second.resume()
    wait_for(lambda: QueueFile().read().place(second.folder) == 2)
    go(first)
    assert second.wait(PATIENCE).state == "done"
    assert order_of([first, second, third]) == [first.id, third.id, second.id]


def test_the_order_can_be_changed_while_they_wait(start):
    first = held(start)
    others = [start(), start(), start()]
    wait_for(lambda: len(QueueFile().read().waiting) == 3)
    QueueFile().move(others[2].folder, "first")
    QueueFile().move(others[0].folder, "down")
    go(first)
    for job in others:
        job.wait(PATIENCE)
    assert order_of(others) == [others[2].id, others[1].id, others[0].id]
    with pytest.raises(UsageError, match="does not wait"):
        QueueFile().move(first.folder, "up")


def test_a_run_beside_others_begins_at_once_and_so_does_one_told_to(start):
    first, beside = held(start), held(start, beside=True)
    waiting = start(hold_at=1)
    wait_for(lambda: waiting.status().state == "waiting")
    QueueFile().start_beside(waiting.folder)
    wait_for(lambda: waiting.status().state == "running")
    assert [job.status().state for job in (first, beside)] == ["running", "running"]


def test_runs_on_different_devices_do_not_wait_for_each_other(start):
    held(start, devices=["gpu0"])
    held(start, devices=["gpu1"])
    both = start(devices=["gpu0", "gpu1"])
    third = start(devices=["gpu1"])
    wait_for(lambda: third.status().message == "Waits for 2 runs before it on GPU 1.")
    wait_for(lambda: both.status().message == "Waits for 2 runs before it on GPUs 0 and 1.")


def test_a_queue_that_cannot_be_written_holds_nobody_up(start, monkeypatch, tmp_path):
    (tmp_path / "full").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "full"))
    job = start()
    assert job.wait(PATIENCE).state == "done"
    assert any(event["event"] == "queue" and "cannot be written" in event["failure"] for event in job.events()[0])


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b'{"limit":1,"tick')])
def test_a_queue_file_deleted_or_damaged_lets_nobody_begin_beside_a_run_at_work(start, damage):
    first, second = held(start), start()
    wait_for(lambda: second.status().message.startswith("Waits"))
    damage(QueueFile().path)
    assert [ticket.id for ticket in QueueFile().read().tickets] == [first.id, second.id]
    third = start()
    wait_for(lambda: third.status().message == "Waits for 2 runs before it on the CPU.")
    assert QueueFile().path.read_bytes() == QueueFile().copy_path.read_bytes()
    go(first)
    for job in (second, third):
        assert job.wait(PATIENCE).state == "done"
    assert order_of([first, second, third]) == [first.id, second.id, third.id]


def test_where_the_whole_queue_is_deleted_the_run_at_work_enters_again_before_another_begins(start):
    first, second = held(start), start()
    wait_for(lambda: second.status().message.startswith("Waits"))
    shutil.rmtree(QueueFile().folder)
    wait_for(lambda: [(ticket.id, ticket.holding) for ticket in QueueFile().read().tickets] == [(first.id, True), (second.id, False)])
    go(first)
    assert second.wait(PATIENCE).state == "done"
    assert second.status().started >= first.status().ended


def test_a_run_launched_right_after_the_whole_queue_was_deleted_waits_for_those_at_work(start, monkeypatch, tmp_path):
    """The first run looks into the queue so rarely that it never enters it again: only its process tells of it."""
    with monkeypatch.context() as patient:
        patient.setenv("COUNTING_LOOK_SECONDS", "1000")
        first = held(start, hold_from=1)
    shutil.rmtree(QueueFile().folder)
    second = start(dataset="b")
    assert [(ticket.id, ticket.holding) for ticket in QueueFile().read().tickets] == [(first.id, True), (second.id, False)]
    wait_for(lambda: second.status().message == "Waits for 1 run before it on the CPU.")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("XDG_STATE_HOME", str(tmp_path / "of another user"))
        assert QueueFile().enter(ticket(1)).tickets == (ticket(1),)
    go(first)
    assert second.wait(PATIENCE).state == "done"
    assert second.status().started >= first.status().ended


def test_a_run_at_work_that_stands_in_the_queue_as_one_that_waits_says_that_it_holds(start):
    first = held(start)
    QueueFile().hold(replace(QueueFile().read().tickets[0], rank=7.0))
    assert [(one.rank, one.holding) for one in QueueFile().read().tickets] == [(7.0, True)]
    QueueFile()._change(lambda queue: (replace(one, holding=False) for one in queue.tickets))
    wait_for(lambda: [one.holding for one in QueueFile().read().tickets] == [True])
    go(first)


def test_a_change_under_which_the_queue_is_deleted_is_made_once_more(tmp_path):
    queue_file, deleted = QueueFile(tmp_path / "queue"), []
    queue_file.enter(ticket(1))

    def entering(queue):
        if len(deleted) < 2:
            deleted.append(queue)
            shutil.rmtree(queue_file.folder)
        return (*queue.tickets, ticket(2))

    assert [one.id for one in queue_file._change(entering).tickets] == ["2"]
    assert len(deleted) == 2
    assert queue_file.read().tickets == (ticket(2),)
    with pytest.raises(JobError, match="deleted again and again"):
        queue_file._change(lambda queue: shutil.rmtree(queue_file.folder) or (ticket(3),))


def test_who_takes_the_lock_in_the_place_of_a_deleted_one_is_not_let_go_by_the_other(tmp_path):
    mutex = Mutex(tmp_path / "lock")
    with mutex.held() as first_holds:
        assert first_holds()
        shutil.rmtree(tmp_path / "lock")
        with Mutex(tmp_path / "lock").held() as second_holds:
            assert (first_holds(), second_holds()) == (False, True)
    with mutex.held() as holds:
        assert holds()


def test_a_queue_that_is_held_by_another_is_waited_for_and_not_passed_by(monkeypatch, tmp_path):
    (tmp_path / "spec.json").write_text(json.dumps({"kind": "count", "title": "Count", "spec": {}}))
    context, enter, refused = JobContext(tmp_path, JobStatus()), QueueFile.enter, []

    def busy_once(queue_file, one, timeout=0.0):
        if not refused:
            refused.append(one)
            raise JobError("The queue of runs is held by another process.")
        return enter(queue_file, one, timeout)

    monkeypatch.setattr(QueueFile, "enter", busy_once)
    monkeypatch.setattr(turn, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(turn, "_LISTEN_SECONDS", 0.001)
    turn.wait_for_turn(context, ["cpu"])
    (mine,) = QueueFile().read().tickets
    context.finish("done", "")
    assert (mine.holding, mine.rank > 0, len(refused)) == (True, True, 1)
    assert "queue" not in [event["event"] for event in Job(tmp_path).events()[0]]
    QueueFile().leave(tmp_path, HERE)


def test_a_clock_that_is_set_back_changes_no_order(start, monkeypatch):
    first, second = held(start), start()
    wait_for(lambda: len(QueueFile().read().waiting) == 1)
    with monkeypatch.context() as clock:
        clock.setattr(time, "time", lambda: 1e9)
        third = start()
    assert [ticket.id for ticket in QueueFile().read().waiting] == [second.id, third.id]
    assert QueueFile().read().waiting[1].rank > 1e9
    go(first)
    for job in (second, third):
        job.wait(PATIENCE)
    assert order_of([first, second, third]) == [first.id, second.id, third.id]


def test_under_random_kills_cancels_and_moves_no_two_hold_and_all_others_run(start):
    """Every job notes when it held the device; nobody stops at random, they are killed at random."""
    chance, jobs, cancelled = random.Random(5), [], set()
    for number in range(9):
        jobs.append(start(dataset=f"d{number % 3}", total=3))
        victim, act = chance.choice(jobs), chance.choice(["kill", "move", "cancel", "nothing"])
        status = victim.status()
        if act == "kill" and status.identity is not None:
            victim.kill()
        elif act == "move" and QueueFile().read().place(victim.folder):
            try:
                QueueFile().move(victim.folder, chance.choice(["up", "down", "first", "last"]))
            except UsageError:
                continue
        elif act == "cancel" and status.state == "waiting" and len(cancelled) < 3:
            victim.stop()
            cancelled.add(victim.id)
    for _ in range(20):
        for job in jobs:
            if job.wait(PATIENCE).state == "lost":
                job.resume()
        if all(job.status().state in ("done", "stopped") for job in jobs):
            break
    assert {job.id for job in jobs if job.status().state == "stopped"} <= cancelled
    assert all(job.status().state == "done" for job in jobs if job.id not in cancelled)
    spans = sorted(span for job in jobs for span in held_spans(job))
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans)), spans


def held_spans(job):
    """(first, last) moment of work in each attempt that began, from its events: what it counted, never when it waited."""
    spans, times = [], []
    for event in job.events()[0]:
        if event["event"] == "start":
            spans += [(times[0], times[-1])] if times else []
            times = []
        elif event["event"] == "count":
            times.append(event["t"])
    return spans + ([(times[0], times[-1])] if times else [])
