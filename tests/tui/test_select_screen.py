"""Screen 7 by its keys."""

from __future__ import annotations

import re

import numpy as np
import orjson
import pytest
from select_essays import BAD_ROW, HOSTILE_ROW, TOPICS, chosen, part_of, rows_by_command, write_essays

from sde_core.dataset import open_dataset
from sde_core.project import Project
from sde_core.rules.truth.fit import RuleWeights
from sde_tui.session_rules import RulesPart
from sde_tui.session_selection_card import CardPart, RuleMark
from sde_tui.session_selection_command import row_words


@pytest.fixture
def essays(tmp_path):
    return write_essays(tmp_path / "essays.jsonl")


@pytest.fixture
def command_rows(tmp_path, capfdbinary):
    return lambda command: rows_by_command(command, tmp_path / "by_command.jsonl", capfdbinary)


@pytest.fixture
def fixed_quality(monkeypatch):
    """Quality that no change of a rule changes, for the pictures."""
    values = np.asarray([(37 * row % 79) / 100 for row in range(80) if row != BAD_ROW], dtype=np.float32)
    rows = np.asarray([row for row in range(80) if row != BAD_ROW], dtype=np.uint32)
    marks = [RuleMark("one-rule", 0.9, 0.4), RuleMark("another-rule", 0.25, 0.5)]
    monkeypatch.setattr(RulesPart, "quality", lambda part: (rows, values) if part.matrix is not None else None)
    monkeypatch.setattr(CardPart, "rule_marks", lambda part, row: marks)


async def go_to(sde, row):
    """Puts the cursor on a row of the list."""
    await sde.press("home", *["down"] * list(sde.app.screen.table.rows).index(row))
    assert sde.app.screen.table.row == row


async def test_first_sight(open_app, essays, fixed_quality):
    async with open_app(essays) as sde:
        await sde.press("7")
        sde.golden("select", hide={sde.lines[1]: " (tabs)"})
        assert len(chosen(sde)) == 8
        assert BAD_ROW not in chosen(sde)


async def test_wide_shows_classes_and_the_card_beside_the_list(open_app, essays, fixed_quality):
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("7")
        sde.golden("select_wide", hide={sde.lines[1]: " (tabs)"})
        coverage = part_of(sde).coverage
        line = next(line for line in sde.lines if re.search(r"│ long ", line))
        shares = [dict(profile.classes)["long"] / profile.rows for profile in (coverage.full, coverage.proposal, coverage.random)]
        assert [float(share) for share in re.findall(r"([\d.]+)%", line)] == [pytest.approx(100 * share, abs=0.05) for share in shares]


async def test_the_command_on_screen_chooses_the_same_rows(open_app, essays, command_rows):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("plus", "plus", "minus", "left", "left")
        await sde.press("exclamation_mark")
        command, rows = part_of(sde).command_line(), chosen(sde)
        assert sde.flashed == f"$ {command}"
    assert command_rows(command) == rows


async def test_the_command_carries_locks_bans_and_decisions(open_app, essays, command_rows):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("n", "ctrl+a", "ctrl+k", "2", "0", "enter")
        acted = {}
        for place, key in ((3, "x"), (6, "a"), (9, "b"), (-1, "l")):
            acted[key] = part_of(sde).selection.rows[place]
            await go_to(sde, acted[key])
            await sde.press(key)
        await sde.press("right", "right", "right")
        now = chosen(sde)
        assert len(now) == 20
        assert {acted["a"], acted["l"]} <= set(now)
        assert not {acted["x"], acted["b"]} & set(now)
        command = part_of(sde).command_line()
        assert "--lock-accepted" in command
        assert f"--lock {acted['l']} --ban {acted['b']}" in command
        assert "--balance 0.65" in command
    assert command_rows(command) == now


@pytest.mark.parametrize("name", ["random", "stratified", "topk", "kcenter"])
async def test_every_method_by_key_and_by_command(open_app, essays, command_rows, name):
    async with open_app(essays) as sde:
        names = [method for method, _ in sde.session.selection.methods()]
        await sde.press("7")
        await sde.press("m", *["down"] * names.index(name), "enter")
        assert part_of(sde).selection.params.method == name
        assert name in sde.lines[2]
        before = chosen(sde)
        await sde.press("s", "right")
        assert "Only dpp weighs quality" in sde.flashed
        drawn = name in ("random", "stratified")
        assert (part_of(sde).wishes.seed, chosen(sde) != before) == (int(drawn), drawn)
        command, rows = part_of(sde).command_line(), chosen(sde)
    assert command_rows(command) == rows


