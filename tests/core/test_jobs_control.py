"""`sde jobs pause` and `sde jobs extend`, and the states that they leave."""

from __future__ import annotations

import errno
import json
import time
from pathlib import Path

import pytest
from ended_run import make_ended_run

from sde_core.jobs import Job
from sde_core.project import Project
from sde_core.train.recipe import read_recipe


@pytest.fixture
def data(tmp_path, monkeypatch):
    (tmp_path / "data.jsonl").write_text('{"prompt": "say 1", "response": "the cat"}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data.jsonl"


@pytest.fixture
def started(monkeypatch):
    """Jobs that would have been started."""
    jobs = []
    monkeypatch.setattr(Job, "_start", lambda job, status: jobs.append((job.id, status.state)))
    return jobs


def test_pausing_asks_the_job_and_says_how_to_go_on(data, run):
    folder = make_ended_run(Project.of(data).created().jobs_dir, state="running")
    code, out, err = run("jobs", "pause", "ab12")
    assert (code, out) == (0, "")
    assert "saves at its next step and leaves its device to others. Go on with: sde jobs resume ab12" in err
    assert (folder / "STOP").read_text() == "pause"
    assert Job(folder).status().state == "stopping"
    assert run("jobs", "stop", "ab12")[0] == 0
    assert (folder / "STOP").read_text() == "", "who stops a run that is about to pause means to stop it"


def test_from_another_folder_the_next_command_names_the_dataset(data, run, tmp_path, monkeypatch):
    make_ended_run(Project.of(data).created().jobs_dir, state="running")
    assert "sde jobs resume ab12\n" in run("jobs", "pause", "ab12")[2]
    (tmp_path / "other place").mkdir()
    monkeypatch.chdir(tmp_path / "other place")
    _, _, err = run("jobs", "pause", "ab12", "--data", data)
    assert f"sde jobs resume ab12 --data {data}\n" in err
    assert "sde compare show last --data DATA" in run("compare", "show")[2]


def test_the_runs_of_a_dataset_that_was_deleted_are_still_found(data, run):
    folder = make_ended_run(Project.of(data).created().jobs_dir)
    data.unlink()
    code, out, _ = run("jobs", "list", "--data", data, "--json")
    assert (code, [job["id"] for job in json.loads(out)["jobs"]]) == (0, [folder.name])
    assert Project.of(data.with_name("never.jsonl")).beside_data is False
    assert "its decisions and runs are still in data.jsonl.sde" in run("check", data)[2]


def test_runs_beside_a_dataset_are_found_though_nothing_may_be_written_there_any_more(data, run, monkeypatch):
    monkeypatch.setattr("sde_core.project._may_write", lambda folder: True)
    folder = make_ended_run(Project.of(data).created().jobs_dir, state="running")
    monkeypatch.setattr("sde_core.project._may_write", lambda folder: False)
    code, out, _ = run("jobs", "list", "--data", data, "--json")
    assert (code, [job["id"] for job in json.loads(out)["jobs"]]) == (0, [folder.name])
    assert run("jobs", "show", "ab12", "--data", data)[0] == 0


@pytest.mark.parametrize("verb", ["stop", "pause"])
def test_a_job_whose_folder_cannot_be_written_is_not_asked_in_vain(data, run, monkeypatch, verb):
    make_ended_run(Project.of(data).created().jobs_dir, state="running")

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", refuse)
    code, _, err = run("jobs", verb, "ab12")
    assert code == 2
    assert "cannot be written: Read-only file system." in err


def test_a_job_on_another_machine_is_asked_to_stop_and_never_killed(data, run):
    folder = make_ended_run(Project.of(data).created().jobs_dir, state="running")
    status = json.loads((folder / "status.json").read_text())
    elsewhere = {**status, "beat": time.time(), "identity": {**status["identity"], "host": "node7"}}
    (folder / "status.json").write_text(json.dumps(elsewhere))
    code, _, err = run("jobs", "stop", "ab12", "--kill")
    assert (code, (folder / "STOP").exists()) == (3, False)
    assert "works on another machine, node7" in err
    assert "Ask it to stop: sde jobs stop ab12" in err
    assert run("jobs", "stop", "ab12")[0] == 0
    assert (folder / "STOP").exists()


def test_a_job_that_is_not_at_work_cannot_pause(data, run):
    folder = make_ended_run(Project.of(data).created().jobs_dir)
    code, _, err = run("jobs", "pause", "last")
    assert code == 3
    assert "is done; only a job at work can pause" in err
    assert not (folder / "STOP").exists()


@pytest.mark.parametrize(("options", "steps"), [(("--steps", 25), 65), (("--epochs", 1.5), 55)])
def test_extending_a_run_that_is_done_starts_it_again_with_more_to_do(data, run, started, options, steps):
    folder = make_ended_run(Project.of(data).created().jobs_dir)
    code, _, err = run("jobs", "extend", "ab12", *options)
    assert code == 0
    assert f"It goes on from step 40 to step {steps}, {steps - 40} more than planned." in " ".join(err.split())
    assert "At step 40 the learning rate rises from 0 to 0.001 over" in " ".join(err.split())
    assert started == [(folder.name, "queued")]
    recipe = read_recipe(folder / "recipe.json")
    assert (recipe.max_steps, recipe.extended_at) == (steps, "40")
    assert read_recipe(folder / "recipe-1.json").epochs == 4
    last = json.loads((folder / "events.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["step"], last["steps"]) == ("extended", 40, steps)


def test_extending_by_nothing_or_while_at_work_changes_nothing(data, run, started):
    folder = make_ended_run(Project.of(data).created().jobs_dir, state="running")
    code, _, err = run("jobs", "extend", "ab12", "--steps", 5)
    assert code == 3
    assert "Stop or pause it first" in err
    code, _, err = run("jobs", "extend", "ab12")
    assert code == 2
    assert "either steps or epochs" in err
    assert started == []
    assert not (folder / "recipe-1.json").exists()
