"""How often the intervals of `sde compare` hold the true difference: simulated arms whose truth is known.

    python benchmarks/arm_intervals.py [--trials 2000]

A row's difference is d + row effect + (seed effect + row-by-seed noise) per seed; row effects are skewed (an exponential less its mean) or normal,
or shared by clusters of near-duplicates. Nominal: 95 %. The last column is what plainly resampling the seeds would have given. Measured with 800
trials: with several seeds 95.2 to 98.8 % over all cases, with one seed 93.9 and 94.1 %; plain resampling goes down to 68 %.
"""

from __future__ import annotations

import argparse

import numpy as np

from sde_core.evaluate.bootstrap import RESAMPLES, paired_interval

CASES = (
    # rows, seeds, row effect, seed effect, noise, kind
    (200, 1, 0.3, 0.0, 0.1, "normal"),
    (200, 3, 0.3, 0.0, 0.1, "normal"),
    (200, 3, 0.3, 0.05, 0.1, "normal"),
    (200, 3, 0.3, 0.05, 0.1, "skewed"),
    (200, 5, 0.3, 0.05, 0.1, "skewed"),
    (20, 3, 0.3, 0.05, 0.1, "normal"),
    (20, 1, 0.3, 0.0, 0.1, "skewed"),
    (500, 2, 0.3, 0.02, 0.3, "normal"),
    (500, 10, 0.3, 0.02, 0.3, "skewed"),
    (200, 3, 0.3, 0.02, 0.1, "clusters"),
    (400, 3, 0.1, 0.02, 0.4, "normal"),
    (400, 2, 0.1, 0.02, 0.4, "skewed"),
    (400, 3, 0.0, 0.04, 0.4, "normal"),
)


def differences(random: np.random.Generator, case: tuple) -> tuple[np.ndarray, np.ndarray]:
    rows, seeds, of_row, of_seed, noise, kind = case
    clusters = np.arange(rows) // 4 if kind == "clusters" else np.arange(rows)
    groups = int(clusters.max()) + 1
    effect = random.exponential(1.0, groups) - 1 if kind == "skewed" else random.standard_normal(groups)
    drawn = of_row * effect[clusters] + of_seed * random.standard_normal((seeds, 1)) + noise * random.standard_normal((seeds, rows))
    return drawn, clusters


def plain(random: np.random.Generator, drawn: np.ndarray) -> bool:
    seeds, rows = drawn.shape
    picked_rows = random.integers(0, rows, (400, rows))
    picked_seeds = random.integers(0, seeds, (400, seeds))
    means = [drawn[np.ix_(s, r)].mean() for s, r in zip(picked_seeds, picked_rows, strict=True)]
    low, high = np.quantile(means, [0.025, 0.975])
    return bool(low <= 0 <= high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    print(f"{trials:,} trials each, {RESAMPLES:,} resamples\nrows seeds  row   seed  noise kind      holds the truth   plain resampling")
    for case in CASES:
        random = np.random.default_rng(7)
        held = naive = 0
        for trial in range(trials):
            drawn, clusters = differences(random, case)
            found = paired_interval(drawn, clusters=clusters, seed=trial % 4)
            held += found.low <= 0 <= found.high
            if trial < trials // 4:
                naive += plain(random, drawn)
        print(f"{case[0]:>4} {case[1]:>5} {case[2]:>5} {case[3]:>6} {case[4]:>5} {case[5]:<9} {held / trials:>14.1%} {naive / (trials // 4):>18.1%}")


if __name__ == "__main__":
    main()
