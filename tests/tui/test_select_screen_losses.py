"""The methods that go by a model's losses of answers: measured by a job that screen 7 starts and follows."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from select_essays import chosen, part_of, rows_by_command, write_essays

from sde_tui.session_selection_wishes import LOSS_METHODS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "core"))
from tiny_model import make_tiny_model


@pytest.fixture
def essays(tmp_path):
    return write_essays(tmp_path / "essays.jsonl")


async def choose(sde, method, model):
    names = [name for name, _ in part_of(sde).methods()]
    place = names.index(part_of(sde).wishes.method)
    await sde.press("m", *(["down"] * (names.index(method) - place) or ["up"] * (place - names.index(method))), "enter")
    assert f"{method}: whose losses of the answers?" in sde.text
    sde.app.screen.query_one("Input").value = model
    await sde.press("enter")


async def test_losses_are_measured_by_a_job_and_the_proposal_follows(open_app, essays, tmp_path, capfdbinary):
    pytest.importorskip("transformers")
    folder = make_tiny_model(tmp_path / "tiny")
    async with open_app(essays) as sde:
        await sde.press("7")
        before = part_of(sde).selection
        await choose(sde, "ifd", str(folder))
        if sde.session.losses.active:
            assert part_of(sde).wishes.method == "dpp"
            assert "Measuring of answers by tiny" in sde.text
            assert part_of(sde).selection == before
        await sde.until(lambda: part_of(sde).selection.params.method == "ifd")
        assert not sde.session.losses.active
        command, rows = part_of(sde).command_line(), chosen(sde)
        assert f"--method ifd --balance 0.5 --seed 0 --model {shlex.quote(str(folder))}" in command
        await choose(sde, "superfiltering", str(folder))
        assert part_of(sde).selection.params.method == "superfiltering"
        assert len(list(sde.session.project.jobs_dir.iterdir())) == 1
        await sde.press("u", "u")
        assert part_of(sde).selection.picks == before.picks
    assert rows_by_command(command, tmp_path / "by_command.jsonl", capfdbinary) == rows


async def test_a_later_model_that_is_not_there_leaves_the_wish_for_the_one_that_is_measured(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        losses, state = sde.session.losses, SimpleNamespace(active=True, state="done")
        losses._follow(SimpleNamespace(status=lambda: state, id="none"), "ifd", "measured")
        losses.choose("ifd", "nowhere/at-all")
        await sde.settle()
        assert (losses._method, losses._model, losses.active) == ("ifd", "measured", True)
        losses._job = None


async def test_a_model_that_is_not_there_is_said_and_nothing_changes(open_app, essays, tmp_path):
    (tmp_path / "empty").mkdir()
    async with open_app(essays) as sde:
        await sde.press("7")
        await choose(sde, "ifd", str(tmp_path / "empty"))
        assert "empty" in sde.flashed
        assert part_of(sde).wishes.method == "dpp"
        assert not sde.session.losses.active


def test_the_methods_are_those_of_the_engine():
    from sde_core.evaluate import wanted_facts

    assert LOSS_METHODS == wanted_facts.LOSS_METHODS
