"""The queue of failures: it survives kills, undoes like the journal, and becomes rows that the dataset's own layout reads back."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.dataset import Layout, open_dataset
from sde_core.dataset.layouts import turns_of
from sde_core.errors import InputError, ReadOnlyError, UsageError
from sde_core.evaluate import to_collect
from sde_core.evaluate.collected_rows import export_collected, row_of
from sde_core.evaluate.to_collect import Failure, ToCollect
from sde_core.journal_file import open_locked
from sde_core.project import Project

FAILURE = Failure((("system", "Be brief."), ("user", "Two and two?")), "20260101T000000000-train-ab12", "base", "final", "5", "22", "wrong", "sums")
ASKED = Failure((("user", "Two and two?"),), "run", "base", "step 4", "5", "22", "made up", wanted="4")
LAYOUTS = [
    Layout("alpaca", {"prompt": "instruction", "input": "input", "answer": "output"}),
    Layout("prompt-completion", {"prompt": "prompt", "answer": "completion"}),
    Layout("prompt-response", {"prompt": "question", "answer": "reply", "system": "system"}),
    Layout("messages", {"messages": "messages"}),
    Layout("sharegpt", {"messages": "conversations"}),
    Layout("classification", {"text": "review", "label": "mood"}),
    Layout("preference", {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}),
]


@pytest.fixture
def queue(tmp_path):
    return ToCollect(tmp_path / "to_collect.jsonl")


def test_a_failure_keeps_all_that_is_known_of_it(queue):
    added = queue.add(FAILURE)
    assert queue.standing() == [added]
    assert (added.prompt, added.tag, added.note, added.base, added.answer) == (FAILURE.prompt, "wrong", "sums", "5", "22")
    assert len(added.id) == 8
    assert added.time > 0
    assert added.question == "Two and two?"
    origin = added.origin()
    assert origin["run"] == FAILURE.run
    assert origin["answer"] == "22"
    assert "prompt" not in origin


def test_undo_and_redo_are_lines_of_their_own(queue):
    first, second = queue.add(FAILURE), queue.add(ASKED)
    queue.answer(first.id, "4")
    assert queue.standing()[0].wanted == "4"
    queue.remove([second.id])
    assert [failure.id for failure in queue.standing()] == [first.id]
    assert queue.undo() == "remove"
    assert [failure.id for failure in queue.standing()] == [first.id, second.id]
    assert queue.undo() == "answer"
    assert queue.standing()[0].wanted == ""
    assert queue.redo() == "answer"
    assert queue.standing()[0].wanted == "4"
    assert (queue.undo(), queue.undo(), queue.undo(), queue.undo()) == ("answer", "add", "add", "")
    assert queue.standing() == []
    assert queue.redo() == "add"
    assert len(queue.path.read_bytes().splitlines()) == 4 + 7


@given(st.lists(st.sampled_from(["add", "undo", "redo", "remove"]), max_size=12))
def test_any_course_of_actions_reads_back_as_a_model_of_it(tmp_path_factory, actions):
    queue = ToCollect(tmp_path_factory.mktemp("queue") / "q.jsonl")
    states, place = [[]], 0
    for action in actions:
        now = states[place]
        if action == "add" or (action == "remove" and now):
            after = [*now, queue.add(FAILURE).id] if action == "add" else now[1:]
            if action == "remove":
                queue.remove(now[:1])
            states, place = [*states[: place + 1], after], place + 1
        elif action == "undo":
            assert bool(queue.undo()) == (place > 0)
            place = max(place - 1, 0)
        elif action == "redo":
            assert bool(queue.redo()) == (place < len(states) - 1)
            place = min(place + 1, len(states) - 1)
        assert [failure.id for failure in queue.standing()] == states[place]


def test_a_torn_tail_is_set_aside_and_a_broken_line_is_named(queue):
    queue.add(FAILURE)
    whole = queue.path.read_bytes()
    queue.path.write_bytes(whole + b'{"v":1,"op":"add","fail')
    assert len(queue.standing()) == 1
    queue.add(ASKED)
    assert len(queue.standing()) == 2
    assert b"fail" in (queue.path.parent / "to_collect.jsonl.torn").read_bytes()
    queue.path.write_bytes(b"nonsense\n" + whole)
    with pytest.raises(InputError, match="line 1"):
        queue.standing()


def test_two_programs_add_to_one_queue(queue, monkeypatch):
    monkeypatch.setattr(to_collect, "_PATIENCE_SECONDS", 120.0)  # a busy disk takes its time to write what each of them fsyncs
    code = (
        "import sys; from pathlib import Path; from sde_core.evaluate import to_collect; from sde_core.evaluate.to_collect import Failure, ToCollect\n"
        "to_collect._PATIENCE_SECONDS = 120.0\n"
        "for i in range(20): ToCollect(Path(sys.argv[1])).add(Failure((('user', str(i)),), 'r', 'm', 'final', '', '', 'other'))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(queue.path)]) as child:
        for _ in range(20):
            queue.add(FAILURE)
        assert child.wait(120) == 0
    assert len(queue.standing()) == 40
    assert [json.loads(line)["seq"] for line in queue.path.read_text().splitlines()] == list(range(1, 41))


def test_a_queue_that_somebody_holds_or_a_tag_that_does_not_exist_is_refused_in_words(queue, monkeypatch):
    monkeypatch.setattr("sde_core.evaluate.to_collect._PATIENCE_SECONDS", 0.0)
    queue.path.touch()
    held = open_locked(queue.path)
    assert held is not None
    with pytest.raises(ReadOnlyError, match="cannot be written"):
        queue.add(FAILURE)
    with pytest.raises(UsageError, match="no tag"):
        Failure((("user", "a"),), "", "", "", "", "", "ugly")
    with pytest.raises(UsageError, match="is in the queue"):
        queue.remove(["00000000"])


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'{"op":"add","seq":1,"failure":"x"}',
        b'{"op":"remove","seq":1}',
        b'{"op":"answer","seq":1,"wanted":"x"}',
        b'{"op":"undo","seq":1}',
        b'{"op":"paint","seq":1}',
    ],
)
def test_a_line_that_is_no_action_is_named(queue, line):
    queue.path.write_bytes(line + b"\n")
    with pytest.raises(InputError, match="line 1"):
        queue.standing()


@pytest.mark.parametrize(
    "values",
    [
        *({name: wrong} for name in ("run", "model", "answer", "note", "wanted", "row_key", "id") for wrong in (None, 5, [], {})),
        *({"time": wrong} for wrong in ("x", 1e30, -1, None, float("nan"))),
        *({"settings": wrong} for wrong in (None, [1], "x")),
        *({"prompt": wrong} for wrong in (None, "ab", ["ab"], [["user"]], [["user", None]], [["user", "x", "y"]])),
        *({"row": wrong} for wrong in ("0", 1.5, [])),
        *({"tag": wrong} for wrong in (None, [], "painted")),
    ],
)
def test_a_failure_with_a_field_that_makes_no_sense_is_named_by_its_line(queue, values):
    queue.add(FAILURE)
    line = json.loads(queue.path.read_bytes())
    queue.path.write_text(json.dumps({**line, "failure": {**line["failure"], **values}}) + "\n")
    with pytest.raises(InputError, match="line 1"):
        queue.standing()


def test_ids_that_are_no_words_are_named_by_their_line(queue):
    queue.add(FAILURE)
    with queue.path.open("ab") as file:
        file.write(b'{"op":"remove","seq":2,"ids":[["x"]]}\n')
    with pytest.raises(InputError, match="line 2"):
        queue.standing()


def test_what_a_hand_wrote_into_the_queue_sends_nothing_to_the_terminal(tmp_path, run):
    data = tmp_path / "data.jsonl"
    data.write_text('{"prompt": "a", "response": "b"}\n')
    queue = ToCollect.of(Project.of(data).created())
    queue.add(FAILURE)
    line = json.loads(queue.path.read_bytes())
    queue.path.write_text(json.dumps({**line, "failure": {**line["failure"], "id": "\x1b]52;", "run": "\x1b[2J"}}) + "\n")
    code, out, err = run("collect", data)
    assert (code, "\x1b" in out + err) == (0, False)


def test_two_programs_that_undo_at_once_take_back_one_action(queue):
    first, second = queue.add(FAILURE), queue.add(ASKED)
    queue._append({"op": "undo", "of": 2})
    queue._append({"op": "undo", "of": 2})
    assert queue.standing() == [first]
    assert queue.redo() == "add"
    assert queue.standing() == [first, second]
    assert queue.redo() == ""


def test_where_an_exported_row_comes_from_names_no_place_of_this_machine(queue, tmp_path):
    assert queue.add(replace(FAILURE, model=str(tmp_path / "llama"))).origin()["model"] == "llama"
    assert queue.add(replace(FAILURE, model="meta/llama")).origin()["model"] == "meta/llama"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_row_in_the_datasets_own_layout_reads_back(layout):
    row, fits = row_of(ASKED, layout)
    assert fits
    read = turns_of(row, layout)
    assert [(turn.role, turn.text) for turn in read.turns if turn.text] == [("user", "Two and two?"), ("assistant", "4")]
    assert row["origin"]["tag"] == "made up"
    if layout.name == "preference":
        assert row["rejected"] == "22"


def test_a_layout_without_a_place_for_the_prompt_gives_way_to_messages():
    row, fits = row_of(FAILURE, LAYOUTS[0])
    assert not fits
    assert row["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Two and two?"}]
    assert row_of(ASKED, Layout("text", {"text": "text"}))[1] is False
    assert row_of(ASKED, Layout("prompt-response", {"prompt": "a.b", "answer": "c"}))[1] is False


def test_what_waits_for_an_answer_goes_to_a_file_of_its_own(queue, tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"question": f"q{i}", "reply": f"r{i}"}) + "\n" for i in range(4)))
    dataset = open_dataset(data)
    queue.add(ASKED)
    queue.add(Failure((("user", "And three?"),), "run", "base", "final", "", "9", "wrong"))
    written = export_collected(queue.standing(), tmp_path / "new.jsonl", dataset.layout)
    assert (written.answered_rows, written.awaiting_rows, written.other_layout) == (1, 1, 0)
    row = json.loads((tmp_path / "new.jsonl").read_text())
    assert (row["question"], row["reply"]) == ("Two and two?", "4")
    waiting = json.loads((tmp_path / "new.awaiting.jsonl").read_text())
    assert waiting["question"] == "And three?"
    assert "reply" not in waiting
    joined = tmp_path / "joined.jsonl"
    joined.write_bytes(data.read_bytes() + (tmp_path / "new.jsonl").read_bytes())
    assert open_dataset(joined).turns(4).answer == "4"
    with pytest.raises(UsageError, match="never written"):
        export_collected(queue.standing(), data, dataset.layout)
    with pytest.raises(UsageError, match="Nothing"):
        export_collected([], tmp_path / "new.jsonl", dataset.layout)
