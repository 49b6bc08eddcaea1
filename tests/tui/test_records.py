"""2 Records: reading, filtering, there and back."""

from __future__ import annotations

from sde_tui.screens.dialogs import ChooseScreen
from sde_tui.screens.records import RecordsScreen
from sde_tui.widgets.record_table import RecordTable


def _rows(sde) -> list[int]:
    return [int(row) for row in sde.session.records.view.rows]


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
        await sde.type_filter("DAY 1")
        assert _rows(sde) == []
        await sde.press(*["backspace"] * 5)
        await sde.type_filter("day 1")
        assert _rows(sde) == [1, 10, 11]
        await sde.press("enter")
        assert "1/3 of 12" not in sde.lines[0]
        assert sde.lines[22].strip().startswith("1/3 of 12 “day 1”")


async def test_escape_drops_the_filter_and_keeps_the_cursors_row(records):
    async with records as sde:
        await sde.press("slash")
        await sde.type_filter("day 1")
        await sde.press("enter", "down", "escape")
        assert len(_rows(sde)) == 12
        assert sde.session.records.row == 10


async def test_a_filter_finds_labels_and_treats_text_as_text(records):
    async with records as sde:
        await sde.press("slash")
        await sde.type_filter("returns")
        assert _rows(sde) == [2, 8, 11]
        await sde.press("escape", "slash")
        await sde.type_filter(".*")
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
        assert release.wait(120)
        return real(self, **options)

    async with records as sde:
        monkeypatch.setattr(Dataset, "texts", held)
        for text in ("d", "da", "day 1"):
            sde.session.records.show(text=text)
            await sde.rest()
        await sde.meanwhile(lambda: calls)
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


# ---- there and back


async def test_backspace_returns_to_the_exact_place(records):
    async with records as sde:
        await sde.press("slash")
        await sde.type_filter("day")
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
