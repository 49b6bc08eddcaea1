"""Job folders that a damaged disk, another version or two hands at once have been in: nothing is lost, and what is said is one sentence."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.cli.main import main as cli
from sde_core.dataset import open_dataset
from sde_core.errors import InputError, JobError, UsageError
from sde_core.evaluate.comparison import read_cell
from sde_core.jobs import Job
from sde_core.jobs import job as job_module
from sde_core.jobs.context import JobContext
from sde_core.jobs.removal import remove_job
from sde_core.jobs.status import FINAL_STATES, JobStatus, read_status, write_status
from sde_core.train.curve import RunCurve
from sde_core.train.curve_file import read_curve, summary_path
from sde_core.train.extend import write_extension
from sde_core.train.history import run_facts
from sde_core.train.probe_store import kept_probe
from sde_core.train.rows import read_row_keys, read_snapshot, row_total, write_snapshot

JUNK = (b"", b"garbage\x00\xff", b"[]", b"{}", b"null", b'"x"', b"5", b"[" * 100_000)
FINITE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
ANY_JSON = st.recursive(FINITE, lambda inner: st.lists(inner, max_size=2))


@pytest.fixture
def folder(tmp_path):
    """A fine-tune's folder, as it stands when the run has been stopped."""
    made = tmp_path / "data.jsonl.sde" / "jobs" / "20260101T000000000-train-abcd"
    (made / "result").mkdir(parents=True)
    row = {"row": 0, "key": "00ff", "split": "train", "record": {"prompt": "a", "response": "b"}}
    files = {
        "spec.json": {"kind": "train", "title": "t", "spec": {}},
        "recipe.json": {},
        "manifest.json": {"rows": {"train": 1, "held-out": 0}, "layout": {"name": "prompt-response", "roles": {}}, "dataset": {}},
        "rows.jsonl": row,
    }
    for name, value in files.items():
        (made / name).write_text(json.dumps(value) + "\n")
    write_status(made / "status.json", JobStatus(state="stopped", created=1e9))
    return made


@given(values=st.dictionaries(st.sampled_from([*JobStatus.__dataclass_fields__]), ANY_JSON))
def test_a_status_with_anything_in_its_fields_is_read_as_far_as_it_makes_sense(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "status.json"
    path.write_text(json.dumps({**values, "message": "said"}))
    status = read_status(path)
    assert status is not None and status.message == "said"
    assert f"{status.done:,} {status.rate:.1f} {status.attempt + 1} {time.localtime(status.created)} {status.beat - 1}"
    assert status.total is None or isinstance(status.total, int)


@pytest.mark.parametrize("name", ["spec.json", "status.json", "events.jsonl", "recipe.json", "manifest.json", "result/metrics.json", "STOP"])
def test_a_damaged_file_breaks_neither_the_list_nor_what_is_shown_of_the_job(folder, name, capsys):
    data = str(folder.parents[1]).removesuffix(".sde")
    for junk in (*JUNK, b'{"event":"step","step":1,"loss":"x"}\n{"event":"eval","step":1,"loss":[]}\n{"event":"start"}\n{"x":1}\n'):
        (folder / name).write_bytes(junk)
        assert cli(["jobs", "list", "--data", data]) == 0
        assert cli(["jobs", "show", "abcd", "--data", data]) in (0, UsageError.exit_code)
        assert "fault" not in capsys.readouterr().err


@pytest.mark.parametrize("launched", [{"spec": [1]}, {"spec": None}, {"title": 3}, {"kind": ["train"]}])
def test_a_spec_of_wrong_types_is_no_job(folder, launched):
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "t", "spec": {}, **launched}))
    with pytest.raises(JobError, match=r"spec\.json is damaged"):
        Job(folder)


def test_devices_of_a_wrong_type_are_none(folder):
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "t", "spec": {"devices": 5}}))
    assert Job(folder).devices == ()


@pytest.mark.parametrize("junk", [b'{"rows": 5}', b'{"rows": {"train": "x"}}', b'{"dataset": []}', b'{"rows_hash": 5}', b'{"layout": null}', b"[]"])
def test_a_run_whose_manifest_makes_no_sense_has_no_facts(folder, junk):
    (folder / "manifest.json").write_bytes(junk)
    with pytest.raises(JobError, match="no recipe and manifest"):
        run_facts(Job(folder))


