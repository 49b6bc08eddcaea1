"""Writes docs/rules.md: every formula rule with what it computes, what a high score says and where it comes from.

python docs/make_rules.py
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sde_core.rules import DEFAULT_PACK, FAMILIES, FAVOURS, PACKS, RULES, pack_rules  # noqa: E402
from sde_core.rules.contrast import LEAST_WEIGHT, UNKNOWN_TELLING  # noqa: E402

TARGET = Path(__file__).resolve().parent / "rules.md"
READS = {"answer": "answer", "prompt": "prompt", "pair": "prompt and answer"}
INTRODUCTION = f"""\
# Formula rules

{len(RULES)} rules score a row from 0 to 1 by a formula over its prompt and answer; 1 is always best. A score never depends on the other rows.
A row in which a text that the rule reads is empty scores 0. Where a rule has nothing to say of a row it scores 0.5. Word lists are English.
`sde rules list` prints this table too, `docs/make_rules.py` writes this page, and a test holds the two together.

## How rules become quality

1. Rules that cannot be relied on are held back: those that score all or nearly all rows alike, that disagree with themselves on reworded rows or
   when a judge rates a row again, of which a judge's answers often hold no score, or that people's comparisons speak against.
2. Every formula rule is tried on copies of up to 500 rows that have the answer of another row: of the one with the most similar prompt among those
   whose answer is about as long. w is the share of the pairs in which the row scores above its copy, c the rank correlation of the scores with the
   words of the answer. What a rule *tells* is t = (2w − 1)(1 − |c|)² where w is certainly above ½, else 0; of a rule that a judge rates,
   t = {UNKNOWN_TELLING:g}. Both answers are as long and as well written, so that a rule that only likes length or layout tells nothing.
   Nobody's labels are needed.
3. Ten rules are chosen one after the other, each the one that adds most to log det of L = Diag(e^(ft))·C·Diag(e^(ft)), C their correlations. f, the
   favour, is the first of {", ".join(f"{favour:g}" for favour in FAVOURS)} with which the chosen rules overlap (ρ) no more than the median random set
   of as many.
4. A row's quality is the mean of the chosen rules, each weighed by t + {LEAST_WEIGHT:g}.

`--method map-plain` is the greedy choice with f = 0 and the plain mean, the gates still held; `--no-gate` lifts those too. `--method kdpp-gram` is
the method of arXiv 2410.04715: an exact k-DPP sample on the raw Gram matrix of all rules but those that score all rows alike, and the plain mean.

`benchmarks/rule_quality.py` measures what comes of it on 54 sets of pairs of a better and a worse row, beside length, overlap and
random sets of rules.

## Packs

A pack is a preset over the bank; the domains are those of arXiv 2410.04715.

| pack | rules | families beside the general ones |
|---|---|---|
"""


def cell(text: str) -> str:
    """Text that is safe in a table."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def packs() -> str:
    """One line a pack."""
    lines = []
    for name in PACKS:
        extra = [family for family in PACKS[name] if family not in PACKS[DEFAULT_PACK]]
        lines.append(f"| {name} | {len(pack_rules(name))} | {', '.join(extra) or '–'} |")
    return "\n".join(lines)


def family_table(family: str) -> str:
    """The rules of a family."""
    rows = [
        f"| `{rule.name}` | {READS[rule.about]} | {cell(rule.definition)} | {cell(rule.higher_is)} | {cell(rule.source) or 'own'} |"
        for rule in RULES
        if rule.family == family
    ]
    return (
        f"\n## {family.capitalize()}\n\n| rule | reads | definition | a high score says | source |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def page() -> str:
    """The whole page."""
    return INTRODUCTION + packs() + "\n" + "".join(family_table(family) for family in FAMILIES)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
