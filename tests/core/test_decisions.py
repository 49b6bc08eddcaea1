import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import Edit, open_dataset
from sde_core.decisions import Journal, training_rows
from sde_core.errors import InputError, ReadOnlyError, UsageError
from sde_core.files import atomic_write
from sde_core.project import Project

KEYS = np.arange(100, 120, dtype=np.uint64)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "decisions.jsonl"


def statuses(journal):
    return [journal.state.status(row) for row in range(len(KEYS))]


def reopened(journal, keys=KEYS):
    journal.close()
    return Journal.open(journal.path, keys)


def test_verdicts_reasons_and_edits_survive_a_restart(path):
    journal = Journal.open(path, KEYS)
    journal.accept([1, 2], "good")
    journal.reject([3, 4], ["copy of row 1", "cut off"])
    journal.edit([Edit(5, ("messages", 1, "content"), "a", "b")], "fixed spelling")
    journal = reopened(journal)
    assert statuses(journal)[1:6] == ["accepted", "accepted", "rejected", "rejected", ""]
    assert [journal.state.reason(row) for row in (1, 3, 4, 5)] == ["good", "copy of row 1", "cut off", ""]
    assert journal.state.edits == {5: {("messages", 1, "content"): "b"}}
    assert journal.state.counts_by_reason() == {"copy of row 1": 1, "cut off": 1}


def test_undo_and_redo_append_and_work_across_restarts(path):
    journal = Journal.open(path, KEYS)
    journal.accept([1])
    journal.reject([1], "no")
    assert journal.undo().op == "reject"
    journal = reopened(journal)
    assert statuses(journal)[1] == "accepted"
    assert journal.redo().op == "reject"
    assert statuses(journal)[1] == "rejected"
    assert [decision.op for decision in journal.decisions] == ["accept", "reject", "undo", "redo"]


def test_a_new_decision_ends_redo(path):
    journal = Journal.open(path, KEYS)
    journal.accept([1])
    journal.undo()
    journal.accept([2])
    assert journal.redo() is None
    journal.undo()
    assert journal.undo() is None


def test_verdicts_follow_records_when_the_file_is_sorted_or_cut(path):
    journal = Journal.open(path, KEYS)
    journal.reject([0, 19], "no")
    journal = reopened(journal, KEYS[::-1][:10].copy())
    assert journal.state.rejected_rows().tolist() == [0]
    assert journal.state.missing == 1


def test_a_torn_tail_is_cut_and_kept_aside(path):
    journal = Journal.open(path, KEYS)
    journal.accept([1])
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"v":1,"seq":2,"op":"rej')
    journal = Journal.open(path, KEYS)
    assert statuses(journal)[1] == "accepted"
    assert path.read_bytes() == whole
    assert (path.parent / "decisions.jsonl.torn").read_bytes() == b'{"v":1,"seq":2,"op":"rej\n'
    journal.reject([2], "x")
    assert statuses(reopened(journal))[2] == "rejected"


def test_a_broken_line_in_the_middle_is_an_error_that_names_it(path):
    journal = Journal.open(path, KEYS)
    journal.accept([1])
    journal.close()
    path.write_bytes(b"garbage\n" + path.read_bytes())
    with pytest.raises(InputError, match="line 1 of the decisions"):
        Journal.open(path, KEYS)


def test_a_second_writer_is_read_only_and_says_so(path):
    first = Journal.open(path, KEYS)
    first.accept([1])
    second = Journal.open(path, KEYS)
    assert second.read_only
    assert second.state.status(1) == "accepted"
    with pytest.raises(ReadOnlyError, match="cannot be written"):
        second.reject([2], "x")
    first.close()
    assert not Journal.open(path, KEYS).read_only


def test_a_full_disk_decides_nothing(path, monkeypatch):
    journal = Journal.open(path, KEYS)
    journal.accept([1])
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReadOnlyError, match="disk is full"):
        journal.reject([2], "x")
    assert path.read_bytes() == before
    assert statuses(journal)[:3] == ["", "accepted", ""]


