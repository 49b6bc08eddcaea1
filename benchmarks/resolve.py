"""Solving again after each kind of change beside solving afresh, and whether both give the same rows.

    python benchmarks/resolve.py [--rows 100000] [--k 1000] [--repeats 3] [--kind clusters]

Seconds are medians over `--repeats` runs of the whole call, explanations and moves included; "kept" is how many picks were known without choosing.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median

import numpy as np
from dpp_selection import DIMENSION, embeddings

from sde_core.proposal import proposed, resolved
from sde_core.select import RowFeatures, SelectionParams
from sde_core.select.resolve import Solution


def timed(work: Callable[[], Solution], repeats: int) -> tuple[float, float, Solution]:
    """Median wall and CPU seconds of `work`, and what it gave."""
    wall, cpu = [], []
    for _ in range(repeats):
        began, busy = time.perf_counter(), time.process_time()
        found = work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - busy)
    return median(wall), median(cpu), found


def changes(params: SelectionParams, chosen: tuple[int, ...], rows: int) -> Iterator[tuple[str, SelectionParams]]:
    """A changed request of every kind, by name."""
    k = params.k
    outside = next(row for row in range(rows) if row not in set(chosen))
    yield "nothing", params
    for share in (0.1, 0.5, 0.9):
        yield f"reject the pick at {share:.0%}", replace(params, banned=(chosen[int(share * k)],))
    yield "reject a row not chosen", replace(params, banned=(outside,))
    yield "accept a chosen row", replace(params, locked=(chosen[k // 2],))
    yield "accept all chosen rows", replace(params, locked=tuple(sorted(chosen)))
    yield "lock a row not chosen", replace(params, locked=(outside,))
    yield "swap the middle pick", replace(params, locked=(outside,), banned=(chosen[k // 2],))
    yield "a tenth more rows", replace(params, k=k + k // 10)
    yield "a tenth fewer rows", replace(params, k=k - k // 10)
    yield "balance by a step", replace(params, balance=params.balance + 0.05)
    yield "more like a chosen row", replace(params, liked=(chosen[k // 3],))
    yield "fewer like a chosen row", replace(params, disliked=(chosen[k // 3],))


def main() -> None:
    """Print a line for each kind of change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--k", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kind", choices=["gauss", "clusters"], default="clusters")
    options = parser.parse_args()
    features = RowFeatures(
        np.arange(options.rows), embeddings(options.rows, options.kind), np.random.default_rng(1).random(options.rows), None,
        np.ones(options.rows, dtype=np.int64),
    )  # fmt: skip
    params = SelectionParams(options.k)
    print(f"{options.k:,} of {options.rows:,} rows, d = {DIMENSION}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'change':<26}{'again':>9}{'CPU':>8}{'afresh':>9}{'CPU':>8}{'kept':>8}{'moved':>7}  rows")
    wall, cpu, before = timed(lambda: resolved(features, params), options.repeats)
    print(f"{'(first)':<26}{wall:>7.2f} s{cpu:>8.2f}")
    for name, changed in changes(params, before.selection.rows, options.rows):
        wall, cpu, again = timed(lambda changed=changed: resolved(features, changed, before), options.repeats)
        began, busy = time.perf_counter(), time.process_time()
        afresh = proposed(features, changed)
        fresh_wall, fresh_cpu = time.perf_counter() - began, time.process_time() - busy
        same = "same" if afresh.rows == again.selection.rows else "OTHERS"
        print(f"{name:<26}{wall:>7.2f} s{cpu:>8.2f}{fresh_wall:>7.2f} s{fresh_cpu:>8.2f}{again.kept:>8,}{len(again.moves):>7,}  {same}", flush=True)


if __name__ == "__main__":
    main()
