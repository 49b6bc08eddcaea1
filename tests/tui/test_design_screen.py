"""Screen 8: a record as a sample in two designs."""

from __future__ import annotations

import json

import pytest

from sde_core.design.task_file import TaskFile, task_text
from tests.core.test_design_answer import ASPECTS


@pytest.fixture
def reviews(tmp_path):
    """Eight reviews with two aspects, and one row that does not fit; a text with an escape code."""
    rows = [
        {"review": f"Review {i}: the food was good, we waited long.", "said": {"Food": "positive", "Wait": ("negative", "neutral")[i % 2]}}
        for i in range(8)
    ]
    rows[1]["review"] += " \x1b]52;c;eA==\x07"
    path = tmp_path / "reviews.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"review": "x", "said": "?"}]), encoding="utf-8")
    return path


async def opened(sde):
    await sde.press("8")
    await sde.until(lambda: "mean" in sde.text)


async def test_a_record_in_two_designs_at_80_by_24(open_app, reviews):
    async with open_app(reviews) as sde:
        await opened(sde)
        assert "reviews: attributes (guessed), 2 targets, 3 values · 8 rows fit, 1 not" in sde.text
        assert "▸Wait: negative" in sde.text
        assert "▸Food: positive, Wait: negative." in sde.text
        sde.golden("design")


async def test_options_turn_in_the_marked_design_alone(open_app, reviews):
    async with open_app(reviews) as sde:
        await opened(sde)
        part = sde.session.design
        await sde.press("down", "right")
        assert [part.design(side).output for side in (0, 1)] == ["json", "natural"]
        assert '▸{"target": "Food"' in sde.text
        await sde.press("left", "v", "down", "right")
        assert [part.design(side).placeholder for side in (0, 1)] == [True, True]
        assert part.design_words(1) == "baseline"
        await sde.press("p", "down", "down", "enter")
        assert part.design_words(1) == "heuristic"
        assert '▸["Food", "positive"]' in sde.text


async def test_the_next_record_and_one_by_number_without_escape_codes(open_app, reviews):
    async with open_app(reviews) as sde:
        await opened(sde)
        await sde.press("right_square_bracket")
        assert "row 1" in sde.text
        assert "\x1b" not in sde.text
        await sde.press("slash")
        await sde.type("8")
        await sde.press("enter")
        assert "mapping" in sde.text
        await sde.press("slash")
        await sde.type("6")
        await sde.press("enter")
        assert "row 6" in sde.text


async def test_what_makes_no_sense_says_why_in_its_pane(open_app, reviews):
    async with open_app(reviews) as sde:
        await opened(sde)
        await sde.press("p", "down", "down", "enter", "down", "down", "down", "down", "right")
        assert "of the heuristic design" in sde.text
        assert sde.session.design.tokens(1) is not None


async def test_all_records_are_written_and_train(open_app, reviews, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with open_app(reviews) as sde:
        await opened(sde)
        await sde.press("w")
        await sde.type("s.jsonl")
        await sde.press("enter")
        await sde.until(lambda: "8 samples written" in sde.text)
        await sde.press("w")
        await sde.type("reviews.jsonl")
        await sde.press("enter")
        await sde.until(lambda: "is the data itself" in sde.text)
    first = (tmp_path / "s.jsonl").read_text().splitlines()[0]
    assert json.loads(first)["completion"] == "Food: positive\nWait: negative"


async def test_a_task_file_takes_the_place_of_the_guess(open_app, reviews, tmp_path):
    (tmp_path / "task.yaml").write_text(task_text(TaskFile(ASPECTS, "review", "said")), encoding="utf-8")
    async with open_app(reviews) as sde:
        await opened(sde)
        await sde.press("e")
        await sde.type(str(tmp_path / "task.yaml"))
        await sde.press("enter")
        await sde.until(lambda: "(guessed)" not in sde.text and "attributes, 3 targets" in sde.text)
        assert "▸Drinks: unmentioned" in sde.text
        await sde.press("e")
        await sde.type("nowhere.yaml")
        await sde.press("enter")
        await sde.until(lambda: "cannot be read" in sde.text)


async def test_rows_that_do_not_fit_are_shown_in_records(open_app, reviews):
    async with open_app(reviews) as sde:
        await opened(sde)
        await sde.press("o")
        assert "rows that do not fit the task" in sde.text
        await sde.press("backspace")
        assert "▸Wait: negative" in sde.text


async def test_a_dataset_without_targets_says_so(open_app, tmp_path):
    path = tmp_path / "free.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"say {i}", "response": f"all of it, {i}"}) + "\n" for i in range(9)), encoding="utf-8")
    async with open_app(path) as sde:
        await sde.press("8")
        await sde.until(lambda: "looks like" in sde.text)
        assert "names a task file" in sde.text
        await sde.press("w")
        assert "There are no records" in sde.text