BAD_ROWS = [
    {"key": "x"},
    {"key": 0},
    {"key": "0" * 17},
    {"row": True},
    {"row": -1},
    {"row": 1 << 31},
    {"row": "0"},
    {"split": 3},
    {"split": ["train"]},
    {"split": "other"},
]


def test_metrics_that_are_no_numbers_are_none(folder):
    (folder / "result" / "metrics.json").write_text(json.dumps({"steps": "x", "train_loss": [1], "tokens": 5, "held_out_loss": None}))
    assert run_facts(Job(folder)).metrics == {"steps": None, "train_loss": None, "tokens": 5, "held_out_loss": None}


@pytest.mark.parametrize(
    "junk", [*JUNK[1:], *(json.dumps({"row": 0, "key": "a", "split": "train", "record": 1, **bad}).encode() for bad in BAD_ROWS)]
)
def test_a_damaged_row_of_a_run_is_named_by_its_line(folder, junk):
    with (folder / "rows.jsonl").open("ab") as file:
        file.write(junk + b"\n")
    with pytest.raises(InputError, match=r"line 2 of its rows\.jsonl is damaged"):
        list(read_row_keys(folder))


def test_a_run_never_goes_on_with_fewer_rows_than_it_was_launched_with(folder):
    assert len(list(read_snapshot(folder))) == 1
    (folder / "rows.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match=r"launched with 1 rows, but its rows\.jsonl holds 0"):
        list(read_snapshot(folder))


def test_a_bit_that_flips_anywhere_in_a_runs_rows_is_noticed_before_it_trains_on_them(folder, tmp_path):
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(f'{{"prompt": "What is {number}?", "response": "It is {number}."}}\n' for number in range(6)))
    write_snapshot(folder, open_dataset(data), range(6), held_out=0.2, seed=1)
    rows = folder / "rows.jsonl"
    whole = rows.read_bytes()
    assert len(list(read_snapshot(folder))) == row_total(folder) == 6
    for at in range(0, len(whole), 3):
        rows.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        with pytest.raises(InputError, match=r"rows\.jsonl") as refused:
            list(read_snapshot(folder))
        assert "start a new run" in refused.value.hint


@pytest.mark.parametrize(
    "junk", [*JUNK, b'{"rows": {"train": "x"}, "layout": {"name": "text", "roles": {}}}', b'{"rows": {}, "layout": {"shape": 1}}', None]
)
def test_a_run_whose_manifest_is_damaged_or_gone_says_so(folder, junk):
    if junk is None:
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_bytes(junk)
    for read in (row_total, lambda run: list(read_snapshot(run))):
        with pytest.raises(InputError, match=r"manifest\.json is (missing or )?damaged"):
            read(folder)


def test_a_run_whose_rows_are_gone_says_so(folder):
    (folder / "rows.jsonl").unlink()
    with pytest.raises(InputError, match=r"rows\.jsonl is gone"):
        list(read_snapshot(folder))


@given(losses=st.lists(ANY_JSON | st.floats(), max_size=4))
def test_a_curve_takes_no_harm_from_losses_that_are_no_numbers(losses):
    curve = RunCurve()
    curve.add([{"event": kind, "step": i, "loss": loss, "t": loss} for i, loss in enumerate(losses, start=1) for kind in ("step", "eval")])
    curve.add([{"event": "step", "step": 9, "loss": 2.0}])
    assert curve.train.latest == 2.0


@pytest.mark.parametrize("step", [True, -1, 1 << 63, 1.5, "1", None, [1]])
def test_a_curve_takes_no_harm_from_steps_that_are_none(step):
    curve = RunCurve()
    curve.add([{"event": kind, "step": step, "steps": step, "loss": 1.0, "lr": True} for kind in ("step", "eval", "train", "checkpoint")])
    assert (curve.train.count, curve.steps, curve.checkpoints) == (0, None, {})
    curve.add([{"event": "step", "step": 1, "loss": 2.0, "lr": True}])
    assert (curve.train.latest, curve.series("lr").latest) == (2.0, None)


