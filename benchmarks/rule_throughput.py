"""Throughput of the whole rule bank: rows a second, and where the time goes.

    python benchmarks/rule_throughput.py                    50,000 rows made from alpaca_5000, wall and processor seconds, median of 5
    python benchmarks/rule_throughput.py --data FILE        rows of another file
    python benchmarks/rule_throughput.py --each             also every rule and every measure by itself

The rows are those of the file again and again; each copy but the first gets a few of its words replaced by words of the whole file, so that no two
copies are the same text and the vocabulary stays what it is. Texts are in memory when the clock starts. One warm-up run is not counted.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sde_core.dataset import open_dataset  # noqa: E402
from sde_core.rules import RULES, score_matrix  # noqa: E402
from sde_core.rules.measures import measured  # noqa: E402
from sde_core.rules.rule import scored  # noqa: E402

DATA = Path(os.environ.get("SDE_SHARED", ROOT.parent / "shared")) / "data/instruct/alpaca_5000.json"
REPLACED = 0.05


def varied(texts: pl.DataFrame, count: int) -> pl.DataFrame:
    """`count` rows made of these."""
    chance = random.Random(0)
    words = [word for text in texts["answer"] for word in text.split()]
    rows, columns = texts.select("prompt", "answer").rows(), {"prompt": [], "answer": []}
    for at in range(count):
        for name, text in zip(columns, rows[at % len(rows)], strict=True):
            changed = text if at < len(rows) else " ".join(chance.choice(words) if chance.random() < REPLACED else word for word in text.split(" "))
            columns[name].append(changed)
    return pl.DataFrame({"row": range(count), **columns}, schema={"row": pl.UInt32, "prompt": pl.String, "answer": pl.String})


def seconds(work) -> tuple[float, float]:
    """Wall and processor seconds."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - cpu


def each_alone(texts: pl.DataFrame) -> None:
    """Microseconds of processor time a row, by rule, most first."""
    block = measured(texts)
    _, spent = seconds(lambda: measured(texts))
    print(f"\n{'measures of all rules':<24}{1e6 * spent / len(texts):8.1f} µs a row")
    alone = {rule.name: seconds(lambda rule=rule: scored(block, [rule]))[1] for rule in RULES}
    for name, spent in sorted(alone.items(), key=lambda item: -item[1]):
        print(f"{name:<24}{1e6 * spent / len(texts):8.1f}")


def main() -> None:
    """Reads the command line and prints the figures."""
    parser = argparse.ArgumentParser(description="Throughput of the rule bank.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    dataset = open_dataset(options.data)
    texts = varied(dataset.texts(), options.rows)
    words = texts.select(pl.concat_str("prompt", "answer", separator=" ").str.count_matches(r"\S+").mean()).item()
    print(f"{len(RULES)} rules, {len(texts):,} rows of {words:.0f} words; {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    score_matrix(texts.head(4096), RULES)
    runs = [seconds(lambda: score_matrix(texts, RULES)) for _ in range(options.repeats)]
    wall, cpu = (statistics.median(run[at] for run in runs) for at in (0, 1))
    print(f"wall {wall:6.2f} s   {len(texts) / wall:8,.0f} rows/s   ({min(run[0] for run in runs):.2f} to {max(run[0] for run in runs):.2f} s)")
    print(f"CPU  {cpu:6.2f} s   {len(texts) / cpu:8,.0f} rows a processor second")
    if options.each:
        each_alone(texts.head(5000))


if __name__ == "__main__":
    main()
