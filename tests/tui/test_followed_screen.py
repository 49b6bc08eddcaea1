"""8 f: which design each row follows, and turning all into one."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from design_rows import says, words, written

from sde_core.design.options import design_named
from sde_core.design.sample import render_sample
from sde_core.design.task import Entry, TaskRecord
from sde_core.design.task_file import TaskFile, task_text
from sde_tui import session_followed
from tests.core.test_design_answer import ASPECTS

HOSTILE = ['"quoted"', "line\nfeed", "; and, (so) [on]: unmentioned", "\x1b]52;c;eA==\x07"]


def samples_of(designs):
    values = ("positive", "neutral", "negative")
    records = [
        TaskRecord(f"Review {i} {HOSTILE[i % 4]}", (Entry("Food", values[i % 3]), Entry("Wait", values[i // 3 % 3]))) for i in range(len(designs))
    ]
    return [render_sample(record, ASPECTS, design_named(design)) for record, design in zip(records, designs, strict=True)]


@pytest.fixture
def dataset(tmp_path):
    """A dataset of samples with its task beside it."""

    def with_task(samples, name="mixed.jsonl"):
        (tmp_path / f"{name}.task.yaml").write_text(task_text(TaskFile(ASPECTS, "review", "said")), encoding="utf-8")
        return written(tmp_path / name, [{"prompt": sample.prompt, "completion": sample.answer} for sample in samples])

    return with_task


async def opened(sde):
    await sde.press("8")
    await sde.until(lambda: "read back" in sde.text)
    await sde.press("f")
    await sde.until(lambda: "turns" in sde.text or "would change" in sde.text or "No row follows" in sde.text)


MIXED = ["es-sde"] * 7 + ["es-sde,output=json"] * 2 + ["es-sde,output=natural"]


async def test_shares_are_exact_and_a_row_is_shown_before_and_after(open_app, dataset):
    async with open_app(dataset(samples_of(MIXED))) as sde:
        await opened(sde)
        shares = [line.split()[1:4] for line in sde.lines[4:7]]
        assert shares == [["7", "70%", "es-sde"], ["2", "20%", "es-sde,output=json"], ["1", "10%", "es-sde,output=natural"]]
        assert "A turns 3 rows into es-sde" in sde.text
        assert "row 7 (1 of 2)" in sde.text
        await sde.press("right_square_bracket")
        assert "row 8 (2 of 2)" in sde.text
        assert "\x1b" not in sde.text
        sde.golden("followed")


async def test_the_minority_is_turned_byte_for_byte_and_undo_takes_it_back(open_app, dataset):
    wanted = samples_of(["es-sde"] * 10)
    async with open_app(dataset(samples_of(MIXED))) as sde:
        await opened(sde)
        await sde.press("A")
        assert "Turn 3 rows into es-sde?" in sde.text
        await sde.press("y")
        await sde.until(lambda: "100%" in sde.text)
        found = sde.session.dataset.texts()
        assert list(zip(found["prompt"], found["answer"], strict=True)) == [(sample.prompt, sample.answer) for sample in wanted]
        await sde.press("A")
        assert "No row would change." in sde.text
        await sde.press("u")
        await sde.until(lambda: "20%" in sde.text)
        assert sde.session.dataset.texts()["answer"].to_list() == [sample.answer for sample in samples_of(MIXED)]


async def test_another_design_can_be_chosen(open_app, dataset):
    async with open_app(dataset(samples_of(MIXED))) as sde:
        await opened(sde)
        await sde.press("t", "down", "enter")
        await sde.until(lambda: "A turns 8 rows into es-sde,output=json" in sde.text)


async def test_what_cannot_be_read_is_told_with_the_reason_and_opened(open_app, dataset):
    samples = samples_of(MIXED)
    samples[3] = replace(samples[3], answer="Food: splendid")
    samples[4] = replace(samples[4], prompt="Say something.")
    samples[5] = replace(samples[5], answer="Food: positive, Drinks: unmentioned, Wait: neutral.")
    async with open_app(dataset(samples)) as sde:
        await opened(sde)
        assert "“splendid” is no value." in sde.text
        assert "no instruction of the task" in sde.text
        assert "of these in another form than the prompt asks for" in sde.text
        assert "A turns 4 rows into es-sde; 2 cannot be converted (l)" in sde.text
        await sde.press("l")
        assert [sde.session.records.view.rows[i] for i in range(2)] == [3, 4]
        await sde.press("backspace")
        await sde.press("f")
        await sde.press("end", "enter")
        assert "rows that follow no design" in sde.text


async def test_rejected_rows_and_edits_count(open_app, dataset):
    async with open_app(dataset(samples_of(MIXED))) as sde:
        await sde.press("2")
        await sde.press("end", "x")
        await opened(sde)
        assert "of 9 rows" in sde.text
        assert "A turns 2 rows into es-sde" in sde.text


async def test_prompts_of_others_stay(open_app, dataset):
    samples = [replace(sample, prompt=f"What of {i}?") for i, sample in enumerate(samples_of(MIXED))]
    async with open_app(dataset(samples)) as sde:
        await opened(sde)
        assert "prompts stay as they are" in sde.text
        assert "A turns 3 rows into lines" in sde.text
        await sde.press("A")
        await sde.press("y")
        await sde.until(lambda: "100%" in sde.text)
        assert sde.session.dataset.texts()["prompt"].to_list() == [sample.prompt for sample in samples]
        assert sde.session.dataset.texts()["answer"].to_list() == [sample.answer for sample in samples_of(["es-sde"] * 10)]


async def test_rows_of_no_design_say_so(open_app, dataset):
    samples = [replace(sample, answer=f"nothing {i}") for i, sample in enumerate(samples_of(["es-sde"] * 3))]
    async with open_app(dataset(samples)) as sde:
        await sde.press("8")
        await sde.until(lambda: "0 rows fit, 3 not" in sde.text)
        await sde.press("f")
        await sde.until(lambda: "No row follows" in sde.text)
        await sde.press("A", "t")
        assert "No row follows" in sde.text


async def test_telling_is_stopped_by_a_key_and_begun_anew(open_app, dataset, monkeypatch):
    may_end, real = threading.Event(), session_followed._told
    monkeypatch.setattr(session_followed, "_told", lambda *given: may_end.wait(60) and real(*given))
    async with open_app(dataset(samples_of(MIXED))) as sde:
        await sde.press("8")
        await sde.until(lambda: "read back" in sde.text)
        await sde.press_only("f")
        telling = sde.text
        await sde.press_only("ctrl+x")
        stopped = words(sde)
        may_end.set()
        await sde.press("escape", "f")
        await sde.until(lambda: "A turns 3 rows into es-sde" in sde.text)
        assert "telling designs…; ctrl+x stops." in telling
        assert "was stopped; f on Design begins anew." in stopped


async def test_a_file_that_was_cut_short_is_said_in_place_of_the_designs(open_app, dataset, cut):
    async with open_app(dataset(samples_of(MIXED))) as sde:
        await opened(sde)
        cut(sde)
        await sde.press("t", "down", "enter")
        await sde.until(lambda: says(sde, "has become shorter since it was opened. Open it again."))
        assert "70%" not in sde.text
        await sde.press("A")
        assert "become shorter" in sde.flashed
        await sde.press("escape", "f")
        assert says(sde, "has become shorter since it was opened. Open it again.")
