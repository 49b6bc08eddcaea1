"""What the app costs on a terminal: time to first paint, bytes a key, latency of a key while idle and while checks run, bytes while idle.

    python benchmarks/terminal.py [--rows 1000000] [--check-rows 60000] [--size 80x24] [--keep FOLDER]
    python benchmarks/terminal.py --run [--size 80x24] [--seconds 20]      bytes a second of screen 9 while a fine-tune steps

A file of the wanted rows (about 1 kB each) is written into a temporary folder, or into FOLDER where it stays for the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "pty"))

from pty_app import DOWN, ENTER, PAGE_DOWN, UP, PtyApp

from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.status import JobStatus, write_status
from sde_core.project import Project

WORDS = ("order", "delivery", "refund", "account", "invoice", "password", "shipping", "return", "address", "payment", "customer", "ticket")
LIMITS = {"first paint": 0.6, "down": 400, "page down": 4000, "idle": 0, "latency p95": 0.05}


def write_rows(path: Path, rows: int) -> Path:
    """A JSONL of so many rows of about 1 kB; kept if it is there already."""
    if not path.exists():
        rng = random.Random(1)
        texts = [" ".join(rng.choice(WORDS) for _ in range(70)) for _ in range(500)]
        with path.open("w") as file:
            for row in range(rows):
                record = {
                    "instruction": f"Question {row}: {texts[row % 500]}",
                    "output": f"Answer {row}: {texts[row * 7 % 500]}",
                    "category": WORDS[row % 12],
                }
                file.write(json.dumps(record) + "\n")
    return path


def first_paint(path: Path, size: tuple[int, int], runs: int = 5) -> list[float]:
    """Seconds from the start of the process until the first row stands on the screen."""
    seconds = []
    for _ in range(runs):
        with PtyApp(str(path), size=size) as app:
            seconds.append(app.wait_for("Question 0"))
    return seconds


def bytes_per_key(path: Path, size: tuple[int, int]) -> dict[str, list[int]]:
    """Bytes written to the terminal because of one key, until it is quiet again."""
    with PtyApp(str(path), size=size) as app:
        app.wait_for("2 Rec")
        app.quiet(3.0)
        found = {"switch to Records": [len(app.press("2", 1.5))]}
        for name, key, times in (
            ("down", DOWN, 8),
            ("page down", PAGE_DOWN, 5),
            ("read a record", ENTER, 1),
            ("back to the table", ENTER, 1),
            ("accept", "a", 3),
        ):
            found[name] = [len(app.press(key, 0.8)) for _ in range(times)]
        found["idle for 5 s"] = [len(app.quiet(5.0, 5.0))]
        found["start"] = [len(app.output) - sum(map(sum, found.values()))]
        return found


def latencies(app: PtyApp, keys: int) -> list[float]:
    """Seconds from a key to the first byte that answers it."""
    seconds = []
    for number in range(keys):
        app.quiet(0.05, 0.4)
        started = time.perf_counter()
        app.send(DOWN if number % 20 < 10 else UP)
        while not app.read(2.0):
            pass
        seconds.append(time.perf_counter() - started)
    return seconds


def key_latency(path: Path, size: tuple[int, int], *, checking: bool, keys: int) -> list[float]:
    """Latency of the cursor keys in Records, while idle or while all checks run."""
    with PtyApp(str(path), size=size) as app:
        app.wait_for("2 Rec")
        if not checking:
            app.send("\x18")
            app.quiet(3.0)
        else:
            app.wait_for("checking", 120)
        app.press("2", 1.0)
        found = latencies(app, keys)
        if checking and "checking" not in app.text:
            print("  (the checks ended before the keys did; raise --check-rows)")
        return found


class SteppingRun(threading.Thread):
    """Stands for a fine-tune at work: writes what one writes, so many steps a second, until it is ended.

    Args:
        data: The dataset's file.
        rate: Steps a second.
        begun: Steps that it has made already.
        total: Steps that it will make.
    """

    def __init__(self, data: Path, rate: float, begun: int, total: int) -> None:
        super().__init__(daemon=True)
        self.folder = Project.of(data).jobs_dir / "20260102T030405678-train-ab12"
        self.rate, self.step, self.total = rate, begun, total
        self.over = threading.Event()
        self._draws = random.Random(1)
        (self.folder / "result").mkdir(parents=True)
        (self.folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "LoRA of a model on 2,000 rows", "spec": {}}))
        now = time.time() - begun / rate
        self._tell({"event": "train", "step": 0, "steps": total, "t": now})
        for step in range(1, begun + 1):
            self._tell(self._event(step, now + step / rate))
        self._say()

    def run(self) -> None:
        """Steps."""
        while not self.over.wait(1 / self.rate):
            self.step += 1
            self._tell(self._event(self.step, time.time()))
            if self.step % 50 == 0:
                self._tell({"event": "eval", "step": self.step, "loss": 2.2 + 2 / self.step**0.5, "t": time.time()})
            self._say()

    def _event(self, step: int, moment: float) -> dict[str, object]:
        draws = self._draws
        loss = 2 + 2 / step**0.5 + draws.gauss(0, 0.2)
        memory = {"memory": 650e6 + draws.randrange(10**7), "memory_free": 3e9 + draws.randrange(10**8)}
        return {
            "event": "step", "step": step, "steps": self.total, "epoch": step / 500, "loss": loss, "lr": 2e-4 * (1 - step / self.total),
            "grad_norm": 1 + draws.random(), "tokens": 700 * step, "tokens_s": 2500 + draws.gauss(0, 60), "t": moment, **memory,
        }  # fmt: skip

    def _tell(self, event: dict[str, object]) -> None:
        with (self.folder / "events.jsonl").open("a") as file:
            file.write(json.dumps(event) + "\n")

    def _say(self) -> None:
        eta = (self.total - self.step) / self.rate
        write_status(
            self.folder / "status.json",
            JobStatus(
                "running", self.step, self.total, "steps", self.rate, eta, "Training.", started=time.time() - 60, beat=time.time(),
                identity=ProcessIdentity.of_pid(os.getpid()),
            ),
        )  # fmt: skip


def bytes_of_a_run(place: Path, size: tuple[int, int], rate: float, seconds: float, keys: str = "") -> float:
    """Bytes a second that screen 9 writes while a fine-tune makes so many steps a second."""
    data = write_rows(place / f"run-{rate:g}-{size[0]}-{len(keys)}.jsonl", 50)
    run = SteppingRun(data, rate, begun=400, total=3000)
    run.start()
    with PtyApp(str(data), size=size, environ={"SSH_CONNECTION": "1 2 3 4"}) as app:
        app.wait_for("2 Rec")
        app.press("9" + keys, 2.0)
        app.wait_for("part " if keys else "of 3,000")
        app.quiet(8.0, 8.0)
        written = len(app.quiet(seconds, seconds))
    run.over.set()
    run.join()
    return written / seconds


def print_bytes_of_runs(place: Path, size: tuple[int, int], seconds: float) -> None:
    """Prints the figures for two speeds, of the whole curve and of its last part, which moves on."""
    for rate in (4.0, 10.0):
        for name, keys in (("whole", ""), ("last quarter, following", "zz")):
            found = bytes_of_a_run(place, size, rate, seconds, keys)
            print(f"screen 9, {rate:g} steps/s, {name:<24} {found:>6,.0f} bytes/s (limit 5,000)")


def percentile(values: list[float], share: float) -> float:
    """Nearest rank."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def main() -> None:
    """Prints the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--check-rows", type=int, default=60_000)
    options.add_argument("--keys", type=int, default=100)
    options.add_argument("--size", default="80x24")
    options.add_argument("--keep", type=Path)
    options.add_argument("--run", action="store_true", help="only screen 9 while a fine-tune steps")
    options.add_argument("--seconds", type=float, default=20.0)
    asked = options.parse_args()
    width, _, height = asked.size.partition("x")
    size = (int(width), int(height))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        place = asked.keep or Path(folder)
        if asked.run:
            print_bytes_of_runs(Path(folder), size, asked.seconds)
            return
        big = write_rows(place / f"rows-{asked.rows}.jsonl", asked.rows)
        machine = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        print(f"{asked.rows:,} rows, {big.stat().st_size / 1e6:,.0f} MB, {asked.size}, {machine}")
        seconds = first_paint(big, size)
        print(f"first paint            best {min(seconds):.2f} s, median {statistics.median(seconds):.2f} s (limit {LIMITS['first paint']} s)")
        small = write_rows(place / f"rows-{asked.check_rows}.jsonl", asked.check_rows)
        for name, counts in bytes_per_key(write_rows(place / "rows-2000.jsonl", 2000), size).items():
            limit = LIMITS.get(name, LIMITS["idle"] if name.startswith("idle") else None)
            print(f"{name:<22} {statistics.median(counts):>6,.0f} bytes, most {max(counts):,}" + (f" (limit {limit:,})" if limit is not None else ""))
        for name, checking in (("key latency, idle", False), ("key latency, checking", True)):
            found = key_latency(small, size, checking=checking, keys=asked.keys)
            middle, slow = percentile(found, 0.5) * 1000, percentile(found, 0.95) * 1000
            print(f"{name:<22} p50 {middle:.1f} ms, p95 {slow:.1f} ms (limit {LIMITS['latency p95'] * 1000:.0f} ms)")


if __name__ == "__main__":
    main()
