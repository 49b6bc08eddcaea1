"""How a silent job is: told by real processes that compute, sleep and are suspended, and by the machine's own clocks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from sde_core.jobs import Job, JobContext, JobStatus, vitals
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.status import read_status, write_status
from sde_core.jobs.vitals import Vitals, silence_of, vitals_of

PATIENCE = 60
ASLEEP = "import sys; print('here', flush=True); sys.stdin.read()"
COMPUTES = "print('here', flush=True)\nwhile True: pass"


@pytest.fixture
def job(tmp_path):
    (tmp_path / "spec.json").write_text(json.dumps({"kind": "count", "title": "Count", "spec": {}}))
    return Job(tmp_path)


@pytest.fixture
def process(request):
    started = subprocess.Popen([sys.executable, "-c", request.param], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    started.stdout.readline()
    yield started
    started.kill()
    started.communicate()


def cpu_s(pid):
    import psutil

    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def silent(job, pid, *, used, seconds=100.0):
    """The status of a job whose process said its last word so long ago, when it had used so much of a processor."""
    status = JobStatus(
        state="running", identity=ProcessIdentity.of_pid(pid), beat=time.time() - seconds, awake=time.monotonic() - seconds, cpu_s=used
    )
    write_status(job.folder / "status.json", status)


def until(job, doing):
    deadline = time.monotonic() + PATIENCE
    while vitals_of(job).doing != doing:
        assert time.monotonic() < deadline, vitals_of(job)
        time.sleep(0.01)


@pytest.mark.parametrize("process", [ASLEEP], indirect=True)
def test_a_process_that_sleeps_is_idle_unless_it_computed_since_and_suspended_where_it_is(job, process):
    silent(job, process.pid, used=cpu_s(process.pid))
    until(job, "idle")
    assert vitals_of(job).silent_s == pytest.approx(100, abs=PATIENCE)
    silent(job, process.pid, used=cpu_s(process.pid) - 0.2)
    assert vitals_of(job).doing == "busy"
    process.send_signal(signal.SIGSTOP)
    until(job, "suspended")


@pytest.mark.parametrize("process", [COMPUTES], indirect=True)
def test_a_process_that_wants_a_processor_is_busy_however_little_it_gets(job, process):
    silent(job, process.pid, used=1e9)
    until(job, "busy")


def test_a_process_that_waits_in_the_system_is_blocked(job, monkeypatch):
    silent(job, os.getpid(), used=1e9)
    monkeypatch.setattr(vitals, "_states", lambda _: {"S", "D"})
    assert vitals_of(job).doing == "blocked"
    monkeypatch.setattr(vitals, "_states", lambda _: {"S", "I"})
    assert vitals_of(job).doing == "idle"


@pytest.mark.parametrize(("told", "doing"), [("running", "busy"), ("sleeping", "idle"), ("disk-sleep", "blocked"), ("stopped", "suspended")])
def test_where_the_system_tells_of_no_threads_the_process_is_asked(job, monkeypatch, tmp_path, told, doing):
    import psutil

    silent(job, os.getpid(), used=1e9)
    monkeypatch.setattr(vitals, "Path", lambda _: tmp_path)
    monkeypatch.setattr(psutil.Process, "status", lambda _: told)
    assert vitals_of(job).doing == doing


def test_what_another_machine_does_is_not_known(job):
    here = ProcessIdentity.of_pid(os.getpid())
    write_status(job.folder / "status.json", JobStatus(state="running", identity=replace(here, host="node7"), beat=time.time() - 100, awake=1.0))
    found = vitals_of(job)
    assert (found.doing, found.host) == ("elsewhere", "node7")
    assert found.silent_s == pytest.approx(100, abs=PATIENCE)


def test_a_beat_that_comes_while_the_process_is_asked_ends_the_silence(job, monkeypatch):
    silent(job, os.getpid(), used=1e9)

    def beat_meanwhile(_):
        silent(job, os.getpid(), used=1e9, seconds=0.0)
        return {"S"}

    monkeypatch.setattr(vitals, "_states", beat_meanwhile)
    assert vitals_of(job).silent_s < PATIENCE
    write_status(job.folder / "status.json", JobStatus(state="done", beat=1.0))
    assert vitals_of(job) == Vitals(0.0)


def test_a_closed_laptop_and_a_clock_that_is_set_make_nobody_silent():
    here, now, awake = ProcessIdentity.of_pid(os.getpid()), time.time(), time.monotonic()
    assert silence_of(JobStatus(identity=here, beat=now - 30000, awake=awake - 1)) == pytest.approx(1, abs=PATIENCE)
    assert silence_of(JobStatus(identity=here, beat=now + 30000, awake=awake - 90)) == pytest.approx(90, abs=PATIENCE)
    assert silence_of(JobStatus(identity=replace(here, boot="before"), beat=now - 90, awake=awake - 1)) == pytest.approx(90, abs=PATIENCE)
    assert silence_of(JobStatus(identity=here, beat=now - 90)) == pytest.approx(90, abs=PATIENCE)
    assert silence_of(JobStatus(beat=now + 90)) == 0


def test_a_job_writes_with_every_sign_of_life_what_it_had_used(job):
    context = JobContext(job.folder, JobStatus(state="running"))
    context.say("Counting.")
    status = read_status(job.folder / "status.json")
    assert 0 < status.cpu_s <= time.process_time()
    assert 0 < status.awake <= time.monotonic()
