"""2 Records: reading, filtering, deciding."""

from __future__ import annotations

import json

import pytest

from sde_tui.screens.dialogs import ChooseScreen, ConfirmScreen, PromptScreen
from sde_tui.screens.edit_turn import EditTurnScreen
from sde_tui.screens.records import RecordsScreen
from sde_tui.widgets.record_table import RecordTable


@pytest.fixture
def records(open_app, dataset_file):
    """The app on the Records screen."""

    class Opened:
        async def __aenter__(self):
            self._context = open_app(dataset_file)
            sde = await self._context.__aenter__()
            await sde.press("2")
            return sde

        async def __aexit__(self, *error):
            return await self._context.__aexit__(*error)

    return Opened()


def _rows(sde) -> list[int]:
    return [int(row) for row in sde.session.records.view.rows]


async def _typed(sde, text: str) -> None:
    """Types into the filter and waits for the pause after which it filters."""
    from textual.widgets import Input

    await sde.type(text)
    wanted = sde.app.screen.query_one("#filter Input", Input).value
    await sde.until(lambda: sde.session.records.view.text == wanted)


# ---- reading


async def test_the_table_shows_number_label_prompt_and_answer(records):
    async with records as sde:
        assert sde.lines[2].split() == ["row", "label", "prompt", "answer"]
        assert sde.lines[4].split()[:2] == ["1", "delivery"]
        assert "Where is my order" in sde.lines[4]
        assert "It arrives on day" in sde.lines[4]


async def test_columns_stand_under_their_titles(records):
    async with records as sde:
        for title, text in (("label", "billing"), ("prompt", "Where is"), ("answer", "It arrives")):
            assert sde.lines[2].index(title) == sde.lines[3].index(text)


async def test_a_line_that_cannot_be_read_says_so_in_the_parsers_words(records):
    async with records as sde:
        assert "cannot be read: " in sde.lines[8]
        assert "!" in sde.lines[8]
        await sde.press(*["down"] * 5, "enter")
        assert "cannot be read" in sde.text
        assert '{"instruction": "cut off' in sde.text


async def test_enter_reads_the_record_in_full_and_goes_back(records):
    async with records as sde:
        await sde.press("down", "enter")
        assert "row 1  line 2" in sde.text
        assert "❯ user" in sde.text
        assert "● assistant" in sde.text
        assert "label" in sde.text
        await sde.press("enter")
        assert sde.lines[2].split()[0] == "row"


async def test_side_by_side_from_a_hundred_columns_and_the_record_follows_the_cursor(open_app, dataset_file):
    async with open_app(dataset_file, size=(120, 40)) as sde:
        await sde.press("2", "down", "down")
        await sde.until(lambda: "row 2  line 3" in sde.text)
        assert "It arrives on day 2." in sde.text
        await sde.press("v")
        assert "row 2  line 3" not in sde.text


async def test_table_over_record_at_eighty_columns_on_request(records):
    async with records as sde:
        await sde.press("v")
        assert sde.lines[2].split()[0] == "row"
        assert "row 0  line 1" in sde.text
        await sde.press("tab", "end")
        assert sde.session.records.cursor == 0


async def test_raw_shows_the_bytes_of_the_file(records):
    async with records as sde:
        await sde.press("i")
        assert '{"instruction": "Where is my order number 1000?"' in sde.text
        await sde.press("i")
        assert "❯ user" in sde.text


async def test_a_long_text_is_cut_and_shown_whole_on_request(open_app, write_jsonl):
    path = write_jsonl([{"instruction": "q", "output": "word " * 5000 + "the very end"}, {"instruction": "a", "output": "b"}])
    async with open_app(path, size=(100, 30)) as sde:
        await sde.press("2", "enter")
        await sde.press("end")
        assert "5,012 more characters: w shows all" in sde.text
        await sde.press("w")
        await sde.press("end")
        assert "the very end" in sde.text