async def test_other_rules_mean_another_quality_and_the_command_names_them(open_app, essays, command_rows):
    async with open_app(essays) as sde:
        await sde.press("7")
        before = part_of(sde).selection
        assert "--rule" not in part_of(sde).command_line()
        await sde.press("6", "minus", "minus", "minus", "7")
        after = part_of(sde).selection
        assert [pick.quality for pick in after.picks] != [pick.quality for pick in before.picks]
        assert f"--rule-count {len(sde.session.rules.choice.chosen)}" in part_of(sde).command_line()
        command, rows = part_of(sde).command_line(), chosen(sde)
    assert command_rows(command) == rows


async def test_the_card_gives_the_reason_of_the_row_under_the_cursor(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down", "down")
        pick = part_of(sde).selection.picks[2]
        assert sde.app.screen.table.row == pick.row
        card = " ".join(line.strip() for line in sde.lines[13:17])
        assert f"row {pick.row}" in card
        assert "rank 3/8" in card
        assert pick.reason in card
        line = next(line for line in sde.lines if line.startswith("   3 "))
        assert line.split()[1:6] == [
            str(pick.row),
            f"{pick.quality:.2f}",
            f"{pick.gain:+.2f}",
            str(pick.nearest_row),
            f"{pick.nearest_similarity:.2f}",
        ]


async def test_rejecting_solves_again_and_undo_brings_the_same_rows_back(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down")
        before = part_of(sde).selection
        await sde.press("x")
        gone = before.rows[1]
        assert sde.session.decisions.status(gone) == "rejected"
        assert gone not in chosen(sde)
        assert len(chosen(sde)) == 8
        assert part_of(sde).selection.candidates == before.candidates - 1
        await sde.press("u")
        assert part_of(sde).selection == before
        await sde.press("U")
        assert gone not in chosen(sde)


async def test_what_moved_is_counted_and_listed_with_the_reason(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down")
        before = set(chosen(sde))
        await sde.press("b")
        after = set(chosen(sde))
        assert f"+{len(after - before)} −{len(before - after)} rows" in sde.lines[2]
        await sde.press("v")
        listed = set(sde.app.screen.table.rows)
        assert listed == before ^ after
        assert "you banned it" in sde.text
        await sde.press("v")
        assert "your wishes" in sde.lines[3]
        assert set(sde.app.screen.table.rows) == part_of(sde).wishes.banned
        await sde.press("b", "v", "v")
        assert set(chosen(sde)) == before


async def test_marks_are_acted_on_together_and_used_up(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("space", "space")
        marked = set(sde.session.records.marks)
        assert len(marked) == 2
        assert "•" in sde.lines[4]
        await sde.press("b")
        assert part_of(sde).wishes.banned == marked
        assert not sde.session.records.marks
        assert "2 rows" in sde.flashed
        assert not marked & set(chosen(sde))


async def test_accepting_the_whole_proposal_asks_with_the_number_and_is_one_decision(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("a")
        await sde.press("A")
        assert "Accept 8 rows?" in sde.text
        assert "1 of them are accepted already" in sde.text
        await sde.press("n")
        assert sde.session.decisions.counts == (1, 0)
        before = part_of(sde).selection.rows
        await sde.press("A", "y")
        assert sde.session.decisions.counts == (8, 0)
        assert len(sde.session.decisions.log) == 2
        assert sde.session.decisions.log[-1].reasons == ("selected by dpp: 8 rows, balance 0.5, seed 0",)
        assert set(part_of(sde).selection.rows) == set(before)
        await sde.press("A")
        assert "accepted already" in sde.flashed
        await sde.press("u")
        assert sde.session.decisions.counts == (1, 0)


async def test_accepting_changes_neither_order_nor_gains(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        before = [(pick.row, pick.gain) for pick in part_of(sde).selection.picks]
        await sde.press("A", "y")
        assert [(pick.row, pick.gain) for pick in part_of(sde).selection.picks] == before
        assert "+" not in sde.lines[2]


async def test_sizes_beyond_bounds_are_brought_back_and_said(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("space", "space", "space", "l", "n", "ctrl+a", "ctrl+k", "2", "enter")
        assert len(chosen(sde)) == 3
        assert "3 are accepted or locked" in sde.lines[2]
        await sde.press("n", "ctrl+a", "ctrl+k", "1", "0", "0", "%", "enter")
        assert len(chosen(sde)) == 79
        await sde.press("end", "b")
        assert len(chosen(sde)) == 78
        assert "only 78 can be chosen" in sde.lines[2]
        await sde.press("n", "ctrl+a", "ctrl+k", "8", "0", "enter")
        assert "only 79 can be chosen" in sde.flashed


async def test_balance_stops_at_its_ends(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.burst(*["right"] * 11)
        await sde.settle()
        assert part_of(sde).wishes.balance == 1
        assert "─●" in sde.lines[2]
        qualities = [pick.quality for pick in part_of(sde).selection.picks]
        assert qualities == sorted(qualities, reverse=True)
        await sde.burst(*["left"] * 21)
        await sde.settle()
        assert part_of(sde).wishes.balance == 0


async def test_reading_a_row_and_coming_back(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down", "down", "enter")
        assert "▌2 Records▐" in sde.lines[1] or "▐2 Records▌" in sde.lines[1]
        assert sde.session.records.row == part_of(sde).selection.rows[2]
        assert list(sde.session.records.view.rows) == list(part_of(sde).selection.rows)
        await sde.press("backspace")
        assert "7 Select" in sde.lines[1]
        assert sde.app.screen.NAME == "select"
        assert sde.app.screen.table.cursor == 2


async def test_the_table_of_figures_takes_the_place_of_the_list_and_goes_again(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        coverage = part_of(sde).coverage
        assert f"Vendi {coverage.proposal.vendi:.0f} (random {coverage.random.vendi:.0f})" in sde.text
        await sde.press("i")
        assert "random 0" in sde.lines[3]
        line = next(line for line in sde.lines if "covering radius" in line)
        assert line.split()[2:] == ["–", f"{coverage.proposal.covering_radius:.3f}", f"{coverage.random.covering_radius:.3f}"]
        for name in ("rows", "mean quality", "Vendi score", "spread", "characters, 90 %", "short", "long"):
            assert any(line.startswith(f" {name}") for line in sde.lines), name
        await sde.press("i")
        assert "rank" in sde.lines[3]


async def test_a_wide_and_low_window_has_no_room_for_classes_that_are_not_there(open_app, write_jsonl):
    path = write_jsonl([{"instruction": f"Explain {topic}.", "output": f"The {topic} are old."} for topic in TOPICS])
    async with open_app(path, size=(120, 12)) as sde:
        await sde.press("7")
        assert "1 of 8 rows" in sde.text


async def test_hostile_text_stays_text(open_app, essays):
    async with open_app(essays, size=(200, 60)) as sde:
        await sde.press("7")
        await sde.press("n", "ctrl+a", "ctrl+k", "7", "9", "enter")
        await go_to(sde, HOSTILE_ROW)
        assert "\x1b" not in sde.text
        assert "␛]52" in sde.text
        assert "[/INST]" in sde.text


async def test_decisions_survive_but_locks_are_of_this_session(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("a", "down", "l")
    journal = Project.of(essays).open_journal(open_dataset(str(essays)))
    assert len(journal.decisions) == 1
    journal.close()


def test_row_words_are_what_the_command_line_takes():
    assert row_words([3, 1, 2, 7]) == "1-3,7"
    assert row_words([5]) == "5"
    assert row_words([]) == ""


async def test_quality_by_fitted_weights_is_said_gives_the_commands_rows_and_goes_back(open_app, essays, tmp_path, command_rows):
    weights = RuleWeights(("answer-length", "laid-out-lines"), (2.0, -1.0), 0.1, "logistic", "field verdict", "AUROC 0.710 (0.65-0.77) out of fold")
    path = tmp_path / "weights.json"
    path.write_bytes(orjson.dumps(weights.to_json()))
    async with open_app(essays) as sde:
        await sde.press("7")
        default = part_of(sde).selection
        await sde.press("6", "w", "ctrl+a", "ctrl+k")
        sde.app.screen.query_one("Input").value = str(path)
        await sde.press("enter")
        assert "fitted to labels" in sde.text
        assert "human labels (field verdict): AUROC 0.710" in sde.text
        await sde.press("7")
        assert "quality by labels" in sde.lines[2]
        assert f"--quality {path}" in part_of(sde).command_line()
        command, rows = part_of(sde).command_line(), chosen(sde)
        assert [pick.quality for pick in part_of(sde).selection.picks] != [pick.quality for pick in default.picks]
        await sde.press("6", "w", "ctrl+a", "ctrl+k", "enter")
        assert "fitted to labels" not in sde.text
        await sde.press("7")
        assert part_of(sde).selection.picks == default.picks
        await sde.press("6", "w", *"nowhere", "enter")
        assert "cannot be read" in sde.flashed
        assert sde.session.rules.wishes.weights == sde.session.rules.labels == ""
    assert command_rows(command) == rows
