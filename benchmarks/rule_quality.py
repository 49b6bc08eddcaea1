"""Does the label-free quality know the better of two rows? Every rule, sets of rules and plain length on 54 sets of pairs.

    python benchmarks/rule_quality.py                     the table of pair accuracies and the headline
    python benchmarks/rule_quality.py --rules             also every rule: AUROC overall and at equal length, correlation with length
    python benchmarks/rule_quality.py --sets expert,dpo   only sets whose name begins so

A pair counts 1 where the better row scores higher, 0.5 where both score the same. Each set is a dataset of its own: all its rows, better and worse,
are scored together, and whatever a quality learns it learns from those rows without knowing which are which. Intervals are 95 %, from 1,000 bootstrap
samples of the pairs. "At equal length" is the AUROC within tenths of the rows by words of the answer, weighted by pairs; the same figure for length
itself says how equal those lengths are. The logarithm of length ranks rows as length does.

Where the default was decided with a view of a set's figures it is marked *. The sets made by giving a row another's answer are of the kind from which
the default learns its weights, though not the same pairs; what people judged or revised and what is right or wrong in gsm8k is not of that kind.
"Neighbour's revision" takes its worse rows from experts' revisions, its better ones from what the model wrote: whoever likes length or layout is
right about the revisions and wrong here. The headline is the mean of these two.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rule_quality_pairs import PairSet, all_sets  # noqa: E402

from sde_core.proposal import quality_by_rules  # noqa: E402
from sde_core.rules import GENERAL_RULES, ScoreMatrix, choose_rules, quality, score_matrix  # noqa: E402
from sde_core.rules.contrast import contrasts_of, spoilt_copies, weighted_quality  # noqa: E402

DATA = Path(os.environ.get("SDE_SHARED", ROOT.parent / "shared")) / "data"
SAMPLES, RANDOM_SETS, RULES_IN_A_SET, BANDS = 1000, 200, 10, 10
ADDED = (
    "topic-covered", "near-in-meaning", "stays-on-topic", "givens-taken-up", "asked-kind", "asked-length", "asked-language",
)  # fmt: skip
"""General rules that came with the weighing of rules; the old default is measured without them."""

Values, Indices = npt.NDArray[np.float64], npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """A set of pairs with its scores: rows 0 to n - 1 are the better ones, n to 2n - 1 the worse."""

    pairs: PairSet
    matrix: ScoreMatrix

    @property
    def n(self) -> int:
        """How many pairs."""
        return len(self.pairs.better)


# ---- figures


def points(values: Values) -> Values:
    """Per pair: 1, 0.5 or 0."""
    n = len(values) // 2
    difference = values[:n] - values[n:]
    return np.where(np.abs(difference) < 1e-7, 0.5, difference > 0)


def resampled(point: Values, seed: int = 0) -> Values:
    """Means of `SAMPLES` bootstrap samples."""
    drawn = np.random.default_rng(seed).integers(0, len(point), (SAMPLES, len(point)))
    return point[drawn].mean(axis=1)


def interval(means: Values) -> str:
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{low:.3f}-{high:.3f}"


def auroc(better: Values, worse: Values) -> float:
    """Chance that a better row scores above a worse one."""
    ordered = np.sort(worse)
    below, upto = np.searchsorted(ordered, better, "left"), np.searchsorted(ordered, better, "right")
    return float((below + upto).mean() / 2 / max(len(worse), 1))


def auroc_interval(values: Values, samples: int = 200) -> str:
    """Its 95 % interval, over samples of the pairs."""
    n, generator = len(values) // 2, np.random.default_rng(0)
    drawn = (generator.integers(0, n, n) for _ in range(samples))
    return interval(np.array([auroc(values[:n][rows], values[n:][rows]) for rows in drawn]))


def auroc_at_equal_length(values: Values, words: Values) -> float:
    """The same within bands of length."""
    n = len(values) // 2
    band = np.searchsorted(np.quantile(words, np.linspace(0, 1, BANDS + 1)[1:-1]), words, "right")
    total = weight = 0.0
    for which in range(BANDS):
        better, worse = values[:n][band[:n] == which], values[n:][band[n:] == which]
        if len(better) and len(worse):
            total += auroc(better, worse) * len(better) * len(worse)
            weight += len(better) * len(worse)
    return total / weight if weight else float("nan")


# ---- what is compared


def without_added(matrix: ScoreMatrix) -> ScoreMatrix:
    kept = [at for at, name in enumerate(matrix.rules) if name not in ADDED]
    return ScoreMatrix(matrix.rows, tuple(matrix.rules[at] for at in kept), matrix.scores[:, kept].copy(), matrix.answer_words)


def default(scored: Scored) -> Values:
    """As `sde select` takes it."""
    return quality_by_rules(scored.pairs.texts()).values.astype(np.float64)


def old_default(scored: Scored) -> Values:
    matrix = without_added(scored.matrix)
    return quality(matrix, choose_rules(matrix, random_subsets=0).chosen).astype(np.float64)


def all_weighted(scored: Scored) -> Values:
    true, spoilt = spoilt_copies(scored.pairs.texts())
    place = {int(row): at for at, row in enumerate(scored.matrix.rows)}
    copies = score_matrix(spoilt, GENERAL_RULES)
    scores = np.vstack([scored.matrix.scores[[place[int(row)] for row in true["row"]]], copies.scores])
    both = ScoreMatrix(np.arange(len(scores), dtype=np.uint32), copies.rules, scores, np.ones(len(scores), np.uint32))
    return weighted_quality(scored.matrix, copies.rules, {known.rule: known for known in contrasts_of(both, len(true))}).astype(np.float64)


QUALITIES: Mapping[str, Callable[[Scored], Values]] = {
    "length": lambda scored: scored.matrix.answer_words.astype(np.float64),
    "overlap": lambda scored: scored.matrix.column("prompt-taken-up").astype(np.float64),
    "old-dpp": old_default,
    "all-mean": lambda scored: quality(scored.matrix, scored.matrix.rules).astype(np.float64),
    "all-weighed": all_weighted,
    "default": default,
}
TITLES = {
    "length": "words of the answer",
    "overlap": "the rule prompt-taken-up: plain overlap of instruction and answer",
    "old-dpp": "10 rules chosen by greedy DPP on correlation, plain mean, without the rules that came later",
    "all-mean": "plain mean of all general rules",
    "all-weighed": "all general rules, each by what it tells",
    "default": "what `sde select` uses: 10 rules chosen and weighed by what they tell",
}


def drawn_sets(scored: Scored) -> list[Indices]:
    """Random sets of rules that vary."""
    varying = np.flatnonzero(scored.matrix.scores.max(axis=0) > scored.matrix.scores.min(axis=0))
    generator = np.random.default_rng(0)
    return [generator.choice(varying, min(RULES_IN_A_SET, len(varying)), replace=False) for _ in range(RANDOM_SETS)]


def random_sets(scored: Scored) -> Values:
    """Pair accuracies of the plain means of `drawn_sets`."""
    drawn = drawn_sets(scored)
    return np.array([points(scored.matrix.scores[:, chosen].mean(axis=1, dtype=np.float64)).mean() for chosen in drawn])


# ---- tables


def print_sets(all_scored: list[Scored]) -> dict[str, dict[str, Values]]:
    """One line a set; returns the points by set and quality."""
    print(f"{'pairs':>34}" + "".join(f"{name:>12}" for name in QUALITIES) + f"{'default 95 %':>14}{'10 random: mean, 5-95 %':>26}")
    found: dict[str, dict[str, Values]] = {}
    for scored in all_scored:
        found[scored.pairs.name] = by_quality = {name: points(work(scored)) for name, work in QUALITIES.items()}
        name = ("* " if scored.pairs.looked_at else "  ") + scored.pairs.name
        random = random_sets(scored)
        spread = f"{random.mean():.3f}, {np.percentile(random, 5):.3f}-{np.percentile(random, 95):.3f}"
        means = "".join(f"{point.mean():12.3f}" for point in by_quality.values())
        print(f"{name:<40}{scored.n:>6}"[-46:] + means + f"{interval(resampled(by_quality['default'])):>14}{spread:>26}", flush=True)
    return found


def print_headline(found: dict[str, dict[str, Values]]) -> None:
    revised = [name for name in found if name.startswith("expert: revised")]
    against = "expert: neighbour's revision"
    if not revised or against not in found:
        return
    print("\nmean of experts' pairs and neighbour's revision, 95 % interval")
    for quality_name in QUALITIES:
        natural, adverse = np.concatenate([found[name][quality_name] for name in revised]), found[against][quality_name]
        both, mean = (resampled(natural, 1) + resampled(adverse, 2)) / 2, (natural.mean() + adverse.mean()) / 2
        print(f"  {quality_name:<12}{natural.mean():7.3f}{adverse.mean():7.3f}{mean:8.3f}  {interval(both)}   {TITLES[quality_name]}")


def print_groups(found: dict[str, dict[str, Values]]) -> None:
    print("\nmean over the datasets, by kind of wrong answer")
    kinds = dict.fromkeys(name.split(": ")[1] for name in found if name.split(":")[0] not in {"expert", "dpo_en_demo", "preference", "gsm8k"})
    for kind in kinds:
        sets = [found[name] for name in found if name.endswith(f": {kind}")]
        print(f"  {kind:<24}" + "".join(f"{np.mean([points_[name].mean() for points_ in sets]):12.3f}" for name in QUALITIES))


def print_rules(scored: Scored, adversarial: Scored) -> None:
    """Each rule on the experts' pairs and on the neighbours' revisions."""
    n, words = scored.n, scored.matrix.answer_words.astype(np.float64)
    print(f"\n{'':<20}{'AUROC':>8}{'95 %':>14}{'at equal length':>17}{'pairs':>8}{'adversarial':>13}{'with length':>13}   on {scored.pairs.name}")
    entries = {name: scored.matrix.column(name).astype(np.float64) for name in scored.matrix.rules}
    against = {name: adversarial.matrix.column(name).astype(np.float64) for name in scored.matrix.rules}
    for name in ("length", "all-mean", "old-dpp", "default"):
        entries[f"({name})"], against[f"({name})"] = QUALITIES[name](scored), QUALITIES[name](adversarial)
    lengths = {summary.rule: summary.length_correlation for summary in scored.matrix.summaries}
    lines = [
        (
            auroc(values[:n], values[n:]),
            auroc_at_equal_length(values, words),
            points(values).mean(),
            points(against[name]).mean(),
            name,
            auroc_interval(values),
        )
        for name, values in entries.items()
    ]
    for overall, equal, pairs, adverse, name, around in sorted(lines, key=lambda line: -(line[2] + line[3])):
        print(f"{name:<20}{overall:8.3f}{around:>14}{equal:17.3f}{pairs:8.3f}{adverse:13.3f}{lengths.get(name, float('nan')):13.2f}")
    means = [scored.matrix.scores[:, chosen].mean(axis=1, dtype=np.float64) for chosen in drawn_sets(scored)]
    random = np.array([auroc(mean[:n], mean[n:]) for mean in means])
    print(f"{'(10 random rules)':<20}{random.mean():8.3f}{interval(random):>14}   over {RANDOM_SETS} sets")


def main() -> None:
    """Reads the command line and prints the tables."""
    parser = argparse.ArgumentParser(description="How well label-free quality tells better rows from worse.")
    parser.add_argument("--sets", default="", help="only sets whose names begin with one of these, separated by commas")
    parser.add_argument("--most", type=int, default=1500, help="rows of each file")
    parser.add_argument("--rules", action="store_true", help="also every rule by itself")
    options = parser.parse_args()
    wanted = tuple(options.sets.split(","))
    chosen = [pairs for pairs in all_sets(DATA, options.most) if pairs.name.startswith(wanted)]
    all_scored = [Scored(pairs, score_matrix(pairs.texts(), GENERAL_RULES)) for pairs in chosen]
    found = print_sets(all_scored)
    print_headline(found)
    print_groups(found)
    by_name = {scored.pairs.name: scored for scored in all_scored}
    if options.rules:
        print_rules(by_name["expert: revised, odd"], by_name["expert: neighbour's revision"])


if __name__ == "__main__":
    main()