def test_lone_surrogates_in_edits_are_kept(path):
    journal = Journal.open(path, KEYS)
    journal.edit([Edit(0, ("t",), "\ud800", "ok \ud800")])
    assert reopened(journal).state.edits == {0: {("t",): "ok \ud800"}}


def test_many_rows_are_one_short_line(path):
    keys = np.random.default_rng(0).integers(0, 2**63, 50_000, dtype=np.uint64)
    journal = Journal.open(path, keys)
    journal.reject(range(0, 50_000, 2), "even")
    assert len(path.read_bytes().splitlines()) == 1
    assert len(reopened(journal, keys).state.rejected_rows()) == 25_000


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["accept", "reject", "clear"]), st.lists(st.integers(0, 19), max_size=5)),
        st.tuples(st.just("edit"), st.lists(st.integers(0, 19), min_size=1, max_size=2)),
        st.tuples(st.sampled_from(["undo", "redo"]), st.just([])),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(ACTIONS)
def test_the_fold_equals_a_stack_of_snapshots(tmp_path_factory, actions):
    """The journal against a model that keeps whole states: after every action, and after a restart."""
    journal = Journal.open(tmp_path_factory.mktemp("journal") / "decisions.jsonl", KEYS)
    past, future = [([""] * 20, {})], []
    for number, (op, rows) in enumerate(actions):
        if op == "undo":
            assert (journal.undo() is not None) == (len(past) > 1)
            future += [past.pop()] if len(past) > 1 else []
        elif op == "redo":
            assert (journal.redo() is not None) == bool(future)
            past += [future.pop()] if future else []
        else:
            status, edits = list(past[-1][0]), dict(past[-1][1])
            for row in rows:
                if op == "edit":
                    edits[row] = {("t",): str(number)}
                else:
                    status[row] = {"accept": "accepted", "reject": "rejected", "clear": ""}[op]
            journal.edit([Edit(row, ("t",), "", str(number)) for row in rows]) if op == "edit" else getattr(journal, op)(rows, f"r{number}")
            past.append((status, edits))
            future.clear()
        assert (statuses(journal), journal.state.edits) == past[-1]
    again = reopened(journal)
    assert (statuses(again), again.state.edits) == past[-1]
    assert again.head == journal.head
    again.close()


_WRITER = """
import sys, numpy as np
from pathlib import Path
from sde_core.decisions import Journal
journal = Journal.open(Path(sys.argv[1]), np.arange(1000, dtype=np.uint64))
for row in range(1000):
    journal.reject([row], f"reason {row}")
    print(row, flush=True)
"""


def test_kill_9_loses_no_acknowledged_decision(tmp_path):
    path = tmp_path / "decisions.jsonl"
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    acknowledged = [int(writer.stdout.readline()) for _ in range(25)][-1]
    writer.kill()
    rest = writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    acknowledged = int(rest[-1]) if rest else acknowledged
    journal = Journal.open(path, np.arange(1000, dtype=np.uint64))
    rejected = journal.state.rejected_rows().tolist()
    assert rejected[: acknowledged + 1] == list(range(acknowledged + 1))
    journal.close()


def test_training_rows_are_the_accepted_or_all_that_were_not_rejected(write_jsonl):
    dataset = open_dataset(write_jsonl([{"text": "a"}, b"oops", {"text": "b"}, {"text": "c"}]))
    journal = Project.of(dataset.path).open_journal(dataset)
    assert training_rows(dataset, journal.state).tolist() == [0, 2, 3]
    journal.reject([0], "x")
    assert training_rows(dataset, journal.state).tolist() == [2, 3]
    journal.accept([1, 3])
    assert training_rows(dataset, journal.state).tolist() == [3]
    journal.close()


