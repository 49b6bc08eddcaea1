"""The pass over the records: pieces, other processes, triggers, and what becomes of it all when something fails."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.checks import record_worker, record_workers, run_checks
from sde_core.checks.fields import record_texts
from sde_core.checks.findings import Fault, Finding
from sde_core.checks.packing import packed_result, unpacked_result
from sde_core.checks.record_pass import PassResult, RecordPass
from sde_core.checks.runner import load_checks
from sde_core.checks.text_batch import TextBatch
from sde_core.dataset import Turn, Turns, open_dataset
from sde_core.errors import CancelledError
from sde_core.features.fields import ScalarFields
from sde_core.features.record_shape import RecordShapes
from tests.core.checked import chat, clean_chats, opened, turns

FAULTY = [
    *clean_chats(70),
    chat("What is it? ", "It is so."),
    chat("What is \ud83d lost?", "Some \ud83d thing."),
    b'{"messages": [',
    turns(("user", "Hi"), ("moderator", "No."), source="elsewhere"),
    chat("What?", "CafÃ©. \x07", source=7),
    *clean_chats(70, first=100),
    chat("Fold it.", "I will send you an email with it."),
]
NOTHING = Turns(())


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(record_workers, "PIECE_ROWS", 16)


@pytest.fixture
def processes(monkeypatch):
    """The processes that were started."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*args, **options):
        started.append(popen(*args, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    return started


# ---- processes


def test_other_processes_find_the_same(tmp_path, small_pieces, processes):
    dataset = opened(tmp_path, FAULTY).with_edits({5: {("messages", 1, "content"): "Edited. "}})
    alone = run_checks(dataset, workers=0)
    assert not processes
    shared = run_checks(dataset, workers=2)
    assert len(processes) == 2
    assert all(process.returncode is not None for process in processes)
    assert shared.findings == alone.findings
    assert {"lost-characters", "outer-whitespace", "unknown-role", "impossible-promise", "mojibake"} <= set(alone.counts)
    assert [finding.rows for finding in alone.of("outer-whitespace")] == [(5,), (70,)]


def test_what_a_process_leaves_undone_is_done_here(tmp_path, small_pieces, monkeypatch):
    dataset = opened(tmp_path, FAULTY)
    alone = run_checks(dataset, workers=0)
    spec = record_workers._spec
    monkeypatch.setattr(record_workers, "_spec", lambda *args: {**spec(*args), "rows": 3})
    assert run_checks(dataset, workers=1).findings == alone.findings


def test_a_process_that_finds_another_file_in_the_place_does_nothing(tmp_path, small_pieces):
    dataset = opened(tmp_path, FAULTY)
    alone = run_checks(dataset, workers=0)
    path = tmp_path / "data.jsonl"
    other = tmp_path / "other"
    other.write_bytes(path.read_bytes().replace(b"number", b"NUMB\x07r").replace(b"It is so.", b"As an AI."))
    assert other.stat().st_size == path.stat().st_size
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    dataset.read_all()
    assert record_worker._record_pass(record_workers._spec(dataset, (), {})) is None
    assert run_checks(dataset, workers=1).findings == alone.findings


def test_cancelling_ends_the_processes(tmp_path, small_pieces, processes):
    cancel = threading.Event()
    cancel.set()
    dataset = opened(tmp_path, FAULTY)
    dataset.read_all()
    with pytest.raises(CancelledError):
        run_checks(dataset, workers=1, cancel=cancel)
    cancel.clear()
    with pytest.raises(CancelledError):
        run_checks(dataset, workers=1, cancel=cancel, progress=lambda done, _: cancel.set() if done else None)
    assert processes
    assert all(process.returncode is not None for process in processes)


def test_small_and_packed_files_are_done_in_one_process(tmp_path, monkeypatch):
    dataset = opened(tmp_path, FAULTY)
    dataset.read_all()
    assert record_workers.worth_workers(dataset) == 0
    monkeypatch.setattr(record_workers, "PARALLEL_ROWS", 100)
    monkeypatch.setattr(record_workers.os, "sched_getaffinity", lambda _: set(range(3)), raising=False)
    assert record_workers.worth_workers(dataset) == 2
    packed = opened(tmp_path, FAULTY)
    packed.path += ".gz"
    assert record_workers.worth_workers(packed) == 0


def test_a_result_passes_between_processes_whole():
    finding = Finding("a", "info", (np.int64(3), 9), "half \ud83d \U0001f600", 'a "line"\n', "x[0]", np.float64(0.5), "fix", "new")  # type: ignore[arg-type]
    result = PassResult({"a": [finding]}, {"a": 0.25}, [{"values": ["\udc80"]}])
    assert unpacked_result(packed_result(result)) == result
    plain = PassResult({"a": [Finding("a", "error", (1,), "said", "\\ud83d")]}, {"a": 0.0}, [])
    assert unpacked_result(packed_result(plain)) == plain
    assert b"\n" not in packed_result(result)
    with pytest.raises(ValueError, match="line 1"):
        unpacked_result(packed_result(result)[:-3])


# ---- progress


@pytest.mark.parametrize("workers", [0, 1])
def test_progress_is_a_share_of_the_rows_and_never_goes_back(tmp_path, small_pieces, workers):
    seen: list[tuple[int, int | None]] = []
    run_checks(opened(tmp_path, FAULTY), workers=workers, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {len(FAULTY)}
    assert seen[-1] == (len(FAULTY), len(FAULTY))
    assert len({done for done, _ in seen}) > 10


# ---- surveys in pieces

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["a", "b", "long " * 60, "\ud83d", " "])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8)


@given(st.lists(values, max_size=12), st.integers(0, 12))
def test_surveys_of_pieces_say_what_one_survey_says(records, cut):
    for kind in (RecordShapes, ScalarFields):
        whole, first, second, merged = kind(), kind(), kind(), kind()
        for row, value in enumerate(records):
            whole.observe(row, value, NOTHING)
            (first if row < cut else second).observe(row, value, NOTHING)
        for piece in (first, second):
            packed = packed_result(PassResult(surveys=[piece.state()]))
            merged.absorb(unpacked_result(packed).surveys[0])
        if isinstance(whole, RecordShapes):
            assert merged.shapes == whole.shapes
            assert merged.shape_ids.tolist() == whole.shape_ids.tolist()
            assert merged.rows.tolist() == whole.rows.tolist()
        else:
            assert [_told(column) for column in merged.columns] == [_told(column) for column in whole.columns]


def _told(column):
    kept = () if column.free else (column.rows.tolist(), column.codes.tolist(), column.values)
    return column.name, column.path, column.types, column.present, column.free, column.mean_length, kept


class _Rows:
    """A survey that cannot be taken in pieces."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def observe(self, row, value, turns):
        self.seen.append(row)


class _NeedsRows:
    name, title, surveys = "needs-rows", "Needs rows", (_Rows,)

    def run(self, context):
        return [Finding(self.name, "info", (), "Rows were seen.", str(context.surveys[_Rows].seen))]


def test_a_survey_that_cannot_be_merged_is_taken_in_a_reading_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("sde_core.checks.runner.load_checks", lambda only=(), params=None: [_NeedsRows()])
    found = run_checks(opened(tmp_path, clean_chats(4)), workers=1).findings
    assert [finding.evidence for finding in found] == ["[0, 1, 2, 3]"]


# ---- triggers


class _Trap:
    name, title, trigger = "trap", "Trap", "(?i)x"

    def __init__(self) -> None:
        self.given: list[str] = []

    def faults(self, text, role):
        self.given.append(text)
        return [Fault("info", "Seen.", text)]


class _RecordTrap:
    name, title, trigger = "record-trap", "Trap", "x"

    def inspect(self, row, value, turns):
        return [Finding(self.name, "info", (row,), "Seen.", turns.prompt)]


def test_only_texts_that_match_are_handed_over(tmp_path):
    dataset = opened(tmp_path, [chat("no", "Xylophone"), chat("box", "no"), chat("no", "no"), chat("\udc80x", "no")])
    trap = _Trap()
    result = RecordPass(dataset, [trap, _RecordTrap()]).over(range(4))
    assert trap.given == ["Xylophone", "box", "\udc80x"]
    assert [finding.rows for finding in result.found["record-trap"]] == [(1,), (3,)]
    assert [(finding.rows, finding.field) for finding in result.found["trap"]][:2] == [((0,), "messages[1].content"), ((1,), "messages[0].content")]


def test_lost_surrogates_are_a_replacement_character_to_a_trigger():
    batch = TextBatch([record_texts(Turns((Turn("user", text, ("a",)),))) for text in ("a\ud83d", "plain")], [4, 9])
    assert batch.records_with(r"\x{fffd}") == [0]
    assert batch.records_with("") == [0, 1]


def test_every_text_with_a_fault_matches_the_trigger_of_its_check():
    """A trigger that is too narrow would hide faults without a word."""
    checks = [check for check in load_checks() if hasattr(check, "faults") and getattr(check, "trigger", "")]
    assert checks
    dataset = open_dataset(Path(__file__).parents[2] / "sample_data/support.jsonl")
    faulty = 0
    for batch in dataset.batches():
        texts = [record_texts(said, value) for _, value, said in batch]
        for check in checks:
            handed = set(TextBatch(texts, range(len(batch))).records_with(check.trigger))
            for number, pieces in enumerate(texts):
                found = [fault for piece in pieces if piece.text for fault in check.faults(piece.text, piece.role)]
                faulty += bool(found)
                assert number in handed or not found, (check.name, found)
    assert faulty > 50
