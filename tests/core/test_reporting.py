"""Metrics that go elsewhere too: into the job's folder, offline, and refused in a sentence before anything trains."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import MissingExtraError, UsageError
from sde_core.train.launch import check_before_launch, launch_training
from sde_core.train.recipe import Recipe
from sde_core.train.reporting import REPORTERS, refuse_reporting, reporting_environment, use_reporting

PATIENCE = 240
INSTALLED = [name for name, packages in REPORTERS.items() if any(importlib.util.find_spec(package) for package in packages)]


@pytest.fixture
def dataset(tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"say {i}", "response": f"the cat {i}"}) + "\n" for i in range(8)))
    return open_dataset(data)


def test_an_unknown_name_and_a_missing_package_are_said_before_anything_starts(dataset, monkeypatch):
    dataset.read_all()
    with pytest.raises(UsageError, match="'comet', which sde does not know"):
        check_before_launch(dataset, range(8), Recipe(report_to="tensorboard, comet" if "tensorboard" in INSTALLED else "comet"))
    monkeypatch.setattr("sde_core.train.reporting.importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="trackio needs the package trackio"):
        refuse_reporting(Recipe(report_to="trackio"))
    refuse_reporting(Recipe())


def test_nothing_goes_online_unless_the_user_set_that_up(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("WANDB", "TRACKIO", "TENSORBOARD", "GRADIO"))]:
        monkeypatch.delenv(name)
    found = reporting_environment(Recipe(report_to="wandb,trackio,tensorboard"), tmp_path)
    assert found["WANDB_MODE"] == "offline"
    assert all(Path(value).is_relative_to(tmp_path) for name, value in found.items() if name.endswith("_DIR"))
    assert not any("SPACE" in name for name in found)
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert "WANDB_MODE" not in reporting_environment(Recipe(report_to="wandb"), tmp_path)
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_DIR", "/elsewhere")
    kept = reporting_environment(Recipe(report_to="wandb"), tmp_path)
    assert not {"WANDB_MODE", "WANDB_DIR"} & set(kept)
    before = dict(os.environ)
    use_reporting(Recipe(), tmp_path)
    assert dict(os.environ) == before


@pytest.mark.skipif(not INSTALLED, reason="no reporter is installed")
def test_a_run_reports_into_its_folder(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    dataset.read_all()
    model = make_tiny_model(tmp_path / "model")
    recipe = Recipe(model=str(model), max_steps=2, batch_size=4, held_out=0.25, device="cpu", processes=1, report_to=",".join(INSTALLED))
    job = launch_training(dataset, range(len(dataset)), recipe, tmp_path / "jobs")
    status = job.wait(PATIENCE)
    log = job.log_path.read_text()
    assert status.state == "done", f"{status.message}\n{log[-3000:]}"
    if "tensorboard" in INSTALLED:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(job.folder / "tensorboard")).Reload()
        told = [event["loss"] for event in job.events(max_bytes=1 << 24)[0] if event["event"] == "step"]
        assert [point.value for point in events.Scalars("train/loss")] == pytest.approx(told, abs=1e-4)
        assert events.Scalars("eval/loss")
    if "wandb" in INSTALLED:
        assert list(job.folder.glob("wandb/offline-run-*/*.wandb"))
    if "trackio" in INSTALLED:
        assert list((job.folder / "trackio").rglob("*.db"))
