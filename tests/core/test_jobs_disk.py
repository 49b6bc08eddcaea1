"""A disk that takes no more: what a job says then, and that its last word still gets through."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from sde_core.errors import ReadOnlyError
from sde_core.jobs import Job, JobContext, JobStatus
from sde_core.jobs.disk import give_room_back, is_unwritable, reserve_room, unwritable_job
from sde_core.jobs.event_log import append_event, read_events
from sde_core.jobs.prepared import prepared_folder
from sde_core.train.checkpoints import CheckpointWriter, UnwritableCheckpointError, last_checkpoint, remove_older, remove_unfinished, step_of


def system_error(number):
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "needed", "saved", "words"),
    [
        (errno.ENOSPC, 2_500_000, "step 40", "The disk is full: saving its state takes 2.5 MB in /x. Free some space, then resume it: it goes on from step 40."),
        (errno.EDQUOT, None, "", "The disk is full: nothing more can be written to /x. Free some space, then resume it."),
        (errno.EROFS, None, "", "/x cannot be written: Read-only file system. Make it writable, then resume it."),
        (errno.EFBIG, None, "", "A file in /x would grow larger than files may be here. Raise that limit (ulimit -f), then resume it."),
    ],
)  # fmt: skip
def test_one_sentence_says_what_is_missing_where_and_the_way_on(number, needed, saved, words):
    assert str(unwritable_job(Path("/x"), system_error(number), needed=needed, saved=saved)).replace("2.50 MB", "2.5 MB") == words
    assert is_unwritable(system_error(number))
    assert not is_unwritable(system_error(errno.ENOENT))


def job_folder(tmp_path):
    (tmp_path / "result").mkdir()
    (tmp_path / "spec.json").write_text(json.dumps({"kind": "train", "title": "t", "spec": {}}))
    return tmp_path


def test_the_last_word_is_written_in_the_room_that_was_kept(tmp_path, monkeypatch):
    folder = job_folder(tmp_path)
    reserve_room(folder)
    room = folder / "room"
    assert room.stat().st_size >= 4096
    write = Path.write_bytes

    def write_where_there_is_room(path, content):
        if room.exists():
            raise system_error(errno.ENOSPC)
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_where_there_is_room)
    context = JobContext(folder, JobStatus())
    with pytest.raises(OSError, match="No space"):
        context.say("Training.")
    context.finish("failed", "The disk is full.")
    assert Job(folder).status().message == "The disk is full."
    give_room_back(folder)


def test_the_heartbeat_survives_a_disk_that_is_full_for_a_moment(tmp_path, monkeypatch):
    import sde_core.jobs.context as module

    context = JobContext(job_folder(tmp_path), JobStatus(state="running"))
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.0)
    beats = []

    def write(path, status):
        beats.append(status.beat)
        if len(beats) == 3:
            context._ended.set()
        raise system_error(errno.ENOSPC)

    monkeypatch.setattr(module, "write_status", write)
    thread = context.beat_forever()
    thread.join(10)
    assert not thread.is_alive()
    assert len(beats) == 3


def test_an_event_that_the_disk_takes_in_parts_is_one_line(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, bytes(content[:7])))
    append_event(tmp_path / "events.jsonl", {"event": "step", "step": 1})
    append_event(tmp_path / "events.jsonl", {"event": "step", "step": 2})
    assert [event["step"] for event in read_events(tmp_path / "events.jsonl")[0]] == [1, 2]


def test_resuming_where_nothing_can_be_written_says_so(tmp_path, monkeypatch):
    folder = job_folder(tmp_path)
    (folder / "status.json").write_text(json.dumps({"state": "stopped"}))

    def refuse(*_):
        raise system_error(errno.ENOSPC)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(ReadOnlyError, match="the disk is full"):
        Job(folder).resume()


# ---- checkpoints


def write_checkpoint(folder, step, content=b"weights"):
    writer = CheckpointWriter(folder, step)
    writer.needed = len(content)
    with writer.removed_if_it_fails():
        writer.begin()
        writer.add("adapter_model.safetensors", content)
        writer.finish()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_disk_that_is_full_while_a_run_is_prepared_is_said_and_nothing_is_left(tmp_path):
    def prepare(number):
        with prepared_folder(tmp_path, "train") as folder:
            (folder / "rows.jsonl").write_text("half")
            raise OSError(number, os.strerror(number))

    with pytest.raises(ReadOnlyError, match=f"{tmp_path} cannot be written: the disk is full") as told:
        prepare(errno.ENOSPC)
    assert told.value.hint == "Free some space and try again; nothing was lost."
    with pytest.raises(OSError, match="No such device"):
        prepare(errno.ENODEV)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_the_last_two_checkpoints_stay_and_the_last_counts(tmp_path):
    for step in (2, 4, 10):
        write_checkpoint(tmp_path, step)
    assert names(tmp_path) == ["checkpoint-10", "checkpoint-4"]
    assert step_of(last_checkpoint(tmp_path)) == 10
    remove_older(tmp_path, 1)
    assert names(tmp_path) == ["checkpoint-10"]
    assert last_checkpoint(tmp_path / "nowhere") is None


def test_a_full_disk_leaves_the_checkpoint_before_and_nothing_half_written(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, 2)

    def refuse(path, _content):
        path.touch()
        raise system_error(errno.ENOSPC)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(UnwritableCheckpointError) as told:
        write_checkpoint(tmp_path, 4, b"w" * 123)
    assert (told.value.errno, told.value.needed) == (errno.ENOSPC, 123)
    assert names(tmp_path) == ["checkpoint-2"]


@pytest.mark.parametrize("damage", ["shorter", "missing", "unmarked", "marked with anything"])
def test_a_damaged_checkpoint_does_not_count_and_one_that_was_never_finished_goes(tmp_path, damage):
    write_checkpoint(tmp_path, 2)
    write_checkpoint(tmp_path, 4)
    (tmp_path / "checkpoint-6.unfinished").mkdir()
    (tmp_path / "checkpoint-6.unfinished" / "complete.json").write_text("{}")
    weights, mark = (tmp_path / "checkpoint-4" / name for name in ("adapter_model.safetensors", "complete.json"))
    {
        "shorter": lambda: weights.write_bytes(b"w"),
        "missing": weights.unlink,
        "unmarked": mark.unlink,
        "marked with anything": lambda: mark.write_text("[1]"),
    }[damage]()
    assert step_of(last_checkpoint(tmp_path)) == 2
    remove_unfinished(tmp_path)
    # one that was whole once stays, to be told of where the run goes on
    assert names(tmp_path) == (["checkpoint-2"] if damage == "unmarked" else ["checkpoint-2", "checkpoint-4"])
