"""Screen 9 while nobody looks: news of a run takes the place of an old message, the run at work is shown first, and lines at 80 columns are whole."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest
from train_runs import made_run

import sde_tui.session_training
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.status import JobStatus, write_status

HERE = ProcessIdentity.of_pid(os.getpid())


def at_work(folder, state="running", **known):
    """Lets this process stand for the job's."""
    now = time.time()
    figures = {
        "created": now - 60,
        "started": now - 60,
        "beat": now,
        "unit": "steps",
        "done": 12,
        "total": 40,
        "eta_s": 2134.0,
        "message": "Training.",
    }
    write_status(folder / "status.json", JobStatus(state=state, identity=HERE, **{**figures, **known}))


def tell(folder, **event):
    with (folder / "events.jsonl").open("a") as log:
        log.write(json.dumps(event) + "\n")


@pytest.fixture
def running(train_project):
    folder = made_run(train_project, steps=12)
    at_work(folder)
    return folder


async def test_an_alert_takes_the_place_of_what_was_said_before(open_app, dataset_file, running):
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        sde.session.flash("Started. It goes on when you leave; s stops it.", "good")
        sde.session.jobs.watch()
        await sde.settle()
        assert sde.flashed.startswith("Started.")
        tell(running, event="step", step=13, steps=40, loss=None)
        at_work(running, done=13)
        sde.session.jobs.watch()
        await sde.settle()
        assert sde.flashed == ""
        assert "The loss is not a number since step 13." in sde.lines[-2]
        assert "→ stop it and halve learning_rate (s, e)" in sde.text


async def test_a_run_that_is_lost_says_what_now(open_app, dataset_file, running):
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        sde.session.flash("Started. It goes on when you leave; s stops it.", "good")
        at_work(running, state="failed", ended=time.time(), message="The disk is full.", hint="Free some room, then r goes on.")
        sde.session.jobs.watch()
        await sde.settle()
        assert sde.lines[-2].startswith(" r goes on from what it saved")
        assert "The disk is full." in sde.text


async def test_a_frozen_run_is_told_of_without_any_key_or_news(open_app, dataset_file, train_project, monkeypatch):
    monkeypatch.setattr("sde_tui.session_jobs.POLL_SECONDS", 0.02)
    folder = made_run(train_project, steps=12)
    at_work(folder, eta_s=None)
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "No sign of life" not in sde.text
        at_work(folder, eta_s=None, beat=time.time() - 3600)
        await sde.until(lambda: "No sign of life for 1 h" in sde.text)
        assert "if it does not come back, kill it" in sde.text


async def test_a_run_without_a_sign_of_life_has_no_time_left_that_is_known(open_app, dataset_file, running):
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert sde.text.count("35 min left") == 1
        assert "35 min 34 s left" in sde.text
        tell(running, event="step", step=13, steps=40, loss=1.0, t=time.time() - 300)
        at_work(running, beat=time.time() - 300)
        sde.session.jobs.watch()
        await sde.settle()
        assert " left" not in sde.text
        assert "values 5 min" in sde.text


async def test_what_a_failed_run_says_is_whole(open_app, dataset_file, running):
    message = "The model folder /data/models/a-long-name/with-a-longer-name/base was there at the launch and is gone now."
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        at_work(running, state="failed", ended=time.time(), message=message, hint="Put it back, then r goes on.")
        sde.session.jobs.watch()
        await sde.settle()
        assert message.replace(" ", "") in sde.text.replace("\n", "").replace(" ", "")
        assert "Put it back, then r goes on." in sde.text
        at_work(running, state="failed", ended=time.time(), message=message * 5, hint="Put it back, then r goes on.")
        sde.session.jobs.watch()
        await sde.settle()
        place = next(y for y, line in enumerate(sde.lines) if line.startswith(" The model folder"))
        assert sde.lines[place + 1].endswith("…")
        assert sde.lines[place + 2].strip() == "Put it back, then r goes on."
        await sde.press("h")
        assert "│ ended       The model folder" in sde.text


