"""2 Records: deciding about rows and editing them."""

from __future__ import annotations

import json

from sde_tui.screens.dialogs import ChooseScreen, ConfirmScreen, PromptScreen
from sde_tui.screens.edit_turn import EditTurnScreen


async def test_accept_and_reject_act_on_the_row_and_go_on(records):
    async with records as sde:
        await sde.press("a", "x")
        assert sde.session.decisions.status(0) == "accepted"
        assert sde.session.decisions.status(1) == "rejected"
        assert sde.session.records.cursor == 2
        assert "✓1 ✗1" in sde.lines[0]
        assert "✓" in sde.lines[3]
        assert "✗" in sde.lines[4]
        assert sde.flashed == "Rejected 1 row.   u undoes it."


async def test_a_row_that_cannot_be_read_is_rejected_but_not_accepted(records):
    async with records as sde:
        await sde.press(*["down"] * 5, "a")
        assert sde.flashed == "Row 5 cannot be read, so there is nothing to accept; x rejects."
        assert len(sde.session.decisions.log) == 0
        await sde.press("A")
        count = len(sde.session.dataset) - 1
        assert f"Accept {count:,} rows?" in sde.text
        assert "1 row that cannot be read is left out." in sde.text
        await sde.press("y")
        assert sde.session.decisions.counts == (count, 0)
        await sde.press("u", "x")
        assert sde.session.decisions.status(5) == "rejected"


async def test_a_long_reason_leaves_room_for_the_way_back_and_no_second_full_stop(records):
    async with records as sde:
        for reason, end in (("It is cut off.", ": It is cut off.   u undoes it."), ("why " * 40, "…   u undoes it.")):
            sde.session.decisions.reject([0], reason)
            assert sde.flashed.endswith(end)
            assert len(sde.flashed) < 80


async def test_what_stands_in_a_question_is_replaced_by_typing(records):
    async with records as sde:
        for reason in ("first", "second"):
            await sde.press("r")
            await sde.type(reason)
            await sde.press("enter")
        assert [sde.session.decisions.reason(row) for row in (0, 1)] == ["first", "second"]


async def test_a_decision_is_on_the_disk_when_it_is_on_the_screen(records, dataset_file):
    async with records as sde:
        await sde.press("a")
        written = (dataset_file.parent / "tickets.jsonl.sde" / "decisions.jsonl").read_text()
        assert json.loads(written)["op"] == "accept"


async def test_verbs_act_on_marks_and_use_them_up(records):
    async with records as sde:
        await sde.press("space", "space", "space")
        assert sde.session.records.marks == {0, 1, 2}
        assert "•3 marked" in sde.lines[0]
        await sde.press("end", "x")
        assert sde.session.decisions.counts == (0, 3)
        assert sde.session.records.marks == set()
        assert sde.session.decisions.status(11) == ""


async def test_marks_are_inverted_within_the_view(records):
    async with records as sde:
        await sde.press("space", "asterisk")
        assert sde.session.records.marks == set(range(1, 12))


async def test_upper_case_asks_with_the_exact_number(records):
    async with records as sde:
        await sde.press("slash")
        await sde.type_filter("billing")
        await sde.press("enter", "A")
        assert isinstance(sde.app.screen, ConfirmScreen)
        assert "Accept 4 rows?" in sde.text
        await sde.press("n")
        assert sde.session.decisions.counts == (0, 0)
        await sde.press("A", "y")
        assert sde.session.decisions.counts == (4, 0)
        assert sde.session.decisions.reason(0) == "“billing”"


async def test_rejecting_all_asks_for_the_reason(records):
    async with records as sde:
        await sde.press("X")
        assert isinstance(sde.app.screen, PromptScreen)
        assert "Reject 12 rows?" in sde.text
        await sde.press(*["backspace"] * 7)
        await sde.type("too old")
        await sde.press("enter")
        assert sde.session.decisions.counts == (0, 12)
        assert sde.session.decisions.reason(3) == "too old"


