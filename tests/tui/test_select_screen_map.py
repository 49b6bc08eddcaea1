"""The map on screen 7: where all rows lie, and which of them are chosen."""

from __future__ import annotations

import pytest
from select_essays import chosen, part_of, write_essays


@pytest.fixture
def essays(tmp_path):
    return write_essays(tmp_path / "essays.jsonl")


def braille(sde):
    return [line for line in sde.lines if any("\u2800" < sign <= "\u28ff" for sign in line)]


async def test_the_map_shows_all_rows_and_where_the_chosen_ones_lie(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("p")
        part = part_of(sde)
        assert "2 of 256 dimensions" in sde.lines[3]
        assert f"{100 * sum(part.map.plane.shares):.0f} % of the variance" in sde.lines[3]
        assert part.map.grid.counts.sum() == 79
        assert part.map.chosen.sum() == 8
        assert "few to many" in sde.text
        assert braille(sde)
        signs = [sde.lines[4 + line][column] for line, column in zip(*part.map.chosen.nonzero(), strict=True)]
        cursor = (sde.app.screen.map.line, sde.app.screen.map.column)
        assert cursor not in list(zip(*part.map.chosen.nonzero(), strict=True)) or signs
        assert all(sign in "●23456789#" for sign in signs)
        await sde.press("p")
        assert "rank" in sde.lines[3]


async def test_a_cell_lists_its_rows_and_opens_them(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("p")
        part, shown = part_of(sde), sde.app.screen.map
        line, column = part.map.cell_of(part.selection.rows[0])
        await sde.press(*["down" if line > shown.line else "up"] * abs(line - shown.line))
        await sde.press(*["right" if column > shown.column else "left"] * abs(column - shown.column))
        assert (shown.line, shown.column) == (line, column)
        inside, others = part.map.rows_at(line, column)
        assert part.selection.rows[0] in inside
        count = len(inside) + len(others)
        assert f"{count} row{'s' if count > 1 else ''} in this cell" in sde.text
        assert f"● {part.selection.rows[0]:>6}" in sde.text
        balance = part.wishes.balance
        await sde.press("enter")
        assert list(sde.session.records.view.rows) == [*inside, *others]
        await sde.press("backspace")
        assert sde.app.screen.NAME == "select"
        assert part.wishes.balance == balance


async def test_the_map_zooms_and_hides_its_signs(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("p")
        await sde.press("z")
        part = part_of(sde)
        assert "zoomed in 2×" in sde.lines[3]
        assert part.map.grid.counts.sum() < 79
        await sde.press("Z", "Z")
        assert "Everything is shown already" in sde.flashed
        assert part.map.grid.counts.sum() == 79
        await sde.press("d")
        assert not any("●" in line for line in braille(sde) if "few to many" not in line)


async def test_zooming_twice_before_the_map_is_drawn_stays_where_the_cursor_was(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("p")
        shown = part_of(sde).map
        lines, columns = shown.grid.counts.shape
        left, right, bottom, top = shown.grid.window
        assert shown.zoom_in(0, 0)
        assert shown.zoom_in(lines // 2, columns // 2)
        x, y = (shown._windows[1][0] + shown._windows[1][1]) / 2, (shown._windows[1][2] + shown._windows[1][3]) / 2
        assert x == pytest.approx(left + (right - left) / columns / 2, abs=(right - left) / columns)
        assert y == pytest.approx(top - (top - bottom) / lines / 2, abs=(top - bottom) / lines)


async def test_a_map_whose_drawing_was_stopped_is_drawn_when_it_is_next_shown(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("p")
        shown = part_of(sde).map
        shown.forget()
        sde.app.screen.refresh_all("shown")
        sde.session.lanes.stop("selection-map")
        await sde.settle()
        assert shown.grid is None
        await sde.press("i", "i", "p")
        assert shown.grid.counts.sum() == 79


async def test_the_map_stands_under_the_list_where_there_is_room(open_app, essays):
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("7")
        assert braille(sde)
        assert "rank" in sde.lines[3]
        await sde.press("tab")
        assert sde.app.screen.focused is sde.app.screen.map
        await sde.press("tab", "n", *"20", "enter")
        part = part_of(sde)
        assert part.map.chosen.sum() == 20
        assert all(part.map.chosen[part.map.cell_of(row)] for row in chosen(sde))


async def test_an_empty_cell_opens_nothing(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("p")
        part, shown = part_of(sde), sde.app.screen.map
        empty = next(zip(*(part.map.grid.counts == 0).nonzero(), strict=True))
        shown.move_to(int(empty[0]), int(empty[1]))
        await sde.press("enter")
        assert sde.app.screen.NAME == "select"
        assert "No row lies here" in sde.flashed
