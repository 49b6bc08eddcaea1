"""Pausing and extending the run that screen 9 shows."""

from __future__ import annotations

import pytest
from ended_run import make_ended_run
from textual.widgets import Input

from sde_core.errors import UsageError
from sde_core.jobs import Job
from sde_core.project import Project
from sde_core.train.recipe import read_recipe
from sde_tui.screens.dialogs import PromptScreen
from sde_tui.session_run_control import amount_of


@pytest.mark.parametrize(
    ("words", "amount"), [("200", (200, 0.0)), (" 1 step", (1, 0.0)), ("20 Steps", (20, 0.0)), ("1 epoch", (0, 1.0)), ("0,5 epochs", (0, 0.5))]
)
def test_an_amount_is_steps_or_epochs(words, amount):
    assert amount_of(words) == amount


@pytest.mark.parametrize("words", ["", "much", "1.5", "1.5 steps", "-3", "2 weeks"])
def test_what_is_no_amount_is_said(words):
    with pytest.raises(UsageError, match="is no amount"):
        amount_of(words)


async def test_P_pauses_a_run_at_work_once(open_app, dataset_file):
    folder = make_ended_run(Project.of(dataset_file).created().jobs_dir, state="running")
    async with open_app(dataset_file) as sde:
        await sde.press("9", "P")
        assert (folder / "STOP").read_text() == "pause"
        await sde.press("P")
        assert sde.flashed == "It stops already."


async def test_plus_gives_a_run_that_is_done_more_to_do(open_app, dataset_file, monkeypatch):
    folder = make_ended_run(Project.of(dataset_file).created().jobs_dir)
    started = []
    monkeypatch.setattr(Job, "_start", lambda job, _status: started.append(job.id))
    async with open_app(dataset_file) as sde:
        await sde.press("9", "P")
        assert sde.flashed == "No run is at work here."
        await sde.press("plus")
        assert isinstance(sde.app.screen, PromptScreen)
        await sde.type("2 epochs")
        await sde.press("enter")
        assert sde.flashed == "To step 60; from step 40 the learning rate takes its course anew."
        assert started == [folder.name]
        assert read_recipe(folder / "recipe.json").max_steps == 60
        await sde.press("plus")
        await sde.type("some")
        await sde.press("enter")
        assert "'some' is no amount" in sde.text
        assert isinstance(sde.app.screen, PromptScreen), "what was typed can be mended"
        assert sde.app.screen.query_one(Input).value == "some"
