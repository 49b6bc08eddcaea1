"""1 Overview: facts, problems, next steps."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sde_core.dataset import Dataset


@pytest.fixture
def faulty_file(write_jsonl):
    """Rows with two empty answers and one line that is no record."""
    rows = [{"instruction": f"What is {n} plus one?", "output": str(n + 1), "category": ("sums", "more sums")[n % 2]} for n in range(20)]
    rows[3]["output"] = rows[11]["output"] = ""
    return write_jsonl([*rows, b'{"instruction": "cut'])


async def test_it_tells_what_the_file_is(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        assert f"path     {dataset_file}"[:70] in sde.text
        assert "holds    12 rows, 1 cannot be read · jsonl" in sde.text or "12 rows · jsonl" in sde.text
        assert "layout   alpaca: prompt = instruction, answer = output" in sde.text


async def test_problems_are_listed_with_their_rows_and_drilled_into(open_app, faulty_file):
    async with open_app(faulty_file, checks=True) as sde:
        assert "holds    21 rows, 1 cannot be read" in sde.text
        line = next(line for line in sde.lines if "Empty answers" in line)
        assert line.split()[:2] == ["!", "2"]
        while "Empty answers" not in sde.lines[_cursor_line(sde)]:
            await sde.press("down")
        await sde.press("enter")
        assert "▐2 Records▌" in sde.lines[1]
        assert [int(row) for row in sde.session.records.view.rows] == [3, 11]
        assert "overview › empty answers" in sde.lines[22]
        await sde.press("backspace")
        assert "▐1 Overview▌" in sde.lines[1]
        assert "Empty answers" in sde.lines[_cursor_line(sde)]


def _cursor_line(sde) -> int:
    shown = sde.app.screen.query_one("#overview")
    return 2 + shown.cursor - shown.scroll_offset.y


async def test_the_cursor_is_on_the_worst_problem_at_first(open_app, faulty_file):
    async with open_app(faulty_file, checks=True) as sde:
        above = sde.lines[_cursor_line(sde) - 1]
        assert "What is wrong" in above


async def test_a_clean_file_says_so(open_app, write_jsonl):
    rows = [{"instruction": f"Name the thing called {name}.", "output": f"It is {name}, a fine thing."} for name in ("oak", "elm", "ash", "fir")]
    async with open_app(write_jsonl(rows), checks=True) as sde:
        problems = sde.session.overview.problems()
        if not problems:
            assert "nothing that the checks look for" in sde.text


async def test_next_steps_name_the_key_and_go_there(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        step = next(line for line in sde.lines if "look at the rows" in line)
        assert step.split()[0] == "2"
        while "look at the rows" not in sde.lines[_cursor_line(sde)]:
            await sde.press("down")
        await sde.press("enter")
        assert "▐2 Records▌" in sde.lines[1]


async def test_next_steps_say_what_the_checks_found(open_app, write_jsonl):
    clean = [{"instruction": f"Name the thing called {name}.", "output": f"It is {name}, a fine thing."} for name in ("oak", "elm", "ash", "fir")]
    async with open_app(write_jsonl(clean), checks=True) as sde:
        words = {step.key: step.words for step in sde.session.overview.next_steps()}
        assert words["4"].startswith("no duplicates found; ")
        assert words["5"].endswith("no finding has a safe fix")
    async with open_app(write_jsonl([*clean, clean[0], clean[0]]), checks=True) as sde:
        assert {step.key: step.words for step in sde.session.overview.next_steps()}["4"].endswith(": 2 rows repeat others")
        sde.session.decisions.reject([4], "a copy")
        assert {step.key: step.words for step in sde.session.overview.next_steps()}["4"].endswith(": 1 row repeats others")
        sde.session.decisions.reject([5], "a copy")
        assert {step.key: step.words for step in sde.session.overview.next_steps()}["4"].startswith("what repeats others is rejected")


async def test_unchecked_rows_are_called_unchecked_and_r_checks(open_app, faulty_file):
    async with open_app(faulty_file) as sde:
        assert "What is wrong  not checked yet: r checks all 21 rows in about 1 s" in sde.text
        await sde.press("r")
        assert "Empty answers" in sde.text


async def test_the_first_rows_stand_there_while_nothing_else_is_known(open_app, dataset_file):
    async with open_app(dataset_file, settle=False) as sde:
        assert "First rows" in sde.text
        assert "Where is my order number 1000?" in sde.text
        await sde.settle()


async def test_counts_are_called_at_least_while_the_file_is_being_read(open_app, write_jsonl, monkeypatch):
    path = write_jsonl([{"instruction": f"q{n}" * 40, "output": "a" * 400} for n in range(2000)])
    release, real = threading.Event(), Dataset.read_more

    def held(self, max_bytes=1 << 24):
        assert release.wait(120)
        return real(self, max_bytes)

    monkeypatch.setattr(Dataset, "read_more", held)
    async with open_app(path, settle=False) as sde:
        assert "≥" in sde.lines[0]
        await sde.press_only("r")
        assert "still being read" in sde.flashed
        release.set()
        await sde.settle()
        assert "2,000 rows" in sde.lines[0]
        assert "≥" not in sde.lines[0]


async def test_stopping_the_checks_leaves_the_app_usable(open_app, faulty_file, monkeypatch):
    release = threading.Event()

    def slow(dataset, *, cancel, progress, **_options):
        from sde_core.progress import raise_if_cancelled

        progress(1, 10)
        while not cancel.wait(0.01):
            assert not release.is_set()
        raise_if_cancelled(cancel)

    monkeypatch.setattr("sde_core.checks.run_checks", slow)
    async with open_app(faulty_file) as sde:
        await sde.press_only("r")
        assert sde.session.findings.running
        await sde.press("ctrl+x")
        assert sde.flashed == "Stopped: checking."
        assert "not checked yet" in sde.text


async def test_copy_on_the_overview_copies_the_path(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("y")
        assert sde.app.clipboard == str(dataset_file)


async def test_decisions_are_summed_up(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        await sde.press("2", "a", "x", "1")
        assert "1 accepted, 1 rejected · training set: 1 accepted rows" in sde.text


async def test_the_label_variants_are_hostile_text_too(open_app, write_jsonl):
    path = write_jsonl([{"instruction": f"q{n}", "output": "a", "category": "x\x1b[31m" if n % 2 else "y"} for n in range(30)])
    async with open_app(path, checks=True) as sde:
        for key in ("1", "2"):
            await sde.press(key)
            assert "\x1b" not in sde.text


# ---- ranking, legend, room


async def test_the_worst_damage_is_first_and_the_signs_are_explained(open_app, faulty_file):
    async with open_app(faulty_file, checks=True) as sde:
        head = next(line for line in sde.lines if "What is wrong" in line)
        assert "! error" in head
        assert "▴ warning" in head
        assert head.rstrip().endswith("key")
        problems = sde.session.overview.problems()
        assert [problem.damage for problem in problems] == sorted((problem.damage for problem in problems), reverse=True)
        assert sum(problem.damage for problem in problems) == pytest.approx(1)
        assert next(line for line in sde.lines if "Empty answers" in line).rstrip().endswith("5 Formats")


async def test_eight_problems_and_three_steps_fit_a_low_window(open_app, tmp_path):
    path = tmp_path / "support.jsonl"
    path.write_bytes((Path(__file__).parents[2] / "sample_data/support.jsonl").read_bytes())
    async with open_app(path, checks=True) as sde:
        problems = sde.session.overview.problems()
        shown = [problem for problem in problems if any(problem.title[:40] in line for line in sde.lines)]
        assert shown == problems[: len(shown)]
        assert len(shown) >= 8
        assert sum(line.startswith(("  2  ", "  5  ", "  4  ")) for line in sde.lines) == 3
        assert f"and {len(problems) - len(shown)} more" in sde.text
        while "more: enter" not in sde.lines[_cursor_line(sde)]:
            await sde.press("down")
        await sde.press("enter", "G")
        assert not any("more: enter" in str(item.line) for item in sde.app.screen.query_one("#overview").items)


async def test_copies_lead_to_their_groups(open_app, write_jsonl):
    rows = [{"instruction": f"What is {n} plus one, tell me in one word?", "output": f"It is {n + 1}, of course."} for n in range(30)]
    path = write_jsonl([*rows, rows[4], rows[7]])
    async with open_app(path, checks=True) as sde:
        while "Exact copies" not in sde.lines[_cursor_line(sde)]:
            await sde.press("down")
        await sde.press("enter")
        assert "▐4 D" in sde.lines[1]
        assert sde.session.duplicates.wishes.kind == "exact"
        group = sde.session.duplicates.group(0)
        assert {member.row for member in group.members} in ({4, 30}, {7, 31})


async def test_copy_on_a_problem_copies_it_and_the_command(open_app, faulty_file):
    async with open_app(faulty_file, checks=True) as sde:
        while "Empty answers" not in sde.lines[_cursor_line(sde)]:
            await sde.press("down")
        await sde.press("y")
        said, command = sde.app.clipboard.splitlines()
        assert said.startswith("error: Empty answers (empty-answer): 2 rows.")
        assert command == f"sde check {faulty_file} --only empty-answer"


# ---- large files and earlier findings


async def test_a_large_file_waits_for_r_and_says_how_long_it_takes(open_app, faulty_file, monkeypatch):
    async with open_app(faulty_file) as sde:
        monkeypatch.setattr("sde_tui.session_overview.ROWS_PER_SECOND", 0.1)
        sde.app.screen.refresh_all("shown")
        await sde.settle()
        assert "not checked yet: r checks all 21 rows in about 3 min" in sde.text
        assert sde.session.findings.report is None


async def test_a_second_open_shows_what_the_first_one_found(open_app, faulty_file, monkeypatch):
    async with open_app(faulty_file, checks=True) as sde:
        first = sde.session.findings.report
        assert "on the same rows" not in sde.text
    with monkeypatch.context() as patch:
        patch.setattr("sde_core.checks.runner.run", lambda *_args, **_options: pytest.fail("checked again"))
        async with open_app(faulty_file) as sde:
            assert sde.session.findings.report == first
            assert "on the same rows; r checks again" in sde.text
    async with open_app(faulty_file) as sde:
        await sde.press("r")
        assert sde.session.findings.report == first
        assert "on the same rows" not in sde.text


# ---- silences


async def _on(sde, words: str) -> None:
    while words not in sde.lines[_cursor_line(sde)]:
        await sde.press("down")


async def test_a_silence_is_written_with_its_reason_and_taken_back(open_app, faulty_file):
    config = faulty_file.parent / "sde.toml"
    config.write_text('# ours\nfail_on = "error"\n', encoding="utf-8")
    async with open_app(faulty_file, checks=True) as sde:
        await _on(sde, "Empty answers")
        await sde.press("s")
        await sde.press("enter")
        assert "needs a reason" in sde.flashed
        await sde.press("s")
        await sde.type("prompts alone")
        await sde.press("enter")
        assert str(config) in sde.flashed
        assert config.read_text(encoding="utf-8").startswith('# ours\nfail_on = "error"\n\n[[silence]]\ncheck = "empty-answer"\n')
        assert "Silenced by sde.toml" in sde.text
        assert "2  Empty answers — prompts alone" in sde.text
        assert sde.session.findings.of(3) == []
        await _on(sde, "prompts alone")
        await sde.press("s")
        assert "No longer silenced" in sde.flashed
        assert "Silenced by" not in sde.text
        assert sde.session.findings.of(3)
        assert config.read_text(encoding="utf-8").rstrip("\n") == '# ours\nfail_on = "error"'


async def test_what_is_silenced_counts_rows_as_it_did_before(open_app, write_jsonl):
    rows = [{"text": f"parcel {n} is late", "label": "delivery"} for n in range(30)] + [{"text": "parcel 3 is late", "label": "billing"}]
    path = write_jsonl(rows)
    async with open_app(path, checks=True) as sde:
        await _on(sde, "The same text under different labels")
        before = sde.lines[_cursor_line(sde)].split()[1]
        await sde.press("s")
        await sde.type("looked at")
        await sde.press("enter")
        assert [silenced.rows for silenced in sde.session.overview.silenced()] == [int(before)] == [2]


async def test_a_mistake_in_the_configuration_is_told_and_checks_run(open_app, faulty_file):
    (faulty_file.parent / "sde.toml").write_text('[[silence]]\ncheck = "empty-answer"\nreason = ""\n')
    async with open_app(faulty_file, checks=True, size=(160, 30)) as sde:
        assert "line 3: a silence has no reason" in sde.text
        assert "Empty answers" in sde.text


# ---- the report


async def test_the_report_is_written_and_its_path_shown(open_app, faulty_file):
    async with open_app(faulty_file) as sde:
        await sde.press("w")
        assert "nothing to report yet" in sde.flashed
        await sde.press("r")
        await sde.press("w", "enter")
        path = sde.session.project.state_dir / "report.md"
        assert sde.flashed == f"Report written to {path}."
        assert "| 2 | error | Empty answers |" in path.read_text(encoding="utf-8")
        await sde.press("w", "ctrl+u")
        await sde.type(f"{faulty_file.parent}/r.txt")
        await sde.press("enter")
        assert "does not say in which form" in sde.flashed
