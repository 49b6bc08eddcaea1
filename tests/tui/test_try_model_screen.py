"""Trying a model on screen 9: both answers side by side, a failure tagged into the queue, and the run handed over by a key."""

from __future__ import annotations

import json
from pathlib import Path

import chat_forms
import pytest
import torch
from finished_run import make_finished_run
from tiny_model import make_tiny_model

from sde_core.evaluate.side_by_side import SideBySide, TriedAnswer
from sde_core.evaluate.to_collect import ToCollect
from sde_core.project import Project
from sde_core.train.recipe import Recipe
from sde_tui.screens.dialogs import ChooseScreen, PromptScreen
from sde_tui.screens.failure import FailureScreen
from sde_tui.screens.try_model import TryModelScreen

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks transformers by the old name


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.set_num_threads(1)
    return str(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny", template=chat_forms.CHATML))


@pytest.fixture
def run(dataset_file, model, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return make_finished_run(dataset_file, Recipe(model=model, lora_r=4, held_out=0.2, device="cpu"))


class ScriptedModel:
    """Stands in for the process; a test lets it speak."""

    def __init__(self, run, listener, log=None):
        self.listener, self.asked, self.cancelled, self.alive = listener, [], [], True
        ScriptedModel.last = self

    def ask(self, turns, **settings):
        self.asked.append((turns, settings))
        return len(self.asked)

    def cancel(self, identity):
        self.cancelled.append(identity)

    def close(self):
        self.alive = False


@pytest.fixture
def scripted(monkeypatch):
    monkeypatch.setattr("sde_core.evaluate.try_model.TriedModel", ScriptedModel)


def answer(identity, side, text, tokens=3):
    return {"id": identity, "answer": {"side": side, "text": text, "tokens": tokens, "seconds": 0.5, "ended": True, "cut": 0}}


async def say(sde, *lines):
    for line in lines:
        ScriptedModel.last.listener(line)
    await sde.settle()


READY = {"ready": True, "device": "2 CPU threads, float32", "adapter": "final", "load_s": 1.0}


async def test_both_sides_answer_for_real_and_a_failure_becomes_a_row(open_app, dataset_file, run, model):
    sides = SideBySide(run.folder)
    async with open_app(dataset_file) as sde:
        await sde.press("9", "t")
        assert isinstance(sde.app.screen, TryModelScreen)
        await sde.type("my bill")
        await sde.press("ctrl+s")
        part = sde.session.part("try_model")
        await sde.until(lambda: len(part.answers) == 2 and part.state == "ready")
        expected = {side: sides.answer(part.prompt, side) for side in ("base", "adapter")}
        assert {side: found.text for side, found in part.answers.items()} == {side: found.text for side, found in expected.items()}
        assert f"adapter · {expected['adapter'].tokens} token" in sde.text
        assert "adapter final · " in sde.text
        process = part._model._process
        await sde.press("ctrl+g")
        assert isinstance(sde.app.screen, ChooseScreen)
        await sde.press("enter")
        assert isinstance(sde.app.screen, FailureScreen)
        await sde.type("no words")
        await sde.press("enter")
        await sde.type("Your bill is paid.")
        await sde.press("ctrl+s")
        assert "In the queue" in sde.text
        (failure,) = ToCollect.of(Project.of(dataset_file)).standing()
        assert (failure.tag, failure.note, failure.wanted, failure.prompt) == ("wrong", "no words", "Your bill is paid.", (("user", "my bill"),))
        assert failure.answer == expected["adapter"].text
        await sde.press("escape")
        assert process.poll() is not None


async def test_it_stays_usable_while_it_loads_and_writes_and_esc_stops(open_app, dataset_file, run, scripted):
    async with open_app(dataset_file) as sde:
        await sde.press("9", "t")
        assert "Loading the model; you can type already." in sde.text
        await sde.press("ctrl+s")
        assert "Type a prompt first" in sde.text
        await sde.type("hello")
        await sde.press("ctrl+s")
        model = ScriptedModel.last
        assert model.asked[0][0][-1].text == "hello"
        await say(sde, READY, {"id": 1, "side": "base", "tokens": 12})
        assert "base model · 12 tokens…" in sde.text
        await sde.press("escape")
        assert model.cancelled == [1]
        await say(sde, {"id": 1, "stopped": True})
        assert "Stopped." in sde.text
        await sde.press("ctrl+s")
        await say(sde, answer(1, "base", "late"), answer(2, "base", "yes \x1b[31m"), answer(2, "adapter", "no [/b]"), {"id": 2, "done": True})
        assert "late" not in sde.text
        assert "yes" in sde.text
        assert "no [/b]" in sde.text
        assert "\x1b" not in sde.text
        sde.golden("try_model", hide={run.id[-4:]: "RUN"})
        await sde.press("escape")
        assert not model.alive
        assert not isinstance(sde.app.screen, TryModelScreen)


async def test_a_rows_prompt_and_other_settings(open_app, dataset_file, run, scripted):
    async with open_app(dataset_file) as sde:
        await sde.press("9", "t")
        await say(sde, READY)
        await sde.press("ctrl+r")
        assert isinstance(sde.app.screen, PromptScreen)
        await sde.press("3", "enter")
        wanted = next(turn.text for turn in sde.session.dataset.turns(3).turns if turn.role == "user")
        assert sde.app.screen.query_one("#prompt").text == wanted
        assert "row 3" in sde.text
        await sde.press("ctrl+r")
        await sde.type("9999")
        await sde.press("enter")
        assert "There is no row 9999" in sde.text
        await sde.press("ctrl+o")
        await sde.type("max_new_tokens=5 temperature=0.5")
        await sde.press("enter", "ctrl+s")
        assert ScriptedModel.last.asked[-1][1] == {"max_new_tokens": 5, "temperature": 0.5, "seed": 0}
        await sde.press("ctrl+o")
        await sde.type("seed=x")
        await sde.press("enter")
        assert "is not a number" in sde.text
        await say(sde, answer(1, "base", "a"), answer(1, "adapter", "b"), {"id": 1, "done": True})
        await sde.press("ctrl+g", "down", "enter", "ctrl+s")
        queue = ToCollect.of(Project.of(dataset_file))
        (failure,) = queue.standing()
        assert (failure.row, failure.tag, failure.wanted) == (3, "refuses", "")
        assert sde.session.dataset.row_of_key(int(failure.row_key, 16)) == 3
        await sde.press("tab", "u")
        assert queue.standing() == []
        assert "out of the queue" in sde.text


async def test_what_a_row_hides_is_shown_by_symbols_and_asked_as_it_stands(open_app, dataset_file, run, scripted, monkeypatch):
    async with open_app(dataset_file) as sde:
        await sde.press("9", "t")
        monkeypatch.setattr(sde.session.part("try_model"), "take_row", lambda number: "a\x1b[31mb")
        await sde.press("ctrl+r", "enter")
        assert "\x1b" not in sde.app.screen.query_one("#prompt").text
        await sde.press("ctrl+s")
        assert ScriptedModel.last.asked[0][0][-1].text == "a\x1b[31mb"


async def test_a_model_that_loads_for_long_keeps_nobody_here(open_app, dataset_file, run, scripted):
    async with open_app(dataset_file) as sde:
        await sde.press("9", "t")
        await sde.type("hello")
        await sde.press("ctrl+s", "escape")
        assert "Stopping; esc leaves." in sde.text
        await sde.press("escape")
        assert ScriptedModel.last.cancelled == [1]
        assert not isinstance(sde.app.screen, TryModelScreen)


async def test_answers_are_said_to_be_another_prompts_and_a_tag_names_the_row_that_was_asked(open_app, dataset_file, run, scripted):
    async with open_app(dataset_file) as sde:
        await sde.press("9", "t")
        await say(sde, READY)
        await sde.type("hello")
        await sde.press("ctrl+s")
        await say(sde, answer(1, "base", "a"), answer(1, "adapter", "b"), {"id": 1, "done": True})
        assert "Below it" not in sde.text
        await sde.press("ctrl+r")
        await sde.type("3")
        await sde.press("enter")
        assert "ctrl+s asks this. Below it, the answers to: hello" in sde.text
        await sde.press("ctrl+g", "enter", "ctrl+s")
        (failure,) = ToCollect.of(Project.of(dataset_file)).standing()
        assert (failure.prompt, failure.row, failure.row_key) == ((("user", "hello"),), None, "")


async def test_a_model_that_fails_or_ends_is_told_and_started_again(open_app, dataset_file, run, scripted):
    async with open_app(dataset_file, size=(120, 40)) as sde:
        await sde.press("9", "t")
        first = ScriptedModel.last
        await say(sde, {"error": "The adapter final cannot be loaded: torn.", "hint": "Try again."}, {"ended": 2})
        assert "cannot be loaded" in sde.text
        first.alive = False
        await sde.type("a")
        await sde.press("ctrl+s")
        assert ScriptedModel.last is not first
        await say(sde, READY, {"ended": -9})
        assert "process ended" in sde.text
        assert TriedAnswer("base", "", 0, 0.0, True) not in sde.session.part("try_model").answers.values()


async def test_the_run_is_handed_over_by_a_key(open_app, dataset_file, run):
    async with open_app(dataset_file) as sde:
        await sde.press("9", "w")
        assert isinstance(sde.app.screen, PromptScreen)
        await sde.press("enter")
        folder = Path(sde.session.part("handover").suggested())
        assert "recipes" in sde.lines[-2]
        assert json.loads((folder / "metrics.json").read_text())["steps"] == 8
        assert (folder / "README.md").exists()


async def test_without_a_run_both_keys_say_why_not(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("9", "t")
        assert "There is no run here" in sde.text
        await sde.press("w")
        assert "There is no run here" in sde.text
