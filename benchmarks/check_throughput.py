"""Throughput of the checks: rows and megabytes a second, the share of each check, peak memory.

    python benchmarks/check_throughput.py                         50,000 made chat rows, about 1 kB each
    python benchmarks/check_throughput.py --rows 1000000          1 GB of them
    python benchmarks/check_throughput.py --data FILE             rows of a file
    python benchmarks/check_throughput.py --only mojibake,odd-answer
    python benchmarks/check_throughput.py --form                  without duplicates and labels
    python benchmarks/check_throughput.py --workers 0             in one process, whatever the size

The made rows are conversations of Zipf-distributed words, the frequent ones those of the sample dataset; a tenth are copies of earlier rows with
0 to 10 % of the words replaced, and one in a hundred has a fault. The whole run counts, reading and indexing included. Shares are of the time spent
in the checks of all processes together. Memory is the proportional set size of all processes together, looked at twice a second.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

OTHERS = ("sde_core.checks.duplicates", "sde_core.checks.balance")
CHUNK_ROWS = 5_000
FAULTS = (lambda text: text + " ", lambda text: text[: len(text) // 2], lambda _: "", lambda text: "Ã©tÃ© " + text, lambda text: text + "</s>")


def vocabulary() -> list[str]:
    """50,000 words, the frequent ones first."""
    text = (ROOT / "sample_data/support.jsonl").read_bytes().decode("utf-8", "replace")
    seen = Counter(re.findall(r"[a-z]{2,12}", text.lower()))
    generator = random.Random(1)
    made = ["".join(generator.choice(("ba", "ke", "li", "mon", "tar", "su", "en", "dor", "vi", "pel")) for _ in range(4)) for _ in range(60_000)]
    return list(dict.fromkeys([word for word, _ in seen.most_common()] + made))[:50_000]


def made_texts(count: int, words: np.ndarray, weights: np.ndarray, generator: np.random.Generator) -> list[str]:
    """Texts of 12 to 127 words in sentences."""
    lengths = generator.integers(12, 128, count)
    drawn = words[np.searchsorted(weights, generator.random(int(lengths.sum())))].tolist()
    texts, at = [], 0
    for length in lengths.tolist():
        said, at = drawn[at : at + length], at + length
        texts.append(" ".join(" ".join(said[start : start + 12]).capitalize() + "." for start in range(0, length, 12)))
    return texts


def made_rows(path: Path, count: int, seed: int = 0) -> None:
    """Writes `count` conversations."""
    words = vocabulary()
    steps = np.cumsum(1 / np.arange(1, len(words) + 1))
    weights, lookup, generator, chance = steps / steps[-1], np.array(words), np.random.default_rng(seed), random.Random(seed)
    recent: list[tuple[str, str]] = []
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, count, CHUNK_ROWS):
            texts = made_texts(2 * CHUNK_ROWS, lookup, weights, generator)
            for number, (asked, answered) in enumerate(zip(texts[::2], texts[1::2], strict=True), start):
                if number >= count:
                    break
                if number % 10 == 9:
                    asked, answered = _copied(chance.choice(recent), words, chance)
                elif number % 101 == 100:
                    answered = chance.choice(FAULTS)(answered)
                elif len(recent) < 20_000:
                    recent.append((asked, answered))
                messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
                record = {"id": number, "messages": messages, "source": f"s{number % 7}", "category": words[number % 40], "rating": number % 5}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _copied(pair: tuple[str, str], words: list[str], chance: random.Random) -> tuple[str, str]:
    """A copy with 0, 2, 5 or 10 % of the answer's words replaced."""
    said = pair[1].split(" ")
    for place in chance.sample(range(len(said)), round(chance.choice((0.0, 0.02, 0.05, 0.1)) * len(said))):
        said[place] = chance.choice(words)
    return pair[0], " ".join(said)


def names_without_others() -> list[str]:
    """Checks on form and answers alone."""
    from sde_core.checks.runner import load_checks, names_of

    return [name for check in load_checks() for name in names_of(check) if not type(check).__module__.startswith(OTHERS)]


class Memory(threading.Thread):
    """Watches the memory and the processor time of this process and its children."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.children_cpu = 0, {}
        self.step, self.peak_step = "", ""
        self.ended = threading.Event()

    def at(self, step: str) -> None:
        """Notes what is done now."""
        self.step = step

    def run(self) -> None:
        own = psutil.Process()
        while not self.ended.wait(0.5):
            total = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    total += process.memory_full_info().pss
                    if process != own:
                        self.children_cpu[process.pid] = sum(process.cpu_times()[:2])
                except psutil.Error:
                    continue
            if total > self.peak:
                self.peak, self.peak_step = total, self.step


def measure(path: Path, only: list[str], workers: int | None) -> None:
    """Checks the file and prints the figures."""
    from sde_core.checks import run_checks
    from sde_core.dataset import open_dataset

    size = path.stat().st_size / 1e6
    memory = Memory()
    memory.start()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        cache = Path(folder)
        started, cpu = time.perf_counter(), time.process_time()
        report = run_checks(open_dataset(path).keep_in(cache), only, workers=workers, cache_dir=cache, on_step=memory.at)
        wall = time.perf_counter() - started
        memory.ended.set()
        again = time.perf_counter()
        assert run_checks(open_dataset(path).keep_in(cache), only, cache_dir=cache).cached_at
        again = time.perf_counter() - again
    own, others = time.process_time() - cpu, sum(memory.children_cpu.values())
    print(f"{path.name}: {report.rows:,} rows, {size:,.1f} MB, {len(report.findings):,} findings of {len(report.checks)} checks")
    print(f"{wall:,.1f} s   {report.rows / wall:,.0f} rows/s   {size / wall:,.1f} MB/s")
    print(f"{own + others:,.1f} CPU s ({own:,.1f} here, {others:,.1f} in {len(memory.children_cpu)} other processes)")
    print(f"peak memory {memory.peak / 1e9:.2f} GB, in the step: {memory.peak_step}")
    print(f"second open {again:.2f} s, from the cache\n")
    total = sum(report.seconds.values())
    for name, seconds in sorted(report.seconds.items(), key=lambda item: -item[1]):
        print(f"  {name:<24}{seconds:8.2f} s {seconds / total:7.1%} {1e6 * seconds / report.rows:8.2f} µs a row")
    print(f"  {'all checks':<24}{total:8.2f} s          {1e6 * total / report.rows:8.2f} µs a row")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Throughput of the checks.")
    parser.add_argument("--rows", type=int, default=50_000, help="rows to make")
    parser.add_argument("--data", type=Path, help="check this file instead")
    parser.add_argument("--only", default="", help="names of checks")
    parser.add_argument("--form", action="store_true", help="checks on form and answers alone")
    parser.add_argument("--workers", type=int, help="other processes; by default as many as the engine takes")
    chosen = parser.parse_args()
    only = chosen.only.split(",") if chosen.only else names_without_others() if chosen.form else []
    if chosen.data:
        measure(chosen.data, only, chosen.workers)
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        path = Path(folder) / "made.jsonl"
        made_rows(path, chosen.rows)
        measure(path, only, chosen.workers)


if __name__ == "__main__":
    main()
