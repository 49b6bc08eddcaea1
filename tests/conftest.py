"""What all tests share: an environment that is nobody's, no network, a state folder of their own, small datasets, the real data where it is at hand."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SDE_SHARED", ROOT.parent / "shared"))

SECONDS_TO_END = 30
"""How long a job may take to end by itself after the tests of its module."""

_FOREIGN = ("HF_", "HUGGING", "TEXTUAL", "OPENAI_", "WANDB_", "TRACKIO_", "ACCELERATE_", "SSH_", "LC_", "CLICOLOR", "XDG_")
_FOREIGN_NAMES = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "TMUX", "SDE_TRACEBACK", "RANK", "LOCAL_RANK", "WORLD_SIZE"}
_PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


def _leave_the_users_shell() -> None:
    """Takes away what it may say of colours, widths, languages, proxies, accounts and caches. Textual and others read that when they are imported."""
    for name in list(os.environ):
        if name in _FOREIGN_NAMES or name.lower() in _PROXIES or name.startswith(_FOREIGN):
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="sde-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ.update(HOME=home, LANG="C.UTF-8", TERM="xterm-256color", TZ="UTC", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    time.tzset()


_leave_the_users_shell()
# the matrices of tests are small: a BLAS that splits them over all processors waits for itself where several tests run at once
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections leave the machine from no test; loopback and Unix sockets are fine."""
    real_connect = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"a test tried to reach {address}")
        real_connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(scope="session", autouse=True)
def _state_folder_of_all_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs that fixtures of a module start wait for no run of the user's: the queue of devices lies in the state folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state-of-all")))
        yield


@pytest.fixture(autouse=True)
def _own_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    # a job that a test runs in this process chooses its GPU by this, which would be another test's GPU
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    """What the tests of a module start has ended before those of the next begin: it would take their processors, and nobody would hear of its end."""
    yield
    left = _running_jobs()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            words = shlex.join(child.cmdline())
            if "resource_tracker" not in words:  # multiprocessing's own, one for the whole session
                left.append(f"{child.pid} ({child.status()}) {words}"[:300])
                child.kill()
    assert not left, "processes that nobody waited for"


def _running_jobs() -> list[str]:
    """The folders of jobs that still run, which are killed; waits for the processes of jobs that are at their end."""
    from sde_core.jobs import job

    left = []
    for folder, child in list(job._children.items()):
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(SECONDS_TO_END)
        if child.poll() is None and folder.exists() and job.Job(folder).status().active:
            left.append(str(folder))
            child.kill()
    for child in (*job._children.values(), *job._leaving):
        child.wait(120)
    job._children.clear()
    job._leaving.clear()
    return left


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Writes values (or raw bytes) as lines of a new file and returns its path."""

    def write(records: Iterable[Any], name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(
            b"".join((record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode()) + b"\n" for record in records)
        )
        return path

    return write


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., tuple[int, str, str]]:
    """Runs `sde` with these arguments; gives exit code, stdout, stderr."""
    from sde_core.cli.main import main

    def run(*arguments: Any) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        printed = capfdbinary.readouterr()
        return code, printed.out.decode(), printed.err.decode()

    return run


@pytest.fixture
def sample_dataset() -> Path:
    """The sample dataset that comes with the project; read-only, so copy it before deciding anything."""
    return ROOT / "sample_data" / "support.jsonl"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real datasets; the test is skipped where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"real datasets are not at {SHARED / 'data'}")
    return SHARED / "data"


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of real checkpoints; the test is skipped where it is absent."""
    if not (SHARED / "models").is_dir():
        pytest.skip(f"real checkpoints are not at {SHARED / 'models'}")
    return SHARED / "models"
