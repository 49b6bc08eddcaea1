"""Screens as lines of text; a change shows as a diff. SDE_UPDATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import pytest

from sde_tui.session_overview import OverviewPart

VIEWS = {
    "records": ("2", "a", "x", "space", "down"),
    "records_read": ("2", "down", "enter"),
    "records_split": ("2", "v"),
    "records_raw": ("2", "i"),
    "records_unreadable": ("2", "down", "down", "down", "down", "down", "enter"),
    "records_filter": ("2", "slash"),
    "records_accept_all": ("2", "A"),
    "records_reject_because": ("2", "r"),
    "records_only": ("2", "o"),
    "records_edit": ("2", "e", "enter"),
    "records_fields": ("2", "m"),
    "records_keys": ("2", "question_mark"),
}


@pytest.mark.parametrize("name", VIEWS)
async def test_records_at_80x24(open_app, dataset_file, name):
    async with open_app(dataset_file) as sde:
        for key in VIEWS[name]:
            await sde.press(key)
        sde.golden(name)


async def test_records_side_by_side_at_120x40(open_app, dataset_file):
    async with open_app(dataset_file, size=(120, 40)) as sde:
        await sde.press("2")
        await sde.press("down")
        sde.app.screen._rested()
        await sde.settle()
        sde.golden("records_wide")


@pytest.mark.parametrize("checks", [False, True])
async def test_overview_at_80x24(open_app, dataset_file, monkeypatch, checks):
    # the other screens' steps and numbers are theirs to hold
    real = OverviewPart.next_steps
    monkeypatch.setattr(OverviewPart, "next_steps", lambda self: [step for step in real(self) if step.key in ("2", "r")])
    async with open_app(dataset_file, checks=checks) as sde:
        path = next(line for line in sde.lines if line.startswith(" path"))
        sde.golden("overview_checked" if checks else "overview", hide={path: " path     (where the file is)"})
