"""Throughput of the checks: rows and megabytes a second, and the share of each check.

    python benchmarks/check_throughput.py                         50,000 rows made from the sample dataset
    python benchmarks/check_throughput.py --rows 1000000          more of them, about 0.5 kB each
    python benchmarks/check_throughput.py --data FILE             rows of a file
    python benchmarks/check_throughput.py --only mojibake,odd-answer
    python benchmarks/check_throughput.py --form                  without duplicates and labels

The made rows are the sample's readable ones with a number worked into every text, so that no two are the same. Figures are of one process; the
texts are read once before, and that time stands in a line of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

OTHERS = ("sde_core.checks.duplicates", "sde_core.checks.balance")


def made_rows(path: Path, count: int) -> None:
    """Writes `count` different conversations."""
    records = []
    for line in (ROOT / "sample_data/support.jsonl").read_bytes().split(b"\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("messages"), list) and all("content" in message for message in record["messages"]):
            records.append(record)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            record = records[number % len(records)]
            turns = number // len(records)
            messages = [{**message, "content": message["content"].replace(" the ", f" the {turns} ", 1)} for message in record["messages"]]
            file.write(json.dumps({**record, "id": number, "messages": messages}, ensure_ascii=False) + "\n")


def names_without_others() -> list[str]:
    """Checks on form and answers alone."""
    from sde_core.checks.runner import load_checks, names_of

    return [name for check in load_checks() for name in names_of(check) if not type(check).__module__.startswith(OTHERS)]


def measure(path: Path, only: list[str]) -> None:
    """Checks the file and prints the figures."""
    from sde_core.checks import run_checks
    from sde_core.dataset import open_dataset

    size = path.stat().st_size / 1e6
    started = time.perf_counter()
    dataset = open_dataset(path)
    dataset.texts()
    reading = time.perf_counter() - started
    started = time.perf_counter()
    report = run_checks(dataset, only)
    checking = time.perf_counter() - started
    print(f"{path.name}: {report.rows:,} rows, {size:,.1f} MB, {len(report.findings):,} findings")
    print(f"reading the texts {reading:7.2f} s {report.rows / reading:>12,.0f} rows/s {size / reading:8.1f} MB/s")
    print(f"checking          {checking:7.2f} s {report.rows / checking:>12,.0f} rows/s {size / checking:8.1f} MB/s")
    print(f"peak memory       {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:7.2f} GB\n")
    for name, seconds in sorted(report.seconds.items(), key=lambda item: -item[1]):
        print(f"  {name:<24}{seconds:8.2f} s {seconds / checking:7.1%}")
    rest = checking - sum(report.seconds.values())
    print(f"  {'parsing and the rest':<24}{rest:8.2f} s {rest / checking:7.1%}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Throughput of the checks.")
    parser.add_argument("--rows", type=int, default=50_000, help="rows to make")
    parser.add_argument("--data", type=Path, help="check this file instead")
    parser.add_argument("--only", default="", help="names of checks")
    parser.add_argument("--form", action="store_true", help="checks on form and answers alone")
    chosen = parser.parse_args()
    only = chosen.only.split(",") if chosen.only else names_without_others() if chosen.form else []
    if chosen.data:
        measure(chosen.data, only)
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        path = Path(folder) / "made.jsonl"
        made_rows(path, chosen.rows)
        measure(path, only)


if __name__ == "__main__":
    main()
