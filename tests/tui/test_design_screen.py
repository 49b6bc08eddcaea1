"""Screen 8: a record as a sample in two designs."""

from __future__ import annotations

import json
import threading

import pytest
from design_rows import opened, says, written

from sde_core.design.task_file import TaskFile, task_text
from sde_core.evaluate import design_perplexity_job
from sde_core.evaluate.design_perplexity_job import MeasuredPerplexity
from sde_core.jobs import JobStatus
from sde_core.project import Project
from sde_tui import session_design_work
from tests.core.test_design_answer import ASPECTS


@pytest.fixture
def reviews(tmp_path):
    """Eight reviews with two aspects, and one row that does not fit; a text with an escape code."""
    rows = [
        {"review": f"Review {i}: the food was good, we waited long.", "said": {"Food": "positive", "Wait": ("negative", "neutral")[i % 2]}}
        for i in range(8)
    ]
    rows[1]["review"] += " \x1b]52;c;eA==\x07"
    return written(tmp_path / "reviews.jsonl", [*rows, {"review": "x", "said": "?"}])


async def test_a_record_in_two_designs_at_80_by_24(open_app, reviews):
    async with open_app(reviews) as sde:
        await opened(sde)
        assert "reviews: attributes (guessed), 2 targets, 3 values · 8 rows fit, 1 not" in sde.text
        assert "▸Wait: negative" in sde.text
        assert "▸Food: positive, Wait:" in sde.text
        assert "▸negative.<|im_end|>" in sde.text
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


