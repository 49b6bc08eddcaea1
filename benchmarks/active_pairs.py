"""Fewer answers for the same ranking: pairs chosen by expected information against random pairs, on simulated people.

    python benchmarks/active_pairs.py [ROWS] [RUNS]

A simulated person prefers the row of strength t over one of strength u with chance t / (t + u). Printed: Spearman's correlation of the fitted
with the true log-strengths after so many answers, how many answers random pairs need to get as far, and how often the 95 % intervals hold the
truth.
"""

from __future__ import annotations

import sys

import numpy as np

from sde_core.rules.truth import JudgedPairs, choose_next_pair, fit_bradley_terry
from sde_core.rules.truth.bradley_terry import logistic
from sde_core.rules.truth.next_pair import Asked

SPREAD = 2.0


def simulated(rows: int, answers: int, seed: int, *, active: bool, checkpoints: range) -> tuple[list[float], list[float]]:
    """Spearman and coverage at each checkpoint."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, SPREAD, rows)
    left: list[int] = []
    right: list[int] = []
    score: list[float] = []
    spearman, coverage = [], []
    for count in range(answers + 1):
        pairs = JudgedPairs(np.array(left, np.int64), np.array(right, np.int64), np.array(score), "simulated")
        if count in checkpoints:
            fit = fit_bradley_terry(pairs, rows=np.arange(rows))
            spearman.append(float(np.corrcoef(np.argsort(np.argsort(fit.log_strength)), np.argsort(np.argsort(true)))[0, 1]))
            coverage.append(float((np.abs(fit.log_strength - true + true.mean()) < 1.96 * fit.standard_error).mean()))
        a, b = _pair(rows, pairs, seed, rng, active)
        left.append(a)
        right.append(b)
        score.append(float(rng.random() < logistic(np.array([true[a] - true[b]]))[0]))
    return spearman, coverage


def _pair(rows: int, pairs: JudgedPairs, seed: int, rng: np.random.Generator, active: bool) -> tuple[int, int]:
    asked = [Asked(a, b) for a, b in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)]
    pair = choose_next_pair(np.arange(rows), pairs, asked, seed=seed) if active else None
    if pair is not None:
        return pair.left, pair.right
    a, b = rng.choice(rows, 2, replace=False).tolist()
    return a, b


def main() -> None:
    rows, runs = (int(word) for word in (sys.argv[1:] + ["40", "20"][len(sys.argv) - 1 :])[:2])
    answers, steps = 6 * rows, range(rows // 2, 6 * rows + 1, rows // 2)
    figures = {
        way: np.array([simulated(rows, answers, seed, active=way == "active", checkpoints=steps) for seed in range(runs)])
        for way in ("active", "random")
    }
    mean = {way: found.mean(axis=0) for way, found in figures.items()}
    print(f"{rows} rows, {runs} runs; log-strengths of spread {SPREAD:g}")
    print("answers   active   random   random needs   cover active / random")
    for place, count in enumerate(steps):
        reached = np.interp(mean["active"][0][place], np.maximum.accumulate(mean["random"][0]), list(steps), right=np.nan)
        print(f"{count:7d}   {mean['active'][0][place]:.3f}    {mean['random'][0][place]:.3f}    {reached:7.0f} ({reached / count:.2f}x)"
              f"        {mean['active'][1][place]:.2f} / {mean['random'][1][place]:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