async def test_the_set_is_not_told_as_it_was_before_a_change(open_app, dataset_file, train_project, monkeypatch):
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "about 6 steps" in sde.text
        held, surveyed = threading.Event(), sde_tui.session_training.training_set_of

        def slowly(*given):
            held.wait(60)
            return surveyed(*given)

        monkeypatch.setattr("sde_tui.session_training.training_set_of", slowly)
        assert sde.session.training.change_recipe("max_steps=3") == ""
        await sde.rest()
        assert "11 rows, none accepted · before the change; counted again now" in sde.text
        held.set()
        await sde.settle()
        assert "about 3 steps" in sde.text


async def test_the_run_at_work_is_shown_before_a_later_one_that_never_began(open_app, dataset_file, running, train_project):
    never = made_run(train_project, name="20260103T030405678-train-ab13", state="stopped", steps=0, done=0)
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert sde.session.training.shown.id == running.name
        assert "35 min left" in sde.text
        at_work(running, state="stopped", ended=time.time())
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert sde.session.training.shown.id == running.name, "it has a curve, and the later one has none"
        await sde.press("o")
        assert sde.flashed == "This dataset has no other run that has made a step."
        assert never.exists()


async def test_rows_that_are_read_are_not_counted_as_steps(open_app, dataset_file, running):
    at_work(running, unit="rows", done=512, total=2885, message="Reading the rows.")
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "train 512/2,885 rows" in sde.lines[0]
        assert "512/2,885 " not in "\n".join(sde.lines[1:])
        await sde.press("h")
        assert "512/2,885" not in "\n".join(sde.lines[1:])


async def test_only_a_run_at_work_leaves_room_for_steps_to_come(open_app, dataset_file, running):
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        chart = sde.session.part("chart")
        assert chart.total == 40
        at_work(running, state="paused", ended=time.time())
        sde.session.jobs.watch()
        await sde.settle()
        assert chart.total == 12


async def test_a_cursor_holds_the_part_that_followed_the_run(open_app, dataset_file, running):
    async with open_app(dataset_file) as sde:
        await sde.press("9", "z")
        part = sde.session.part("chart").part
        assert part.follows
        await sde.press("space")
        for step in range(13, 31):
            tell(running, event="step", step=step, steps=40, loss=1.0)
        sde.session.jobs.watch()
        await sde.settle()
        after = sde.session.part("chart").part
        assert (after.first, after.last) == (part.first, part.last)
        assert "┊" in sde.text


@pytest.mark.parametrize("keys", [("z",), ("space",), ("z", "space")])
async def test_the_line_that_says_what_now_is_whole_at_80_columns(open_app, dataset_file, running, keys):
    (running / "samples.jsonl").write_text("")
    async with open_app(dataset_file) as sde:
        await sde.press("9", *keys)
        assert "…" not in sde.lines[-2]
        assert len(sde.lines[-2]) < 80


async def test_without_torch_no_run_is_taken_up_again(open_app, dataset_file, train_project, monkeypatch):
    monkeypatch.setattr("sde_core.train.device.missing_packages", lambda: ["torch", "peft"])
    made_run(train_project, state="stopped", steps=12)
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        for key in ("F", "r", "plus", "d"):
            await sde.press(key)
            assert sde.flashed == "Training needs torch, peft: pip install 'sde[ml]'.", key
        await sde.press("h", "r")
        assert sde.flashed.startswith("Training needs torch, peft")
        await sde.press("escape", "c", "n")
        assert sde.flashed.startswith("Training needs torch, peft")


async def test_a_file_that_was_cut_off_under_the_app_is_said_and_the_app_lives_on(open_app, tmp_path, train_project):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"instruction": f"Ask {i}", "output": "word " * 500}) + "\n" for i in range(600)))
    async with open_app(path) as sde:
        path.write_text("")
        await sde.press("2", "G")
        assert sde.text.count("cannot be read") > 10
        await sde.press("enter", "i", "y")  # the record says the reason where its text would be
        assert "rows.jsonlhasbecomeshortersinceitwasopened.Openitagain." in "".join(sde.text.split())
        await sde.press("9", "F")
        assert "hasbecomeshorter" in "".join(sde.text.split())
        await sde.press("1")
        assert "▐1 Overview▌" in sde.lines[1]
