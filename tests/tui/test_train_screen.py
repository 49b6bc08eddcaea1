"""Screen 9: what would train is said before, F starts it with one key, the curve is live, and nothing is lost when the app or the run dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "core"))

from ended_run import make_ended_run
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.jobs import Job, list_jobs
from sde_core.project import Project
from sde_core.train.probe import Probe
from sde_core.train.probe_store import keep_probe
from sde_core.train.row_loss_log import append_block, row_losses_path
from sde_tui.screens.dialogs import ChooseScreen, ConfirmScreen, PromptScreen
from sde_tui.screens.train_drawing import when

PATIENCE = 120


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def project(dataset_file, model):
    project = Project.of(dataset_file).created()
    recipe = {
        "model": model,
        "max_steps": 6,
        "batch_size": 2,
        "held_out": 0.2,
        "eval_steps": 3,
        "device": "cpu",
        "learning_rate": 0.01,
        "processes": 1,
    }
    project.recipe_path.write_text(json.dumps(recipe))
    return project


def made_run(project, *, state="done", steps=40, of=40, name="20260102T030405678-train-ab12", message="Trained.", **status):
    """A run's folder as the job leaves it."""
    folder = project.jobs_dir / name
    (folder / "result").mkdir(parents=True)
    spec = {"kind": "train", "title": "LoRA of tiny on 11 rows of tickets.jsonl", "spec": {}}
    (folder / "spec.json").write_text(json.dumps(spec))
    events = [{"event": "train", "step": 0, "steps": of}]
    for step in range(1, steps + 1):
        events.append(
            {"event": "step", "step": step, "steps": of, "loss": 4.0 / step**0.5, "lr": 1e-4, "grad_norm": 1.5, "tokens_s": 1234.5, "memory": 650e6}
        )
        events += [{"event": "eval", "step": step, "loss": 4.4 / step**0.5}] if step % 10 == 0 else []
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    known = {
        "state": state,
        "done": steps,
        "total": of,
        "unit": "steps",
        "message": message,
        "created": 1.0,
        "started": 1.0,
        "ended": 71.0,
        "beat": 71.0,
    }
    (folder / "status.json").write_text(json.dumps({**known, **status}))
    return folder


async def until(sde, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, sde.text
        sde.session.jobs.watch()
        await sde.settle()
        await asyncio.sleep(0.02)
    await sde.settle()


async def test_before_anything_ran_it_says_what_would_train(open_app, dataset_file, project):
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "tiny · 6 steps · batch 2" in sde.text
        assert "11 rows, none accepted · about 6 steps · how long? d measures it" in sde.text
        assert "11 train whole" in sde.text
        assert "none yet" in sde.text
        assert "F starts it as a job that outlives the app" in sde.lines[-2]
        sde.golden("train_before", hide={})


async def test_a_key_measures_how_long_the_run_will_take(open_app, dataset_file, project, monkeypatch):
    asked = []

    def probed(dataset, rows, recipe, jobs_dir, *, name, cancel, progress):
        asked.append((len(rows), recipe.max_steps))
        keep_probe(project.cache_dir, name, Probe((40,), (0.5,), 10.0, 11, 0, 0.0, 0.0, 0.0, 700_000_000, 0, "2 CPU threads", 1.0))
        folder = make_ended_run(jobs_dir, state="running", name="20260102T030405678-probe-ab12")
        spec = json.loads((folder / "spec.json").read_text())
        (folder / "spec.json").write_text(json.dumps({**spec, "kind": "probe"}))
        return Job(folder)

    monkeypatch.setattr("sde_core.train.probe.launch_probe", probed)
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        await sde.press("d")
        assert asked == [(11, 6)]
        assert sde.flashed.startswith("A few steps are timed by a job")
        ended = project.jobs_dir / "20260102T030405678-probe-ab12" / "status.json"
        ended.write_text(json.dumps({**json.loads(ended.read_text()), "state": "done"}))
        await until(sde, lambda: "how long?" not in sde.text and "measured" not in sde.text)
        assert "about 6 steps · 13 s · 700 MB" in sde.text
        assert "Runs    none yet" in sde.text


async def test_decisions_change_the_set_at_once_and_rows_can_be_shown(open_app, dataset_file, project):
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert sde.session.decisions.accept([1, 2, 3])
        await sde.settle()
        assert "3 accepted rows" in sde.text
        assert "3 train whole" in sde.text
        await sde.press("enter")
        assert "▐2 Rec" in sde.lines[1]
        assert list(sde.session.records.view.rows) == [1, 2, 3]
        await sde.press("backspace")
        assert "▐9 Train▌" in sde.lines[1]


async def test_one_key_trains_and_the_curve_is_on_the_screen(open_app, dataset_file, project):
    made_run(project, name="20200102T030405678-train-ab12")
    async with open_app(dataset_file) as sde:
        sde.session.decisions.accept(range(5))
        sde.session.decisions.accept(range(6, 12))
        await sde.press("F")
        await until(sde, lambda: sde.session.jobs.lines and not sde.session.jobs.active)
        assert "▐9 Train▌" in sde.lines[1]
        job, _ = list_jobs(project.jobs_dir)
        assert sde.app.screen.things.value == ("run", job.id)
        assert job.status().state == "done", job.status().message
        assert "✓ done" in sde.text
        assert "step 6 of 6" in sde.text
        assert "held-out" in sde.text
        assert "◆" in sde.text
        assert any("⠀" < character <= "⣿" for character in sde.text)
        assert (job.result_dir / "adapter" / "adapter_config.json").exists()
        await sde.press("y")
        assert sde.app.clipboard == str(job.result_dir / "adapter")
        await sde.press("enter")
        assert sorted(sde.session.records.view.rows) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]


