"""Screen 7 as a conversation: swaps, likes, wishes that stay and are taken back, any row's card, and the map."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from select_essays import BAD_ROW, chosen, part_of, rows_by_command, write_essays

from sde_core.dataset import open_dataset
from sde_core.evaluate import answer_loss
from sde_core.progress import NEVER
from sde_core.project import Project
from sde_core.select.alternatives import nearest_alternatives
from sde_tui import session_selection_wishes
from sde_tui.session_selection_wishes import SelectionWishes, WishHistory


@pytest.fixture
def essays(tmp_path):
    return write_essays(tmp_path / "essays.jsonl")


@pytest.fixture
def command_rows(tmp_path, capfdbinary):
    return lambda command: rows_by_command(command, tmp_path / "by_command.jsonl", capfdbinary)


def measure_known_losses(dataset, cache_dir):
    """Losses without a model: some rows' instructions help, some do not, one row has none."""
    measured = answer_loss._Measured(dataset, "", answer_loss.answer_encoder(), cache_dir, NEVER)
    place = np.arange(len(measured.known))
    values = np.stack([1 + (place * 7 % 11) / 9, np.full(len(place), 1.7), place % 5 + 3, np.zeros(len(place))], axis=1).astype(np.float32)
    values[0] = np.nan, np.nan, 0, answer_loss.AWAY
    measured.keep(place, values)


def card(sde):
    return " ".join(line.strip() for line in sde.lines[13:22])


# ---- swap


