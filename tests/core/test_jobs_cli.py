"""`sde jobs` as a person sees it: the queue, the history, what two runs differ in, and disk given back."""

from __future__ import annotations

import json
import os
import shutil
import time
from types import SimpleNamespace

import pytest

from sde_core.cli.common import journal_of
from sde_core.cli.jobs_text import Attempts, _outcome, short_names
from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.jobs import Job
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.queue import QueueFile, Ticket
from sde_core.jobs.removal import remove_job
from sde_core.jobs.status import JobStatus, write_status
from sde_core.project import Project
from sde_core.train.history import compare_runs, expected_wait, previous_run, run_facts
from sde_core.train.launch import launch_training
from sde_core.train.recipe import Recipe
from sde_core.train.rows import write_snapshot

HERE = ProcessIdentity.of_pid(os.getpid())


@pytest.fixture
def data(tmp_path, monkeypatch):
    rows = [{"prompt": f"say {i}", "response": "the cat sat"} for i in range(20)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    return str(tmp_path / "data.jsonl")


@pytest.fixture
def made_run(data):
    """Makes a run's folder as a launch and a run leave it, by a process that is this one."""
    made = []

    def make(rows=range(10), *, state="done", name=None, place=None, took=60.0, metrics=None, held_out=0.2, eta_s=None, **recipe):
        number = len(made)
        name = name or f"2026010{number + 1}T030405678-train-ab{number:02d}"
        folder = Project.of(data).created().jobs_dir / name
        (folder / "result").mkdir(parents=True)
        asked = Recipe(held_out=held_out, **recipe)
        known = {**asked.to_json(), "model": asked.model or str(folder.parents[3]), "learning_rate": asked.peak_learning_rate}
        (folder / "recipe.json").write_text(json.dumps(known))
        manifest = write_snapshot(folder, open_dataset(data), list(rows), held_out=held_out, seed=0)
        spec = {"dataset": manifest["dataset"]["path"], "rows": manifest["rows"], "model": "tiny", "devices": ["cpu"]}
        (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": f"LoRA of tiny on {len(list(rows))} rows", "spec": spec}))
        status = JobStatus(state=state, created=1e9 + number, beat=time.time(), started=1e9, unit="steps", rank=float(number), identity=HERE)
        ended = 1e9 + took if state == "done" else None
        write_status(
            folder / "status.json", JobStatus(**{**status.to_json(), "identity": HERE, "ended": ended, "eta_s": eta_s, "done": 5, "total": 10})
        )
        if state == "done":
            (folder / "result" / "metrics.json").write_text(
                json.dumps(metrics or {"steps": 10, "train_loss": 1.5, "held_out_loss": 2.25, "tokens": 999})
            )
        if place is not None:
            QueueFile().enter(Ticket(str(folder), ("cpu",), float(number), identity=HERE))
            if place == "holding":
                assert QueueFile().begin(folder, HERE)
        made.append(Job(folder))
        return made[-1]

    return make


def printed(run, *arguments):
    code, out, err = run("jobs", *arguments)
    assert code == 0, err
    return out or err


# ---- the queue


def test_the_queue_is_shown_in_order_with_what_is_known_of_when(run, made_run):
    made_run(took=80.0, max_steps=10, batch_size=4)
    made_run(state="running", place="holding", eta_s=90.0)
    first, second = made_run(state="waiting", place="last", max_steps=20, batch_size=4), made_run(state="waiting", place="last")
    lines = printed(run, "queue").splitlines()
    assert [line.split()[0] for line in lines] == ["ab01", "ab02", "ab03"]
    assert "at work" in lines[0]
    assert "1 min left" in lines[0]
    assert "1st" in lines[1]
    assert "in about 1 min" in lines[1]
    # 90 s for the run at work, and 80 samples more at the 2 s that a sample took in the run that is done
    assert expected_wait(QueueFile().read(), second.folder) == 90 + 160
    assert "in about 4 min" in lines[2]
    assert max(map(len, lines)) <= 80
    listed = json.loads(printed(run, "queue", "--json"))
    assert [(ticket["id"], ticket["place"]) for ticket in listed["queue"]][1:] == [(first.id, 1), (second.id, 2)]
    assert "2nd to go" in printed(run)


def test_moving_and_the_limit(run, made_run):
    made_run(state="running", place="holding")
    first, second = made_run(state="waiting", place="last"), made_run(state="waiting", place="last")
    assert "1st of 2 that wait" in printed(run, "move", second.id[-4:], "first")
    assert "begins now" in printed(run, "move", first.id, "--now")
    assert QueueFile().read().of(first.folder, HERE).beside
    assert "2 runs may use a device at once" in run("jobs", "queue", "--limit", "2")[2]
    assert json.loads(printed(run, "queue", "--json", "--limit", "3"))["limit"] == 3
    assert run("jobs", "move", second.id, "away")[0] == 2
    assert run("jobs", "move", made_run().id, "up")[0] == 2
    assert run("jobs", "move", made_run().id, "--now")[0] == 2
    assert run("jobs", "queue", "x")[0] == 2


def test_what_cannot_be_known_is_not_said(run, made_run):
    made_run(state="running", place="holding")
    waiting = made_run(state="waiting", place="last")
    assert expected_wait(QueueFile().read(), waiting.folder) is None
    assert "in about" not in printed(run, "queue")
    assert run("jobs", "show", waiting.id)[1].count("1st of 1 that wait") == 1
    assert "No run uses" in printed_when_empty(run)


def printed_when_empty(run):
    shutil.rmtree(QueueFile().folder)
    return printed(run, "queue")


def test_stopping_a_waiting_run_takes_it_out(run, made_run):
    waiting = made_run(state="waiting", place="last")
    assert "leaves the queue" in printed(run, "stop", waiting.id)
    assert (waiting.folder / "STOP").exists()


def test_all_that_were_lost_go_on_in_the_order_they_stood_in(run, made_run, monkeypatch):
    gone = [made_run(state="waiting"), made_run(state="running"), made_run()]
    for job, rank in zip(gone, (7.0, 3.0, 1.0), strict=True):
        known = json.loads((job.folder / "status.json").read_text())
        (job.folder / "status.json").write_text(json.dumps({**known, "rank": rank, "identity": {**known["identity"], "boot": "before"}}))
    resumed = []
    monkeypatch.setattr(Job, "resume", lambda self, **how: resumed.append((self.id, how)))
    printed(run, "resume", "lost")
    assert resumed == [(gone[1].id, {"beside": False}), (gone[0].id, {"beside": False})]


# ---- history


def test_show_tells_recipe_rows_and_result(run, made_run):
    before, job = made_run(), made_run(range(5, 15), lora_r=4, learning_rate=1e-3)
    out = printed(run, "show", job.id)
    assert "rows    8 to train on, 2 held out" in out
    assert "lora_r=4" in out
    assert f"since {before.id[-4:]}" in out
    assert "lora_r=16→4" in out
    assert "lora_alpha=32" in out
    assert "held-out 2.250 · 999 tokens" in out
    told = json.loads(printed(run, "show", job.id, "--json"))
    assert told["recipe"]["lora_r"] == 4
    assert {change["name"] for change in told["from_previous"]} == {"lora_r", "learning_rate"}
    assert told["manifest"]["rows"] == {"train": 8, "held-out": 2}
    assert told["bytes"] > 1000
    assert previous_run(before) is None


def test_the_default_recipe_has_no_differences_from_itself(data, monkeypatch):
    seen = []
    monkeypatch.setattr("sde_core.train.launch.launch", lambda _jobs_dir, _kind, spec, *, folder, **_: seen.append((folder, spec)))
    dataset = open_dataset(data)
    launch_training(dataset, range(20), Recipe(), Project.of(data).created().jobs_dir)
    ((folder, spec),) = seen
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "t", "spec": spec}))
    assert run_facts(Job(folder)).from_default == ()
    assert spec["devices"] == ("cpu",)