@pytest.mark.parametrize("junk", [*JUNK, b"PK\x03\x04" + b"\xaa" * 60])
def test_a_damaged_summary_of_a_curve_counts_as_none(folder, junk):
    (folder / "events.jsonl").write_text('{"event":"step","step":1,"loss":1.5}\n')
    summary_path(folder).write_bytes(junk)
    assert read_curve(folder)[0].train.latest == 1.5


def test_a_summary_damaged_anywhere_or_of_pickles_counts_as_none(folder):
    (folder / "events.jsonl").write_text('{"event":"step","step":1,"loss":1.5}\n')
    np.savez_compressed(summary_path(folder), told=np.frombuffer(b'{"form": 1}' * 50, np.uint8))
    whole = summary_path(folder).read_bytes()
    for at in range(0, len(whole), 7):
        summary_path(folder).write_bytes(whole[:at] + b"\xaa\xaa" + whole[at + 2 :])
        assert read_curve(folder)[0].train.latest == 1.5
    for damaged in (np.array([{1: 2}], dtype=object), np.arange(3)):
        np.savez(summary_path(folder), told=damaged)
        assert read_curve(folder)[0].train.latest == 1.5


def test_a_kept_probe_of_wrong_types_counts_as_none(tmp_path):
    names = ("areas", "step_seconds", "start_seconds", "rows", "evaluation_tokens", "evaluation_seconds", "checkpoint_seconds", "finish_seconds")
    sound = {**dict.fromkeys([*names, "memory", "gpu_memory", "made"], 1), "areas": [1], "step_seconds": [0.5], "device": "CPU"}
    path = tmp_path / "probes" / "p.json"
    path.parent.mkdir()
    path.write_text(json.dumps(sound))
    assert kept_probe(tmp_path, "p") is not None
    for wrong in ({"areas": 5}, {"areas": ["x"]}, {"memory": "much"}, {"step_seconds": [None]}, {"made": True}):
        path.write_text(json.dumps({**sound, **wrong}))
        assert kept_probe(tmp_path, "p") is None


def test_of_two_that_resume_a_job_at_the_same_moment_one_does(folder, monkeypatch):
    started = []

    def start(job, status):
        time.sleep(0.02)  # long enough for the other to look, were it let
        write_status(job.folder / "status.json", status.__class__(state="queued", beat=time.time(), attempt=status.attempt))
        started.append(status.attempt)

    monkeypatch.setattr(job_module.Job, "_start", start)

    def resume(_):
        try:
            Job(folder).resume()
        except JobError as error:
            return error.message
        return ""

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(resume, range(4)))
    assert started == [2]
    assert [bool(words) for words in told] == [False, True, True, True]
    assert "is still queued" in told[-1]


def test_who_resumes_or_removes_a_job_that_was_just_removed_is_told(folder):
    job = Job(folder)
    remove_job(Job(folder))
    for late in (job.resume, lambda: remove_job(job)):
        with pytest.raises(JobError, match="was removed"):
            late()


def test_a_job_that_never_reported_is_lost_even_when_the_clock_was_set_back(folder):
    for beat in (time.time() - 3600, time.time() + 3600):
        write_status(folder / "status.json", JobStatus(state="queued", beat=beat))
        assert Job(folder).status().state == "lost"


@pytest.mark.parametrize("asked", [{"epochs": float("inf")}, {"epochs": 1e18}, {"steps": 10**12}, {"epochs": float("nan")}])
def test_no_run_is_extended_beyond_all_measure(folder, asked):
    with pytest.raises(UsageError, match="at most"):
        write_extension(Job(folder), **asked)


def test_a_signal_does_not_break_off_a_jobs_last_word(folder):
    context = JobContext(folder, JobStatus(state="running"))
    context.on_terminate()
    context.finish("stopped", "Stopped.")
    context.on_terminate()
    status = read_status(folder / "status.json")
    assert status is not None and status.state in FINAL_STATES


@pytest.mark.parametrize("junk", [*JUNK, b'{"held_out": 1}'])
def test_a_damaged_result_of_a_comparison_counts_as_not_done_and_is_made_again(tmp_path, junk):
    path = tmp_path / "cell.json"
    path.write_text(json.dumps({"held_out": {}, "general": {}, "labels": [], "numbers": []}))
    assert read_cell(path) is not None
    path.write_bytes(junk)
    assert read_cell(path) is None