async def test_a_swap_shows_both_rows_and_exchanges_them_as_one_wish(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down", "down")
        part = part_of(sde)
        row = sde.app.screen.table.row
        candidates = nearest_alternatives(part.solution.pool, part.solution.chosen, row)
        await sde.press("w")
        assert f"Swap row {row}" in sde.text
        assert f"out: row {row}" in sde.text
        assert f"in:  row {candidates[0].row}" in sde.text
        assert f"similarity {candidates[0].similarity:.2f}" in sde.text
        await sde.press("down")
        assert f"in:  row {candidates[1].row}" in sde.text
        await sde.press("enter")
        other = candidates[1].row
        assert other in chosen(sde)
        assert row not in chosen(sde)
        assert (part.wishes.locked, part.wishes.banned) == ({other}, {row})
        assert f"Swapped row {row} for row {other}" in sde.flashed
        await sde.press("u")
        assert row in chosen(sde)
        assert part.wishes == SelectionWishes()
        assert f"Undone: swapped row {row} for row {other}." in sde.flashed


async def test_what_cannot_be_swapped_says_why(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("space", "space", "w")
        assert "Swap one row at a time" in sde.flashed
        await sde.press("escape", "home", "a", "w")
        assert "This row is accepted" in sde.flashed
        outside = next(row for row in range(80) if row not in chosen(sde) and row != BAD_ROW)
        await sde.press("slash", *str(outside), "enter", "w")
        assert "Only a row of the proposal" in sde.flashed


async def test_a_second_app_says_that_its_wishes_are_not_kept(open_app, essays):
    async with open_app(essays) as first:
        await first.press("7")
        await first.press("b")
        assert "not kept" not in first.text
        kept = first.session.project.selection_path.read_bytes()
        async with open_app(essays) as second:
            await second.press("7")
            assert "wishes not kept" in second.lines[2]
            assert part_of(second).wishes.banned == part_of(first).wishes.banned
            await second.press("down", "l")
            assert len(part_of(second).wishes.locked) == 1
            assert "wishes not kept" in second.lines[2]
        assert first.session.project.selection_path.read_bytes() == kept


# ---- more like this, fewer of these


async def test_likes_add_up_cancel_out_and_are_listed(open_app, essays, command_rows):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("n", *"20", "enter")
        part = part_of(sde)
        row, before = part.selection.rows[1], part.selection
        await sde.press("slash", *str(row), "enter")
        await sde.press("greater_than_sign", "greater_than_sign")
        assert part.wishes.liked == (row, row)
        assert f"More like {row}, twice" in sde.flashed
        assert part.selection.params.liked == (row, row)
        assert part.selection != before
        assert f"--like {row},{row}" in part.command_line()
        command, rows = part.command_line(), chosen(sde)
        await sde.press("v", "v", "v")
        assert sde.app.screen.table.row == row
        assert "more like this, 2 times" in sde.text
        await sde.press("v")
        assert sde.app.screen.table.row == row
        await sde.press("less_than_sign", "less_than_sign", "less_than_sign")
        assert part.wishes.disliked == (row,)
        assert f"Fewer like {row}." in sde.flashed
        await sde.press("greater_than_sign")
        assert part.wishes.leanings == ()
        assert part.selection == before
    assert command_rows(command) == rows


async def test_why_a_row_moved_is_said(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("n", *"30", "enter", "slash", *"17", "enter")
        await sde.press(*["greater_than_sign"] * 4)
        moves = part_of(sde).moves
        assert any("lifted by “more like 17" in move.why for move in moves)
        await sde.press("v", "v")
        listed = sde.app.screen.table
        for place, move in enumerate(moves):
            assert listed.rows[place] == move.row
        assert moves[0].why[:40] in sde.text


async def test_a_like_at_balance_0_says_that_it_would_change_nothing(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press(*["left"] * 10, "greater_than_sign")
        assert part_of(sde).wishes.balance == 0
        assert part_of(sde).wishes.leanings == ()
        assert "changes nothing" in sde.flashed


@pytest.mark.parametrize("key", ["l", "b", "greater_than_sign", "less_than_sign"])
async def test_a_verb_that_comes_before_decisions_are_open_says_so_and_keeps_the_marks(open_app, essays, monkeypatch, key):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("space")
        part = part_of(sde)
        part._loaded = False
        monkeypatch.setattr(part, "_load", lambda: None)
        await sde.press(key)
        assert "once decisions are open" in sde.flashed
        assert len(sde.session.records.marks) == 1
        assert part.wishes == SelectionWishes()


# ---- wishes stay, and are taken back


async def test_undo_takes_back_whatever_was_last_wish_or_decision(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down")
        part = part_of(sde)
        await sde.press("right", "x", "plus")
        decided = len(sde.session.decisions.log)
        size = part.wishes.k
        assert (part.wishes.balance, sde.session.decisions.counts, size) == (0.55, (0, 1), 9)
        await sde.press("u")
        assert "Undone: 9 rows." in sde.flashed
        assert (part.wishes.k, sde.session.decisions.counts) == (None, (0, 1))
        await sde.press("u")
        assert sde.session.decisions.counts == (0, 0)
        assert part.wishes.balance == 0.55
        await sde.press("u")
        assert part.wishes == SelectionWishes()
        await sde.press("u")
        assert "nothing to undo" in sde.flashed
        await sde.press("U")
        assert part.wishes.balance == 0.55
        await sde.press("U", "U")
        assert (part.wishes.k, sde.session.decisions.counts) == (9, (0, 1))
        assert len(sde.session.decisions.log) == decided + 2


async def test_a_wish_made_after_a_decision_comes_back_after_it(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down", "x", "plus")
        await sde.press("u", "u")
        assert (part_of(sde).wishes.k, sde.session.decisions.counts) == (None, (0, 0))
        await sde.press("U", "U")
        assert (part_of(sde).wishes.k, sde.session.decisions.counts) == (9, (0, 1))
        await sde.press("U")
        assert "nothing to redo" in sde.flashed


async def test_wishes_survive_leaving_the_app_and_follow_their_rows(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down", "l", "down", "b", "greater_than_sign", "right")
        before, wishes = chosen(sde), part_of(sde).wishes
    lines = essays.read_text(encoding="utf-8").splitlines()
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).wishes == wishes
        assert chosen(sde) == before
        await sde.press("u")
        assert part_of(sde).wishes.balance == 0.5
        await sde.press("U")
    locked = next(iter(wishes.locked))
    essays.write_text("\n".join([lines[locked], *lines[:locked], *lines[locked + 1 :]]) + "\n", encoding="utf-8")
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).wishes.locked == {0}
        assert part_of(sde).wishes.balance == 0.55
    essays.write_text("\n".join(lines[:locked] + lines[locked + 1 :]) + "\n", encoding="utf-8")
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).wishes.locked == frozenset()
        assert len(part_of(sde).wishes.banned) == 1


async def test_wishes_that_cannot_be_read_are_set_aside(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("right")
        path = sde.session.project.selection_path
    path.write_bytes(b'{"format": 1, "steps": 3}')
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).wishes == SelectionWishes()
        assert path.with_name("selection.json.unreadable").exists()
        assert not path.exists()
        await sde.press("right")
        assert path.exists()


def test_a_wish_that_changes_nothing_is_none_and_a_new_one_ends_redoing(tmp_path):
    ticks = iter(range(1, 100))
    history = WishHistory(lambda: next(ticks))
    assert not history.wish(SelectionWishes(), "nothing")
    assert history.wish(SelectionWishes(k=5), "five")
    assert history.wish(SelectionWishes(k=6, leanings=((2, -3),), locked=frozenset({1})), "six")
    assert history.undo() == "six"
    assert history.undone
    keys = np.asarray([7, 2**63 + 1, 9], dtype=np.uint64)
    history.save(tmp_path / "selection.json", keys)
    again = WishHistory()
    assert again.load(tmp_path / "selection.json", keys[::-1].copy()) == 0
    assert again.wishes == SelectionWishes(k=5)
    assert again.redo() == "six"
    assert again.wishes == SelectionWishes(k=6, leanings=((0, -3),), locked=frozenset({1}))
    assert again.wishes.disliked == (0, 0, 0)
    assert history.wish(SelectionWishes(k=9), "nine")
    assert not history.undone
    assert [history.undo(), history.undo(), history.undo()] == ["nine", "five", ""]
    held = orjson.loads((tmp_path / "selection.json").read_bytes())
    held["steps"][0]["wishes"]["of_another_version"] = 1
    (tmp_path / "selection.json").write_bytes(orjson.dumps(held))
    assert WishHistory().load(tmp_path / "selection.json", keys[:1]) == 0


def test_wishes_that_name_very_many_rows_forget_the_oldest(monkeypatch):
    monkeypatch.setattr(session_selection_wishes, "KEPT_ROWS", 50)
    history = WishHistory()
    for step in range(1, 12):
        assert history.wish(SelectionWishes(locked=frozenset(range(step))), f"{step} rows")
    assert sum(step.wishes.held for step in history.steps) <= 50
    assert history.wishes.held == 11
    assert history.undo() == "11 rows"
    assert history.wishes.held == 10


# ---- steering


@pytest.mark.parametrize("name", ["gumbel", "softmax"])
async def test_a_temperature_steers_the_methods_that_draw(open_app, essays, command_rows, name):
    async with open_app(essays) as sde:
        names = [method for method, _ in part_of(sde).methods()]
        await sde.press("7")
        await sde.press("m", *["down"] * names.index(name), "enter", "right", "right", "left")
        part = part_of(sde)
        assert part.wishes.tau == 0.05
        assert "chance ← τ 0.05 → quality" in sde.lines[2] and "…" not in sde.lines[2]
        assert part.selection.params.tau == 0.05
        command, rows = part.command_line(), chosen(sde)
        assert "--tau 0.05" in command
    assert command_rows(command) == rows


async def test_quotas_by_key_and_by_command(open_app, essays, command_rows):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("n", *"20", "enter", "o", "down", "down", "enter")
        part = part_of(sde)
        assert (part.wishes.quota_by, part.wishes.quota_split) == ("class", "equal")
        assert "equal by class" in sde.lines[2]
        assert {count for _, count in part.coverage.proposal.classes} == {10}
        command, rows = part.command_line(), chosen(sde)
    assert command_rows(command) == rows


async def test_a_budget_that_cannot_be_met_is_said_and_taken_back(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        before = part_of(sde).selection
        await sde.press("t", *"none", "enter")
        assert "not a number of tokens" in sde.flashed
        assert part_of(sde).selection == before
        await sde.press("t", *"1k", "enter")
        part = part_of(sde)
        if part.features.tokens is None:
            assert part.wishes.tokens is None
            assert part.selection == before
        else:
            assert part.coverage.proposal.tokens <= 1000


# ---- any row


async def test_any_row_s_card_says_what_it_would_add_and_who_stands_in_its_way(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        part = part_of(sde)
        outside = next(row for row in range(30, 80) if row not in chosen(sde))
        await sde.press("slash", *str(outside), "enter")
        standing = part.card.standing(outside)
        said = card(sde)
        assert f"row {outside}" in said
        assert "not in the proposal" in said
        assert f"{standing.gain:+.2f}" in said
        assert f"without row {standing.neighbours[0].row} {standing.gain_without_nearest:+.2f}" in said
        for other in standing.neighbours:
            assert f"row {other.row} {other.similarity:.2f}" in said
        await sde.press("slash", *"99", "enter")
        assert "There is no such row" in sde.flashed


async def test_a_chosen_row_s_card_names_the_runner_up_its_groups_and_its_rules(open_app, essays):
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("7")
        await sde.press("down")
        part, row = part_of(sde), sde.app.screen.table.row
        standing, pick = part.card.standing(row), part.pick_of(row)
        assert f"next best row {standing.runner_up.row}" in " ".join(line.partition("│")[2].strip() for line in sde.lines)
        assert f"at its rank {pick.gain:+.2f}" in sde.text
        assert f"class {standing.label.name}: {standing.label.whole:.1%} → {standing.label.selected:.1%}" in sde.text
        mark = part.card.rule_marks(row)[0]
        assert f"mean {mark.mean:.2f} {mark.score - mark.mean:+.2f}" in sde.text
        matrix = sde.session.rules.matrix
        column = matrix.scores[:, matrix.index(mark.rule)]
        assert mark.mean == pytest.approx(column.mean(), abs=1e-4)
        assert mark.score == pytest.approx(column[list(matrix.rows).index(row)])


async def test_an_unreadable_row_has_no_card_and_that_is_no_error(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("slash", *str(BAD_ROW), "enter")
        assert "Not in the proposal." in card(sde)


# ---- the map


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


# ---- the whole conversation, by the command line too


@pytest.mark.parametrize("name", ["dpp", "topk", "kcenter", "stratified", "facility", "deita", "semdedup", "car"])
async def test_a_whole_conversation_gives_the_rows_of_its_command(open_app, essays, command_rows, name):
    async with open_app(essays) as sde:
        names = [method for method, _ in part_of(sde).methods()]
        await sde.press("7")
        await sde.press("n", *"24", "enter")
        await sde.press("down", "l", "down", "b", "down", "greater_than_sign", "down", "less_than_sign", "x", "home", "a")
        await sde.press("right", "right", "m", *["down"] * names.index(name), "enter")
        part = part_of(sde)
        assert part.selection.params.method == name
        assert part.wishes.locked
        assert part.wishes.banned
        assert part.wishes.liked
        assert part.wishes.disliked
        assert set(map(int, sde.session.decisions.state.accepted_rows())) <= set(chosen(sde))
        assert sde.session.decisions.counts == (1, 1)
        await sde.press("exclamation_mark")
        command, now = part.command_line(), chosen(sde)
        assert len(now) == 24
    assert command_rows(command) == now


async def test_the_command_leaves_out_what_a_decision_or_a_ban_overruled(open_app, essays, command_rows):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("l", "x", "home", "down", "a", "b", "down", "b", "greater_than_sign")
        part = part_of(sde)
        assert part.wishes.locked - set(chosen(sde))
        assert sde.session.decisions.counts == (1, 1)
        command, now = part.command_line(), chosen(sde)
    assert command_rows(command) == now


@pytest.mark.parametrize("name", ["ifd", "superfiltering", "dpp", "softmax", "gumbel", "random", "kcenter"])
async def test_budgets_quotas_and_losses_give_the_rows_of_their_command(open_app, essays, command_rows, name):
    dataset, project = open_dataset(essays), Project.of(essays).created()
    measure_known_losses(dataset, project.cache_dir)
    async with open_app(essays) as sde:
        await sde.press("7")
        part = part_of(sde)
        part.wish("all at once", method=name, k=30, tokens=1500, quota_by="class", quota_split="equal", seed=3)
        await sde.settle()
        part.wish("one locked", locked=frozenset({2, 40}), banned=frozenset({3}))
        await sde.settle()
        assert part.selection.params.method == name
        assert {2, 40} <= set(chosen(sde))
        command, now = part.command_line(), chosen(sde)
    assert command_rows(command) == now


@pytest.mark.parametrize(
    "broken",
    [
        {"method": "no-such"}, {"k": "ten"}, {"k": 0}, {"balance": None}, {"balance": 7}, {"tau": 0}, {"tokens": "many"}, {"seed": 1.5},
        {"quota_by": "colour"}, {"quota_split": 3}, {"locked": ["f" * 40]}, {"locked": 4}, {"leanings": [["0" * 16, 10**9]]}, {"leanings": [3]},
        {"encoder": 3}, {"model": None},
    ],
    ids=str,
)  # fmt: skip
def test_wishes_that_no_screen_makes_are_not_read(tmp_path, broken):
    path, keys = tmp_path / "selection.json", np.asarray([0, 7], dtype=np.uint64)
    WishHistory().save(path, keys)
    held = orjson.loads(path.read_bytes())
    held["steps"][0]["wishes"].update(broken)
    path.write_bytes(orjson.dumps(held))
    history = WishHistory()
    with pytest.raises(ValueError, match=r".+"):
        history.load(path, keys)
    assert history.wishes == SelectionWishes()


async def test_a_wish_of_an_earlier_day_that_cannot_be_met_is_shown_with_the_way_out(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        part_of(sde).wish("losses that were measured then", method="ifd")
        path = sde.session.project.selection_path
        kept = path.read_bytes()
    path.write_bytes(kept)
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).selection is None
        shown = " ".join(sde.text.split())
        assert "are not computed yet" in shown
        assert "u takes the last wish back" in shown
        await sde.press("u")
        assert len(chosen(sde)) == 8


CHANGES = st.sampled_from(["wish", "undo", "redo", "save"])


@given(st.lists(st.tuples(CHANGES, st.integers(1, 4)), max_size=30))
def test_any_sequence_of_wishes_can_be_taken_back_and_restored(changes):
    history, keys = WishHistory(), np.asarray([9, 7, 5, 3, 1], dtype=np.uint64)
    done, undone = [SelectionWishes()], []
    with TemporaryDirectory() as folder:
        for change, number in changes:
            wanted = SelectionWishes(k=number, locked=frozenset({number}), banned=frozenset({0}), leanings=((number, -number),))
            if change == "wish" and history.wish(wanted, "wished"):
                done, undone = [*done, wanted], []
            elif change == "undo" and history.undo():
                undone.append(done.pop())
            elif change == "redo" and history.redo():
                done.append(undone.pop())
            elif change == "save":
                history.save(Path(folder) / "selection.json", keys)
                history = WishHistory()
                assert history.load(Path(folder) / "selection.json", keys) == 0
            assert history.wishes == done[-1]
            assert (history.place, history.undone) == (len(done) - 1, bool(undone))
