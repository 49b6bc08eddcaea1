"""`sde preflight`, `sde train` and `sde jobs` as a script sees them: stdout is data, exit codes tell, nothing needs a terminal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_model import make_tiny_model

import sde_core.train.job as training_job
from sde_core.cli.common import journal_of
from sde_core.cli.following import progress_line
from sde_core.cli.train import rows_in_file
from sde_core.dataset import open_dataset
from sde_core.errors import InputError, UsageError
from sde_core.jobs import Job, JobStatus, list_jobs
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.job import new_job_folder
from sde_core.jobs.queue import QueueFile, Ticket
from sde_core.project import Project
from sde_core.train.curve import RunCurve
from sde_core.train.launch import launch_training
from sde_core.train.recipe import Recipe


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(make_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def data(tmp_path, monkeypatch):
    rows = [{"prompt": f"say {i}", "response": "the cat sat"} for i in range(12)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return str(tmp_path / "data.jsonl")


def test_preflight_prints_the_promised_json(run, data, model):
    code, out, _ = run("preflight", data, "--model", model, "--max-length", "24", "--json")
    report = json.loads(out)
    assert code == 0
    assert set(report) == {"summary", "rows", "estimate"}
    assert report["summary"]["max_length"] == 24
    assert [row["row"] for row in report["rows"]] == list(range(12))
    code, out, _ = run("preflight", data, "--model", model)
    assert code == 0
    assert "12 of 12 rows train" in out


def test_train_refuses_in_one_sentence(run, data, model):
    for arguments, words in (
        (("--model", "./absent"), "no model folder"),
        (("--model", model, "--set", "max_length=4"), "Nothing would train"),
        (("--model", model, "--set", "speed=9"), "has no 'speed'"),
        (("--model", model, "--rows", "accepted"), "No row was accepted"),
        (("--model", model, "--recipe", "absent.yaml"), "cannot be read as a recipe"),
    ):
        code, out, err = run("train", data, *arguments)
        assert (code, out) == (2, "")
        assert words in err
        assert "Traceback" not in err
    assert list_jobs(Project.of(data).jobs_dir) == []


def test_train_attached_to_its_end_then_listed_shown_and_finished(run, data, model):
    with journal_of(open_dataset(data)) as journal:
        journal.accept([1, 2, 5, 7], "good")
    code, out, err = run("train", data, "--model", model, "--set", "max_steps=3", "--set", "device=cpu", "--attach", "--json")
    job = json.loads(out)
    assert code == 0, err
    assert (job["status"]["state"], job["metrics"]["steps"], job["spec"]["rows"]["train"]) == ("done", 3, 4)
    launched = Job(Project.of(data).jobs_dir / job["id"])
    launched.wait(60)
    kept = [json.loads(line)["row"] for line in (launched.folder / "rows.jsonl").read_text().splitlines()]
    assert kept == [1, 2, 5, 7]
    code, out, _ = run("jobs", "--json")
    assert [listed["id"] for listed in json.loads(out)["jobs"]] == [job["id"]]
    code, out, _ = run("jobs", "show", job["id"][-4:])
    assert "done" in out
    assert "loss: first ten" in out
    assert run("jobs", "attach", "last", "--data", data)[0] == 0
    code, _, err = run("jobs", "resume", "last")
    assert code == 3
    assert "is done" in err


@pytest.mark.parametrize("rows", [1, 2])
def test_the_smallest_datasets(run, tmp_path, model, rows):
    data = tmp_path / "few.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"say {row}", "response": "the cat sat"}) + "\n" for row in range(rows)))
    code, out, _ = run("preflight", data, "--model", model)
    assert (code, f"{rows} of {rows} rows train" in out, "1 step, 1 epoch, 0 rows held out" in out) == (0, True, True)
    if rows == 1:
        code, _, err = run("compare", data, "--model", model, "--arms", "full,full:50%")
        assert (code, "No rows can be held out" in err, list_jobs(Project.of(data).jobs_dir)) == (2, True, [])


def test_a_model_that_is_removed_while_the_run_waits_is_named(data, tmp_path):
    model, me = make_tiny_model(tmp_path / "model"), ProcessIdentity.of_pid(os.getpid())
    queue_file = QueueFile()
    queue_file.enter(Ticket("/jobs/mine", ("cpu",), 1.0, identity=me))
    assert queue_file.begin(Path("/jobs/mine"), me)
    dataset = open_dataset(data)
    dataset.read_all()
    job = launch_training(dataset, range(12), Recipe(model=str(model), device="cpu", processes=1), Project.of(data).created().jobs_dir)
    model.rename(tmp_path / "gone")
    assert queue_file.read().place(job.folder) == 1
    queue_file.leave(Path("/jobs/mine"), me)
    status = job.wait(60)
    assert (status.state, status.message) == ("failed", f"There is no model folder at {model}.")
    assert status.hint.startswith("Put it there")


def failed_job(data, message):
    folder = new_job_folder(Project.of(data).created().jobs_dir, "train")
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "a \x1b[31mtitle", "spec": {}}))
    (folder / "status.json").write_text(json.dumps({"state": "failed", "message": message, "created": 1.0, "done": 3, "total": 9, "unit": "steps"}))
    return folder.name


def test_a_failed_job_is_exit_3_and_hostile_text_stays_text(run, data):
    name = failed_job(data, "broken \x1b]52;c;x\x07 thing")
    code, out, err = run("jobs", "attach", name)
    assert code == 3
    assert "broken" in err
    code, out, _ = run("jobs")
    assert "failed" in out
    assert "3/9 steps" in out
    assert "\x1b" not in out + err


def test_jobs_in_other_folders_are_found_by_data_and_unknown_ones_are_named(run, data, tmp_path, monkeypatch):
    name = failed_job(data, "x")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("jobs", "show", name)[0] == 2
    assert run("jobs", "show", name, "--data", data)[0] == 0
    assert run("jobs", "show", Project.of(data).jobs_dir / name)[0] == 0
    code, out, err = run("jobs")
    assert (code, out) == (0, "")
    assert "No jobs here" in err


def test_stop_asks_and_says_so(run, data):
    name = failed_job(data, "x")
    assert run("jobs", "stop", name)[0] == 0
    assert (Project.of(data).jobs_dir / name / "STOP").exists()


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("3\n1\n", [3, 1]), ("0-2, 5", [0, 1, 2, 5]), ("[4, 2]", [4, 2]), ('{"rows": [1]}', [1]), ("7", [7]),
        ('{"picks": [{"row": 2, "gain": 1.0}, {"row": 0}]}', [2, 0]), ('{"row": 3}\n{"row": 4}\n', [3, 4]),
    ],
)  # fmt: skip
def test_rows_in_a_file(tmp_path, content, rows):
    (tmp_path / "rows").write_text(content)
    assert rows_in_file(tmp_path / "rows", 12) == rows


@pytest.mark.parametrize("content", ["", "many", "99", "[true]", '{"a": 1}', "[]", '{"row": "x"}'])
def test_files_without_rows(tmp_path, content):
    (tmp_path / "rows").write_text(content)
    with pytest.raises(UsageError):
        rows_in_file(tmp_path / "rows", 12)
    with pytest.raises(InputError):
        rows_in_file(tmp_path / "absent", 12)


def test_the_progress_line():
    curve = RunCurve()
    assert progress_line(JobStatus(state="running", message="Loading the model."), curve) == "Loading the model."
    assert progress_line(JobStatus(state="running", message="Reading.", done=5, total=1000, unit="rows"), curve) == "Reading. 5 of 1,000 rows"
    rated = JobStatus(state="running", message="Measuring.", done=5, total=1000, unit="rows", rate=2.5, eta_s=398.0)
    assert progress_line(rated, curve).startswith("Measuring. 5 of 1,000 rows · 2.5 rows/s · ")
    assert progress_line(rated, curve).endswith(" left")
    curve.add([{"event": "step", "step": 12, "loss": 2.31, "tokens_s": 1050.2}, {"event": "eval", "step": 10, "loss": 2.5}])
    status = JobStatus(state="stopping", message="Training.", done=12, total=300, unit="steps", eta_s=260)
    assert progress_line(status, curve) == "step 12 of 300 · loss 2.310 · held-out 2.500 · 1,050 tokens/s · 4 min 20 s left · stopping"


def test_help_of_all_three():
    from sde_core.cli.jobs import command as jobs
    from sde_core.cli.preflight import command as preflight
    from sde_core.cli.train import command as train

    for command in (jobs, preflight, train):
        shown = CliRunner().invoke(command, ["--help"])
        assert shown.exit_code == 0
        assert "Examples:" in shown.output


def test_the_training_module_is_the_one_that_jobs_name():
    from sde_core.jobs.kinds import job_function

    assert job_function("train") is training_job.run_training