async def test_every_line_fits_whatever_the_script(open_app, write_jsonl):
    texts = ["漢字かな交じり文" * 20, "👩‍👩‍👧‍👦 family " * 20, "e\u0301" * 120, "ع" * 200, "plain " * 40]
    path = write_jsonl([{"instruction": text, "output": text, "category": "名前"} for text in texts])
    async with open_app(path) as sde:
        await sde.press("2")
        table = sde.app.screen.query_one(RecordTable)
        for y in range(len(texts)):
            assert table.render_line(y).cell_length == table.scrollable_content_region.width
        await sde.press("enter")


async def test_markup_in_a_row_is_shown_as_it_stands(open_app, write_jsonl):
    path = write_jsonl([{"instruction": "[INST] hello [/INST] [bold]x[/]", "output": "[/INST] [red]y"}])
    async with open_app(path) as sde:
        await sde.press("2")
        assert "[INST] hello [/INST]" in sde.text
        assert "[/INST] [red]y" in sde.text
        await sde.press("enter")
        assert "[INST] hello [/INST] [bold]x[/]" in sde.text


async def test_a_column_that_says_nothing_makes_room(open_app, write_jsonl):
    async with open_app(write_jsonl([{"text": f"just text {n} " * 8} for n in range(3)])) as sde:
        await sde.press("2")
        assert sde.lines[2].split() == ["row", "text"]
        assert len(sde.lines[3]) > 70
    async with open_app(write_jsonl([{"text": f"message {n} " * 8, "label": "ham"} for n in range(3)])) as sde:
        await sde.press("2")
        assert sde.lines[2].split() == ["row", "label", "prompt"]


# ---- filtering


async def test_the_filter_works_while_typing_and_enter_keeps_it(records):
    async with records as sde:
        await sde.press("slash")
        await _typed(sde, "DAY 1")
        assert _rows(sde) == []
        await sde.press(*["backspace"] * 5)
        await _typed(sde, "day 1")
        assert _rows(sde) == [1, 10, 11]
        await sde.press("enter")
        assert "1/3 of 12" not in sde.lines[0]
        assert sde.lines[22].strip().startswith("1/3 of 12 “day 1”")


async def test_escape_drops_the_filter_and_keeps_the_cursors_row(records):
    async with records as sde:
        await sde.press("slash")
        await _typed(sde, "day 1")
        await sde.press("enter", "down", "escape")
        assert len(_rows(sde)) == 12
        assert sde.session.records.row == 10


async def test_a_filter_finds_labels_and_treats_text_as_text(records):
    async with records as sde:
        await sde.press("slash")
        await _typed(sde, "returns")
        assert _rows(sde) == [2, 8, 11]
        await sde.press("escape", "slash")
        await _typed(sde, ".*")
        assert _rows(sde) == []


async def test_the_filter_line_jumps_to_a_row(records):
    async with records as sde:
        await sde.press("slash")
        await sde.type(":row 9")
        await sde.press("enter")
        assert sde.session.records.row == 9
        await sde.press("slash")
        await sde.type(":row 40")
        await sde.press("enter")
        assert sde.flashed == "There is no row 40: rows go from 0 to 11."


async def test_a_late_filter_is_dropped_for_the_later_one(records):
    async with records as sde:
        sde.session.records.show(text="day 1")
        sde.session.records.show(text="day 2")
        await sde.settle()
        assert _rows(sde) == [2]


async def test_texts_are_read_once_however_much_is_typed_meanwhile(records, monkeypatch):
    import threading

    from sde_core.dataset import Dataset

    release, calls, real = threading.Event(), [], Dataset.texts

    def held(self, **options):
        calls.append(1)
        assert release.wait(20)
        return real(self, **options)

    async with records as sde:
        monkeypatch.setattr(Dataset, "texts", held)
        for text in ("d", "da", "day 1"):
            sde.session.records.show(text=text)
            await sde.pilot.pause()
        assert len(calls) == 1
        release.set()
        await sde.settle()
        assert _rows(sde) == [1, 10, 11]


async def test_only_rows_of_one_state(records):
    async with records as sde:
        await sde.press("a", "x", "space")
        for only, rows in (
            ("accepted", [0]),
            ("rejected", [1]),
            ("marked", [2]),
            ("unreadable", [5]),
            ("edited", []),
            ("undecided", list(range(2, 12))),
        ):
            sde.session.records.show(only=only)
            await sde.settle()
            assert _rows(sde) == rows, only
        await sde.press("o")
        assert isinstance(sde.app.screen, ChooseScreen)
        await sde.press("home", "enter")
        assert len(_rows(sde)) == 12


