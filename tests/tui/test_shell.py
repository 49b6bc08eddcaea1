"""The frame around every screen."""

from __future__ import annotations

from sde_tui.screens import SCREENS


async def test_number_keys_switch_screens_and_each_keeps_its_place(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        assert "▐1 Overview▌" in sde.lines[1]
        await sde.press("2", "down", "down")
        assert "▐2 Records▌" in sde.lines[1]
        await sde.press("1", "2")
        assert sde.session.records.cursor == 2


async def test_every_screen_shows_status_tabs_message_and_keys(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        for spec in SCREENS:
            await sde.press(str(spec.number))
            assert "tickets.jsonl" in sde.lines[0], spec.name
            assert f"▐{spec.number} {spec.title}▌" in sde.lines[1], spec.name
            assert sde.lines[22].strip(), spec.name
            assert sde.lines[23].lstrip().startswith("? Keys"), spec.name
            assert len(sde.lines) == 24