async def test_what_is_off_is_asked_about_first(open_app, dataset_file, project):
    made_run(project)
    async with open_app(dataset_file, size=(120, 40)) as sde:
        await sde.press("F")
        assert isinstance(sde.app.screen, ConfirmScreen)
        assert "Fine-tune on 11 rows, about 6 steps?" in sde.text
        assert "No row was accepted: all 11 that are not rejected would train." in sde.text
        await sde.press("n")
        assert len(list_jobs(project.jobs_dir)) == 1


async def test_a_run_in_which_nothing_would_train_is_refused_with_the_option(open_app, dataset_file, project):
    async with open_app(dataset_file) as sde:
        sde.session.part("training").change_recipe("max_length=4")
        await sde.press("F")
        assert sde.flashed.startswith("Nothing would train.")
        assert "max_length" in sde.flashed
        assert list_jobs(project.jobs_dir) == []


async def test_a_model_that_is_none_is_said_on_the_screen(open_app, dataset_file, project):
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        sde.session.part("training").change_recipe("model=/nowhere/model")
        await sde.settle()
        assert "There is no model folder at /nowhere/model" in sde.text
        await sde.press("F")
        assert "no model folder" in sde.flashed


async def test_the_recipe_is_changed_and_kept(open_app, dataset_file, project):
    async with open_app(dataset_file) as sde:
        await sde.press("9", "e")
        assert isinstance(sde.app.screen, PromptScreen)
        await sde.type("max_steps=77")
        await sde.press("enter")
        assert "77 steps" in sde.text
        assert json.loads(project.recipe_path.read_text())["max_steps"] == 77
        await sde.press("e")
        await sde.type("colour=red")
        await sde.press("enter")
        assert "has no 'colour'" in sde.flashed


async def test_a_finished_run_is_drawn_as_it_was(open_app, dataset_file, project):
    made_run(project)
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "step 40 of 40" in sde.text
        assert "loss 0.632 (smoothed 0." in sde.text
        age = next(part.strip() for line in sde.lines for part in line.split(" · ") if part.strip().startswith("ended"))
        sde.golden("train_run", hide={age: "ended 9 d ago"})
        await sde.press("exclamation_mark")
        assert sde.app.clipboard == f"sde train {dataset_file}"


