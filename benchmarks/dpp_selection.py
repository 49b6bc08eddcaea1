"""DPP selection beside pyversity's on the same vectors: seconds, ratios and log-determinants.

    python benchmarks/dpp_selection.py [--large] [--repeats 3] [--kind clusters]

Both are asked for the same kernel weights; pyversity has no ridge, so past the rank of the embedding its picks are arbitrary. Its log-determinant is
computed for its rows under our kernel. Ours runs with `max_similarity=1`, plain greedy, so that log-determinants compare.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time

import numpy as np

from sde_core.progress import NEVER
from sde_core.select import SelectionParams, select
from sde_core.select.dpp import QUALITY_SPREAD
from sde_core.select.explain import figures_of
from sde_core.select.pool import RowFacts, pool_of

DIMENSION = 256


def embeddings(n: int, kind: str, seed: int = 0) -> np.ndarray:
    """Unit vectors: isotropic ("gauss"), or clusters with a decaying spectrum as embeddings of texts have ("clusters")."""
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((n, DIMENSION), dtype=np.float32)
    if kind == "clusters":
        spectrum = (1 / np.sqrt(np.arange(1, DIMENSION + 1))).astype(np.float32)
        centers = generator.standard_normal((max(20, n // 500), DIMENSION), dtype=np.float32)
        for start in range(0, n, 65536):
            part = vectors[start : start + 65536]
            part[:] = (centers[generator.integers(0, len(centers), len(part))] + part / 2) * spectrum
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def median_seconds(work, repeats: int):
    seconds, value = [], None
    for _ in range(repeats):
        started = time.perf_counter()
        value = work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), value


def log_det(vectors: np.ndarray, quality: np.ndarray, params: SelectionParams, chosen: np.ndarray) -> float:
    pool = pool_of(np.arange(len(vectors)), vectors, quality, RowFacts(), params)
    return float(figures_of(pool, np.asarray(chosen, dtype=np.int64), params, NEVER).gains.sum())


def compare(n: int, k: int, kind: str, balance: float, repeats: int, *, with_pyversity: bool) -> None:
    import pyversity

    vectors, quality, rows = embeddings(n, kind), np.random.default_rng(1).random(n), np.arange(n)
    params = SelectionParams(k, balance=balance, max_similarity=1.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours, selection = median_seconds(lambda: select(rows, vectors, quality, params), repeats)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    line = f"{kind:<9}{n:>10,}{k:>7,}{balance:>8.2f}{ours:>10.2f} s{grown:>8.0f} MB{selection.log_det:>12.1f}"
    if with_pyversity:
        weight = balance / (1 - balance) / QUALITY_SPREAD
        ask = {"k": k, "strategy": pyversity.Strategy.DPP, "diversity": 0.5, "scale": weight}
        with np.errstate(all="ignore"):
            theirs, found = median_seconds(lambda: pyversity.diversify(vectors, quality, **ask), 1)
        line += f"{theirs:>10.2f} s{theirs / ours:>8.1f} x{log_det(vectors, quality, params, found.indices):>12.1f}"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also 1,000 of 1,000,000 (needs 3 GB)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kind", choices=["gauss", "clusters"], action="append")
    parser.add_argument("--balance", type=float, action="append")
    options = parser.parse_args()
    print(f"d = {DIMENSION}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}, median of {options.repeats}; pyversity once")
    print(f"{'vectors':<9}{'n':>10}{'k':>7}{'balance':>8}{'ours':>12}{'memory':>11}{'log det':>12}{'pyversity':>12}{'ratio':>10}{'log det':>12}")
    for kind in options.kind or ["clusters", "gauss"]:
        for balance in options.balance or [0.5, 0.0]:
            for n, k in ((100_000, 250), (100_000, 1000)):
                compare(n, k, kind, balance, options.repeats, with_pyversity=True)
        if options.large:
            compare(1_000_000, 1000, kind, 0.5, 1, with_pyversity=False)


if __name__ == "__main__":
    main()
