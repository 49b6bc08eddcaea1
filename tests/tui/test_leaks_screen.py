"""Leaks by key: h on screen 4."""

from __future__ import annotations

import json

import pytest
from design_rows import says

BRIDGE = "The long wooden bridge across the narrow valley was built by two brothers from the old village near the mill"


def write(path, rows):
    path.write_text("".join(json.dumps({"instruction": prompt, "output": answer}) + "\n" for prompt, answer in rows), encoding="utf-8")
    return path


@pytest.fixture
def train(tmp_path):
    return write(
        tmp_path / "train.jsonl",
        [("Name a colour.", "Red."), ("Name \x1b]52;c;aGk=\x07 [/INST] a fruit.", "Pear."), ("What is it?", "Free."), (BRIDGE, "Yes, they did.")],
    )


@pytest.fixture
def held_out(tmp_path):
    return write(
        tmp_path / "test.jsonl",
        [("Name \x1b]52;c;aGk=\x07 [/INST] a fruit.", "Plum."), ("name a colour", "red"), (BRIDGE.replace("wooden", "iron"), "Yes, they did.")],
    )


async def opened(sde, path):
    await sde.press("4", "h")
    await sde.type(str(path))
    await sde.press("enter")


async def test_the_leaks_are_listed_with_both_rows(open_app, train, held_out):
    async with open_app(train) as sde:
        await opened(sde, held_out)
        assert "3 of 4 rows leak: test.jsonl holds them too (3 of its 3 rows)" in sde.text
        assert [line.split()[1:4] for line in sde.lines[4:7]] == [["normalised", "0", "1"], ["prompt", "1", "0"], ["near", "3", "2"]]
        await sde.press("down")
        assert "[−Plum]" in sde.text
        assert "[+Pear]" in sde.text
        assert "\x1b" not in sde.text
        sde.golden("leaks")


async def test_one_or_all_are_rejected_and_taken_back(open_app, train, held_out):
    async with open_app(train) as sde:
        await opened(sde, held_out)
        await sde.press("x")
        assert sde.session.decisions.state.rejected_rows().tolist() == [0]
        assert "normalised" in sde.session.decisions.state.reason(0)
        await sde.press("X", "y")
        assert sde.session.decisions.state.rejected_rows().tolist() == [0, 1, 3]
        await sde.press("u")
        assert sde.session.decisions.state.rejected_rows().tolist() == [0]
        await sde.press("u")
        assert not len(sde.session.decisions.state.rejected_rows())


async def test_enter_shows_the_rows_and_backspace_returns(open_app, train, held_out):
    async with open_app(train) as sde:
        await opened(sde, held_out)
        await sde.press("enter")
        assert sde.app.current_mode == "records"
        assert list(sde.session.records.view.rows) == [0, 1, 3]
        await sde.press("backspace")
        assert sde.app.current_mode == "duplicates"
        await sde.press("h", "enter")
        assert "3 of 4 rows leak" in sde.text


async def test_a_file_that_holds_nothing_says_so(open_app, train, tmp_path):
    async with open_app(train) as sde:
        await opened(sde, write(tmp_path / "other.jsonl", [("Quite another thing", "altogether")]))
        assert "No row leaks" in sde.flashed


async def test_a_file_that_is_not_there_is_named(open_app, train, tmp_path):
    async with open_app(train) as sde:
        await opened(sde, tmp_path / "nothing.jsonl")
        assert "nothing.jsonl" in sde.flashed
        assert sde.app.current_mode == "duplicates"


async def test_a_file_that_was_cut_short_is_said_under_the_list(open_app, train, held_out, cut):
    async with open_app(train) as sde:
        await opened(sde, held_out)
        cut(sde)
        await sde.press("down", "down")
        assert says(sde, "has become shorter since it was opened. Open it again.")
        await sde.press("x")
        assert len(sde.session.decisions.state.rejected_rows()) == 1
