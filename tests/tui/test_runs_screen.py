"""The screen of all runs: the order of those that wait, the history with recipe and rows, two runs compared, and two apps on one folder."""

from __future__ import annotations

import json
import os
import re
import time

import pytest

from sde_core.dataset import open_dataset
from sde_core.jobs import Job
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.queue import QueueFile, Ticket
from sde_core.jobs.status import JobStatus, write_status
from sde_core.project import Project
from sde_core.train.recipe import Recipe
from sde_core.train.rows import write_snapshot
from sde_tui.screens.dialogs import ConfirmScreen
from sde_tui.screens.run_difference import RunDifferenceScreen
from sde_tui.screens.run_recipe import RunRecipeScreen
from sde_tui.screens.runs import RunsScreen

HERE = ProcessIdentity.of_pid(os.getpid())


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr("sde_tui.session_jobs.POLL_SECONDS", 0.1)
    monkeypatch.setattr("sde_tui.screens.runs._POLL_SECONDS", 0.1)


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def made(dataset_file):
    """Makes runs whose process is this one, so that they count as alive while they are active."""
    count = 0

    def make(rows=(0, 1, 2, 3, 4, 6), *, state="done", waits=False, holds=False, **recipe):
        nonlocal count
        count += 1
        folder = Project.of(dataset_file).created().jobs_dir / f"2026010{count}T030405678-train-ab{count:02d}"
        (folder / "result").mkdir(parents=True)
        asked = Recipe(**{"model": "/models/tiny", **recipe})
        (folder / "recipe.json").write_text(json.dumps({**asked.to_json(), "learning_rate": asked.peak_learning_rate}))
        write_snapshot(folder, open_dataset(str(dataset_file)), list(rows), held_out=0.2, seed=0)
        spec = {"rows": {"train": len(rows)}, "model": "tiny", "devices": ["cpu"]}
        title = f"LoRA of tiny on {len(rows)} rows of tickets.jsonl"
        (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": title, "spec": spec}))
        (folder / "events.jsonl").write_text('{"event": "step", "step": 1, "steps": 9, "loss": 2.0}\n')
        began = {"created": 1.0, "started": 1.0, "ended": 61.0, "beat": time.time(), "unit": "steps", "done": 40, "total": 40}
        known = began if state == "done" else {**began, "ended": None, "done": 9, "eta_s": 90.0 if state == "running" else None}
        write_status(folder / "status.json", JobStatus(state=state, identity=HERE, **known))
        if state == "done":
            metrics = {"steps": 40, "train_loss": 1.5, "held_out_loss": 2.25 + count, "tokens": 999}
            (folder / "result" / "metrics.json").write_text(json.dumps(metrics))
        if waits or holds:
            QueueFile().enter(Ticket(str(folder), ("cpu",), float(count), identity=HERE))
        if holds:
            assert QueueFile().begin(folder, HERE)
        return folder

    return make


async def opened_runs(sde):
    await sde.press("9")
    await sde.press("h")
    assert isinstance(sde.app.screen, RunsScreen)


def below(sde):
    """The line of the screen under the dialog, which is another test's, and a folder's size, which the length of its path decides."""
    sizes = dict.fromkeys(re.findall(r"\b(?:\d\.\d\d kB|\d\.\d kB |\d\d kB  )", sde.text), "0.00 kB")
    return {sde.lines[0]: "(status)", **sizes}


def places(folders):
    queue = QueueFile().read()
    return [queue.place(folder) for folder in folders]


async def test_waiting_runs_stand_on_top_in_their_order_and_the_rest_is_history(open_app, dataset_file, made):
    made()
    made(lora_r=4)
    made(state="running", holds=True)
    made(state="waiting", waits=True, max_steps=20)
    made(state="waiting", waits=True)
    async with open_app(dataset_file) as sde:
        await opened_runs(sde)
        assert [run.id[-4:] for run in sde.app.screen._part.runs] == ["ab03", "ab04", "ab05", "ab02", "ab01"]
        assert "5 runs · 1 at work · 2 waiting" in sde.text
        assert "held-out 4.250" in sde.text
        assert "in ~1 min" in sde.text
        await sde.press("end", "up")
        assert "lora_r=4" in sde.text
        assert "4 to train on" in sde.text or "5 to train on" in sde.text
        sde.golden("runs", hide=below(sde))
        await sde.press("e")
        assert isinstance(sde.app.screen, RunRecipeScreen)
        assert "lora_r                  4  default 16" in sde.text
        await sde.press("end")
        assert "rows to train on        5" in sde.text
        assert "hash of rows" in sde.text


async def test_runs_are_moved_and_taken_out_by_one_key_and_the_cursor_goes_with_them(open_app, dataset_file, made):
    made(state="running", holds=True)
    folders = [made(state="waiting", waits=True) for _ in range(3)]
    async with open_app(dataset_file) as sde:
        await opened_runs(sde)
        await sde.press("home", "down", "J")
        assert places(folders) == [2, 1, 3]
        assert sde.app.screen.run.folder == folders[0]
        await sde.press("right_square_bracket", "K", "t")
        assert places(folders) == [1, 2, 3]
        await sde.press("n")
        assert QueueFile().read().of(folders[0], HERE).beside
        await sde.press("x")
        assert (folders[0] / "STOP").exists()
        await sde.press("end", "home", "K")
        assert "Only waiting runs stand in an order." in sde.text


async def test_a_run_at_work_is_stopped_after_asking_and_only_ended_ones_are_deleted(open_app, dataset_file, made):
    ended, running = made(), made(state="running", holds=True)
    async with open_app(dataset_file) as sde:
        await opened_runs(sde)
        await sde.press("home", "delete")
        assert "x stops it; then it can be removed." in sde.text
        await sde.press("r")
        assert "It is running." in sde.text
        await sde.press("x")
        assert isinstance(sde.app.screen, ConfirmScreen)
        await sde.press("n")
        assert not (running / "STOP").exists()
        await sde.press("x", "y")
        assert (running / "STOP").exists()
        await sde.press("end", "r")
        assert "It is done; F on Train starts another." in sde.text
        await sde.press("delete")
        assert f"Delete run {ended.name[-4:]}?" in sde.text
        await sde.press("y")
        assert not ended.exists()
        assert [run.id for run in sde.app.screen._part.runs] == [running.name]


async def test_enter_shows_the_run_on_train(open_app, dataset_file, made):
    first, _ = made(), made()
    async with open_app(dataset_file) as sde:
        await opened_runs(sde)
        await sde.press("end", "enter")
        assert "▐9 Train▌" in sde.lines[1]
        assert sde.session.training.shown.id == first.name


async def test_the_difference_to_the_run_before_or_to_the_marked_one_and_its_rows(open_app, dataset_file, made):
    made((0, 1, 2, 3, 4, 6))
    made((2, 3, 4, 6, 7), lora_r=4)
    made((2, 3, 4, 6, 7, 8), lora_r=4)
    async with open_app(dataset_file) as sde:
        await opened_runs(sde)
        await sde.press("home", "d")
        assert isinstance(sde.app.screen, RunDifferenceScreen)
        assert "A ab02 of 02 Jan 03:04, B ab03 of 03 Jan 03:04" in sde.text
        assert "Recipe  the same" in sde.text
        await sde.press("escape", "end", "space", "home", "d")
        assert "A ab01" in sde.text
        assert "lora_r" in sde.text
        assert "4 in both" in sde.text
        sde.golden("run_difference", hide=below(sde))
        await sde.press("end", "enter")
        assert "▐2 Rec" in sde.lines[1]
        assert list(sde.session.records.view.rows) == [7, 8]
        assert "rows only in run ab03" in sde.text
        await sde.press("backspace")
        assert isinstance(sde.app.screen, RunsScreen), "back at the list that led there"
        await sde.press("escape", "1", "9")
        assert "▐9 Train▌" in sde.lines[1]


async def test_a_value_too_long_for_two_columns_is_whole_in_lines_of_its_own(open_app, dataset_file, made, tmp_path):
    models = [f"{tmp_path}/a-folder-with-a-long-name/another-one-{i}/model" for i in range(2)]
    for model in models:
        made(model=model)
    async with open_app(dataset_file) as sde:
        await opened_runs(sde)
        await sde.press("home", "d")
        shown = "".join("".join(sde.lines).split()).replace("│", "")
        for letter, model in zip("AB", models, strict=True):
            assert f"{letter}{model}" in shown


async def test_there_may_be_nothing_to_compare_or_to_list(open_app, dataset_file, made):
    async with open_app(dataset_file) as sde:
        await opened_runs(sde)
        assert "0 runs" in sde.text
        for key in ("d", "x", "r", "delete", "K"):
            await sde.press(key)
            assert "There are no runs yet: F starts one." in sde.text
        made()
        sde.session.jobs.watch()
        await sde.settle()
        await sde.press("d")
        assert "There is no other run to compare it with." in sde.text
        await sde.press("exclamation_mark")
        assert sde.app.clipboard == f"sde jobs show ab01 --data {dataset_file}"


async def test_another_datasets_run_is_seen_where_it_stands_and_left_alone(open_app, dataset_file, made, tmp_path):
    made(state="waiting", waits=True)
    other = tmp_path / "notes.jsonl.sde" / "jobs" / "20260101T000000000-train-ffff"
    other.mkdir(parents=True)
    (other / "spec.json").write_text(json.dumps({"kind": "train", "title": "LoRA \x1b[31mof\x07 x on 3 rows", "spec": {}}))
    write_status(other / "status.json", JobStatus(state="running", identity=HERE, unit="steps", eta_s=30.0, beat=time.time()))
    QueueFile().enter(Ticket(str(other), ("cpu",), 0.5, identity=HERE))
    QueueFile().begin(other, HERE)
    async with open_app(dataset_file, size=(120, 30)) as sde:
        await opened_runs(sde)
        await sde.press("home")
        assert "of notes.jsonl: LoRA" in sde.text
        assert "6 rows · tiny" in sde.text
        assert max(map(len, sde.lines)) <= 120
        assert "\x1b" not in sde.text
        assert "in ~30 s" in sde.text
        await sde.press("x")
        assert "It belongs to another dataset" in sde.text
        QueueFile().leave(other, HERE)
        await sde.until(lambda: "of notes.jsonl:" not in sde.text)


async def test_a_fine_tune_beside_another_is_queued_and_that_is_said(open_app, dataset_file, made, monkeypatch):
    made(state="running", holds=True)
    monkeypatch.setattr("sde_tui.session_training.launched", lambda *_: Job(made(state="waiting", waits=True)))
    async with open_app(dataset_file) as sde:
        sde.session.decisions.accept([0, 1, 2])
        await sde.press("F")
        assert "Queued as 1st: it begins by itself" in sde.flashed
        assert "h shows the queue" in sde.flashed


async def test_two_apps_on_one_folder_see_the_same_and_the_second_starts_nothing_on_decisions_it_may_not_know(open_app, dataset_file, made):
    made(state="running", holds=True)
    folders = [made(state="waiting", waits=True) for _ in range(2)]
    async with open_app(dataset_file) as first, open_app(dataset_file, size=(100, 30)) as second:
        assert second.session.decisions.read_only
        await opened_runs(first)
        await opened_runs(second)
        await first.press("home", "down", "J")
        await second.until(lambda: second.session.queue.at(folders[1].name).place == 1)
        await second.press("home", "down", "x")
        assert (folders[1] / "STOP").exists()
        write_status(folders[1] / "status.json", JobStatus(state="stopped", created=1.0, beat=time.time(), identity=HERE))
        QueueFile().leave(folders[1], HERE)
        await first.until(lambda: first.session.queue.at(folders[1].name).state == "stopped")
        await first.press("end", "delete", "y")
        await second.until(lambda: second.session.queue.at(folders[1].name) is None)
        assert "start it there" in second.session.training.why_not_fine_tune()
        assert first.session.training.why_not_fine_tune() == ""
