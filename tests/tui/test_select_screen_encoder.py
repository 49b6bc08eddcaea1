"""Another encoder on screen 7: named by key, embedded by a job, kept with the wishes, refused in words."""

from __future__ import annotations

import importlib.util
import shlex

import pytest
from select_essays import chosen, part_of, rows_by_command, write_essays

from tests.sentence_models import tiny_sentence_model


@pytest.fixture
def essays(tmp_path):
    return write_essays(tmp_path / "essays.jsonl")


async def name_encoder(sde, name):
    await sde.press("7")
    await sde.press("e", "ctrl+a", "ctrl+k")
    sde.app.screen.query_one("Input").value = name
    await sde.press("enter")


async def test_a_model_embeds_by_a_job_and_the_proposal_follows(open_app, essays, tmp_path, capfdbinary):
    folder = tiny_sentence_model(tmp_path / "tiny", pytest.importorskip("sentence_transformers"))
    async with open_app(essays) as sde:
        await sde.press("7")
        assert "--encoder" not in part_of(sde).command_line()
        static = part_of(sde).selection
        await name_encoder(sde, str(folder))
        if sde.session.embedding.active:
            assert part_of(sde).encoder == "static"
            assert "--encoder" not in part_of(sde).command_line()
        await sde.until(lambda: part_of(sde).encoder == str(folder))
        command, rows, selection = part_of(sde).command_line(), chosen(sde), part_of(sde).selection
        assert selection.picks != static.picks
        assert part_of(sde).features.vectors.shape[1] == 16
        assert f"--encoder {shlex.quote(str(folder))}" in command
        assert "by tiny" in sde.lines[2]
        await sde.press("u")
        assert part_of(sde).encoder == "static"
        assert part_of(sde).selection.picks == static.picks
        await sde.press("U")
        await sde.until(lambda: part_of(sde).encoder == str(folder))
        assert len(list(sde.session.project.jobs_dir.iterdir())) == 1
    assert rows_by_command(command, tmp_path / "by_command.jsonl", capfdbinary) == rows
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.until(lambda: part_of(sde).selection is not None)
        assert part_of(sde).encoder == str(folder)
        assert chosen(sde) == rows
        assert len(list(sde.session.project.jobs_dir.iterdir())) == 1


async def test_without_sentence_transformers_the_way_out_is_said_and_nothing_changes(open_app, essays, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "sentence_transformers" else found(name, *rest))
    async with open_app(essays) as sde:
        await name_encoder(sde, "some-model")
        assert "some-model needs sentence-transformers. pip install 'sde[ml]'" in sde.flashed
        assert part_of(sde).wishes.encoder == part_of(sde).encoder == "static"
        assert part_of(sde).selection is not None
        assert not sde.session.embedding.active


async def test_what_is_no_model_fails_the_job_in_words_and_static_stays(open_app, essays, tmp_path):
    (tmp_path / "empty").mkdir()
    async with open_app(essays) as sde:
        await name_encoder(sde, str(tmp_path / "empty"))
        await sde.until(lambda: part_of(sde).wishes.encoder == "static")
        assert "modules.json" in sde.flashed
        assert part_of(sde).selection is not None
        await sde.press("plus")
        assert len(chosen(sde)) == 9
