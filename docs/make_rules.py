"""Writes docs/rules.md: every formula rule with what it computes, what a high score says and where it comes from.

python docs/make_rules.py
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sde_core.rules import DEFAULT_PACK, FAMILIES, PACKS, RULES, pack_rules  # noqa: E402

TARGET = Path(__file__).resolve().parent / "rules.md"
READS = {"answer": "answer", "prompt": "prompt", "pair": "prompt and answer"}
INTRODUCTION = f"""\
# Formula rules

{len(RULES)} rules score a row from 0 to 1 by a formula over its prompt and answer; 1 is always best. A score never depends on the other rows.
A row in which a text that the rule reads is empty scores 0. Where a rule has nothing to say of a row it scores 0.5. Word lists are English.
`sde rules list` prints this table too, `docs/make_rules.py` writes this page, and a test holds the two together.

## How rules become quality

1. Rules that cannot be relied on are held back: those that score all or nearly all rows alike, or disagree with themselves on reworded rows.
2. Every rule is tried on copies of up to 500 rows that have the answer of another row: of the one with the most similar prompt among those whose
   answer is about as long. What a rule *tells* is how far it wins more than half of these pairs, from 0 (not certainly more) to 1 (all).
   Both answers are as long and as well written, so that a rule that only likes length or layout tells nothing; what it tells is further multiplied
   by the square of 1 minus its correlation with length. Nobody's labels are needed.
3. Ten rules are chosen that overlap little, those that tell more being favoured; the mean of the chosen ones, each weighed by what it tells, is the
   row's quality.

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