async def test_decisions_that_are_not_open_yet_cannot_be_filtered_by(records, monkeypatch):
    async with records as sde:
        monkeypatch.setattr(sde.session.decisions, "_journal", None)
        sde.session.records.show(only="accepted")
        await sde.settle()
        assert sde.flashed.startswith("Decisions open once the whole file has been read.")
        assert len(_rows(sde)) == 12


async def test_sorting_by_length_puts_what_cannot_be_read_last(records):
    async with records as sde:
        await sde.press("s", "down", "enter")
        assert _rows(sde)[-1] == 5
        assert _rows(sde)[:2] == [10, 11]


async def test_sorting_by_quality_says_what_to_do_first(records):
    async with records as sde:
        sde.session.quality_provider = None
        await sde.press("s", "end", "enter")
        assert "Score the rules on screen 6 first." in sde.flashed
        assert sde.session.records.view.order == "file"


async def test_sorting_by_quality(records):
    import numpy as np

    async with records as sde:
        sde.session.quality_provider = lambda: (np.array([3, 1]), np.array([0.2, 0.9]))
        sde.session.records.show(order="quality")
        await sde.settle()
        assert _rows(sde)[:2] == [1, 3]
        sde.session.records.show(order="poorest")
        await sde.settle()
        assert _rows(sde)[:2] == [3, 1]


# ---- deciding


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
        await _typed(sde, "billing")
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
        await sde.type("y")
        assert "esc leaves" in sde.text
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


# ---- there and back


async def test_backspace_returns_to_the_exact_place(records):
    async with records as sde:
        await sde.press("slash")
        await _typed(sde, "day")
        await sde.press("enter", "down", "down", "down")
        place = (sde.session.records.cursor, sde.session.records.view.text)
        await sde.press("1")
        sde.session.records.drill([4, 2], "a test", screen="overview")
        await sde.settle()
        assert _rows(sde) == [4, 2]
        assert "overview › a test" in sde.lines[22]
        await sde.press("backspace")
        assert "▐1 Overview▌" in sde.lines[1]
        await sde.press("2")
        assert (sde.session.records.cursor, sde.session.records.view.text) == place


async def test_drills_nest(records):
    async with records as sde:
        sde.session.records.drill([1, 2, 3], "first", screen="records")
        await sde.settle()
        await sde.press("down")
        sde.session.records.drill([3], "second", screen="records")
        await sde.settle()
        await sde.press("backspace")
        assert (_rows(sde), sde.session.records.cursor) == ([1, 2, 3], 1)
        await sde.press("backspace")
        assert len(_rows(sde)) == 12


# ---- fields


async def test_another_field_becomes_the_answer(open_app, write_jsonl):
    path = write_jsonl([{"instruction": f"q{n}", "output": "old", "better": f"new {n}"} for n in range(3)])
    async with open_app(path, size=(120, 40)) as sde:
        await sde.press("2", "m")
        assert "Which field plays which role" in sde.text
        screen = sde.app.screen
        screen._proposal = sde.session.mapping.with_roles(screen._proposal, {"answer": "better"})
        screen._refresh()
        await sde.settle()
        assert "new 0" in sde.text
        await sde.press("s")
        assert sde.session.dataset.turns(1).answer == "new 1"
        assert isinstance(sde.app.screen, RecordsScreen)
        await sde.press("exclamation_mark")
        assert "--map answer=better" in sde.app.clipboard


async def test_a_field_is_chosen_by_key(open_app, write_jsonl):
    path = write_jsonl([{"instruction": f"q{n}", "output": "old", "better": f"new {n}"} for n in range(3)])
    async with open_app(path, size=(120, 40)) as sde:
        await sde.press("2", "m")
        lines = [line for line in sde.lines if "answer" in line]
        assert any("output" in line for line in lines)
        await sde.press("down", "down", "down", "enter", "end", "enter", "s")
        assert sde.session.dataset.layout.roles["answer"] == "better"