def test_launching_keeps_nobody_from_deciding_meanwhile(run, data, monkeypatch):
    app = []

    def launched(dataset, rows, *_, **__):
        app.append(Project.of(data).open_journal(dataset))
        raise UsageError(f"{len(rows)} rows")

    monkeypatch.setattr("sde_core.train.launch.launch_training", launched)
    monkeypatch.setattr("sde_core.cli.train.journal_of", lambda dataset, **how: seen(how, dataset))

    def seen(how, dataset):
        assert how == {"writing": False}, "it would hold the lock while the app opens"
        return journal_of(dataset, **how)

    assert "20 rows" in run("train", data)[2]
    assert not app[0].read_only
    app[0].close()


def test_difference_is_recipe_rows_and_losses(run, made_run, data):
    a = made_run(range(10))
    b = made_run(range(4, 16), max_steps=7, metrics={"steps": 7, "train_loss": 1.25, "held_out_loss": None})
    found = compare_runs(a, b)
    assert [(change.name, change.before, change.after) for change in found.recipe] == [("max_steps", 0, 7)]
    assert [place.row for place in found.only_a] == [0, 1, 2, 3]
    assert [place.row for place in found.only_b] == list(range(10, 16))
    assert found.both == 6
    keys = open_dataset(data).keys()
    assert [place.key for place in found.only_a] == [int(key) for key in keys[:4]]
    out = printed(run, "diff", a.id, b.id)
    assert "rows: 6 in both, 4 only in A, 6 only in B" in out
    assert "only in A: 0, 1, 2, 3" in out
    assert "1.2500" in out
    assert max(map(len, out.splitlines())) <= 80
    told = json.loads(printed(run, "diff", b.id, "--json"))
    assert (told["a"]["id"], told["b"]["id"]) == (a.id, b.id)
    assert len(told["rows"]["only_b"]) == 6


