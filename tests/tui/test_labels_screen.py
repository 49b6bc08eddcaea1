"""Label errors by key: l on screen 3."""

from __future__ import annotations

import json

import pytest
from design_rows import says

from tests.core.label_rows import FLIPPED, tickets


@pytest.fixture
def labelled(tmp_path):
    """Tickets of three classes with four labels flipped; the text of one flipped row holds an escape code."""
    rows = tickets()
    rows[40]["text"] = rows[40]["text"].replace(" ", " \x1b[", 1)
    path = tmp_path / "tickets.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


async def opened(sde):
    await sde.press("3")
    await sde.press("l")
    await sde.until(lambda: "likely label errors" in sde.text)


def label_of(sde, row):
    return sde.session.dataset.value(row)["label"]


async def test_the_list_over_its_evidence_at_80_by_24(open_app, labelled):
    async with open_app(labelled) as sde:
        await opened(sde)
        assert "label: 4 likely label errors in 150 rows" in sde.text
        assert {sde.session.labels.evidence(at).row for at in range(4)} == set(FLIPPED)
        assert "probability" in sde.text
        assert "\x1b" not in sde.text
        sde.golden("labels")


async def test_a_suggestion_is_an_edit_that_can_be_undone(open_app, labelled):
    before = labelled.read_bytes()
    async with open_app(labelled) as sde:
        await opened(sde)
        first = sde.session.labels.evidence(0)
        await sde.press("a")
        assert label_of(sde, first.row) == first.suggested == FLIPPED[first.row]
        assert "✓" in sde.text
        assert f"Row {first.row} is {first.suggested} now" in sde.text
        await sde.press("up", "a")
        assert "is the suggested one already" in sde.text
        await sde.press("u")
        assert label_of(sde, first.row) == first.label
        assert "✓" not in sde.text
    assert labelled.read_bytes() == before


async def test_a_row_is_rejected_for_its_label(open_app, labelled):
    async with open_app(labelled) as sde:
        await opened(sde)
        first = sde.session.labels.evidence(0)
        await sde.press("x")
        assert sde.session.decisions.state.rejected_rows().tolist() == [first.row]
        assert first.suggested in sde.session.decisions.state.reason(first.row)
        assert "✗" in sde.text


async def test_enter_opens_the_row_among_all_likely_errors_and_backspace_comes_back(open_app, labelled):
    async with open_app(labelled) as sde:
        await opened(sde)
        await sde.press("down")
        row = sde.session.labels.evidence(1).row
        await sde.press("enter")
        assert sde.app.screen.NAME == "records"
        assert sde.session.records.row == row
        assert sorted(int(at) for at in sde.session.records.view.rows) == sorted(FLIPPED)
        await sde.press("backspace")
        assert sde.app.screen.NAME == "balance"


async def test_the_command_judges_the_same_field(open_app, labelled):
    async with open_app(labelled) as sde:
        await opened(sde)
        await sde.press("exclamation_mark")
        assert "$ sde labels" in sde.text
        assert sde.session.labels.command_line() == f"sde labels {labelled} --field label"


async def test_a_second_look_judges_nothing_anew(open_app, labelled):
    async with open_app(labelled) as sde:
        await opened(sde)
        found = sde.session.labels.found
        await sde.press("escape", "l")
        assert "likely label errors" in sde.text
        assert sde.session.labels.found is found


async def test_labels_that_are_numbers_are_not_edited(open_app, tmp_path):
    rows = [{**row, "label": len(row["label"])} for row in tickets()]
    path = tmp_path / "numbered.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    async with open_app(path) as sde:
        await opened(sde)
        await sde.press("a")
        assert "only texts can be edited" in sde.text
        assert not sde.session.dataset.edits


async def test_a_field_without_two_classes_is_said(open_app, tmp_path):
    path = tmp_path / "one.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {n}", "label": "same"}) + "\n" for n in range(30)), encoding="utf-8")
    async with open_app(path) as sde:
        await sde.press("3")
        await sde.press("l")
        assert "has the same: 'same'" in sde.flashed


async def test_a_file_that_was_cut_short_is_said_over_the_evidence(open_app, labelled, cut):
    async with open_app(labelled) as sde:
        await opened(sde)
        cut(sde)
        await sde.press("down")
        assert says(sde, "has become shorter since it was opened. Open it again.")
        assert "probability" in sde.text
        await sde.press("a")
        assert "become shorter" in sde.flashed
        await sde.press("x")
        assert len(sde.session.decisions.state.rejected_rows()) == 1
