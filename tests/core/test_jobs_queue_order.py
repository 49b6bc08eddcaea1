"""The order of the queue as a model of many runs, and the file that it stands in."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queue_tickets import HERE, ticket

from sde_core.errors import UsageError
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.queue import LIMIT_VARIABLE, Queue, QueueFile
from sde_core.jobs.turn import device_words

DEVICES = st.sets(st.sampled_from(["gpu0", "gpu1", "cpu"]), min_size=1, max_size=2).map(lambda names: tuple(sorted(names)))


@settings(max_examples=80)
@given(wanted=st.lists(DEVICES, min_size=1, max_size=8), limit=st.integers(1, 2), data=st.data())
def test_every_waiting_run_begins_in_the_end_and_none_overtakes_on_its_device(wanted, limit, data):
    waiting = [ticket(number, devices) for number, devices in enumerate(wanted)]
    holding, begun = [], []
    while waiting or holding:
        queue = Queue((*holding, *waiting), limit)
        ready = [one for one in waiting if queue.may_begin(one)]
        assert ready or holding, "nobody holds and nobody may begin"
        acting = data.draw(st.sampled_from([*ready, *holding]))
        if acting in holding:
            holding.remove(acting)
            continue
        waiting.remove(acting)
        assert not [one for one in waiting if one.rank < acting.rank and set(one.devices) & set(acting.devices)] or limit > 1
        holding.append(replace(acting, holding=True))
        begun.append(acting)
        for device in acting.devices:
            assert sum(device in one.devices for one in holding) <= limit
    assert sorted(one.rank for one in begun) == [float(number) for number in range(len(wanted))]


@settings(max_examples=15)
@given(moves=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["up", "down", "first", "last"])), max_size=8), alike=st.booleans())
def test_moving_is_what_moving_in_a_list_is(tmp_path_factory, moves, alike):
    queue_file = QueueFile(tmp_path_factory.mktemp("queue"))
    model = list(range(4))
    for number in model:
        queue_file.enter(replace(ticket(number), rank=1.0 if alike else float(number)))
    for number, where in moves:
        at = model.index(number)
        model.remove(number)
        model.insert({"up": max(at - 1, 0), "down": at + 1, "first": 0, "last": len(model)}[where], number)
        queue = queue_file.move(Path(f"/jobs/{number}"), where)
        assert [one.id for one in queue.waiting] == [str(n) for n in model]
    queue_file.enter(ticket(9))
    assert queue_file.read().waiting[-1].id == "9"


def test_only_live_processes_of_this_boot_stand_in_the_queue(tmp_path):
    queue_file = QueueFile(tmp_path)
    gone, alive = replace(ticket(1), identity=replace(HERE, boot="before"), holding=True), ticket(2)
    queue_file.enter(alive)
    known = json.loads(queue_file.path.read_text())
    known["tickets"].insert(
        0, {**known["tickets"][0], "folder": "/jobs/1", "holding": True, "identity": {**known["tickets"][0]["identity"], "boot": "x"}}
    )
    queue_file.path.write_text(json.dumps(known))
    assert gone.alive is False
    assert [one.id for one in queue_file.read().tickets] == ["2"]
    assert queue_file.begin(Path("/jobs/2"), HERE)
    assert [entry["folder"] for entry in json.loads(queue_file.path.read_text())["tickets"]] == ["/jobs/2"]


def test_an_earlier_process_of_the_same_job_keeps_the_device_until_it_is_gone(tmp_path):
    queue_file = QueueFile(tmp_path)
    leaving = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    queue_file.enter(replace(ticket(1), identity=ProcessIdentity.of_pid(leaving.pid)))
    assert queue_file.begin(Path("/jobs/1"), ProcessIdentity.of_pid(leaving.pid))
    queue_file.enter(replace(ticket(1), rank=7.0))
    assert not queue_file.begin(Path("/jobs/1"), HERE)
    leaving.communicate()
    assert queue_file.begin(Path("/jobs/1"), HERE)
    queue_file.leave(Path("/jobs/1"), HERE)
    assert queue_file.read().tickets == ()


def test_the_limit_is_kept_and_the_environment_goes_before_it(tmp_path, monkeypatch):
    queue_file = QueueFile(tmp_path)
    for number in range(3):
        queue_file.enter(ticket(number))
    assert queue_file.set_limit(2).limit == 2
    assert [queue_file.begin(Path(f"/jobs/{number}"), HERE) for number in range(3)] == [True, True, False]
    monkeypatch.setenv(LIMIT_VARIABLE, "3")
    assert queue_file.begin(Path("/jobs/2"), HERE)
    monkeypatch.setenv(LIMIT_VARIABLE, "many")
    assert queue_file.read().limit == 2
    with pytest.raises(UsageError, match="is none"):
        queue_file.set_limit(0)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"limit":"x","tickets":[]}', b'{"limit":1,"tickets":[{"folder":1}]}'])
def test_a_damaged_queue_is_its_copy_and_an_empty_one_where_there_is_none(tmp_path, content):
    queue_file = QueueFile(tmp_path)
    queue_file.path.write_bytes(content)
    assert queue_file.read() == Queue()
    assert queue_file.enter(ticket(1)).waiting[0].id == "1"
    queue_file.path.write_bytes(content)
    assert [one.id for one in queue_file.read().waiting] == ["1"]


def test_devices_in_words():
    assert [device_words(devices) for devices in (("cpu",), ("gpu0",), ("gpu0", "gpu2"), ("mps",))] == ["the CPU", "GPU 0", "GPUs 0 and 2", "the GPU"]


@settings(max_examples=25)
@given(clock=st.lists(st.floats(0, 1e10), min_size=2, max_size=8), deleted=st.booleans())
def test_ranks_only_rise_whatever_the_clock_does(tmp_path_factory, clock, deleted):
    queue_file, ranks = QueueFile(tmp_path_factory.mktemp("queue")), []
    for moment in clock:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", lambda now=moment: now)
            ranks.append(queue_file.new_rank())
        if deleted:
            queue_file.path.unlink()
    assert all(before < after for before, after in pairwise(ranks))
    assert ranks[0] == clock[0] or clock[0] == 0
