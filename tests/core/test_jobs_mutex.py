"""The lock of the queue: one holder among threads and processes, and nobody stopped by one that died with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sde_core.errors import JobError
from sde_core.jobs.mutex import Mutex

PATIENCE = 60


def test_one_of_many_threads_holds_the_lock(tmp_path):
    mutex, inside, seen = Mutex(tmp_path / "lock"), [], []

    def work(number):
        with Mutex(tmp_path / "lock").held():
            inside.append(number)
            seen.append(len(inside))
            time.sleep(0.001)
            inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(60)))
    assert seen == [1] * 60
    assert len(list((tmp_path / "lock").iterdir())) == 1
    with mutex.held():
        pass


COUNTER = """
import sys, time
from pathlib import Path
from sde_core.jobs.mutex import Mutex
folder = Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with Mutex(folder / "lock").held():
        value = int((folder / "value").read_text())
        (folder / "busy").mkdir()
        (folder / "value").write_text(str(value + 1))
        (folder / "busy").rmdir()
"""


def test_processes_that_are_killed_while_they_hold_it_stop_nobody(tmp_path):
    (tmp_path / "value").write_text("0")
    dies = "from sde_core.jobs.mutex import Mutex\nimport os, sys\nfrom pathlib import Path\nwith Mutex(Path(sys.argv[1])/'lock').held(): os._exit(9)"
    counters = [subprocess.Popen([sys.executable, "-c", COUNTER, str(tmp_path), "40"]) for _ in range(3)]
    for _ in range(4):
        assert subprocess.run([sys.executable, "-c", dies, str(tmp_path)], check=False, timeout=PATIENCE).returncode == 9
    assert [counter.wait(PATIENCE) for counter in counters] == [0, 0, 0]
    assert (tmp_path / "value").read_text() == "120"


def test_a_holder_that_lives_is_waited_for_and_named(tmp_path):
    with Mutex(tmp_path).held(), pytest.raises(JobError, match="held by another process"), Mutex(tmp_path).held(timeout=0.05):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b"null"])
def test_a_lock_cut_short_by_a_power_failure_is_taken_over(tmp_path, content):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "owner.json").write_bytes(content)
    with Mutex(tmp_path).held(timeout=PATIENCE):
        assert (tmp_path / "8" / "owner.json").exists()
    (tmp_path / "8" / "released").unlink()
    os.utime(tmp_path / "8", (1, 1))
    with Mutex(tmp_path).held(timeout=PATIENCE):
        assert not (tmp_path / "8").exists()
