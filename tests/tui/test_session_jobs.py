"""Jobs that the app watches from outside."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from sde_core.jobs import Job
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.job import tell_watchers
from sde_core.jobs.queue import QueueFile, Ticket
from sde_core.jobs.removal import remove_job
from sde_core.jobs.status import JobStatus, write_status


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr("sde_tui.session_jobs.POLL_SECONDS", 0.1)


@pytest.fixture
def job_folder(dataset_file):
    """A folder of a job that this very process pretends to be."""
    folder = dataset_file.parent / "tickets.jsonl.sde" / "jobs" / "20260101T000000000-train-abcd"
    (folder / "result").mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "a run", "spec": {}}))
    _write(folder, state="running", done=812, total=3000)
    return folder


def _write(folder, **fields):
    identity = ProcessIdentity.of_pid(os.getpid())
    write_status(folder / "status.json", JobStatus(created=time.time(), beat=time.time(), identity=identity, **fields))


async def test_a_running_job_is_attached_to_and_shown_on_every_screen(open_app, dataset_file, job_folder):
    async with open_app(dataset_file) as sde:
        assert sde.flashed == "Attached again: train 812/3,000"
        assert "train 812/3,000" in sde.lines[0]
        await sde.press("2")
        assert "train 812/3,000" in sde.lines[0]


async def test_progress_is_seen_and_the_end_too(open_app, dataset_file, job_folder):
    async with open_app(dataset_file) as sde:
        _write(job_folder, state="running", done=900, total=3000)
        sde.session.jobs.watch()
        await sde.settle()
        assert "train 900/3,000" in sde.lines[0]
        _write(job_folder, state="done", done=3000, total=3000)
        sde.session.jobs.watch()
        await sde.settle()
        assert "train" not in sde.lines[0]


async def test_what_another_program_starts_resumes_and_removes_is_seen_without_asking(open_app, dataset_file, job_folder):
    _write(job_folder, state="stopped", done=812, total=3000)
    async with open_app(dataset_file) as sde:
        assert [line.state for line in sde.session.jobs.lines] == ["stopped"]
        second = job_folder.with_name("20260102T000000000-train-ef01")
        shutil.copytree(job_folder, second)
        _write(second, state="running", done=1, total=9)
        tell_watchers(job_folder.parent)
        await sde.until(lambda: "train 1/9" in sde.lines[0])
        _write(job_folder, state="running", done=813, total=3000)
        tell_watchers(job_folder.parent)
        await sde.until(lambda: "train 813/3,000" in sde.lines[0])
        _write(second, state="done", done=9, total=9)
        await sde.until(lambda: [line.state for line in sde.session.jobs.lines] == ["done", "running"])
        remove_job(Job(second))
        await sde.until(lambda: [line.id for line in sde.session.jobs.lines] == [job_folder.name])


async def test_a_waiting_run_is_shown_with_its_place(open_app, dataset_file, job_folder):
    _write(job_folder, state="waiting")
    identity = ProcessIdentity.of_pid(os.getpid())
    QueueFile().enter(Ticket("/other/run", ("cpu",), 1.0, identity=identity))
    QueueFile().enter(Ticket(str(job_folder), ("cpu",), 2.0, identity=identity))
    async with open_app(dataset_file) as sde:
        assert "train waits (2nd)" in sde.lines[0]
        await sde.press("9")
        assert "… waiting  abcd" in sde.text
        assert "2nd to go" in sde.text
        QueueFile().move(job_folder, "first")
        await sde.until(lambda: "train waits (1st)" in sde.lines[0])


async def test_a_folder_that_is_away_for_a_moment_changes_nothing(open_app, dataset_file, job_folder, monkeypatch):
    async with open_app(dataset_file) as sde:
        monkeypatch.setattr("sde_tui.session_jobs.os.listdir", raising_stale)
        sde.session.jobs.watch()
        assert "train 812/3,000" in sde.lines[0]


def raising_stale(_folder):
    raise OSError(116, "Stale file handle")


async def test_hundreds_of_ended_runs_cost_a_poll_one_look_at_their_folder(open_app, dataset_file, job_folder, monkeypatch):
    for number in range(60):
        ended = job_folder.with_name(f"20260103T0000000{number:02d}-train-ab{number:02d}")
        shutil.copytree(job_folder, ended)
        _write(ended, state="done", done=3000, total=3000)
    async with open_app(dataset_file) as sde:
        assert len(sde.session.jobs.lines) == 61
        read, looked = [], []
        monkeypatch.setattr(
            "sde_core.jobs.job.read_status", lambda path: read.append(path.parent.name) or JobStatus(state="stopped", beat=time.time())
        )
        monkeypatch.setattr("sde_tui.session_jobs._stamp", lambda path: looked.append(path) or (1, 1, 1))
        sde.session.jobs._poll()
        assert set(read) == {job_folder.name}
        assert len(looked) == 1
        sde.session.jobs._poll()
        assert len(looked) == 1
        assert sde.session.jobs.active == []


async def test_a_damaged_job_folder_is_passed_over(open_app, dataset_file, job_folder):
    (job_folder / "spec.json").write_text("{")
    async with open_app(dataset_file) as sde:
        assert sde.session.jobs.active == []
        assert "tickets.jsonl" in sde.lines[0]


async def test_leaving_asks_while_a_job_runs(open_app, dataset_file, job_folder):
    async with open_app(dataset_file) as sde:
        await sde.press("q")
        assert "Leave? What runs keeps running." in sde.text
        await sde.press("y")
        assert sde.app._exit