def test_identical_records_have_keys_of_their_own(write_jsonl):
    twice = open_dataset(write_jsonl([{"text": "a"}, {"text": "b"}, {"text": "a"}]))
    swapped = open_dataset(write_jsonl([{"text": "b"}, {"text": "a"}, {"text": "a"}], "swapped.jsonl"))
    assert len(set(twice.keys().tolist())) == 3
    assert set(twice.keys().tolist()) == set(swapped.keys().tolist())
    assert twice.row_of_key(int(swapped.keys()[0])) == 1
    assert twice.row_of_key(3) is None
    assert twice.fingerprint != swapped.fingerprint


# ---- where state lives


def test_state_lies_beside_the_data_or_in_the_users_folder(tmp_path, monkeypatch):
    data = tmp_path / "d.jsonl"
    data.write_text('{"text": "a"}\n')
    assert Project.of(data).state_dir == tmp_path / "d.jsonl.sde"
    assert not Project.of(data).state_dir.exists()
    monkeypatch.setattr(os, "access", lambda *args: False)
    elsewhere = Project.of(data)
    assert not elsewhere.beside_data
    assert str(elsewhere.state_dir).startswith(os.environ["XDG_STATE_HOME"])
    assert Project.of(data) == elsewhere
    assert elsewhere.created().state_dir.is_dir()


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    atomic_write(path, [b"old"])

    def chunks():
        yield b"new"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ReadOnlyError, match="disk is full"):
        atomic_write(path, chunks())
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_state_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    project = Project(tmp_path / "file" / "state", beside_data=False)
    with pytest.raises(ReadOnlyError, match="cannot be written"):
        project.created()


def test_json_lines_of_the_journal_can_be_read_by_anything(path):
    journal = Journal.open(path, KEYS)
    journal.reject([1], "späte Antwort")
    entry = json.loads(path.read_text())
    assert entry["op"] == "reject"
    assert entry["keys"] == [f"{101:016x}"]
    assert entry["reasons"] == ["späte Antwort"]


def test_reading_alone_creates_nothing_and_keeps_nobody_from_writing(path):
    assert not Journal.open(path, KEYS, writing=False).decisions
    assert not path.exists()
    writer = Journal.open(path, KEYS)
    writer.accept([1])
    reader = Journal.open(path, KEYS, writing=False)
    assert statuses(reader)[1] == "accepted"
    with pytest.raises(ReadOnlyError):
        reader.accept([2])
    writer.close()
    still_reading = Journal.open(path, KEYS, writing=False)
    assert not Journal.open(path, KEYS).read_only
    assert still_reading.read_only


def test_an_action_of_a_later_version_changes_no_verdict(path):
    journal = Journal.open(path, KEYS)
    line = journal.accept([1, 2])
    journal.close()
    written = json.loads(path.read_bytes())
    path.write_bytes(path.read_bytes() + json.dumps({**written, "v": 2, "seq": line.seq + 1, "op": "star"}).encode() + b"\n")
    assert statuses(Journal.open(path, KEYS))[1:3] == ["accepted", "accepted"]


@pytest.mark.parametrize(
    "line",
    [
        b"[1]",
        b'"x"',
        b'{"seq": 1, "op": "accept", "time": 0, "keys": ["fffffffffffffffff"]}',
        b'{"seq": 1, "op": "accept", "time": 0, "keys": ["1", "2"], "reasons": ["a"], "reason_of": [0]}',
        b'{"seq": 1, "op": "accept", "time": 0, "keys": ["1"], "reasons": ["a"], "reason_of": [4]}',
        b'{"seq": 1, "op": "edit", "time": 0, "edits": [7]}',
    ],
)
def test_a_line_that_makes_no_sense_is_named(path, line):
    path.write_bytes(line + b"\n")
    with pytest.raises(InputError, match="line 1 of the decisions"):
        Journal.open(path, KEYS)


@pytest.mark.parametrize("row", [-1, len(KEYS)])
def test_a_row_that_does_not_exist_is_decided_by_nobody(path, row):
    journal = Journal.open(path, KEYS)
    with pytest.raises(UsageError, match=f"no row {row}"):
        journal.accept([0, row])
    assert not journal.decisions
    assert path.read_bytes() == b""