def test_held_out_losses_compare_only_over_the_same_rows(made_run):
    a, b, c = made_run(), made_run(lora_r=4), made_run(range(12))
    assert compare_runs(a, b).held_out_words == "Both hold out the same rows, so held-out losses compare."
    assert compare_runs(a, c).incomparable == "the rows differ"
    assert compare_runs(made_run(held_out=0.0), made_run(held_out=0.0)).incomparable == "a run holds out no rows"
    assert compare_runs(a, made_run(answers="last", max_length=9)).incomparable == "max_length, answers differ"
    few, many = (made_run(metrics={"steps": 1, "held_out_rows": rows}) for rows in (64, 500))
    assert compare_runs(few, many).incomparable == "64 rows were evaluated in A and 500 in B"


def test_there_is_nothing_before_the_first(run, made_run):
    code, _, err = run("jobs", "diff", made_run().id)
    assert code == 2
    assert "No run was launched before" in err


def test_only_ended_runs_are_removed_and_only_when_told_to(run, made_run, monkeypatch):
    ended, other, active = made_run(), made_run(), made_run(state="running")
    assert run("jobs", "remove")[0] == 2
    assert run("jobs", "remove", ended.id, active.id, "--yes")[0] == 3
    code, _, err = run("jobs", "remove", ended.id)
    assert (code, "Say --yes" in err) == (2, True)
    assert ended.folder.exists()
    removed = json.loads(printed(run, "remove", ended.id, other.id, "--yes", "--json"))["removed"]
    assert [entry["id"] for entry in removed] == [ended.id, other.id]
    assert min(entry["bytes"] for entry in removed) > 1000
    assert [path.name for path in ended.folder.parent.iterdir()] == [active.id]


def test_a_removal_that_was_broken_off_is_finished_by_the_next(made_run):
    half, job = made_run(), made_run()
    (half.folder / "spec.json").unlink()
    half.folder.rename(half.folder.parent / f"removed-{half.id}")
    before = job.folder.parent.stat().st_mtime_ns
    remove_job(job)
    assert list(job.folder.parent.iterdir()) == []
    assert job.folder.parent.stat().st_mtime_ns != before


def test_short_names_tell_runs_apart(made_run):
    jobs = [made_run(name=name) for name in ("20260101T000000000-train-aaaa", "20260102T000000000-train-aaaa", "20260103T000000000-train-bbbb")]
    assert list(short_names(jobs).values()) == [jobs[0].id, jobs[1].id, "bbbb"]


def test_waiting_and_being_dead_is_no_work():
    attempts = Attempts()
    attempts.add([{"event": "start", "t": 0.0}, {"event": "turn", "t": 100.0}, {"event": "step", "t": 103.0}])
    attempts.add([{"event": "start", "t": 500.0}, {"event": "step", "t": 504.0}, {"event": "end", "t": 505.0}])
    assert (attempts.count, attempts.seconds) == (2, 8.0)


@pytest.mark.parametrize(
    ("kind", "unit", "said"),
    [("train", "rows", ""), ("train", "steps", "1 min left"), ("design-compare", "answers", ""), ("embed", "texts", "1 min left")],
)
def test_the_time_that_a_part_of_a_job_takes_is_not_said_of_the_job(kind, unit, said):
    assert _outcome(SimpleNamespace(kind=kind), JobStatus(state="running", unit=unit, eta_s=60.0), QueueFile().read()) == said
