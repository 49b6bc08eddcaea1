"""How well a judge's ratings tell better rows from worse ones, by each form of the prompt, on pairs that experts or checked results decided.

    python benchmarks/judges.py --judge URL|FOLDER [--model NAME] [--pairs 200] [--forms expected scale paper] [--least-mass 0.5]

For each set: how many replies were no rating, how far the judge agrees with itself when question and text change places, how often the better row
of a pair scores higher (a tie is half a hit; bootstrap interval), and the same for the longer answer. A reply that is no rating gets the mean, as it
does in use.
Real data is looked for where the other benchmarks look for it.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from rule_quality import DATA, interval, points, resampled
from rule_quality_pairs import PairSet, demo_preferences, expert_rows, gsm8k_solutions

from sde_core.cli.common import stderr_progress
from sde_core.rules.judge_settings import JudgeSettings
from sde_core.rules.plain_rule import plain_rule
from sde_core.rules.rating import FORMS, RatingCache, RatingParams, prompt_form, rate
from sde_core.rules.rating.opening import open_judge
from sde_core.rules.scoring import imputed

RULE = plain_rule("helpful", "Give a complete, correct and helpful answer to the instruction.")
SETS = {
    "expert": lambda: expert_rows(DATA / "quality/expert_revised_train.csv"),
    "dpo": lambda: demo_preferences(DATA / "formats/dpo_en_demo.json"),
    "gsm8k": lambda: gsm8k_solutions(DATA / "math/gsm8k_model_solutions.jsonl"),
}


def drawn(name: str, count: int, seed: int) -> PairSet:
    better, worse = SETS[name]()
    places = np.random.default_rng(seed).permutation(len(better))[:count]
    return PairSet(name, tuple(better[at] for at in places), tuple(worse[at] for at in places))


def measure(judge, pairs, form, seed: int) -> str:
    texts = pairs.texts()
    with tempfile.TemporaryDirectory() as folder, stderr_progress(f"{pairs.name} {form.version}:", "calls") as progress:
        cache = RatingCache(Path(folder))
        report = rate(judge, texts, [RULE], form, cache, RatingParams(len(texts), retest_share=0.5, seed=seed), progress=progress)
        column = cache.column(RULE, judge.id, report.prompt_version, texts)
    rule = report.rules[0]
    scores = imputed(column.scores, column.unparseable)
    if not np.isfinite(scores).all():
        return f"{pairs.name:<8} {report.prompt_version:<22} {rule.unparseable_share:>7.1%} no reply was a rating"
    hits = points(scores.astype(np.float64))
    agreement = f"{rule.agreement:+.2f}" if rule.agreement is not None else "n/a"
    cost = f"{report.run.seconds / max(report.run.calls, 1):.2f} s a call"
    head = f"{pairs.name:<8} {report.prompt_version:<22} {rule.unparseable_share:>7.1%}"
    return f"{head} {agreement:>6} {hits.mean():>6.3f} {interval(resampled(hits))} {cost}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--judge", required=True)
    parser.add_argument("--model", default="")
    parser.add_argument("--key-variable", default="")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--sets", nargs="+", default=["expert"], choices=list(SETS))
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=list(FORMS))
    parser.add_argument("--least-mass", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    at = {"url": options.judge} if "://" in options.judge else {"folder": options.judge}
    judge = open_judge(JudgeSettings(model=options.model, key_variable=options.key_variable, **at))
    print(f"{judge.id}: {RULE.sentence}")
    print(f"{'set':<8} {'prompt':<22} {'unread':>7} {'agree':>6} {'better':>6} {'95 %':<11}")
    for name in options.sets:
        pairs = drawn(name, options.pairs, options.seed)
        lengths = points(pairs.texts()["answer"].str.len_chars().to_numpy().astype(np.float64))
        print(f"{name:<8} {'(the longer answer)':<22} {'':>7} {'':>6} {lengths.mean():>6.3f} {interval(resampled(lengths))}", flush=True)
        for form in options.forms:
            print(measure(judge, pairs, replace(prompt_form(form), least_mass=options.least_mass), options.seed), flush=True)


if __name__ == "__main__":
    main()
