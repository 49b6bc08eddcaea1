"""Jobs as real processes: launched, watched, stopped, killed, resumed, and outliving whoever launched them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import sde_core.jobs.job as job_module
from sde_core.cli.main import main
from sde_core.errors import JobError, ReadOnlyError, UsageError
from sde_core.jobs import JOB_KINDS, Job, find_job, launch, list_jobs, running_job
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.status import JobStatus, read_status, write_status

BODY = Path(__file__).with_name("counting_job.py")
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60


@pytest.fixture(autouse=True)
def counting_kind(monkeypatch):
    monkeypatch.setitem(JOB_KINDS, "count", "counting_job:count")
    monkeypatch.setattr(job_module, "_command", lambda folder: [sys.executable, str(BODY), str(folder)])


@pytest.fixture
def start(tmp_path):
    started = []

    def start_counting(**spec):
        started.append(launch(tmp_path / "jobs", "count", {"total": 5, **spec}, title="Count"))
        return started[-1]

    yield start_counting
    for job in started:
        job.kill()
        job.wait(PATIENCE)


def numbers(job):
    return [event["number"] for event in job.events()[0] if event["event"] == "count"]


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def test_a_job_runs_to_its_end(start):
    job = start()
    status = job.wait(PATIENCE)
    assert (status.state, status.done, status.total, status.unit, status.message) == ("done", 5, 5, "numbers", "Counting.")
    assert status.created <= status.started <= status.ended
    assert numbers(job) == [1, 2, 3, 4, 5]
    assert [event["event"] for event in job.events()[0]] == ["start", *["count"] * 5, "end"]
    assert (job.result_dir / "sum.txt").read_text() == "15"
    assert not list(job.folder.glob("*.tmp"))


def test_an_expected_failure_is_one_sentence_with_a_way_out(start):
    status = start(fail_at=3).wait(PATIENCE)
    assert (status.state, status.message, status.hint) == ("failed", "Seven is not allowed.", "Count to six.")


def test_an_unexpected_failure_is_named_and_logged(start):
    job = start(crash_at=2)
    status = job.wait(PATIENCE)
    assert (status.state, status.message) == ("failed", "ZeroDivisionError: by nothing")
    assert "Traceback" in job.log_path.read_text()


def test_stop_is_honoured_at_the_next_step_and_resume_repeats_nothing(start):
    job = start(hold_at=3)
    wait_for(lambda: numbers(job)[-1:] == [3])
    assert job.status().state == "running"
    job.stop()
    assert job.status().state in ("stopping", "stopped")
    assert job.wait(PATIENCE).state == "stopped"
    assert numbers(job) == [1, 2, 3]
    (job.folder / "go").touch()
    job.resume()
    status = job.wait(PATIENCE)
    assert (status.state, status.attempt) == ("done", 2)
    assert numbers(job) == [1, 2, 3, 4, 5]


def test_kill_9_is_lost_and_resumable(start):
    job = start(hold_at=4)
    wait_for(lambda: numbers(job)[-1:] == [4])
    os.killpg(job.status().identity.pid, signal.SIGKILL)
    wait_for(lambda: not job.status().active)
    assert job.status().state == "lost"
    (job.folder / "go").touch()
    job.resume()
    assert job.wait(PATIENCE).state == "done"
    assert numbers(job) == [1, 2, 3, 4, 5]


def test_a_job_that_has_not_come_to_saying_who_it_is_is_known_by_its_process_and_can_be_killed(start):
    job = start(hold_at=1)
    wait_for(lambda: numbers(job) == [1])
    unborn = JobStatus(created=time.time(), beat=time.time() - 100)
    write_status(job.folder / "status.json", unborn)
    assert subprocess.run(
        [sys.executable, "-c", "import sys; from sde_core.jobs import Job; from pathlib import Path; print(Job(Path(sys.argv[1])).status().state)", job.folder],
        capture_output=True, text=True, check=True,
    ).stdout == "queued\n"  # fmt: skip
    assert main(["jobs", "stop", str(job.folder), "--kill"]) == 0
    assert not job.status().active


def test_what_a_job_took_counts_all_its_attempts_and_no_time_between_them(start):
    job, spans = start(total=4, hold_from=1), []
    for attempt in range(1, 4):
        wait_for(lambda attempt=attempt: numbers(job) == list(range(1, attempt + 1)))
        if attempt == 3:
            job.kill()
        else:
            job.stop()
        left = job.wait(PATIENCE)
        spans.append((left.ended or left.beat) - left.started)
        assert left.worked_s() == pytest.approx(sum(spans))
        job.resume()
    (job.folder / "go").touch()
    done = job.wait(PATIENCE)
    assert (done.state, done.attempt, left.state) == ("done", 4, "lost")
    assert done.worked_s() == pytest.approx(sum(spans) + done.ended - done.started)
    assert done.worked_s() < done.ended - done.created
    assert done.worked_s(done.ended + 5) == pytest.approx(done.worked_s() + 5)


def test_a_paused_job_leaves_and_goes_on_only_when_it_is_resumed(start):
    job = start(hold_at=3)
    wait_for(lambda: numbers(job)[-1:] == [3])
    job.pause()
    status = job.wait(PATIENCE)
    assert (status.state, status.message) == ("paused", "Stopped at 3.")
    assert not psutil.pid_exists(status.identity.pid) or psutil.Process(status.identity.pid).status() == psutil.STATUS_ZOMBIE
    with pytest.raises(JobError, match="is paused"):
        job.pause()
    (job.folder / "go").touch()
    job.resume()
    assert job.wait(PATIENCE).state == "done"
    assert numbers(job) == [1, 2, 3, 4, 5]


def test_a_job_whose_machine_went_down_is_lost_and_resumable_whoever_has_its_process_id_now(start):
    job = start(hold_at=2)
    wait_for(lambda: numbers(job)[-1:] == [2])
    job.kill()
    job.wait(PATIENCE)
    status = read_status(job.folder / "status.json")
    write_status(job.folder / "status.json", replace(status, identity=replace(ProcessIdentity.of_pid(os.getpid()), boot="before")))
    assert job.status().state == "lost"
    (job.folder / "go").touch()
    job.resume()
    assert job.wait(PATIENCE).state == "done"
    assert numbers(job) == [1, 2, 3, 4, 5]


def test_a_silent_death_shows_its_last_words(start):
    status = start(die_at=2).wait(PATIENCE)
    assert status.state == "lost"
    assert "falling over" in status.message


@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_that_asks_to_end_stops_like_the_stop_file(start, number, group):
    job = start(hold_at=2)
    wait_for(lambda: numbers(job)[-1:] == [2])
    (os.killpg if group else os.kill)(job.status().identity.pid, number)
    status = job.wait(PATIENCE)
    assert (status.state, status.message) == ("stopped", "Stopped at 2.")


def test_terminate_breaks_off_a_job_that_does_not_look(start):
    job = start(hold_at=2, deaf=True)
    wait_for(lambda: numbers(job)[-1:] == [2])
    job.terminate()
    status = job.wait(PATIENCE)
    assert (status.state, status.message) == ("stopped", "Broken off.")


def test_hangup_is_ignored(start):
    job = start(hold_at=2)
    wait_for(lambda: numbers(job)[-1:] == [2])
    os.kill(job.status().identity.pid, signal.SIGHUP)
    (job.folder / "go").touch()
    assert job.wait(PATIENCE).state == "done"


def test_a_running_job_is_not_resumed_and_a_second_process_keeps_out(start):
    job = start(hold_at=2)
    wait_for(lambda: numbers(job)[-1:] == [2])
    with pytest.raises(JobError, match="still running"):
        job.resume()
    second = subprocess.run([sys.executable, str(BODY), str(job.folder)], check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=PATIENCE)
    assert second.returncode == 2
    (job.folder / "go").touch()
    assert job.wait(PATIENCE).done == 5
    assert numbers(job) == [1, 2, 3, 4, 5]
    with pytest.raises(JobError, match="is done"):
        job.resume()


LAUNCHER = """
import sys
from pathlib import Path
import sde_core.jobs.job as job_module
from sde_core.jobs import JOB_KINDS, launch
JOB_KINDS["count"] = "counting_job:count"
job_module._command = lambda folder: [sys.executable, {body!r}, str(folder)]
job = launch(Path({jobs!r}), "count", {{"total": 4, "hold_at": 2}}, title="Count")
sys.stdout.write(job.id)
"""


def test_the_job_outlives_its_launcher(tmp_path):
    program = LAUNCHER.format(body=str(BODY), jobs=str(tmp_path))
    launcher = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", program],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=PATIENCE,
    )  # fmt: skip
    job = find_job(tmp_path, launcher.stdout)
    try:
        wait_for(lambda: numbers(job)[-1:] == [2])
        assert job.status().state == "running"
        assert psutil.Process(job.status().identity.pid).ppid() != os.getpid()
        (job.folder / "go").touch()
        assert job.wait(PATIENCE).state == "done"
    finally:
        job.kill()


def test_a_zombie_is_gone():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = ProcessIdentity.of_pid(child.pid)
    assert identity.liveness() == "alive"
    child.stdin.close()
    wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert identity.liveness() == "gone"
    child.wait()
    assert identity.liveness() == "gone"


def test_identity_sees_reused_ids_other_boots_and_other_machines():
    here = ProcessIdentity.of_pid(os.getpid())
    assert here.liveness() == "alive"
    assert replace(here, start="1").liveness() == "gone"
    assert replace(here, start="").liveness() == "gone"
    assert replace(here, boot="another").liveness() == "gone"
    assert replace(here, host="another").liveness() == "elsewhere"
    assert ProcessIdentity.from_json({"pid": here.pid, "start": here.start, "boot": here.boot, "host": here.host}) == here
    assert ProcessIdentity.from_json({"pid": "1"}) is None
    assert ProcessIdentity.from_json(None) is None


def foreign_job(tmp_path, beat):
    folder = tmp_path / "jobs" / "20260101T000000000-count-abcd"
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text('{"kind":"count","title":"T","spec":{}}')
    identity = replace(ProcessIdentity.of_pid(os.getpid()), host="node7")
    write_status(folder / "status.json", JobStatus(state="running", created=1, started=1, beat=beat, identity=identity))
    return Job(folder)


def test_a_job_elsewhere_lives_by_its_heartbeat_and_is_never_killed_from_here(tmp_path):
    job = foreign_job(tmp_path, time.time())
    assert job.status().state == "running"
    job.terminate()
    job.kill()
    assert job.status().state == "stopping"
    stale = replace(read_status(job.folder / "status.json"), beat=time.time() - 3600)
    write_status(job.folder / "status.json", stale)
    assert job.status().state == "lost"


def test_a_job_that_never_came_up_is_lost_in_the_end(tmp_path):
    job = foreign_job(tmp_path, 0)
    write_status(job.folder / "status.json", JobStatus(created=time.time(), beat=time.time()))
    assert job.status().state == "queued"
    write_status(job.folder / "status.json", JobStatus(created=1, beat=1))
    assert job.status().state == "lost"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"state":"running","new_field":3,"identity":7}'])
def test_a_status_from_another_version_or_cut_short_does_not_break_the_list(tmp_path, content):
    job = foreign_job(tmp_path, time.time())
    (job.folder / "status.json").write_bytes(content)
    assert job.status().state in ("queued", "running", "lost")


def test_listing_and_finding(tmp_path, start):
    assert list_jobs(tmp_path / "nowhere") == []
    first, second = start(), start()
    (tmp_path / "jobs" / "half-made").mkdir()
    (tmp_path / "jobs" / "damaged").mkdir()
    (tmp_path / "jobs" / "damaged" / "spec.json").write_text('{"kind":')
    assert [job.id for job in list_jobs(tmp_path / "jobs")] == sorted([first.id, second.id], reverse=True)
    assert find_job(tmp_path / "jobs", first.id[-4:]).id == first.id
    assert find_job(tmp_path / "jobs", "last").id == list_jobs(tmp_path / "jobs")[0].id
    with pytest.raises(UsageError, match="No job"):
        find_job(tmp_path / "jobs", "zzz")
    with pytest.raises(UsageError, match="2 jobs"):
        find_job(tmp_path / "jobs", "2")


def test_the_running_job_of_a_kind_is_found_by_what_it_was_asked(tmp_path, start):
    ended, running = start(total=4), start(hold_at=3)
    ended.wait(PATIENCE)
    wait_for(lambda: running.status().state == "running")
    assert running_job(tmp_path / "jobs", "count").id == running.id
    assert running_job(tmp_path / "jobs", "count", hold_at=3).id == running.id
    assert running_job(tmp_path / "jobs", "count", total=4) is None, "it has ended"
    assert running_job(tmp_path / "jobs", "train") is None
    assert running_job(tmp_path / "nowhere", "count") is None


def test_unknown_kind_and_unwritable_folder(tmp_path):
    with pytest.raises(UsageError, match="no kind of job"):
        launch(tmp_path, "dance", {}, title="")
    (tmp_path / "file").touch()
    with pytest.raises(ReadOnlyError, match="cannot be written"):
        launch(tmp_path / "file", "count", {}, title="")
    with pytest.raises(JobError, match="not a job folder"):
        Job(tmp_path)
