"""The journal of comparisons: nothing seen is lost, nothing is rewritten, one process writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.errors import InputError, ReadOnlyError, UsageError
from sde_core.project import Project
from sde_core.rules.truth import Comparison, ComparisonJournal, judged_pairs, pairs_of_dataset
from sde_core.rules.truth.comparisons import comparison_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "comparisons.jsonl"


def test_answers_survive_and_say_who_and_when(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "reader")
    journal = ComparisonJournal.open(path)
    first = journal.answer(1, 2, "a")
    journal.answer(3, (1 << 64) - 1, "tie", by="other")
    journal.close()
    again = ComparisonJournal.open(path, writing=False)
    assert [(one.a, one.b, one.winner, one.by) for one in again.comparisons] == [(1, 2, "a", "reader"), (3, (1 << 64) - 1, "tie", "other")]
    assert again.comparisons[0] == first
    assert again.comparisons[0].time == pytest.approx(first.time)
    assert again.read_only


def test_undo_appends_and_the_line_is_on_the_disk_at_once(path: Path) -> None:
    journal = ComparisonJournal.open(path)
    journal.answer(1, 2, "a")
    before = path.read_bytes()
    assert json.loads(before)["winner"] == "a"
    undone = journal.undo()
    assert undone is not None and undone.a == 1
    assert path.read_bytes().startswith(before) and path.read_bytes().count(b"\n") == 2
    assert not journal.comparisons
    assert journal.undo() is None
    assert path.read_bytes().count(b"\n") == 2
    journal.answer(1, 2, "b")
    assert [one.winner for one in journal.comparisons] == ["b"]


def test_undo_leaves_the_answers_of_a_model_alone(path: Path) -> None:
    journal = ComparisonJournal.open(path)
    journal.answer(1, 2, "a")
    journal.answer(3, 4, "b", by="model", judge="http://127.0.0.1:8000/v1 model")
    undone = journal.undo()
    assert undone is not None and undone.a == 1
    assert journal.undo() is None
    assert [one.judge for one in ComparisonJournal.open(path, writing=False).comparisons] == ["http://127.0.0.1:8000/v1 model"]


def test_what_an_answer_says_can_be_written_and_read_again(path: Path) -> None:
    journal = ComparisonJournal.open(path)
    entry = {"a": "1", "b": "2", "winner": "a", "time": 1.0, "by": "Zo\ud800"}
    journal.add([comparison_of(entry)])
    for time in ("inf", "-inf", "nan"):
        with pytest.raises(ValueError, match="no time"):
            comparison_of({**entry, "time": time})
    assert [one.by for one in ComparisonJournal.open(path, writing=False).comparisons] == ["Zo\ufffd"]


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["a", "b", "tie", "skip", "undo"]), max_size=30))
def test_reading_again_gives_what_was_there(tmp_path_factory: pytest.TempPathFactory, actions: list[str]) -> None:
    path = tmp_path_factory.mktemp("journal") / "comparisons.jsonl"
    journal, expected = ComparisonJournal.open(path), []
    for number, action in enumerate(actions):
        if action == "undo":
            journal.undo()
            expected = expected[:-1]
        else:
            journal.answer(number, number + 1, action)
            expected.append((number, action))
    assert [(one.a, one.winner) for one in journal.comparisons] == expected
    assert ComparisonJournal.open(path, writing=False).comparisons == journal.comparisons
    journal.close()


def test_a_torn_tail_is_cut_and_kept(path: Path) -> None:
    journal = ComparisonJournal.open(path)
    journal.answer(1, 2, "a")
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"v":1,"op":"comp')
    again = ComparisonJournal.open(path)
    assert len(again.comparisons) == 1
    assert path.read_bytes() == whole
    assert (path.parent / "comparisons.jsonl.torn").read_bytes() == b'{"v":1,"op":"comp\n'
    again.answer(2, 3, "b")
    again.close()
    assert len(ComparisonJournal.open(path).comparisons) == 2


def test_a_second_process_reads_only(path: Path) -> None:
    first = ComparisonJournal.open(path)
    first.answer(1, 2, "a")
    second = ComparisonJournal.open(path)
    assert second.read_only
    assert len(second.comparisons) == 1
    with pytest.raises(ReadOnlyError, match="Another sde"):
        second.answer(1, 2, "b")
    with pytest.raises(ReadOnlyError):
        second.undo()
    first.close()
    assert not ComparisonJournal.open(path).read_only


@pytest.mark.parametrize(
    "line",
    [b"nonsense", b"[]", b'{"op":"compare","a":"1","b":"1","winner":"a","time":1}', b'{"op":"compare","a":"1","b":"2","winner":"left","time":1}',
     b'{"op":"compare","a":"zz","b":"2","winner":"a","time":1}', b'{"op":"undo"}', b'{"op":"sample","rows":[3]}', b"{}",
     b'{"op":"compare","a":"fffffffffffffffff","b":"2","winner":"a","time":1}'],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named_and_the_lock_given_back(path: Path, line: bytes) -> None:
    path.write_bytes(b'{"op":"sample","rows":["0a"]}\n' + line + b"\n")
    with pytest.raises(InputError, match="line 2 of the comparisons"):
        ComparisonJournal.open(path)
    path.write_bytes(b"")
    assert not ComparisonJournal.open(path).read_only


def test_a_later_versions_operation_is_left_alone(path: Path) -> None:
    path.write_bytes(b'{"v":9,"op":"rotate"}\n')
    journal = ComparisonJournal.open(path)
    journal.answer(1, 2, "a")
    assert len(journal.comparisons) == 1
    assert journal.undo() is not None
    assert not journal.comparisons


def test_the_sample_is_kept(path: Path) -> None:
    journal = ComparisonJournal.open(path)
    assert journal.sample == ()
    journal.take_sample([5, 1 << 63], seed=3)
    journal.close()
    assert ComparisonJournal.open(path).sample == (5, 1 << 63)


def test_no_answer_is_imported_twice_and_none_undone_is_kept_out(path: Path) -> None:
    journal = ComparisonJournal.open(path)
    elsewhere = [Comparison(1, 2, "a", "x", 5.0), Comparison(1, 2, "a", "x", 6.0), Comparison(1, 2, "a", "x", 5.0)]
    assert len(journal.add(elsewhere)) == 2
    assert journal.add(elsewhere) == []
    journal.undo()
    assert [one.time for one in journal.add(elsewhere)] == [6.0]


@pytest.mark.parametrize(("a", "b", "winner"), [(1, 1, "a"), (1, 2, "left")])
def test_what_is_no_answer_is_refused(path: Path, a: int, b: int, winner: str) -> None:
    with pytest.raises(UsageError, match="a, b, tie, skip"):
        ComparisonJournal.open(path).answer(a, b, winner)


def test_answers_as_pairs_of_rows_follow_their_rows_and_never_mix_people_and_models(write_jsonl) -> None:
    rows = [{"instruction": f"Question {number}", "output": "Answer."} for number in range(4)]
    dataset = open_dataset(str(write_jsonl(rows)))
    keys = dataset.keys().tolist()
    journal = ComparisonJournal.open(Project.of(dataset.path).created().comparisons_path)
    for left, right, winner, judge in [(0, 1, "a", ""), (2, 0, "tie", ""), (2, 3, "skip", ""), (3, 1, "b", "some model")]:
        journal.answer(keys[left], keys[right], winner, judge=judge)
    journal.answer(keys[0], 12345, "a")
    pairs = judged_pairs(journal.comparisons, dataset)
    assert (pairs.left.tolist(), pairs.right.tolist(), pairs.score.tolist(), pairs.missing) == ([0, 2], [1, 0], [1.0, 0.5], 1)
    assert pairs.source == "2 comparisons of 3 rows by people"
    machine = judged_pairs(journal.comparisons, dataset, by_machine=True)
    assert (machine.left.tolist(), machine.right.tolist(), machine.score.tolist(), machine.by_machine) == ([3], [1], [0.0], True)
    turned = open_dataset(str(write_jsonl(rows[::-1], "turned.jsonl")))
    assert judged_pairs(journal.comparisons, turned).left.tolist() == [3, 1]


def test_a_preference_dataset_is_read_as_comparisons(write_jsonl) -> None:
    rows = [
        {"instruction": "Add 2 and 2.", "input": "", "chosen": "4", "rejected": "5"},
        {"instruction": "Same answers.", "input": "", "chosen": "x", "rejected": "x"},
        {"instruction": "Nothing rejected.", "input": "", "chosen": "x", "rejected": ""},
        {"instruction": "Name a fruit.", "input": "", "chosen": "Pear.", "rejected": "Iron."},
    ]
    texts, pairs = pairs_of_dataset(open_dataset(str(write_jsonl(rows))))
    assert texts["answer"].to_list() == ["4", "5", "Pear.", "Iron."]
    assert texts["prompt"].to_list() == ["Add 2 and 2."] * 2 + ["Name a fruit."] * 2
    assert (pairs.left.tolist(), pairs.right.tolist(), pairs.score.tolist()) == ([0, 2], [1, 3], [1.0, 1.0])
    with pytest.raises(UsageError, match="No record holds a chosen"):
        pairs_of_dataset(open_dataset(str(write_jsonl([{"instruction": "a", "output": "b"}], "plain.jsonl"))))
