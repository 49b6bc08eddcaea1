"""Jobs that the app watches from outside."""

from __future__ import annotations

import json
import os
import time

import pytest

from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.status import JobStatus, write_status


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
        assert sde.session.jobs._timer is None


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
