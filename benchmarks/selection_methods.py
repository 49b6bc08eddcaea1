"""Every selector on the same vectors: CPU seconds, wall seconds, memory beside the embeddings, and how well the rows cover the others.

    python benchmarks/selection_methods.py [--rows 100000] [--k 1000] [--kind clusters] [--only facility,deita]

Each selector runs in a process of its own, so that its peak memory is its own. "distance" is the mean cosine distance of 20,000 sampled rows to the
nearest chosen one. Ratios of losses for ifd and superfiltering are drawn at random: measuring them takes a model.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np
from dpp_selection import embeddings

from sde_core.progress import NEVER, silent
from sde_core.select import SELECTORS, RowFacts, SelectionParams
from sde_core.select.budget import WithinBudget
from sde_core.select.pool import pool_of

SAMPLED = 20_000


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(name: str, n: int, k: int, kind: str, quota: str) -> dict[str, float]:
    """One selector, in this process."""
    vectors, draw = embeddings(n, kind), np.random.default_rng(1)
    quality, ratios = draw.normal(0.5, 0.15, n), draw.uniform(0.4, 1.2, n)
    labels = [f"class {code}" for code in draw.integers(0, 8, n).tolist()]
    facts = RowFacts(labels=labels, scores={"ifd_loss_ratio": ratios, "perplexity_ratio": ratios})
    params = SelectionParams(k, method=name, quota_by=quota)
    pool = pool_of(np.arange(n), vectors, quality, facts, params)
    selector = WithinBudget(next(selector for selector in SELECTORS if selector.name == name))
    before, cpu, wall = megabytes(), time.process_time(), time.perf_counter()
    chosen = selector.choose(pool, params, NEVER, silent).positions
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    sampled = vectors[draw.choice(n, min(SAMPLED, n), replace=False)]
    distance = 1 - (sampled @ vectors[chosen].T).max(axis=1).mean()
    return {"cpu": cpu, "wall": wall, "memory": megabytes() - before, "quality": float(quality[chosen].mean()), "distance": float(distance)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--k", type=int, default=1_000)
    parser.add_argument("--kind", choices=["gauss", "clusters"], default="clusters")
    parser.add_argument("--quota", default="", choices=["", "class"])
    parser.add_argument("--only", default=",".join(selector.name for selector in SELECTORS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(asked.one, asked.rows, asked.k, asked.kind, asked.quota)))
        return
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"{asked.k:,} of {asked.rows:,} rows, 256 dimensions, {asked.kind}, {threads} threads{', quotas by class' if asked.quota else ''}")
    print(f"{'method':<16}{'CPU s':>8}{'wall s':>8}{'MB':>8}{'quality':>9}{'distance':>10}")
    for name in asked.only.split(","):
        own = [sys.executable, __file__, "--one", name, "--rows", str(asked.rows), "--k", str(asked.k), "--kind", asked.kind, "--quota", asked.quota]
        told = json.loads(subprocess.run(own, check=True, stdout=subprocess.PIPE).stdout)
        print(f"{name:<16}{told['cpu']:>8.2f}{told['wall']:>8.2f}{told['memory']:>8.0f}{told['quality']:>9.3f}{told['distance']:>10.3f}", flush=True)


if __name__ == "__main__":
    main()
