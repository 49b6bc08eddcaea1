"""Screen 9 with runs that work: F starts one by one key, the curve is live, and nothing is lost when the app or the run dies."""

from __future__ import annotations

import json
import os
import signal
import time

from ended_run import make_ended_run
from train_runs import made_run, until_seen

from sde_core.dataset import open_dataset
from sde_core.jobs import Job, list_jobs
from sde_core.train.launched import seal_launch
from sde_core.train.probe import Probe
from sde_core.train.probe_store import keep_probe, probe_name
from sde_core.train.recipe import read_recipe
from sde_tui.screens.dialogs import ChooseScreen


async def test_a_key_measures_how_long_the_run_will_take(open_app, dataset_file, train_project, monkeypatch):
    asked = []

    def probed(dataset, rows, recipe, jobs_dir, *, name, cancel, progress):
        asked.append((len(rows), recipe.max_steps))
        keep_probe(train_project.cache_dir, name, Probe((40,), (0.5,), 10.0, 11, 0, 0.0, 0.0, 0.0, 700_000_000, 0, "2 CPU threads", 1.0))
        folder = make_ended_run(jobs_dir, state="running", steps=2, name="20260102T030405678-probe-ab12")
        status = json.loads((folder / "status.json").read_text())
        (folder / "status.json").write_text(json.dumps({**status, "beat": time.time(), "ended": None}))  # one that is silent raises an alert
        spec = json.loads((folder / "spec.json").read_text())
        (folder / "spec.json").write_text(json.dumps({**spec, "kind": "probe"}))
        return Job(folder)

    monkeypatch.setattr("sde_core.train.probe.launch_probe", probed)
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        await sde.press("d")
        assert asked == [(11, 6)]
        assert sde.flashed.startswith("A few steps are timed by a job")
        ended = train_project.jobs_dir / "20260102T030405678-probe-ab12" / "status.json"
        ended.write_text(json.dumps({**json.loads(ended.read_text()), "state": "done"}))
        await until_seen(sde, lambda: "how long?" not in sde.text and "measured" not in sde.text)
        assert "about 6 steps · 13 s · 700 MB" in sde.text
        assert "Runs    none yet" in sde.text


async def test_what_was_measured_is_said_beside_the_steps(open_app, dataset_file, train_project):
    dataset = open_dataset(dataset_file)
    dataset.read_all()
    probe = Probe((10, 20, 30), (7.0, 7.0, 7.0), 5.0, 10, 0, 0.0, 0.0, 3.0, 1 << 60, 0, "CPU", 0.0)
    keep_probe(train_project.cache_dir, probe_name(read_recipe(train_project.recipe_path), dataset.fingerprint), probe)
    async with open_app(dataset_file, size=(120, 40)) as sde:
        await sde.press("9")
        await until_seen(sde, lambda: "about 6 steps" in sde.text)
        assert "about 6 steps · 50 s" in sde.text
        assert "does not fit" in sde.text


async def test_one_key_trains_and_the_curve_is_on_the_screen(open_app, dataset_file, train_project):
    made_run(train_project, name="20200102T030405678-train-ab12")
    async with open_app(dataset_file) as sde:
        sde.session.decisions.accept(range(5))
        sde.session.decisions.accept(range(6, 12))
        await sde.press("F")
        await until_seen(sde, lambda: sde.session.jobs.lines and not sde.session.jobs.active)
        assert "▐9 Train▌" in sde.lines[1]
        job, _ = list_jobs(train_project.jobs_dir)
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


async def test_a_live_run_moves_and_only_its_new_events_are_read(open_app, dataset_file, train_project):
    folder = made_run(train_project, steps=3, of=10)
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


async def test_kill_9_of_the_run_is_seen_and_r_goes_on(open_app, dataset_file, train_project):
    async with open_app(dataset_file) as sde:
        sde.session.decisions.accept([0, 1, 2, 3, 4, 6, 7, 8])
        sde.session.part("training").change_recipe("max_steps=100000 save_steps=5")
        await sde.press("F")
        (job,) = list_jobs(train_project.jobs_dir)
        await until_seen(sde, lambda: (curve := sde.session.part("training").curve) is not None and curve.train.last_step >= 6)
        os.killpg(job.status().identity.pid, signal.SIGKILL)
        await until_seen(sde, lambda: not sde.session.jobs.active)
        assert "✗ lost" in sde.text
        assert "Its process is gone." in sde.text
        recipe = json.loads((job.folder / "recipe.json").read_text())
        reached = sde.session.part("training").curve.train.last_step
        (job.folder / "recipe.json").write_text(json.dumps({**recipe, "max_steps": reached + 3}))
        seal_launch(job.folder)  # what was launched is sealed; a run that ends soon is the test's wish
        await sde.press("r")
        await until_seen(sde, lambda: not sde.session.jobs.active)
        assert "✓ done" in sde.text
        curve = sde.session.part("training").curve
        assert curve.train.count == curve.train.last_step == reached + 3
