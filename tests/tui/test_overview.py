"""1 Overview: facts, problems, next steps."""

from __future__ import annotations

import threading

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


async def test_unchecked_rows_are_called_unchecked_and_r_checks(open_app, faulty_file):
    async with open_app(faulty_file) as sde:
        assert "What is wrong  not checked yet" in sde.text
        await sde.press("r")
        assert "Empty answers" in sde.text


async def test_the_first_rows_stand_there_while_nothing_else_is_known(open_app, dataset_file):
    async with open_app(dataset_file, settle=False) as sde:
        await sde.pilot.pause()
        assert "First rows" in sde.text
        assert "Where is my order number 1000?" in sde.text
        await sde.settle()


async def test_counts_are_called_at_least_while_the_file_is_being_read(open_app, write_jsonl, monkeypatch):
    path = write_jsonl([{"instruction": f"q{n}" * 40, "output": "a" * 400} for n in range(2000)])
    release, real = threading.Event(), Dataset.read_more

    def held(self, max_bytes=1 << 24):
        assert release.wait(20)
        return real(self, max_bytes)

    monkeypatch.setattr(Dataset, "read_more", held)
    async with open_app(path, settle=False) as sde:
        await sde.pilot.pause()
        assert "≥" in sde.lines[0]
        await sde.press_only("r")
        assert "still being read" in sde.flashed
        release.set()
        await sde.settle()
        assert "2,000 rows" in sde.lines[0]
        assert "≥" not in sde.lines[0]


async def test_stopping_the_checks_leaves_the_app_usable(open_app, faulty_file, monkeypatch):
    release = threading.Event()

    def slow(dataset, *, cancel, progress):
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
