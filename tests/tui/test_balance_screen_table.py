"""Screen 3: two fields against each other, what is computed on request, and rows to drop."""

from __future__ import annotations

import json


async def cross(sde, by):
    """Opens the table of the field shown against another one."""
    await sde.press("b")
    names = [name for name in sde.session.balance.fields if name != sde.session.balance.fields[0] and name not in sde.session.balance.waiting]
    await sde.press(*["down"] * names.index(by), "enter")


async def test_two_fields_against_each_other(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await cross(sde, "answer-kind")
        sde.golden("balance_table")
        assert "label against answer-kind" in sde.text
        assert sde.app.screen.command_line().endswith("--field label --by answer-kind")
        assert sde.app.screen.cross_table.pair == ("billing", "short")
        await sde.press("right")
        assert sde.app.screen.cross_table.pair == ("billing", "refusal")
        assert "billing · refusal · 3 rows" in sde.text
        await sde.press_only("t")
        assert "b goes back to the bars" in sde.flashed
        await sde.press("b")
        assert "█" in sde.text
        assert sde.app.screen.by == ""


async def test_enter_on_a_cell_opens_its_rows_and_backspace_comes_back(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await cross(sde, "refused")
        await sde.press("right", "enter")
        assert [int(row) for row in sde.session.records.view.rows] == [3, 13, 23]
        assert "label is billing, refused is yes" in sde.text
        await sde.press("backspace")
        assert (sde.app.screen.NAME, sde.app.screen.by) == ("balance", "refused")
        assert sde.app.screen.cross_table.pair == ("billing", "yes")
        sde.session.decisions.reject([3], "bad")
        await sde.settle()
        assert "billing · yes · 2 rows" in sde.text
        await sde.press("escape")
        assert sde.app.screen.by == ""


async def test_enter_on_a_cell_without_rows_says_so(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await cross(sde, "answer-kind")
        table = sde.app.screen.cross_table
        line, column = next((line, column) for line, counts in enumerate(table.table.counts) for column, count in enumerate(counts) if not count)
        await sde.press(*["down"] * line, *["right"] * column)
        assert "· 0 rows" in sde.text
        await sde.press_only("enter")
        assert sde.flashed == "No row has both classes."
        assert sde.app.screen.NAME == "balance"


async def test_rows_without_a_class_are_a_line_of_the_table(open_app, labelled):
    async with open_app(labelled, size=(120, 40)) as sde:
        await sde.press("3")
        await cross(sde, "meta.source")
        assert any("(none)" in line and line.split()[-1] == "1" for line in sde.lines)


async def test_the_other_field_of_a_table_shows_bars(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await cross(sde, "meta.source")
        await sde.press("tab", "down")
        assert sde.app.screen.field == "meta.source"
        assert sde.app.screen.by == ""


async def test_many_columns_scroll_with_the_cursor(open_app, tmp_path):
    path = tmp_path / "wide.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {n}", "label": "ab"[n % 2], "desk": f"desk number {n % 12}"}) + "\n" for n in range(120)))
    async with open_app(path) as sde:
        await sde.press("3")
        await cross(sde, "desk")
        assert "more ←→" in sde.text
        await sde.press(*["right"] * 20)
        assert sde.app.screen.cross_table.column == 11
        assert sde.app.screen.cross_table.pair[1] in sde.session.balance.table("label", "desk").across
        assert "[" in sde.text


async def test_a_field_is_computed_when_it_is_asked_for(open_app, tmp_path):
    path = tmp_path / "topics.jsonl"
    asked = ["How late is the flight to airport {n}?", "Which flour does cake recipe {n} need?"]
    path.write_text("".join(json.dumps({"instruction": asked[n % 2].format(n=n), "output": f"It is {n}."}) + "\n" for n in range(80)))
    async with open_app(path) as sde:
        await sde.press("3")
        await sde.press("left")
        assert sde.app.screen.field == "topic"
        assert "Not computed" in sde.text
        assert "enter computes it" in sde.text
        await sde.press_only("t")
        assert "topic is not computed" in sde.flashed
        await sde.press("enter")
        await sde.settle()
        assert "what the prompt is about" in sde.text
        assert "flour" in sde.text
        assert "topic" not in sde.session.balance.waiting
        await sde.press("r")
        await sde.settle()
        assert "topic" not in sde.session.balance.waiting


async def test_the_rows_that_a_target_has_no_room_for_are_rejected_after_asking(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await sde.press_only("X")
        assert "This field has no targets" in sde.flashed
        await sde.press("right", "right")
        sde.session.balance.set_target("answer-kind", "refusal", "2%")
        await sde.settle()
        assert "X rejects the rows" in sde.text
        await sde.press("X", "enter")
        assert "Reject 3 rows so that answer-kind has its target shares?" in sde.text
        assert "cosine" in sde.text
        await sde.press("y")
        await sde.settle()
        rejected = sde.session.decisions.state.rejected_rows().tolist()
        assert len(rejected) == 3
        assert set(rejected) <= {3, 13, 23, 60}
        assert "too many of answer-kind refusal: like row" in sde.session.decisions.reason(rejected[0])
        assert sde.session.balance.balance("answer-kind").count_of("refusal") == 1
        await sde.press("u")
        assert sde.session.decisions.state.rejected_rows().tolist() == []


async def test_nothing_is_dropped_where_the_question_is_answered_no(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        sde.session.balance.set_target("label", "billing", "40%")
        await sde.press("X", "down", "enter")
        assert "at random, seed 7" in sde.text
        await sde.press("n")
        assert sde.session.decisions.state.rejected_rows().tolist() == []
        assert sde.app.screen.NAME == "balance"


async def test_length_bands_by_name_stand_in_their_order(open_app, tmp_path):
    path = tmp_path / "lengths.jsonl"
    words = (1, 30, 30, 30, 100)
    path.write_text("".join(json.dumps({"instruction": f"q {n}", "output": "word " * words[n % 5]}) + "\n" for n in range(60)))
    async with open_app(path) as sde:
        await sde.press("3")
        sde.session.balance.show(by_name=True)
        assert [counted.name for counted in sde.session.balance.classes("answer-length")] == ["1-10 words", "11-50 words", "51-200 words"]