async def test_a_live_run_moves_and_only_its_new_events_are_read(open_app, dataset_file, project):
    folder = made_run(project, steps=3, of=10)
    identity = {"pid": 1, "start": "1", "boot": "b", "host": "another-node"}
    running = {
        "state": "running",
        "done": 3,
        "total": 10,
        "unit": "steps",
        "message": "Training.",
        "beat": time.time(),
        "started": time.time(),
        "rate": 2.0,
        "eta_s": 30.0,
    }
    (folder / "status.json").write_text(json.dumps({**running, "identity": identity}))
    async with open_app(dataset_file) as sde:
        assert "Attached again: train 3/10" in sde.flashed
        await sde.press("9")
        assert "step 3 of 10" in sde.text
        assert "memory was full" not in sde.text
        assert "2 steps/s · 1,234 tokens/s · 30 s left" in sde.text
        with (folder / "events.jsonl").open("a") as log:
            log.write(json.dumps({"event": "memory", "batch_size": 1, "accumulation": 2}) + "\n")
            log.write(json.dumps({"event": "step", "step": 4, "steps": 10, "loss": 1.25}) + "\n")
        (folder / "status.json").write_text(json.dumps({**running, "done": 4, "eta_s": 14.0, "identity": identity}))
        sde.session.jobs.watch()
        await sde.settle()
        assert "step 4 of 10" in sde.text
        assert "loss 1.250" in sde.text
        assert "memory was full: 1 at a time, 2 to a step" in sde.text
        assert "train 4/10" in sde.lines[0]
        await sde.press("exclamation_mark")
        assert sde.app.clipboard == f"sde jobs attach ab12 --data {dataset_file}"
        await sde.press("escape", "s")
        assert "Stop this run?" in sde.text
        await sde.press("y")
        assert (folder / "STOP").exists()
        assert "stopping" in sde.text
        await sde.press("s")
        assert isinstance(sde.app.screen, ChooseScreen)


def with_row_losses(folder, dataset_file, *, spike):
    """A run's rows and what each cost: rows 3 and 5 train in the step of the spike, row 4 in every other one."""
    dataset = open_dataset(dataset_file)
    dataset.read_all()
    rows = [{"row": row, "key": f"{int(key):016x}", "split": "train", "record": {}} for row, key in enumerate(dataset.keys())]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for step in range(1, 41):
        trained, losses = ([3, 5], [1.0, 9.0]) if step == spike else ([4], [0.5])
        append_block(row_losses_path(folder), step, np.array(trained), np.array(losses), np.full(len(trained), 3), begins=step == 1)
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    raised = [{**event, "loss": 6.0} if event.get("step") == spike and event["event"] == "step" else event for event in events]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in raised))


async def test_from_a_spike_to_its_rows_and_to_a_decision(open_app, dataset_file, project):
    with_row_losses(made_run(project), dataset_file, spike=25)
    async with open_app(dataset_file) as sde:
        await sde.press("9", "right")
        assert "step 25 · loss 6.000 · enter its rows" in sde.lines[-2]
        assert "┊" in sde.text
        await sde.press("right")
        assert "step 26 ·" in sde.lines[-2]
        await sde.press("left", "enter")
        assert "▐2 Rec" in sde.lines[1]
        assert list(sde.session.records.view.rows) == [5, 3]
        assert "9.00" in sde.text
        await sde.press("x")
        assert sde.session.decisions.status(5) == "rejected"
        assert sde.session.decisions.reason(5) == "loss 9.00 at step 25 of run ab12"
        await sde.press("backspace", "escape")
        assert "┊" not in sde.text
        await sde.press("l")
        assert list(sde.session.records.view.rows) == [5, 3, 4]


async def test_a_run_without_losses_of_rows_says_so(open_app, dataset_file, project):
    folder = made_run(project)
    (folder / "rows.jsonl").write_text("")
    async with open_app(dataset_file) as sde:
        await sde.press("9", "escape")
        assert "→ puts it on the step that stands out" in sde.flashed
        await sde.press("l")
        assert "recorded no losses" in sde.flashed


async def test_a_loss_that_is_no_number_is_said(open_app, dataset_file, project):
    folder = made_run(project)
    with (folder / "events.jsonl").open("a") as log:
        log.write(json.dumps({"event": "step", "step": 41, "steps": 41, "loss": None}) + "\n")
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "The loss is not a number since step 41." in sde.lines[-2]
        assert "→ halve learning_rate" in sde.text
        assert "×" in sde.text


async def test_keys_say_why_they_do_nothing(open_app, dataset_file, project):
    made_run(project)
    async with open_app(dataset_file) as sde:
        await sde.press("9", "s")
        assert sde.flashed == "No run is at work here."
        await sde.press("r")
        assert sde.flashed == "This run is done; + gives it more steps, F starts another."


