"""Screen 7 as a conversation: swaps, likes, steering, and any row's card."""

from __future__ import annotations

import numpy as np
import pytest
from select_essays import BAD_ROW, chosen, part_of, rows_by_command, write_essays

from sde_core.dataset import open_dataset
from sde_core.evaluate import answer_loss
from sde_core.progress import NEVER
from sde_core.project import Project
from sde_core.select.alternatives import nearest_alternatives
from sde_tui.session_selection_wishes import SelectionWishes


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
        await sde.burst(*["greater_than_sign"] * 4)
        await sde.settle()
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
