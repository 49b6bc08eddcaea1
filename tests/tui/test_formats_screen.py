"""Screen 5 by its keys."""

from __future__ import annotations

import json
import random

import pytest

from sde_core.checks import run_checks
from sde_core.dataset import open_dataset
from sde_tui.screens.formats_drawing import group_head, short_title
from sde_tui.session_formats import GroupEntry, _habit
from sde_tui.widgets.spans import plain

HOSTILE = "\x1b]52;c;aGk=\x07[/INST] The 20. visitor brings it back on day 20."
LABELS = ("loans", "events", "rooms")


def row(prompt, answer, **fields):
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}], "task": fields.pop("task", "talk"), **fields}


@pytest.fixture
def desk(tmp_path):
    """100 rows of three tasks with three padded answers (10, 11, 12), a hostile one (20), an odd one (31) and an unreadable line (40)."""
    rows = []
    for n in range(100):
        if n % 2:
            rows.append(row(f"Which label fits message {n}?", LABELS[n % 3], task="label"))
        else:
            rows.append(row(f"What of number {n}?", f"The {n}. visitor borrows a book about the sea and brings it back on day {n}.", task="talk"))
    for n in (10, 12, 14):
        rows[n]["messages"][1]["content"] += " \n"
    rows[20]["messages"][1]["content"] = HOSTILE
    rows[31]["messages"][1]["content"] = "I would say that this is about loans, or perhaps events."
    lines = [json.dumps(one) for one in rows]
    lines[40] = '{"messages": ['
    path = tmp_path / "desk.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def on_check(sde, name):
    """Goes to screen 5 and puts the cursor on a check."""
    await sde.press("5", "home")
    values = [item.value for item in sde.app.screen.left.items if item.value is not None]
    await sde.press(*["down"] * values.index(("check", name)))
    assert sde.app.screen.entry.name == name


async def on_group(sde, words):
    await sde.press("5", "home")
    values = [item.value for item in sde.app.screen.left.items if item.value is not None]
    number = next(number for number, group in enumerate(sde.session.formats.groups) if words in group.title)
    await sde.press(*["down"] * values.index(("group", number)))


def right(sde):
    """The right pane's lines."""
    return [line.split("│", 1)[1].rstrip() for line in sde.lines if "│" in line]


def status_of(sde, row_number):
    return sde.session.decisions.status(row_number)


# ---- what is shown


async def test_the_list_is_the_engines_report_worst_first(open_app, desk):
    report = run_checks(open_dataset(str(desk)))
    async with open_app(desk, checks=True) as sde:
        await sde.press("5")
        names = [value[1] for item in sde.app.screen.left.items if (value := item.value) is not None and value[0] == "check"]
        assert names == [action.check for action in report.actions() if action.screen == "formats"]
        assert set(names) == {"bad-line", "control-characters", "special-token", "odd-answer", "outer-whitespace"}


