"""8 e: the task in an editor, held against the rows."""

from __future__ import annotations

import threading

import pytest
from design_rows import edited, says, words, written
from textual.widgets import Input

from sde_core.design.task_file import read_task
from sde_tui import session_design_work

ROWS = [{"review": f"Review {i}: good food.", "said": {"Food": ("positive", "negative")[i % 2]}, "why": {"Food": f"because {i}"}} for i in range(6)]


@pytest.fixture
def reviews(tmp_path):
    """Six reviews, and two rows that do not fit for different reasons."""
    return written(tmp_path / "reviews.jsonl", [*ROWS, {"review": "x", "said": "?"}, {"review": "y"}])


async def test_the_guess_is_shown_with_what_does_not_fit_it(open_app, reviews):
    async with open_app(reviews) as sde:
        await edited(sde)
        assert "fields of the rows: review, said, why" in sde.text
        assert "6 rows fit, 2 do not:" in sde.text
        assert "The row has no field “said”." in sde.text
        sde.golden("task_schema")


async def test_faults_name_their_line_while_one_writes_and_nothing_is_saved(open_app, reviews):
    async with open_app(reviews) as sde:
        area = await edited(sde)
        good = area.text
        for text, line, said in (
            (good.replace("kind: attributes", "kind: poems"), 5, "no kind of task"),
            (good.replace("- negative", "- positive"), 10, "twice"),
            (good.replace("targets:", "targets: ["), None, "not YAML"),
            (good + "colour: red\n", None, "a task has no 'colour'"),
        ):
            area.load_text(text)
            await sde.until(lambda said=said: said in sde.text)
            assert f"Line {line or ''}" in sde.text
            await sde.press("ctrl+s")
            assert "Save the task" not in sde.text
        area.load_text(good.replace("said: said", "said: why"))
        await sde.until(lambda: "0 rows fit, 8 do not" in sde.text)


async def test_it_is_saved_beside_the_data_and_found_the_next_time(open_app, reviews):
    path = reviews.with_name("reviews.jsonl.task.yaml")
    async with open_app(reviews) as sde:
        area = await edited(sde)
        changed = area.text.replace("said: said", "said: said\ndescription: why").replace("name: reviews", "name: mine # ours")
        area.load_text(changed)
        await sde.until(lambda: "rows fit" in sde.text)
        await sde.press("ctrl+s")
        await sde.press("enter")
        await sde.until(lambda: "mine: attributes, 1 target" in sde.text)
        assert path.read_text() == changed
        assert sde.session.design.found.records[1].entries[0].description == "because 1"
    async with open_app(reviews) as sde:
        area = await edited(sde)
        assert area.text == changed
        await sde.press("escape")
        assert "mine: attributes, 1 target" in sde.text
    assert read_task(path).description_field == "why"


async def test_rows_of_a_reason_are_shown_in_records(open_app, reviews):
    async with open_app(reviews) as sde:
        await edited(sde)
        await sde.press("tab", "down", "enter")
        assert "do not fit: The row has no field" in sde.text
        assert sde.session.records.row == 7


async def test_leaving_a_changed_task_asks_first(open_app, reviews):
    async with open_app(reviews) as sde:
        area = await edited(sde)
        area.load_text(area.text + "\n# more")
        await sde.settle()
        await sde.press("escape")
        assert "esc once more drops the change" in sde.text
        await sde.press("escape")
        assert "mean" in sde.text


async def test_what_cannot_be_written_says_why_and_keeps_the_text(open_app, reviews, tmp_path):
    async with open_app(reviews) as sde:
        area = await edited(sde)
        area.load_text(area.text + "# more\n")
        for name, said in (("nowhere/task.yaml", "cannot be written"), ("reviews.jsonl", "is the data itself")):
            await sde.press("ctrl+s")
            sde.app.screen.query_one(Input).value = str(tmp_path / name)
            await sde.press("enter")
            if "Replace it?" in words(sde):
                await sde.press("y")
            assert "The task is not written" in sde.text
            assert said in words(sde)
            await sde.press("enter")
            assert area.text.endswith("# more\n")
    assert reviews.read_text().startswith('{"review"')


async def test_rows_that_look_like_nothing_get_a_form_to_fill_in(open_app, tmp_path):
    async with open_app(written(tmp_path / "free.jsonl", [{"a: b": f"say {i}", "c": f"all of it, {i}"} for i in range(9)])) as sde:
        await sde.press("8")
        await sde.until(lambda: "looks like" in sde.text)
        await sde.press("e")
        assert "text: 'a: b'" in sde.text
        assert "The task names no values." in sde.text or "the task names no values." in sde.text
        await sde.press("ctrl+g")
        assert "looks like" in sde.text


async def test_a_guess_takes_the_place_of_the_text_and_can_be_taken_back(open_app, reviews):
    async with open_app(reviews) as sde:
        area = await edited(sde)
        guess = area.text
        area.load_text("name: mine")
        await sde.press("ctrl+g")
        await sde.until(lambda: "6 rows fit, 2 do not:" in sde.text)
        assert area.text == guess
        await sde.press("ctrl+z")
        assert area.text == "name: mine"


async def test_guessing_holds_no_key_and_never_drops_what_is_typed_meanwhile(open_app, reviews, monkeypatch):
    may_end, real = threading.Event(), session_design_work.guessed_task
    async with open_app(reviews) as sde:
        area = await edited(sde)
        monkeypatch.setattr(session_design_work, "guessed_task", lambda *given: may_end.wait(60) and real(*given))
        await sde.press_only("ctrl+g")
        guessing = sde.text
        await sde.press_only("ctrl+g", "exclamation_mark")
        changed = area.text
        may_end.set()
        await sde.settle()
        assert "guessing the task…" in guessing
        assert area.text == changed
        assert changed.startswith("!#")
        assert "The text was changed meanwhile, so it stays" in sde.text


async def test_a_file_that_was_cut_short_is_said_where_the_rows_would_be_counted(open_app, reviews, cut):
    async with open_app(reviews) as sde:
        area = await edited(sde)
        cut(sde)
        area.load_text(area.text + "# more")
        await sde.until(lambda: says(sde, "has become shorter since it was opened. Open it again."))
        await sde.press("ctrl+g")
        assert "has become shorter since it was opened." in sde.flashed
        await sde.press("escape", "escape", "e")
        assert "The task" in sde.text
        assert "fields of the rows" not in sde.text
