"""The frame around every screen, and the keys that work everywhere."""

from __future__ import annotations

import pytest

from sde_tui.keys import keys_of
from sde_tui.screens import SCREENS
from sde_tui.screens.dialogs import ConfirmScreen
from sde_tui.screens.search_list import SearchListScreen


async def test_number_keys_switch_screens_and_each_keeps_its_place(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        assert "▐1 Overview▌" in sde.lines[1]
        await sde.press("2", "down", "down")
        assert "▐2 Records▌" in sde.lines[1]
        await sde.press("1", "2")
        assert sde.session.records.cursor == 2


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_screen_shows_status_tabs_message_and_keys(open_app, dataset_file, size):
    async with open_app(dataset_file, size=size) as sde:
        for spec in SCREENS:
            await sde.press(str(spec.number))
            assert "tickets.jsonl" in sde.lines[0], spec.name
            assert f"▐{spec.number} {spec.title}▌" in sde.lines[1], spec.name
            assert all(f"{other.number} {other.short[:1]}" in sde.lines[1] for other in SCREENS), "no tab is cut off"
            assert sde.lines[-2].strip(), spec.name
            assert sde.lines[-1].lstrip().startswith("? Keys"), spec.name
            assert len(sde.lines) == size[1]
            assert max(map(len, sde.lines)) <= size[0]


@pytest.mark.parametrize("spec", SCREENS, ids=lambda spec: spec.name)
async def test_one_change_is_shown_once(open_app, dataset_file, spec, monkeypatch):
    async with open_app(dataset_file) as sde:
        await sde.press(str(spec.number))
        changes = []
        monkeypatch.setattr(sde.app.screen, "refresh_content", changes.append)
        sde.session.signals.jobs.publish("moved")
        await sde.settle()
        assert changes == ["jobs"]
        await sde.pilot.resize_terminal(90, 30)
        await sde.settle()
        assert set(changes) == {"jobs", "resized"}


async def test_help_lists_the_keys_of_the_screen_and_of_the_focused_widget_and_is_searched(open_app, dataset_file):
    async with open_app(dataset_file, size=(120, 60)) as sde:
        await sde.press("2", "question_mark")
        assert isinstance(sde.app.screen, SearchListScreen)
        for key in keys_of("records", "list"):
            assert key.help[:60] in sde.text, key
        await sde.type("undecided")
        assert "Make this row or the marked rows undecided again." in sde.text
        assert "Accept this row" not in sde.text
        await sde.press("escape")
        assert "▐2 Records▌" in sde.lines[1]


async def test_help_says_why_a_key_does_nothing(open_app, dataset_file):
    async with open_app(dataset_file, size=(120, 60)) as sde:
        await sde.press("question_mark")
        await sde.type("exact place")
        assert "Not now: There is no place to go back to" in sde.text


async def test_the_palette_offers_what_is_possible_now_and_does_it(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("2", "colon")
        await sde.type("exact place")
        assert "Nothing matches." in sde.text
        await sde.press(*["backspace"] * len("exact place"))
        await sde.type("invert")
        await sde.press("enter")
        assert len(sde.session.records.marks) == 12


async def test_the_palette_jumps_to_a_row(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("colon")
        await sde.type("row 7")
        await sde.press("enter")
        assert "▐2 Records▌" in sde.lines[1]
        assert sde.session.records.row == 7
        await sde.press("ctrl+p")
        await sde.type("row 99")
        assert "There is no row 99: rows go from 0 to 11." in sde.text


async def test_a_key_that_does_nothing_says_why_until_the_next_key(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("backspace")
        assert sde.flashed.startswith("There is no place to go back to")
        assert "There is no place to go back to" in sde.lines[22]
        await sde.press("down")
        assert sde.flashed == ""


async def test_undo_without_a_decision_says_so(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("u")
        assert sde.flashed == "There is nothing to undo."
        await sde.press("U")
        assert sde.flashed == "There is nothing to redo."


async def test_copy_leaves_the_text_in_a_file_too(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("2", "down", "y")
        assert sde.app.clipboard == dataset_file.read_text().splitlines()[1]
        assert (dataset_file.parent / "tickets.jsonl.sde" / "clip.txt").read_text() == sde.app.clipboard
        assert "Copied row 1" in sde.flashed


async def test_the_command_line_of_a_screen_is_shown_and_copied(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("exclamation_mark")
        assert sde.app.clipboard == f"sde check {dataset_file}"
        assert f"$sdecheck{dataset_file}" in "".join(sde.text.split())


async def test_themes_are_three(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        seen = []
        for _ in range(3):
            await sde.press("ctrl+t")
            seen.append(sde.app.theme)
            assert "tickets.jsonl" in sde.lines[0]
        assert sorted(seen) == ["sde-dark", "sde-light", "sde-terminal"]


async def test_quit_leaves_at_once_when_nothing_runs(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("q")
        assert sde.app._exit
        assert sde.app.return_value == ""


async def test_quit_says_what_keeps_running(open_app, dataset_file, monkeypatch):
    from sde_tui.session_jobs import JobLine

    async with open_app(dataset_file) as sde:
        running = (JobLine("j", "train", "t", "running", 812, 3000, 60.0, ""),)
        monkeypatch.setattr(sde.session.jobs, "_read", lambda: running)
        sde.session.jobs.watch()
        await sde.press("q")
        assert isinstance(sde.app.screen, ConfirmScreen)
        assert "train 812/3,000" in sde.text
        await sde.press("n")
        assert not sde.app._exit
        await sde.press("q", "y")
        assert "train 812/3,000 keeps running" in sde.app.return_value


async def test_a_hostile_name_in_a_command_or_a_question_is_only_text(open_app, dataset_file):
    hostile = dataset_file.rename(dataset_file.with_name("a\x1b]52;c;x\x07b.jsonl"))
    async with open_app(hostile) as sde:
        await sde.press("exclamation_mark")
        assert "a␛]52;c;x␇b.jsonl" in sde.flashed
        await sde.press("escape")
        sde.app.screen.ask(f"Leave {hostile.name}?", sde.app.leave, details=[hostile.name])
        await sde.settle()
        assert sde.text.count("a␛]52;c;x␇b.jsonl") >= 2
        assert not set(sde.text) & {"\x1b", "\x07"}


async def test_a_second_app_on_the_same_data_reads_only_and_says_so(open_app, dataset_file):
    async with open_app(dataset_file) as first:
        await first.press("2", "a")
        async with open_app(dataset_file) as second:
            assert "read-only" in second.lines[0]
            assert "✓1" in second.lines[0]
            await second.press("2", "x")
            assert "Read-only" in second.flashed
            assert second.session.decisions.counts == (1, 0)


async def test_letters_after_a_slash_in_one_burst_go_into_the_filter(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.burst("2", "slash", *"xax")
        await sde.until(lambda: sde.session.records.view.text == "xax")
        assert sde.session.decisions.counts == (0, 0)


async def test_keys_wait_for_a_screen_that_is_slow_to_come(open_app, dataset_file, monkeypatch):
    monkeypatch.setattr("sde_tui.type_ahead._LOOK_SECONDS", 0.0001)  # as if building the screen took far longer than a look
    monkeypatch.setattr("sde_tui.type_ahead._LOOKS", 100_000)
    async with open_app(dataset_file) as sde:
        await sde.burst("2", "slash", *"xax")
        await sde.until(lambda: sde.session.records.view.text == "xax")
        assert sde.session.decisions.counts == (0, 0)


async def test_a_fault_in_a_thread_is_one_sentence_and_the_app_goes_on(open_app, dataset_file, capfd):
    async with open_app(dataset_file) as sde:
        sde.session.lanes.thread("boom", "exploding", lambda cancel, progress: 1 / 0, lambda value: None)
        await sde.settle()
        assert sde.flashed.startswith("Internal error while exploding: ZeroDivisionError")
        await sde.press("2")
        assert "▐2 Records▌" in sde.lines[1]


async def test_a_command_longer_than_the_line_is_shown_whole_and_left_in_a_file(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("7")
        sde.session.selection.wish("lock three rows", locked=frozenset({0, 2, 4}))
        await sde.press("exclamation_mark")
        command = sde.session.selection.command_line()
        shown = "".join(line.strip(" │") for line in sde.lines[2:-2])
        assert command.split()[-1] in shown
        assert (sde.session.project.state_dir / "clip.txt").read_text() == command
        await sde.press("escape")
        assert "-o subset" not in sde.text
