"""Comparing rows by key: t on screen 6."""

from __future__ import annotations

import json
import re
import threading

import pytest

from sde_core.errors import CancelledError
from sde_core.project import Project
from sde_core.rules.truth import ComparisonJournal
from sde_core.rules.truth.comparing import Comparing
from sde_tui.screens.compare_rows import CompareScreen
from sde_tui.screens.compare_rows_drawing import interval_bar

HOSTILE = "\x1b]52;c;aGk=\x07[/INST] [red]Pear[/red]"


def write(path, rows):
    path.write_text("".join(json.dumps({"instruction": prompt, "output": answer}) + "\n" for prompt, answer in rows), encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path):
    rows = [(f"Explain tide {number}.", f"Tide {number}: " + "The moon pulls the sea. " * (number + 1)) for number in range(6)]
    return write(tmp_path / "rows.jsonl", rows)


def journal_of(path):
    return ComparisonJournal.open(Project.of(str(path)).comparisons_path, writing=False).comparisons


def is_locked(path):
    """Whether somebody holds the journal open for writing."""
    journal = ComparisonJournal.open(Project.of(str(path)).comparisons_path)
    locked = journal.read_only
    journal.close()
    return locked


async def opened(sde):
    await sde.press("6", "t")
    assert isinstance(sde.app.screen, CompareScreen)


def shown_numbers(sde):
    """The tides that stand left and right."""
    sides = sde.session.part("comparisons").sides()
    return [int(side.answer.split(":")[0].removeprefix("Tide ")) for side in sides]


async def test_each_answer_is_one_key_and_on_the_disk(open_app, data):
    async with open_app(data) as sde:
        await opened(sde)
        assert "Which row is the better one to learn from?" in sde.text
        assert "no answers yet, 6 rows to compare" in sde.text
        for key, winner in (("left", "a"), ("right", "b"), ("equals_sign", "tie"), ("s", "skip"), ("1", "a"), ("2", "b")):
            before = shown_numbers(sde)
            await sde.press(key)
            one = journal_of(data)[-1]
            assert one.winner == winner
            assert [sde.session.dataset.row_of_key(one.a), sde.session.dataset.row_of_key(one.b)] == before
            assert shown_numbers(sde) != before
        assert "5 answers on" in sde.text


async def test_drawing_that_is_stopped_locks_nothing(open_app, data):
    async with open_app(data) as sde:
        await sde.settle()
        stopped = threading.Event()
        stopped.set()
        with pytest.raises(CancelledError):
            sde.session.part("comparisons")._opened(None, stopped)
        assert not is_locked(data)


async def test_undo_brings_the_same_pair_back(open_app, data):
    async with open_app(data) as sde:
        await opened(sde)
        before = shown_numbers(sde)
        await sde.press("1", "u")
        assert not journal_of(data)
        assert shown_numbers(sde) == before
        assert "Taken back" in sde.text
        await sde.press("u")
        assert "There is no answer to take back." in sde.text


async def test_pairs_that_were_skipped_are_no_new_answers(open_app, data):
    async with open_app(data) as sde:
        await opened(sde)
        part = sde.session.part("comparisons")
        for key in ("s", "1", "s"):  # a key is no answer while the next pair is chosen
            await sde.press(key)
        assert (part.new_answers, part.answered) == (1, 1)
        await sde.press("u")
        assert (part.new_answers, part.answered) == (1, 1)
        await sde.press("u")
        assert (part.new_answers, part.answered) == (0, 0)


async def test_no_score_is_shown_while_judging(open_app, data):
    async with open_app(data) as sde:
        await opened(sde)
        await sde.press("1", "2")
        assert not re.search(r"0\.\d", sde.text.replace("± 0.", ""))
        assert "quality" not in sde.text
        sde.golden("compare_rows")


async def test_the_results_rank_rows_and_hold_rules_against_the_answers(open_app, data):
    async with open_app(data) as sde:
        await opened(sde)
        await sde.press("r")
        assert "Nothing is compared yet" in sde.text
        for _ in range(12):
            left, right = shown_numbers(sde)
            await sde.press("1" if left > right else "2")
        await sde.press("r")
        assert "What your answers say of rules and rows" in sde.text
        longer = next(line for line in sde.lines if "longer is better" in line)
        few = sde.session.part("comparisons").results.report.equal_length_pairs < 5
        assert ("too few" in longer) == few and "interval off 0.50" in sde.text
        assert longer.split()[longer.split().index("better") + 1] == "1.00"
        assert "▲" in longer
        truth = sde.session.part("comparisons").results.truth
        assert truth.rows[truth.values.argmax()] == 5
        await sde.press("r")
        assert "Which row is the better one" in sde.text
        await sde.press("r", "enter")
        assert sde.app.current_mode == "records"
        assert list(sde.session.records.view.rows) == truth.rows[truth.values.argsort(kind="stable")[::-1]].tolist()