async def test_reject_because_takes_the_users_words(records):
    async with records as sde:
        await sde.press("r")
        await sde.type("wrong facts")
        await sde.press("enter", "enter")
        assert sde.session.decisions.reason(0) == "wrong facts"
        await sde.press("enter", "up", "enter")
        assert "✗ rejected: wrong facts" in sde.text


async def test_undo_and_redo_say_what_they_did(records):
    async with records as sde:
        await sde.press("space", "space", "x", "u")
        assert sde.flashed == "Undone: reject 2 rows: by hand"
        assert sde.session.decisions.counts == (0, 0)
        await sde.press("U")
        assert sde.flashed.startswith("Redone: reject 2 rows")
        assert sde.session.decisions.counts == (0, 2)


async def test_decisions_are_undone_after_a_restart(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("2", "x")
    async with open_app(dataset_file) as sde:
        await sde.press("2")
        assert "✗" in sde.lines[3]
        await sde.press("u")
        assert sde.session.decisions.counts == (0, 0)


async def test_undecide(records):
    async with records as sde:
        await sde.press("x", "up", "c")
        assert sde.session.decisions.counts == (0, 0)
        await sde.press("space", "asterisk", "a", "C", "y")
        assert sde.session.decisions.counts == (0, 0)


async def test_next_undecided_skips_what_was_decided(records):
    async with records as sde:
        await sde.press("down", "a", "x", "home", "n")
        assert sde.session.records.cursor == 3
        await sde.press("N")
        assert sde.session.records.cursor == 0
        await sde.press("N")
        assert sde.flashed == "No undecided row above."


async def test_verbs_say_why_not_in_an_empty_view(records):
    async with records as sde:
        sde.session.records.show(text="nowhere to be found")
        await sde.settle()
        await sde.press("a")
        assert sde.flashed == "There is no row here."


# ---- editing


async def test_a_turn_is_edited_as_a_decision_and_undone(records, dataset_file):
    before = dataset_file.read_bytes()
    async with records as sde:
        await sde.press("e")
        assert isinstance(sde.app.screen, ChooseScreen)
        await sde.press("down", "enter")
        assert isinstance(sde.app.screen, EditTurnScreen)
        await sde.press("end")
        await sde.type(" Promise!")
        await sde.press("ctrl+s")
        assert sde.session.dataset.turns(0).answer == "It arrives on day 0. Promise!"
        assert "✎" in sde.lines[3]
        await sde.press("u")
        assert sde.session.dataset.turns(0).answer == "It arrives on day 0."
    assert dataset_file.read_bytes() == before


async def test_leaving_the_editor_changes_nothing(records):
    async with records as sde:
        await sde.press("e", "enter")
        await sde.type("xxx")
        await sde.press("escape")
        assert "esc once more drops the change" in sde.text
        await sde.press("escape")
        assert not isinstance(sde.app.screen, EditTurnScreen)
        assert len(sde.session.decisions.log) == 0


async def test_the_editor_warns_again_after_more_was_typed(records):
    async with records as sde:
        await sde.press("e", "enter")
        await sde.type("x")
        await sde.press("escape")
        assert "esc once more drops the change" in sde.text
        await sde.type("y")
        assert "esc once more" not in sde.text
        await sde.press("escape")
        assert isinstance(sde.app.screen, EditTurnScreen)


async def test_hidden_characters_survive_an_edit(open_app, write_jsonl):
    answer = "a\x1b[31mred\x07\u200bzero\u202e\ttab\u2400 picture"
    path = write_jsonl([{"instruction": "q", "output": answer}])
    async with open_app(path) as sde:
        await sde.press("2", "e", "down", "enter")
        assert "\x1b" not in sde.text
        await sde.press("end")
        await sde.type("!")
        await sde.press("ctrl+s")
        assert sde.session.dataset.turns(0).answer == answer + "!"


async def test_a_line_that_cannot_be_read_cannot_be_edited(records):
    async with records as sde:
        await sde.press(*["down"] * 5, "e")
        assert sde.flashed == "This record has no text that can be edited in place."
