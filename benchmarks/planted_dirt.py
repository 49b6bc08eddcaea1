"""Does curating pay? Dirt planted into the sample data, sde's own choice of rows against random rows of equal token budget.

    python benchmarks/planted_dirt.py [--plantings 1] [--seeds 4] [--budget 700k] [--share 90%] [--held-out 500] [--no-quotas] [--no-labels]
        [--only-choose] [--set KEY=VALUE …] [--keep FOLDER]

Clean rows of `sample_data/support.jsonl` (by its truth file) are split: some are held out, of the others 30 % get another row's answer (shuffled
among those rows), 10 % lose the end of their answer, and 10 % are replaced by copies of other rows with a few characters changed. Then, as a user
would, with no look at the held-out rows or at what was planted:

    sde check DATA --json            rows with a finding of severity error or warning on them, other than being copies, are rejected
    sde dups DATA --json             all but the kept row of each group are rejected
    sde labels ANSWERS --field task -o FILE
                                     over a file of the answers alone, each with the task of its row: rows whose answer three models that did not
                                     see it take for another task's are rejected
    sde select DATA -k SHARE --quota-by source --source-field task
                                     the default, rule quality and DPP, with as many rows of each task as there were; the proposal is accepted

Without the quotas (`--no-quotas`) the DPP takes a quarter of the rows whose answer is one word, since these are all alike; the chosen rows are
cleaner all the same, but no longer the mix that the held-out rows are. Then

    sde compare DATA --arms selected,random:selected --held-out FILE

trains both on the base model that comes with sde. Random rows are drawn from all rows that may be trained on, for each seed anew; with
`--pool rejected` from those that were not rejected only, which asks what selecting alone adds. The verdict counts: the interval of the difference
must exclude zero.

What is chosen, planting 0 with `--held-out 200 --only-choose`: of 2,026 rows 826 were rejected; of the 1,080 chosen 7.9 % had a shuffled answer (of
all rows 30 %), 9.4 % an end cut off (10 %). All 203 planted copies were found; a copy that is chosen stands in the place of its original. The labels
do most of it: they call 564 rows another task's, of which 491 are among the 608 shuffled, 29 cut off, 44 without fault. Of the 117 shuffled ones that
they miss 105 hold an answer to another question of the same task, which no reading of the answer alone can tell.

What it does, trained on one thread each with the settings that are the defaults now (they were fixed on plantings 3 to 7, these two were looked at
once): selected less random, 500 held-out rows, 4 seeds; below 0 selected is better.

    planting   each row alike               by token                     rows better, worse   hours
    10         -0.052 (-0.078 to -0.026)    -0.018 (-0.055 to +0.020)    341, 141             0.6
    11         -0.052 (-0.096 to -0.008)    -0.038 (-0.097 to +0.011)    300, 178             0.6

So curating pays for the row: the accepted subset is better with each row alike, in both plantings. By token nothing is shown: a few long chats, whose
last turn nobody can foretell, weigh as much there as hundreds of labels, and a model that has read its rows eight times is very sure of the wrong
one. Short answers (labels, facts) gain most, 0.07 to 0.3 a token; long ones (code, steps) hardly, since a shuffled answer still teaches the words
of the desk. Without dropout both arms end 0.04 higher and rows differ more.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample_data" / "support.jsonl"
SHUFFLED, TRUNCATED, COPIED = 0.3, 0.1, 0.1
SETTINGS = ("learning_rate=4e-3", "lora_dropout=0.1")


def clean_records() -> list[dict]:
    truth = json.loads((ROOT / "sample_data" / "support.truth.json").read_text())
    lines = SAMPLE.read_bytes().split(b"\n")
    return [json.loads(lines[row]) for row in truth["clean_rows"]]


def planted(records: list[dict], seed: int) -> tuple[list[dict], dict[str, set[int]]]:
    """The records with dirt in them, and which rows have which."""
    rng = random.Random(seed)
    rows = [json.loads(json.dumps(record)) for record in records]
    order = rng.sample(range(len(rows)), len(rows))
    cuts = [round(len(rows) * share) for share in (SHUFFLED, SHUFFLED + TRUNCATED, SHUFFLED + TRUNCATED + COPIED)]
    shuffled, truncated, copied, others = order[: cuts[0]], order[cuts[0] : cuts[1]], order[cuts[1] : cuts[2]], order[cuts[2] :]
    answers = [rows[i]["messages"][-1]["content"] for i in shuffled]
    for i, answer in zip(shuffled, answers[1:] + answers[:1], strict=True):
        rows[i]["messages"][-1]["content"] = answer
    for i in truncated:
        text = rows[i]["messages"][-1]["content"]
        rows[i]["messages"][-1]["content"] = text[: max(1, int(len(text) * rng.uniform(0.3, 0.7)))]
    for i in copied:
        copy = json.loads(json.dumps(rows[rng.choice(others)]))
        copy["id"] = rows[i]["id"]
        text = copy["messages"][0]["content"]
        copy["messages"][0]["content"] = text if rng.random() < 0.5 else f"{text} Thanks."
        rows[i] = copy
    return rows, {"shuffled": set(shuffled), "truncated": set(truncated), "copied": set(copied)}


def sde(*arguments: object, code: tuple[int, ...] = (0,)) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "sde_core.cli", *map(str, arguments)], capture_output=True, text=True, env=environment, check=False)
    if done.returncode not in code:
        raise SystemExit(f"sde {' '.join(map(str, arguments))}\n{done.stderr}")
    return done.stdout


def rejected_by_checks(data: Path) -> set[int]:
    """Rows with something wrong; copies are left to `sde dups`, which keeps one row of each group."""
    findings = json.loads(sde("check", data, "--json", code=(0, 1)))["findings"]
    return {
        int(row)
        for finding in findings
        if finding["severity"] in ("error", "warning") and "duplicate" not in finding["check"]
        for row in (finding["rows"] or [finding["row"]])
        if row is not None and len(finding["rows"] or []) <= 2
    }


def rejected_copies(data: Path) -> set[int]:
    groups = json.loads(sde("dups", data, "--json"))["groups"]
    return {int(row) for group in groups for row in group["rows"] if row != group["keep"]}


def rejected_answers(data: Path, rows: list[dict]) -> set[int]:
    """Rows whose answer, read without its prompt, looks like that of another task."""
    answers = write(data.with_name("answers.jsonl"), [{"text": row["messages"][-1]["content"], "task": row["task"]} for row in rows])
    scores = data.with_name("scores.jsonl")
    sde("labels", answers, "--field", "task", "-o", scores)
    judged = map(json.loads, scores.read_text(encoding="utf-8").splitlines())
    return {row["row"] for row in judged if row["suggested"] not in (None, row["label"])}


def decide(data: Path, verdict: str, rows: set[int], reason: str) -> None:
    ordered = sorted(rows)
    for start in range(0, len(ordered), 500):
        sde("decide", data, verdict, *ordered[start : start + 500], "--reason", reason)


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def shares(rows: set[int], dirt: dict[str, set[int]]) -> str:
    return ", ".join(f"{name} {len(rows & planted_rows) / max(len(rows), 1):.1%}" for name, planted_rows in dirt.items())


def one(folder: Path, seed: int, options: argparse.Namespace) -> dict | None:
    records = clean_records()
    random.Random(seed).shuffle(records)
    held_out, rest = records[: options.held_out], records[options.held_out :]
    rows, dirt = planted(rest, seed)
    print(f"\nplanting {seed}: {len(rows):,} rows to train on, {len(held_out):,} clean rows held out; {shares(set(range(len(rows))), dirt)}")
    data = write(folder / "dirty.jsonl", rows)
    checked, copies = rejected_by_checks(data), rejected_copies(data)
    odd = set() if options.no_labels else rejected_answers(data, rows)
    rejected = checked | copies | odd
    told = f"{len(checked):,} by checks, {len(copies):,} copies, {len(odd):,} answers of another task"
    print(f"rejected {len(rejected):,}: {told}; among them {shares(rejected, dirt)}", flush=True)
    decide(data, "reject", rejected, "found by sde check, sde dups and sde labels")
    kept_mix = [] if options.no_quotas else ["--quota-by", "source", "--source-field", "task"]
    picks = set(json.loads(sde("select", data, "-k", options.share, *kept_mix, "--json"))["rows"])
    print(f"selected {len(picks):,}: {shares(picks, dirt)}", flush=True)
    if options.only_choose:
        return None
    # The rows stand at the same places here, the held-out ones behind them: nothing above has seen these.
    both = write(folder / "both.jsonl", rows + held_out)
    if options.pool == "rejected":
        decide(both, "reject", rejected, "found by sde check, sde dups and sde labels")
    decide(both, "accept", picks, "selected")
    named = folder / "held_out.txt"
    named.write_text(f"{len(rows)}-{len(rows) + len(held_out) - 1}\n")
    started = time.monotonic()
    recipe = [word for setting in options.set or SETTINGS for word in ("--set", setting)]
    arms = ["--arms", "selected,random:selected", "--seeds", options.seeds, "--budget", options.budget]
    sde("compare", both, *arms, "--held-out", named, *recipe, "--attach")
    print(sde("compare", "show", "--data", both))
    print(f"compared in {time.monotonic() - started:,.0f} s")
    found = json.loads(sde("compare", "show", "--data", both, "--json"))
    return found["differences"][0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plantings", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--budget", default="700k")
    parser.add_argument("--share", default="90%")
    parser.add_argument("--held-out", type=int, default=500)
    parser.add_argument("--pool", choices=("all", "rejected"), default="all")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help=f"a value of the recipe; {' '.join(SETTINGS)} when omitted")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--no-quotas", action="store_true")
    parser.add_argument("--no-labels", action="store_true")
    parser.add_argument("--only-choose", action="store_true")
    options = parser.parse_args()
    outcomes = []
    for seed in range(options.first, options.first + options.plantings):
        folder = Path(tempfile.mkdtemp(dir=options.keep)) if options.keep else Path(tempfile.mkdtemp())
        try:
            outcomes.append(one(folder, seed, options))
        finally:
            if not options.keep:
                shutil.rmtree(folder, ignore_errors=True)
    if options.only_choose:
        return
    for measure, words in (("loss", "by token"), ("row_loss", "each row alike")):
        intervals = [each[measure] for each in outcomes if each]
        told = Counter("better" if each["high"] < 0 else "worse" if each["low"] > 0 else "no difference shown" for each in intervals)
        counts = ", ".join(f"{word} in {count} of {len(outcomes)} plantings" for word, count in told.items())
        print(f"selected against random of equal budget, {words}: {counts}")


if __name__ == "__main__":
    main()
