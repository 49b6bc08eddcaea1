"""The pass over the records, shared between this process and others: pieces of the file, done by whoever is free, merged in file order."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from sde_core.checks.packing import unpacked_result
from sde_core.checks.record_pass import PassResult, RecordPass
from sde_core.dataset import Dataset
from sde_core.progress import Cancel, raise_if_cancelled

PARALLEL_ROWS = 50_000
"""Below so many rows another process is not worth its start."""

PIECE_ROWS = 8192
_MOST_WORKERS = 3
_FORMATS = ("jsonl", "json", "csv", "tsv", "text")
_PACKED = (".gz", ".zst", ".bz2", ".xz", ".zip")
_POLL_S = 0.05


def worth_workers(dataset: Dataset) -> int:
    """How many processes help this one: as many as there are other cores, none for small files and those that each would have to unpack."""
    plain = dataset.format in _FORMATS and not dataset.path.endswith(_PACKED) and Path(dataset.path).is_file()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores - 1, _MOST_WORKERS) if plain and len(dataset) >= PARALLEL_ROWS else 0


class _Pieces:
    """Which rows are still to be looked at, and what the others gave."""

    def __init__(self, rows: int, on_done: Callable[[int], None]) -> None:
        self._left = deque(range(start, min(start + PIECE_ROWS, rows)) for start in range(0, rows, PIECE_ROWS))
        self._count, self._on_done = len(self._left), on_done
        self._results: dict[int, PassResult] = {}
        self._changed = threading.Condition()

    def taken(self, *, last: bool = False) -> range | None:
        """The next piece, None where there is none at this moment."""
        with self._changed:
            return (self._left.pop() if last else self._left.popleft()) if self._left else None

    def give_back(self, rows: range) -> None:
        with self._changed:
            self._left.append(rows)
            self._changed.notify_all()

    def done(self, rows: range, result: PassResult) -> None:
        with self._changed:
            self._results[rows.start] = result
            self._changed.notify_all()
        self._on_done(len(rows))

    def wait(self) -> bool:
        """Waits a moment where others are at the last pieces; whether all are done."""
        with self._changed:
            if len(self._results) < self._count and not self._left:
                self._changed.wait(_POLL_S)
            return len(self._results) == self._count

    def in_order(self) -> list[PassResult]:
        return [self._results[start] for start in sorted(self._results)]


class SharedPass:
    """The pass over all records. Processes begin on it at once; `finished` lends a hand and waits for them.

    Use it in a `with`: its processes are ended when that is left.

    Args:
        work: The pass.
        dataset: The records.
        only: Names of the checks, as `load_checks` takes them.
        params: Thresholds by name.
        workers: How many other processes.
        on_done: Called with a number of rows when they are done; from other threads too.
    """

    def __init__(
        self, work: RecordPass, dataset: Dataset, only: Sequence[str], params: dict[str, Any], workers: int, on_done: Callable[[int], None]
    ) -> None:
        self._work = work
        self._pieces = _Pieces(0 if work.is_empty else len(dataset), on_done)
        spec = json.dumps(_spec(dataset, only, params)).encode() + b"\n" if workers else b""
        self._workers = [_Worker(spec, self._pieces) for _ in range(0 if work.is_empty else workers)]

    def __enter__(self) -> SharedPass:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self._workers:
            worker.stop()

    def finished(self, cancel: Cancel) -> list[PassResult]:
        """What all rows gave, in pieces, in file order.

        Raises:
            CancelledError: When stopped.
        """
        while not self._pieces.wait():
            raise_if_cancelled(cancel)
            rows = self._pieces.taken(last=bool(self._workers))
            if rows is not None:
                self._pieces.done(rows, self._work.over(rows, cancel=cancel))
        return self._pieces.in_order()


def _spec(dataset: Dataset, only: Sequence[str], params: dict[str, Any]) -> dict[str, Any]:
    """What another process needs to know to do the same work."""
    return {
        "path": dataset.path,
        "layout": dataset.layout.name,
        "roles": dict(dataset.layout.roles),
        "edits": [[row, [[path, text] for path, text in of_row.items()]] for row, of_row in dataset.edits.items()],
        "rows": len(dataset),
        "identity": dataset.files and dataset.files[1],
        "only": list(only),
        "params": params,
    }


class _Worker:
    """A process, and the thread here that feeds it; what it leaves undone when it fails goes back to the others."""

    def __init__(self, spec: bytes, pieces: _Pieces) -> None:
        self._spec, self._pieces = spec, pieces
        self._stopped = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sde_core.checks.record_worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=_environment(),
        )  # fmt: skip
        self._asks, self._answers = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        self._thread = threading.Thread(target=self._serve, name="sde-record-worker", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        rows: range | None = None
        try:
            self._told(self._spec)
            while not self._stopped.is_set() and (rows := self._pieces.taken()) is not None:
                self._told(b"%d %d\n" % (rows.start, rows.stop))
                self._pieces.done(rows, self._answer())
                rows = None
        except (OSError, ValueError):
            if rows is not None:
                self._pieces.give_back(rows)

    def _told(self, line: bytes) -> None:
        self._asks.write(line)
        self._asks.flush()

    def _answer(self) -> PassResult:
        return unpacked_result(self._answers.readline())

    def stop(self) -> None:
        """Ends the process."""
        self._stopped.set()
        self._process.kill()
        self._thread.join()
        self._process.wait()
        self._answers.close()
        with contextlib.suppress(OSError):  # what was still to be told is of no use to an ended process
            self._asks.close()


def _environment() -> dict[str, str]:
    """The environment of a worker: one thread, and this very copy of the engine also where it is not installed."""
    own = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    home = Path(__file__).resolve().parents[2]
    if home.name not in ("site-packages", "dist-packages"):
        own["PYTHONPATH"] = os.pathsep.join(filter(None, [str(home), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **own}