async def test_hostile_words_of_a_run_stay_text(open_app, dataset_file, project):
    made_run(project, state="failed", steps=0, of=None, message="Broken \x1b]52;c;eA==\x07 [/INST]", hint="Use \x1b[31mless[b]")
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "[/INST]" in sde.text
        assert "less[b]" in sde.text
        assert "\x1b" not in sde.text


async def test_kill_9_of_the_run_is_seen_and_r_goes_on(open_app, dataset_file, project):
    async with open_app(dataset_file) as sde:
        sde.session.decisions.accept([0, 1, 2, 3, 4, 6, 7, 8])
        sde.session.part("training").change_recipe("max_steps=400 save_steps=5")
        await sde.press("F")
        (job,) = list_jobs(project.jobs_dir)
        await until(sde, lambda: (sde.session.part("training").curve or _Nothing).train.last_step >= 6)
        os.killpg(job.status().identity.pid, signal.SIGKILL)
        await until(sde, lambda: not sde.session.jobs.active)
        assert "✗ lost" in sde.text
        assert "Its process is gone." in sde.text
        recipe = json.loads((job.folder / "recipe.json").read_text())
        reached = sde.session.part("training").curve.train.last_step
        (job.folder / "recipe.json").write_text(json.dumps({**recipe, "max_steps": reached + 3}))
        await sde.press("r")
        await until(sde, lambda: not sde.session.jobs.active)
        assert "✓ done" in sde.text
        curve = sde.session.part("training").curve
        assert curve.train.count == curve.train.last_step == reached + 3


async def test_what_was_measured_is_said_beside_the_steps(open_app, dataset_file, project):
    from sde_core.train.probe import Probe
    from sde_core.train.probe_store import keep_probe, probe_name
    from sde_core.train.recipe import read_recipe

    dataset = open_dataset(dataset_file)
    dataset.read_all()
    probe = Probe((10, 20, 30), (7.0, 7.0, 7.0), 5.0, 10, 0, 0.0, 0.0, 3.0, 1 << 60, 0, "CPU", 0.0)
    keep_probe(project.cache_dir, probe_name(read_recipe(project.recipe_path), dataset.fingerprint), probe)
    async with open_app(dataset_file, size=(120, 40)) as sde:
        await sde.press("9")
        await until(sde, lambda: "about 6 steps" in sde.text)
        assert "about 6 steps · 50 s" in sde.text
        assert "does not fit" in sde.text


class _Nothing:
    class train:
        last_step = -1


async def test_a_record_is_shown_token_by_token(open_app, dataset_file, project):
    async with open_app(dataset_file) as sde:
        await sde.press("2", "z", "t")
        assert "train ◂ · " in sde.text
        assert "none cut off" in sde.text
        assert "▸It arrives on day 0.</s>◂" in sde.text
        assert "<s>User:" in sde.text
        sde.session.part("training").change_recipe("max_length=40")
        await sde.press("t", "t")
        assert "« 14 cut off »" in sde.text


@pytest.mark.parametrize("screen_size", [(80, 24), (120, 40)])
async def test_a_record_that_the_template_refuses_says_why(open_app, dataset_file, project, tmp_path, screen_size):
    picky = make_tiny_model(tmp_path / "picky", template="{{ raise_exception('only poems') }}", bos=False)
    project.recipe_path.write_text(json.dumps({**json.loads(project.recipe_path.read_text()), "model": str(picky)}))
    async with open_app(dataset_file, size=screen_size) as sde:
        await sde.press("2", "z", "t")
        assert "only poems" in sde.text
        assert "is left out: the chat template refuses it" in sde.text.replace("\n", " ")
        assert "once the tokenizer" not in sde.text


@pytest.mark.parametrize("screen_size", [(80, 24), (120, 40), (200, 60)])
async def test_it_fits_every_size(open_app, dataset_file, project, screen_size):
    made_run(project)
    async with open_app(dataset_file, size=screen_size) as sde:
        await sde.press("9")
        assert "✓ done" in sde.text
        assert "◆ held-out" in sde.text
        assert max(map(len, sde.lines)) <= screen_size[0]
        assert sum("│" in line or "┤" in line for line in sde.lines) >= 8


def test_words():
    assert when("20260102T030405678-train-ab12") == "02 Jan 03:04"
    assert when("strange") == ""