async def test_rejected_rows_are_in_no_sample(open_app, reviews, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with open_app(reviews) as sde:
        await sde.press("2", "x", "x")
        await opened(sde)
        assert [record.text[:8] for record in sde.session.design.measured_records()] == [f"Review {i}" for i in range(2, 8)]
        await sde.press("w")
        assert "6 records to train on as" in sde.text
        await sde.type("s.jsonl")
        await sde.press("enter")
        assert "6 samples written" in sde.flashed
    assert "Review 0" not in (tmp_path / "s.jsonl").read_text()


async def test_a_task_file_takes_the_place_of_the_guess(open_app, reviews, tmp_path):
    (tmp_path / "task.yaml").write_text(task_text(TaskFile(ASPECTS, "review", "said")), encoding="utf-8")
    async with open_app(reviews) as sde:
        await opened(sde)
        await sde.press("r")
        await sde.type(str(tmp_path / "task.yaml"))
        await sde.press("enter")
        await sde.until(lambda: "(guessed)" not in sde.text and "attributes, 3 targets" in sde.text)
        assert "▸Drinks: unmentioned" in sde.text
        await sde.press("r")
        await sde.type("nowhere.yaml")
        await sde.press("enter")
        await sde.until(lambda: "cannot be read" in sde.text)


async def test_rows_that_do_not_fit_are_listed_and_shown_in_records(open_app, reviews):
    async with open_app(reviews) as sde:
        await opened(sde)
        await sde.press("o")
        assert "1 row of 9 does not fit the task" in sde.text
        assert "8  It holds no mapping of targets to values." in sde.text
        assert '{"review": "x", "said": "?"}' in sde.text
        sde.golden("misfits")
        await sde.press("enter")
        assert "rows that do not fit the task" in sde.text
        assert sde.session.records.row == 8
        await sde.press("backspace")
        assert "▸Wait: negative" in sde.text
        await sde.press("f")
        assert "The rows are records, no samples of a design: w on Design writes such." in sde.text


async def test_tokens_that_carry_loss_are_those_of_the_one_encode(open_app, reviews):
    async with open_app(reviews) as sde:
        await opened(sde)
        part = sde.session.design
        view, sample = part.token_view(0), part.sample(0)
        text, trained = ("".join(text for text, state in view.tokens if state in wanted) for wanted in (("trained", "masked"), ("trained",)))
        assert sample.prompt in text
        assert trained == f"{sample.answer}<|im_end|>"
        counted = [len(view.tokens), sum(state == "trained" for _, state in view.tokens)]
        assert f"{counted[0]} tokens, {counted[1]} carry loss" in sde.text
        await sde.press("down", "down", "down", "down", "down", "right")
        assert f"{counted[0]} tokens, {counted[0] - 1} carry loss" in sde.text


async def test_an_epoch_is_counted_over_all_rows_and_by_the_recipe(open_app, tmp_path, monkeypatch):
    monkeypatch.setattr("sde_tui.session_design.FIRST_COUNTED", 3)
    rows = [{"review": "good food " * (i + 1), "said": {"Food": "positive"}} for i in range(9)]
    async with open_app(written(tmp_path / "a.jsonl", rows)) as sde:
        await opened(sde)
        await sde.until(lambda: "≈" not in sde.text)
        part = sde.session.design
        counted = part.tokens(0)
        assert counted.samples == 9
        assert f"{counted.tokens:,}, " in sde.text
        sde.session.training.change_recipe("template=plain max_length=24")
        await sde.press("9", "8")
        await sde.until(lambda: part.tokens(0) is not None and part.tokens(0).samples == 9)
        plain = part.tokens(0)
        assert plain.tokens != counted.tokens
        assert f"{plain.too_long} cut" in sde.text
        assert "9 of 9 exceed 24 tokens: ends are cut off" in sde.text
        assert "«" in sde.text


async def test_many_records_are_counted_when_asked(open_app, reviews, monkeypatch):
    monkeypatch.setattr("sde_tui.session_design.FIRST_COUNTED", 3)
    monkeypatch.setattr("sde_tui.session_design.AUTOMATIC_TOKENS", 3)
    async with open_app(reviews) as sde:
        await opened(sde)
        assert sde.session.design.tokens(0).samples == 3
        assert "≈" in sde.text
        await sde.press("n")
        await sde.until(lambda: "≈" not in sde.text)
        assert sde.session.design.tokens(1).samples == 8
        await sde.press("n")
        assert "All are counted." in sde.text


async def test_a_third_design_where_there_is_room(open_app, reviews):
    async with open_app(reviews, size=(120, 40)) as sde:
        await opened(sde)
        await sde.press("plus")
        assert '▸["Food", "positive"]' in sde.text
        await sde.press("plus")
        assert "There is room for 3 designs" in sde.text
        await sde.press("v", "v", "minus")
        assert '["Food", "positive"]' not in sde.text
        await sde.press("minus")
        assert "Two designs stay" in sde.text


async def test_perplexity_is_measured_by_a_job_and_found_again(open_app, reviews, monkeypatch):
    """The job itself has tests of its own: here it has measured at once."""
    kept = {}

    class Done:
        id, folder = "x-design-perplexity-0000", None

        def status(self):
            return JobStatus(state="done")

    def launched(project, designs, recipe, *, dataset):
        kept.update({(sample.prompt, sample.answer): MeasuredPerplexity(8, 812.5, 3.25, 2560) for samples in designs.values() for sample in samples})
        return Done()

    monkeypatch.setattr(design_perplexity_job, "launch_design_perplexity", launched)
    monkeypatch.setattr(design_perplexity_job, "kept_perplexity", lambda _, samples, __: kept.get((samples[0].prompt, samples[0].answer)))
    async with open_app(reviews) as sde:
        await opened(sde)
        assert "perplexity" not in sde.lines[12]
        await sde.press("m")
        sde.session.signals.jobs.publish("moved")
        await sde.until(lambda: "prompt 812, answer 3.25" in sde.text)
        await sde.press("m")
        assert "All that is shown is measured." in sde.text
        await sde.press("p", "down", "down", "enter")
        assert "not measured" in sde.text


async def test_a_broken_recipe_is_said_and_samples_are_shown_all_the_same(open_app, reviews):
    project = Project.of(reviews).created()
    project.recipe_path.write_text("{")
    async with open_app(reviews) as sde:
        await sde.press("8")
        await sde.until(lambda: "The recipe cannot be read, so no tokens are counted; 9 Train says why." in sde.text)
        await sde.until(lambda: "Review 0: the food was good" in sde.text)


async def test_a_dataset_without_targets_says_so(open_app, tmp_path):
    async with open_app(written(tmp_path / "free.jsonl", [{"prompt": f"say {i}", "response": f"all of it, {i}"} for i in range(9)])) as sde:
        await sde.press("8")
        await sde.until(lambda: "looks like" in sde.text)
        assert "e writes the task" in sde.text
        await sde.press("w")
        assert "There are no records" in sde.text
        for key in ("f", "o"):
            await sde.press(key)
            assert "There is no task" in sde.text


async def test_reading_that_was_stopped_says_so_and_is_done_when_one_comes_back(open_app, reviews, monkeypatch):
    may_end, real = threading.Event(), session_design_work.read_design_records
    held = lambda dataset, named, cancel, progress: may_end.wait(60) and real(dataset, named, cancel, progress)  # noqa: E731
    monkeypatch.setattr("sde_tui.session_design.read_design_records", held)
    async with open_app(reviews) as sde:
        await sde.press_only("8")
        assert "reading records" in sde.text
        await sde.press_only("ctrl+x")
        assert "Reading the rows was stopped." in sde.text
        may_end.set()
        await sde.press("1", "8")
        await sde.until(lambda: "mean" in sde.text)


async def test_a_file_that_was_cut_short_is_said_and_stays_said(open_app, reviews, cut):
    async with open_app(reviews) as sde:
        await opened(sde)
        await sde.press("o")
        cut(sde)
        sde.app.screen.show()
        await sde.rest()
        assert says(sde, "has become shorter since it was opened.")
        await sde.press("escape", "1", "8", "down")
        await sde.until(lambda: says(sde, "has become shorter since it was opened. Open it again."))
