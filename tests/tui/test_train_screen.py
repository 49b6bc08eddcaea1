"""Screen 9 before and beside runs: what would train is said, F refuses or asks, the recipe is kept, and a run that ended is drawn as it was."""

from __future__ import annotations

import json

import pytest
from textual.widgets import Input
from tiny_model import make_tiny_model
from train_runs import made_run

from sde_core.jobs import list_jobs
from sde_tui.screens.dialogs import ConfirmScreen, PromptScreen
from sde_tui.screens.train_drawing import when


async def test_before_anything_ran_it_says_what_would_train(open_app, dataset_file, train_project):
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "tiny · 6 steps · batch 2" in sde.text
        assert "11 rows, none accepted · about 6 steps · how long? d measures it" in sde.text
        assert "11 train whole" in sde.text
        assert "none yet" in sde.text
        assert "F starts it as a job that outlives the app" in sde.lines[-2]
        sde.golden("train_before", hide={})


async def test_decisions_change_the_set_at_once_and_rows_can_be_shown(open_app, dataset_file, train_project):
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


async def test_what_is_off_is_asked_about_first(open_app, dataset_file, train_project):
    made_run(train_project)
    async with open_app(dataset_file, size=(120, 40)) as sde:
        await sde.press("F")
        assert isinstance(sde.app.screen, ConfirmScreen)
        assert "Fine-tune on 11 rows, about 6 steps?" in sde.text
        assert "No row was accepted: all 11 that are not rejected would train." in sde.text
        await sde.press("n")
        assert len(list_jobs(train_project.jobs_dir)) == 1


async def test_a_run_in_which_nothing_would_train_is_refused_with_the_option(open_app, dataset_file, train_project):
    async with open_app(dataset_file) as sde:
        sde.session.part("training").change_recipe("max_length=4")
        await sde.press("F")
        assert sde.flashed.startswith("Nothing would train.")
        assert "max_length" in sde.flashed
        assert list_jobs(train_project.jobs_dir) == []


async def test_a_model_that_is_none_is_said_on_the_screen(open_app, dataset_file, train_project):
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        sde.session.part("training").change_recipe("model=/nowhere/model")
        await sde.settle()
        assert "There is no model folder at /nowhere/model" in sde.text
        await sde.press("F")
        assert "no model folder" in sde.flashed


async def test_the_recipe_is_changed_and_kept(open_app, dataset_file, train_project):
    async with open_app(dataset_file) as sde:
        await sde.press("9", "e")
        assert isinstance(sde.app.screen, PromptScreen)
        await sde.type("max_steps=77")
        await sde.press("enter")
        assert "77 steps" in sde.text
        assert json.loads(train_project.recipe_path.read_text())["max_steps"] == 77
        await sde.press("e")
        await sde.type("steps=5")
        await sde.press("enter")
        assert "has no 'steps'. Did you mean max_steps" in sde.text
        assert sde.app.screen.query_one(Input).value == "steps=5", "what was typed is there to be mended"
        await sde.press("end", *["left"] * 7)
        await sde.type("max_")
        await sde.press("enter")
        assert "5 steps" in sde.text


async def test_a_finished_run_is_drawn_as_it_was(open_app, dataset_file, train_project):
    made_run(train_project)
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "step 40 of 40" in sde.text
        assert "loss 0.632 (smoothed 0." in sde.text
        age = next(part.strip() for line in sde.lines for part in line.split(" · ") if part.strip().startswith("ended"))
        sde.golden("train_run", hide={age: "ended 01 Jan 00:01"})
        await sde.press("exclamation_mark")
        assert sde.app.clipboard == f"sde train {dataset_file}"


async def test_keys_say_why_they_do_nothing(open_app, dataset_file, train_project):
    made_run(train_project)
    async with open_app(dataset_file) as sde:
        await sde.press("9", "s")
        assert sde.flashed == "No run is at work here."
        await sde.press("r")
        assert sde.flashed == "This run is done; + gives it more steps, F starts another."


async def test_hostile_words_of_a_run_stay_text(open_app, dataset_file, train_project):
    made_run(train_project, state="failed", steps=0, of=None, message="Broken \x1b]52;c;eA==\x07 [/INST]", hint="Use \x1b[31mless[b]")
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "[/INST]" in sde.text
        assert "less[b]" in sde.text
        assert "\x1b" not in sde.text


async def test_a_record_is_shown_token_by_token(open_app, dataset_file, train_project):
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
async def test_a_record_that_the_template_refuses_says_why(open_app, dataset_file, train_project, tmp_path, screen_size):
    picky = make_tiny_model(tmp_path / "picky", template="{{ raise_exception('only poems') }}", bos=False)
    train_project.recipe_path.write_text(json.dumps({**json.loads(train_project.recipe_path.read_text()), "model": str(picky)}))
    async with open_app(dataset_file, size=screen_size) as sde:
        await sde.press("2", "z", "t")
        assert "only poems" in sde.text
        assert "is left out: the chat template refuses it" in sde.text.replace("\n", " ")
        assert "once the tokenizer" not in sde.text


@pytest.mark.parametrize("screen_size", [(80, 24), (120, 40), (200, 60)])
async def test_it_fits_every_size(open_app, dataset_file, train_project, screen_size):
    made_run(train_project)
    async with open_app(dataset_file, size=screen_size) as sde:
        await sde.press("9")
        assert "✓ done" in sde.text
        assert "◆ held-out" in sde.text
        assert max(map(len, sde.lines)) <= screen_size[0]
        assert sum("│" in line or "┤" in line for line in sde.lines) >= 8


def test_words():
    assert when("20260102T030405678-train-ab12") == "02 Jan 03:04"
    assert when("strange") == ""
