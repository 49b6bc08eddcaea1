"""Scoring on screen 6: packs, stopping, large files, edited texts and other layouts."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from rule_essays import write_essays

import sde_tui.session_rules as session_rules
from sde_core.progress import raise_if_cancelled
from sde_core.project import Project
from sde_core.rules import RuleBook


@pytest.fixture
def essays(tmp_path):
    return write_essays(tmp_path / "essays.jsonl")


async def test_another_pack_is_scored_and_stands_in_the_book(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("6")
        await sde.press("o", "down", "enter")
        assert sde.session.rules.book.pack == "code"
        assert "code-fenced" in sde.session.rules.matrix.rules
        assert RuleBook.load(Project.of(essays).rule_book_path).pack == "code"


async def test_pack_is_in_force_only_once_it_is_scored(open_app, essays, monkeypatch):
    begun = []

    def endless(dataset, project, book, cancel, progress):
        begun.append(book.pack)
        cancel.wait()
        raise_if_cancelled(cancel)

    async with open_app(essays) as sde:
        await sde.press("6")
        monkeypatch.setattr(session_rules, "scores_of", endless)
        await sde.press_only("o", "down", "enter")
        await sde.meanwhile(lambda: begun)
        await sde.press("ctrl+x")
        assert begun == ["code"]
        assert sde.session.rules.book.pack == "general", "the scores shown are those of the general rules"
        assert not Project.of(essays).rule_book_path.exists()


async def test_scoring_is_stopped_and_started_by_key(open_app, essays, monkeypatch):
    real, begun = session_rules.scores_of, []

    def endless(dataset, project, book, cancel, progress):
        begun.append(dataset)
        progress(10, 60)
        cancel.wait()
        raise_if_cancelled(cancel)

    monkeypatch.setattr(session_rules, "scores_of", endless)
    async with open_app(essays) as sde:
        await sde.press_only("6")
        await sde.meanwhile(lambda: begun)
        assert "scoring rules" in sde.text
        assert "ctrl+x stops" in sde.text
        await sde.press("ctrl+x")
        assert "Stopped: scoring rules" in sde.flashed
        assert "Not scored yet: r scores the rows." in sde.text
        assert re.search(r"answer-length +1 for answers of 30 to 300 words", sde.text), "what the rules are is known before"
        await sde.press("p")
        assert "Nothing is scored yet" in sde.flashed
        monkeypatch.setattr(session_rules, "scores_of", real)
        await sde.press("r")
        assert "Chosen" in sde.text


async def test_cursor_stands_on_the_first_chosen_rule_once_there_are_scores(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("6")
        assert sde.app.screen.rule == sde.session.rules.choice.chosen[0]
        assert "Chosen 10" in sde.lines[5]


async def test_large_datasets_wait_for_the_key(open_app, essays, monkeypatch):
    monkeypatch.setattr(session_rules, "AUTOMATIC_ROWS", 10)
    async with open_app(essays) as sde:
        await sde.press("6")
        assert "Not scored yet" in sde.text
        assert sde.session.rules.quality() is None
        await sde.press("r")
        assert sde.session.rules.quality() is not None


async def test_rows_that_nothing_tells_apart_are_refused_in_words(open_app, tmp_path):
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"instruction": "Say it.", "output": "It."}) + "\n", encoding="utf-8")
    async with open_app(path) as sde:
        await sde.press("6")
        assert "No rule tells these rows apart" in sde.text
        await sde.press("plus")
        assert "No rule tells these rows apart" in sde.flashed
        assert sde.session.rules.quality() is None


async def test_edited_texts_make_the_scores_stale_until_scored_again(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("6")
        before = sde.session.rules.matrix.column("answer-length")[0]
        sde.session.replace_dataset(sde.session.dataset.with_edits({0: {("output",): "No."}}), "edits")
        await sde.settle()
        assert "Texts were edited since: r scores the rows again" in sde.text
        await sde.press("r")
        assert "Texts were edited since" not in sde.text
        assert sde.session.rules.matrix.column("answer-length")[0] != before


async def test_another_layout_forgets_the_scores_and_scores_anew(open_app, essays):
    from sde_core.dataset import Layout

    async with open_app(essays) as sde:
        await sde.press("6")
        before = sde.session.rules.matrix
        swapped = {"prompt": "output", "answer": "instruction"}
        sde.session.set_layout(Layout(sde.session.dataset.layout.name, swapped))
        await sde.settle()
        await sde.settle()
        assert sde.session.rules.matrix is not before
        assert sde.session.rules.matrix is not None
        assert not np.array_equal(sde.session.rules.matrix.scores, before.scores)