async def test_a_check_shows_its_findings_and_the_fix_as_before_and_after(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_check(sde, "outer-whitespace")
        shown = "\n".join(right(sde))
        assert "White space around texts" in shown
        assert "▴ 3 rows · fix trim-whitespace" in shown
        assert "row 10 · messages[1].content" in shown
        assert "- …" in shown
        assert "⏎" in shown
        assert any(line.strip().startswith("+ …") and line.endswith("day 10.") for line in right(sde))


async def test_a_finding_without_a_fix_shows_its_evidence_and_the_habit_broken(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_check(sde, "odd-answer")
        shown = " ".join(" ".join(right(sde)).split())
        assert '98% of 50 answers (task is "label") are one short label; this one is prose.' in shown
        assert "I would say that this is about loans" in shown
        await sde.press("f")
        assert "No safe fix" in sde.flashed
        await sde.press("A")
        assert "no safe fix" in sde.flashed


async def test_groups_of_answers_with_their_habit_and_an_example(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_group(sde, '"label"')
        shown = " ".join(" ".join(right(sde)).split())
        assert '50 answers: task is "label"' in shown
        assert "▴ 1 breaks this: 98% are one short label" in shown
        assert "short label" in shown
        await sde.press("tab", "down")
        assert "I would say that this is about loans" in " ".join(" ".join(right(sde)).split())
        await sde.press("enter")
        assert sde.app.screen.NAME == "records"
        assert list(sde.session.records.view.rows) == [31]


async def test_hostile_text_reaches_the_screen_as_symbols(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        for check in ("control-characters", "special-token"):
            await on_check(sde, check)
            assert "\x1b" not in sde.text
            assert "\x07" not in sde.text
            assert "␛]52" in sde.text
            assert "[/INST]" in sde.text


async def test_before_checks_it_says_what_to_do(open_app, desk, monkeypatch):
    monkeypatch.setattr("sde_tui.session_formats.AUTOMATIC_ROWS", -1)
    async with open_app(desk) as sde:
        await sde.press("5")
        assert "Not checked yet: r runs all checks." in sde.text
        await sde.press("f")
        assert "r runs all checks" in sde.flashed
        await sde.press("r")
        assert "odd-answer" in sde.text
        assert "“label”" in sde.text


async def test_a_clean_file_says_that_nothing_was_found(open_app, tmp_path):
    path = tmp_path / "clean.jsonl"
    path.write_text("\n".join(json.dumps(row(f"What of {n}?", f"The {n}. visitor went home to the sea.")) for n in range(30)) + "\n")
    async with open_app(path, checks=True) as sde:
        await sde.press("5")
        assert "nothing found" in sde.text
        assert "Answers by group" in sde.text


async def test_labels_are_no_answers_to_group(open_app, tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join(json.dumps({"text": f"message {n}", "label": LABELS[n % 3]}) for n in range(30)) + "\n")
    async with open_app(path, checks=True) as sde:
        await sde.press("5")
        assert "no written answers" in sde.text
        await sde.press("enter")
        assert "nothing to show" in sde.flashed


# ---- fixing


async def test_fix_one_moves_on_and_can_be_undone(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_check(sde, "outer-whitespace")
        await sde.press("f")
        assert sde.session.dataset.turns(10).answer.endswith("day 10.")
        assert sde.session.decisions.log[-1].reasons == ("fix: trim-whitespace",)
        assert sde.app.screen.found.cursor == 1
        assert any(line.startswith("✎") and "10" in line for line in right(sde))
        assert sde.session.dataset.turns(12).answer.endswith("\n")
        await sde.press("tab", "up")
        assert "fixed; u takes it back" in sde.text
        await sde.press("f")
        assert "fixed already" in sde.flashed
        await sde.press("u")
        assert sde.session.dataset.turns(10).answer.endswith("\n")
        assert not any(line.startswith("✎") for line in right(sde))


async def test_fix_all_asks_with_the_exact_number_and_shows_what_is_fixed(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_check(sde, "outer-whitespace")
        await sde.press("A")
        assert "Change 3 texts in 3 rows by trim-whitespace?" in sde.text
        assert "row 10:" in sde.text
        await sde.press("n")
        assert sde.session.dataset.turns(12).answer.endswith("\n")
        await sde.press("f", "A")
        assert "Change 2 texts in 2 rows by trim-whitespace?" in sde.text
        await sde.press("y")
        assert [sde.session.dataset.turns(number).answer[-1] for number in (10, 12, 14)] == [".", ".", "."]
        assert sum(line.startswith("✎") for line in right(sde)) == 3
        await sde.press("A")
        assert "fixed already" in sde.flashed
        await sde.press("r")
        assert "outer-whitespace" not in sde.text


async def test_what_was_found_before_an_edit_is_called_so(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_check(sde, "outer-whitespace")
        await sde.press("f")
        assert plain(sde.app.screen.what_now()) == "Texts were edited since: r checks again"
        await sde.press("u")
        assert "edited since" not in plain(sde.app.screen.what_now())
        await sde.press("U")
        assert plain(sde.app.screen.what_now()) == "Texts were edited since: r checks again"


# ---- rejecting


async def test_reject_takes_the_finding_as_the_reason(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_check(sde, "odd-answer")
        await sde.press("x")
        assert status_of(sde, 31) == "rejected"
        assert "short label" in sde.session.decisions.reason(31)
        assert any(line.startswith("✗") for line in right(sde))
        await sde.press("x")
        assert "rejected already" in sde.flashed
        await sde.press("u")
        assert status_of(sde, 31) == ""


async def test_reject_all_asks_with_the_number_of_rows_left(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_check(sde, "outer-whitespace")
        await sde.press("x", "X")
        assert "Reject 2 rows?" in sde.text
        await sde.press("y")
        assert [status_of(sde, number) for number in (10, 12, 14)] == ["rejected"] * 3
        await sde.press("X")
        assert "rejected already" in sde.flashed


# ---- going there and back


async def test_enter_opens_the_rows_and_backspace_returns_to_the_place(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_check(sde, "outer-whitespace")
        await sde.press("enter")
        assert sde.app.screen.NAME == "records"
        assert list(sde.session.records.view.rows) == [10, 12, 14]
        await sde.press("backspace")
        assert sde.app.screen.NAME == "formats"
        assert sde.app.screen.entry.name == "outer-whitespace"
        await sde.press("tab", "down", "enter")
        assert sde.session.records.row == 12


async def test_overview_leads_here(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        assert " 5 " in sde.text
        assert "odd answers" in sde.text or "5 Formats" in sde.text


async def test_the_command_does_the_same(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_check(sde, "outer-whitespace")
        assert sde.app.screen.command_line() == f"sde fix {desk} --only outer-whitespace"
        await on_check(sde, "odd-answer")
        assert sde.app.screen.command_line() == f"sde check {desk} --only odd-answer"
        assert sde.app.screen.copied() == ("the evidence", "I would say that this is about loans, or perhaps events.")


async def test_another_layout_is_grouped_and_checked_again(open_app, tmp_path):
    path = tmp_path / "two.jsonl"
    path.write_text(
        "\n".join(json.dumps({"prompt": f"Say {n}", "response": str(n), "note": f"A note of some length, number {n}."}) for n in range(40)) + "\n"
    )
    async with open_app(path, checks=True) as sde:
        await sde.press("5")
        assert [group.family for group in sde.session.formats.groups] == ["a number"]
        layout = open_dataset(str(path), mapping={"prompt": "prompt", "answer": "note"}).layout
        sde.session.set_layout(layout)
        await sde.settle()
        assert [group.family for group in sde.session.formats.groups] == ["text"]


async def test_wide_and_narrow(open_app, desk):
    for size in ((80, 24), (120, 40), (200, 60)):
        async with open_app(desk, checks=True, size=size) as sde:
            await on_check(sde, "outer-whitespace")
            assert all(len(line) <= size[0] for line in sde.lines)
            assert "trim-whitespace" in sde.text


async def test_golden(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_check(sde, "outer-whitespace")
        await sde.press("f")
        sde.golden("formats")


async def on_template(sde, words):
    """Goes to screen 5 and puts the cursor on a template, or on the rows of none where `words` is empty."""
    await sde.press("5", "home")
    values = [item.value for item in sde.app.screen.left.items if item.value is not None]
    number = next(number for number, entry in enumerate(sde.session.formats.templates) if (words in entry.title if words else not entry.title))
    await sde.press(*["down"] * values.index(("template", number)))


async def test_templates_are_listed_with_the_shapes_of_their_answers(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_template(sde, "Which label")
        assert [entry.rows for entry in sde.session.formats.templates] == [50, 49]
        shown = "\n".join(right(sde))
        assert "50 prompts: Which label fits message ‹…›" in shown
        assert "short label" in shown
        assert "1 breaks this" in shown
        assert sde.app.screen.command_line().startswith("sde templates ")


async def test_odd_answers_of_a_template_stand_below_its_shapes(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_template(sde, "Which label")
        await sde.press("tab", "end")
        shown = " ".join(" ".join(right(sde)).split())
        assert "31 ▴ I would say that this is about loans" in shown
        assert "are one short label; this one is prose." in shown
        await sde.press("x")
        assert sde.session.decisions.status(31) == "rejected"
        await sde.press("u", "enter")
        assert sde.session.decisions.status(31) != "rejected"
        assert list(sde.session.records.view.rows) == [31]


async def test_enter_on_a_template_opens_its_rows(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_template(sde, "What of number")
        await sde.press("enter")
        assert sde.app.screen.NAME == "records"
        assert list(sde.session.records.view.rows) == [n for n in range(0, 100, 2) if n != 40]


async def test_free_prompts_are_said_to_have_no_template(open_app, tmp_path):
    path = tmp_path / "free.jsonl"
    rng = random.Random(1)
    prompts = ["".join(rng.choice("abcdefghij ") for _ in range(60)) for _ in range(40)]
    path.write_text("\n".join(json.dumps(row(prompt, "Yes, that is so.")) for prompt in prompts) + "\n", encoding="utf-8")
    async with open_app(path, checks=True) as sde:
        await sde.press("5")
        assert any("none: prompts are free text" in plain(item.line) for item in sde.app.screen.left.items)


@pytest.mark.parametrize(
    ("title", "short"),
    [
        ("the template is one of 8 such as “Sort this: ‹…›”", "8×“Sort this: ‹…›”"),
        ("the template is “Sort this: ‹…›”", "“Sort this: ‹…›”"),
        ('task is "label"', "“label”"),
        ("all other rows", "all other rows"),
    ],
)
def test_short_titles_of_groups(title, short):
    assert short_title(title) == short


async def test_golden_template(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_template(sde, "Which label")
        sde.golden("formats_template")


async def test_golden_group(open_app, desk):
    async with open_app(desk, checks=True) as sde:
        await on_group(sde, '"label"')
        sde.golden("formats_group")


def test_a_habit_of_other_rows_is_not_called_that_of_this_group():
    entry = GroupEntry("", 40, "prose", 0.7, ((3, '95% of 20 answers (task is "code") are code; this one is prose.'),), (), (("prose", "", 28),))
    assert plain(group_head(entry)[1]) == " ▴ 1 odd among other rows · 70% are prose"
    assert _habit('95% of 20 answers (task is "code") are code; this one is prose.', 20) == "95% are code"
    assert _habit("95% of 1,020 answers (a) are code; this one is prose.", 1020) == "95% are code"
    assert _habit('95% of 20 answers (task is "code") are code; this one is prose.', 40) == ""