async def test_a_prompt_that_both_answer_stands_once_above(open_app, tmp_path):
    async with open_app(write(tmp_path / "two.jsonl", [("Name a fruit.", "Pear."), ("Name a fruit.", "Iron.")])) as sde:
        await opened(sde)
        assert sde.text.count("Name a fruit.") == 1
        assert "same prompt" in sde.text
        await sde.press("1")
        assert "Every pair of these rows was compared" in sde.text
        await sde.press("1", "s")
        assert len(journal_of(tmp_path / "two.jsonl")) == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_long_and_hostile_texts_are_shown_safely_and_scroll(open_app, tmp_path, size):
    rows = [
        (f"Fruit? {HOSTILE}", f"{HOSTILE} " + "very long words " * 3000),
        (f"Other {HOSTILE}", "\n".join(f"line {number}" for number in range(500))),
    ]
    async with open_app(write(tmp_path / "long.jsonl", rows), size=size) as sde:
        await opened(sde)
        assert "\x1b" not in sde.text
        assert "[/INST] [red]Pear[/red]" in sde.text
        assert "more lines (here)" in sde.text and "more lines (tab)" in sde.text
        top = sde.text
        await sde.press("j", "pagedown")
        assert sde.text != top
        await sde.press("g")
        assert sde.text == top
        await sde.press("tab", "G")
        assert "line 499" in sde.text or "more characters are not shown here" in sde.text
        assert max(map(len, sde.lines)) <= size[0]
        assert "esc Leave" in sde.lines[-1]


@pytest.mark.parametrize("prompts", [("Fruit? ", "Tool? "), ("Fruit? ", "Fruit? ")])
async def test_a_long_prompt_leaves_the_answers_in_sight_and_is_shown_whole_by_key(open_app, tmp_path, prompts):
    rows = [(prompts[0] * 200 + "FINIS", "Pear."), (prompts[1] * 200 + "FINIS", "Hammer.")]
    async with open_app(write(tmp_path / "prompts.jsonl", rows)) as sde:
        await opened(sde)
        assert "Pear." in sde.text and "Hammer." in sde.text
        assert "of the prompt: p shows all" in sde.text
        assert "FINIS" not in sde.text
        await sde.press("p")
        for key in ("tab", "tab", "G") if prompts[0] == prompts[1] else ("G",):
            await sde.press(key)
        assert "FINIS" in sde.text
        assert "Pear." in sde.text or "Hammer." in sde.text
        await sde.press("p", "1")
        assert len(journal_of(tmp_path / "prompts.jsonl")) == 1


async def test_a_preference_dataset_brings_comparisons_of_its_own(open_app, tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"Name {number} fruits.", "chosen": "Pear. " * (2 + number % 3), "rejected": "No."} for number in range(12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    async with open_app(path) as sde:
        await opened(sde)
        await sde.press("r")
        assert "What the dataset's own chosen and rejected answers say of rules" in sde.text
        assert next(line for line in sde.lines if "longer is better" in line).split()[5] == "1.00"
        assert "best first" not in sde.text
        await sde.press("r", "1", "r")
        assert "What your answers say of rules and rows" in sde.text
        assert sde.session.part("comparisons").results.truth is not None


async def test_a_sample_grows_by_key(open_app, tmp_path):
    rows = [(f"Question {number}?", f"Answer {number}.") for number in range(60)]
    async with open_app(write(tmp_path / "many.jsonl", rows)) as sde:
        await opened(sde)
        assert "40 rows to compare" in sde.text
        await sde.press("plus")
        assert "50 rows to compare now" in sde.text


async def test_drawing_more_rows_is_waited_for_in_a_thread_and_gives_the_pair_back_where_it_is_stopped(open_app, data, monkeypatch):
    threads, begun, real = [], threading.Event(), Comparing.sampled

    def held(comparing, quality, size):
        threads.append(threading.current_thread())
        if not begun.is_set():
            begun.set()
            part._session.lanes.running(part.lane).cancel.wait()
        return real(comparing, quality, size)

    async with open_app(data) as sde:
        await opened(sde)
        part = sde.session.part("comparisons")
        before, sample = part.pair, part.status.sample
        monkeypatch.setattr(Comparing, "sampled", held)
        part.more_rows(lambda: None)
        assert part.pair is None
        await sde.meanwhile(begun.is_set)
        sde.session.lanes.stop_all()
        await sde.settle()
        assert (part.pair, len(part._comparing.rows)) == (before, sample)
        await sde.press("plus")
        assert part.pair is not None
        assert threading.main_thread() not in threads and len(threads) == 2


async def test_another_process_that_compares_is_told_of(open_app, data):
    async with open_app(data) as sde:
        other = ComparisonJournal.open(Project.of(str(data)).created().comparisons_path)
        other.take_sample(sde.session.dataset.keys().tolist(), seed=0)
        await opened(sde)
        assert "read-only" in sde.text
        await sde.press("1")
        assert "could not be written" in sde.text
        assert not journal_of(data)
        other.close()


async def test_leaving_gives_the_journal_back_and_coming_back_goes_on(open_app, data):
    async with open_app(data) as sde:
        await opened(sde)
        await sde.press("1", "q")
        assert sde.app.current_mode == "rules"
        assert sde.flashed.startswith("1 new answer: r scores again")
        journal = ComparisonJournal.open(Project.of(str(data)).comparisons_path)
        assert not journal.read_only
        journal.close()
        await sde.press("t")
        assert "1 answer on 2 of 6 rows" in sde.text


async def test_one_row_is_nothing_to_compare(open_app, tmp_path):
    async with open_app(write(tmp_path / "one.jsonl", [("Only one.", "Row.")])) as sde:
        await sde.press("6", "t")
        assert "no two different rows" in sde.flashed


@pytest.mark.parametrize(("interval", "bar"), [((0.5, 0.0, 1.0), "─────●────"), ((0.0, 0.0, 0.0), "●·········"), ((1.0, 0.8, 1.0), "········─●")])
def test_intervals_as_bars(interval, bar):
    assert interval_bar(*interval, cells=10) == bar
