"""Screen 3 by its keys."""

from __future__ import annotations

import json

import pytest

from sde_core.checks.balance import class_balance
from sde_core.dataset import open_dataset
from sde_tui import session_balance
from sde_tui.screens.balance_drawing import share_text
from sde_tui.widgets.bars import bar_spans
from sde_tui.widgets.spans import plain, width_of

FIELDS = ["label", "meta.source", "answer-kind", "refused", "prompt-template", "topic"]


async def test_the_screen_at_80_by_24(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        sde.golden("balance")


async def test_fields_and_counts_are_the_engines(open_app, labelled):
    report = class_balance(open_dataset(str(labelled)))
    async with open_app(labelled) as sde:
        await sde.press("3")
        assert sde.session.balance.fields == [*(found.field for found in report.fields), *report.waiting] == FIELDS
        label = report.field("label")
        assert f"imbalance {label.imbalance:.1f} : 1 · evenness {label.evenness:.2f} · {label.entropy:.2f} bits" in sde.text
        assert "99 rows not rejected, 1 without" in sde.text
        bars = [line.partition("│")[2] for line in sde.lines[4:9]]
        assert [bar.split()[:3] for bar in bars[:3]] == [["billing", "50", "50.5%"], ["refunds", "30", "30.3%"], ["delivery", "15", "15.2%"]]
        assert bars[0].count("█") > bars[1].count("█") > bars[2].count("█") > 0


async def test_other_fields_by_arrow_and_by_list(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await sde.press("right")
        assert sde.app.screen.field == "meta.source"
        assert "a field · 2 classes" in sde.text
        await sde.press(*["left"] * 5)
        assert sde.app.screen.field == "answer-kind"
        assert "refusal" in sde.text
        await sde.press("tab", "home")
        assert sde.app.screen.field == "label"
        await sde.press("enter", "down")
        assert sde.app.screen.class_name == "refunds"


async def test_enter_on_a_bar_opens_its_rows_and_backspace_comes_back(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await sde.press("right", "right", "down", "enter")
        assert sde.app.screen.NAME == "records"
        assert [int(row) for row in sde.session.records.view.rows] == [3, 13, 23, 60]
        assert "answer-kind is refusal" in sde.text
        await sde.press("backspace")
        assert sde.app.screen.NAME == "balance"
        assert (sde.app.screen.field, sde.app.screen.class_name) == ("answer-kind", "refusal")


async def test_a_target_says_the_exact_number_of_rows(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await sde.press("t")
        assert "Share that billing should have" in sde.text
        await sde.type("40%")
        await sde.press("enter")
        assert "▲ drop 18" in sde.text
        assert "▲ over its target 40.0%: drop 18, all else kept." in sde.text
        assert "┃" in next(line for line in sde.lines if "▲ drop" in line)
        assert (50 - 18) / (99 - 18) <= 0.4 < (50 - 17) / (99 - 17)
        await sde.press("down", "t")
        await sde.type("0.4")
        await sde.press("enter")
        assert "▼ add 16" in sde.text
        assert "All targets by dropping: keep 75 rows, drop 20 of billing, 4 of the other" in " ".join(" ".join(sde.lines).split()).replace("│ ", "")
        assert sde.app.screen.command_line().endswith("--field label --target billing=0.4 --target refunds=0.4")


async def test_targets_that_make_no_sense_are_said_and_not_kept(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        for text, words in (("99", "Write 99% for per cent"), ("many", "is not a share"), ("110%", "not within")):
            await sde.press("t")
            await sde.type(text)
            await sde.press("enter")
            assert words in sde.flashed
        await sde.press("t")
        await sde.type("70%")
        await sde.press("enter", "down", "t")
        await sde.type("60%")
        await sde.press("enter")
        assert "add up to 130%" in sde.flashed
        assert sde.session.balance.targets == {"label": {"billing": 0.7}}


async def test_targets_are_changed_and_forgotten(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await sde.press_only("escape")
        assert "no targets" in sde.flashed
        sde.session.balance.set_target("label", "billing", "5%")
        await sde.press("t", *["backspace"] * 2, "enter")
        assert sde.session.balance.targets == {"label": {}}
        sde.session.balance.set_target("label", "billing", "5%")
        await sde.press("escape")
        assert sde.session.balance.targets == {}


async def test_a_class_that_does_not_occur_can_have_a_target(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await sde.press("right", "right")
        sde.session.balance.set_target("answer-kind", "code", "10%")
        await sde.settle()
        assert "▼ add 12" in next(line for line in sde.lines if " code " in line)


async def test_rejected_rows_do_not_count_until_asked_for(open_app, labelled):
    async with open_app(labelled) as sde:
        sde.session.decisions.reject(range(20), "too many")
        sde.session.decisions.accept([60, 61])
        await sde.settle()
        await sde.press("3")
        assert "79 rows not rejected, 1 without" in sde.text
        assert sde.session.balance.balance("label").count_of("billing") == 30
        await sde.press("v")
        assert "99 all rows" in sde.text
        await sde.press("v")
        assert "2 accepted rows" in sde.text
        assert [counted.name for counted in sde.session.balance.classes("label")] == ["refunds"]
        await sde.press("v")
        await sde.press("u", "u")
        assert sde.session.balance.balance("label").count_of("billing") == 50


async def test_bars_drill_into_the_rows_that_count(open_app, labelled):
    async with open_app(labelled) as sde:
        sde.session.decisions.reject([3], "bad")
        await sde.settle()
        await sde.press("3")
        await sde.press("right", "right", "down", "enter")
        assert [int(row) for row in sde.session.records.view.rows] == [13, 23, 60]


async def test_sorted_by_name_numbers_by_value(open_app, tmp_path):
    path = tmp_path / "rated.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {n}", "rating": (10, 9, 9, 2)[n % 4]}) + "\n" for n in range(60)))
    async with open_app(path) as sde:
        await sde.press("3")
        assert [counted.name for counted in sde.session.balance.classes("rating")] == ["9", "10", "2"]
        await sde.press("s")
        assert [counted.name for counted in sde.session.balance.classes("rating")] == ["2", "9", "10"]
        assert "by count" in sde.text


async def test_spellings_and_rare_classes_are_pointed_out(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        assert "! label" in sde.text
        assert "1 label respelt" in sde.text
        line = next(line for line in sde.lines if "'Billing '" in line)
        assert line.rstrip().endswith("! billing")
        assert "! rare" in sde.text
        await sde.press("down", "down", "down")
        assert "Another spelling of billing" in sde.text


async def test_hostile_classes_are_harmless(open_app, labelled):
    async with open_app(labelled, size=(120, 40)) as sde:
        await sde.press("3")
        assert "\x1b" not in sde.text
        assert "␛[31mred" in sde.text


async def test_definitions_of_computed_classes_are_shown(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        await sde.press("right", "right", "down")
        assert "answer-kind · what the answer is · 2 classes" in sde.text
        assert "Declines to do what is asked" in sde.text


async def test_large_files_wait_for_r(open_app, labelled, monkeypatch):
    monkeypatch.setattr(session_balance, "AUTOMATIC_ROWS", 3)
    async with open_app(labelled) as sde:
        await sde.press("3")
        assert "Not counted yet: r counts" in sde.text
        await sde.press_only("t")
        assert "Not counted yet" in sde.flashed
        await sde.press("r")
        assert "billing" in sde.text


async def test_another_layout_counts_anew(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        sde.session.balance.set_target("label", "billing", "5%")
        sde.session.set_layout(type(sde.session.dataset.layout)("prompt-response", {"prompt": "instruction", "answer": "output"}))
        await sde.settle()
        assert sde.session.balance.targets == {}
        assert sde.session.balance.fields == FIELDS
        assert sde.session.balance.balance("label").source == "field"


async def test_the_command_counts_the_same(open_app, labelled):
    async with open_app(labelled) as sde:
        await sde.press("3")
        assert sde.app.screen.command_line() == f"sde balance {labelled} --field label"
        assert sde.app.screen.copied() == ("the class", "billing")


# ---- drawing


@pytest.mark.parametrize("width", [1, 4, 13, 60])
@pytest.mark.parametrize("value", [0.0, 0.0001, 0.3, 0.999, 1.0, 1.7])
@pytest.mark.parametrize("target", [None, 0.0, 0.5, 1.0])
def test_a_bar_has_its_width_and_what_is_there_is_seen(width, value, target):
    bar = bar_spans(value, width, target=target)
    assert width_of(bar) == width
    assert ("┃" in plain(bar)) == (target is not None)
    if target is None:
        assert bool(plain(bar).strip()) == (value > 0)


def test_no_bar_without_room():
    assert bar_spans(0.5, 0) == []


def test_a_share_that_is_not_nothing_is_not_shown_as_nothing():
    assert [share_text(share) for share in (0.0, 0.0001, 0.0006, 0.5, 1.0)] == ["0.0%", "<0.1%", "0.1%", "50.0%", "100.0%"]
