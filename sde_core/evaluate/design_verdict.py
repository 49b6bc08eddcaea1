"""A comparison of designs in words that claim no more than its intervals allow."""

from __future__ import annotations

from collections.abc import Sequence

from sde_core.evaluate.design_differences import DesignDifference, WordingDifference, is_shown
from sde_core.evaluate.design_results import DesignComparison
from sde_core.evaluate.rank_agreement import FEWEST, RankAgreement
from sde_core.evaluate.verdict import FEW_ROWS, interval_words, signed
from sde_core.visible import visible
from sde_core.wording import count_of

DOMAIN_WORDS = {"test": "in domain", "ood": "out of domain"}
_USUAL_CHANCE = 0.05
_NAME = 60
_MOST_NAMES = 2
_MOST_NOTES = 8
_HARDLY = 0.05
"""Where no design has more answers that keep the form, a comparison says little."""


def design_headline(found: DesignComparison) -> str:
    """What the comparison as a whole says, a sentence for each domain."""
    if not found.runs:
        return f"No run is finished yet; {count_of(found.wanted, 'run')} to do."
    said = [_domain_headline(found, domain) for domain in found.domains]
    told = " ".join(sentence for sentence in said if sentence) or "There is no pair of designs with a finished run of the same seed yet."
    if len({row.design for row in (*found.rows, *found.waiting)}) == 1:
        told = "One design is no comparison: its figures are those of the table."
    return told if found.runs >= found.wanted else f"{told} {found.runs} of {found.wanted} runs are finished; this may change."


def _domain_headline(found: DesignComparison, domain: str) -> str:
    pairs = [pair for pair in found.differences if pair.domain == domain]
    if not pairs:
        return ""
    shown = [pair for pair in pairs if is_shown(pair.interval)]
    begin, best = DOMAIN_WORDS[domain].capitalize(), visible(pairs[0].best, _NAME)
    if not shown:
        return f"{begin}, no difference between the {len(pairs) + 1} designs is shown."
    others = _names(shown, len(pairs))
    if any(pair.interval.seeds < 2 for pair in shown):
        return f"{begin}, {best} scored higher than {others} in one run of each; whether the design does, one seed cannot tell."
    rest = [pair for pair in pairs if pair not in shown]
    return f"{begin}, {best} is shown to be better than {others}{f', but not than {_names(rest, len(pairs))}' if rest else ''}."


def _names(pairs: Sequence[DesignDifference], total: int) -> str:
    """The designs that the best one is compared with; many are counted."""
    if len(pairs) == total > 1:
        return "each of the others"
    if len(pairs) > _MOST_NAMES:
        return f"{len(pairs)} of the {total} others"
    return " and ".join(visible(pair.other, _NAME) for pair in pairs)


def caution(found: DesignComparison) -> str:
    """What makes all figures doubtful: that no model has learnt the task; "" where one has."""
    form = [row.means.get("test.soft_adherence", row.means.get("test.adherence", 1.0)) for row in found.rows]
    if not form or max(form) >= _HARDLY:
        return ""
    return "Hardly an answer keeps its form in any design: the models have not learnt the task, so that this compares little. Train longer."


def pair_verdict(pair: DesignDifference, metric: str) -> str:
    """Two designs in a sentence."""
    where = "" if pair.domain == "test" else "Out of domain, "
    said = f"{where}{visible(pair.best, _NAME)} over {visible(pair.other, _NAME)}: {_measure(metric)} {_figures(pair)}"
    interval = pair.interval
    if is_shown(interval):
        return f"{said}: better." if interval.seeds > 1 else f"{said}: higher in one run of each."
    return f"{said}: worse in the runs that both have." if interval.high < 0 else f"{said}: no difference shown."


def wording_verdict(found: WordingDifference, metric: str) -> str:
    """What the wording of the instruction changes for a design, in a sentence."""
    where = "" if found.domain == "test" else "Out of domain, "
    basis = f"{count_of(found.size, 'record')}, {count_of(found.interval.seeds, 'seed')}, {count_of(found.interval.rows, 'test record')}"
    said = f"{where}{visible(found.design, _NAME)}, wording {found.best} over {found.worst}: {_measure(metric)} {signed(found.interval.estimate)}"
    said += f" ({interval_words(found.interval)}; {basis})"
    if not is_shown(found.interval):
        return f"{said}: no difference shown."
    return f"{said}: better." if found.interval.seeds > 1 else f"{said}: higher in one run of each."


def _figures(pair: DesignDifference) -> str:
    interval = pair.interval
    parts = [count_of(pair.size, "record"), count_of(interval.seeds, "seed")]
    parts += [count_of(pair.wordings, "wording")] if pair.wordings > 1 else []
    return f"{signed(interval.estimate)} ({interval_words(interval)}; {', '.join([*parts, count_of(interval.rows, 'test record')])})"


def _measure(metric: str) -> str:
    return "mean F1 of a record" if metric == "f1" else metric


def agreement_words(what: str, found: RankAgreement) -> str:
    """One of Kendall's taus in a sentence, with what it stands on."""
    said = f"Kendall's tau of {what} with the tuned rank: {signed(found.tau, 2)} over {found.count} designs; "
    chance = f"a random order is as far from 0 in {found.by_chance:.0%} of cases"
    return said + (f"{chance}, so it shows nothing." if found.by_chance > _USUAL_CHANCE else f"{chance}.")


def agreement_verdicts(found: DesignComparison) -> list[str]:
    """Whether what prompts well also tuned well, a sentence each."""
    ranked = [name for name in found.before if any(row.design == name for row in found.rows)]
    if not found.before or not found.rows:
        return []
    if len(ranked) < FEWEST:
        return [f"Kendall's tau needs at least {FEWEST} designs: over {len(ranked)} it says nothing of whether what prompts well also tunes well."]
    said = [agreement_words(what, agreement) for what, agreement in found.agreements.items()]
    if said and not any(is_shown(pair.interval) for pair in found.differences if pair.domain == "test"):
        said.append("No tuned design is shown to be better than another, so that the tuned rank itself may be chance.")
    return said


def verdicts(found: DesignComparison) -> list[str]:
    """Every pair of designs, then what wordings change."""
    shown = [wording_verdict(each, found.metric) for each in found.wordings if is_shown(each.interval)]
    return [*(pair_verdict(pair, found.metric) for pair in found.differences), *shown, *_alike_wordings(found)]


def _alike_wordings(found: DesignComparison) -> list[str]:
    """In each domain the designs of which no difference between wordings is shown."""
    said = []
    for domain in found.records:
        alike = [each for each in found.wordings if each.domain == domain and not is_shown(each.interval)]
        if alike:
            names = ", ".join(visible(each.design, _NAME) for each in alike)
            most = max(each.interval.estimate for each in alike)
            said.append(f"{DOMAIN_WORDS[domain].capitalize()}, no difference between wordings is shown of {names}: at most {signed(most)}.")
    return said


def design_notes(found: DesignComparison) -> list[str]:
    """What is to be known beside the figures."""
    said: list[str] = []
    if found.differences:
        said.append("Intervals are paired over test records and seeds, and hold at 95 % with all pairs of designs counted together.")
    few = [domain for domain in found.domains if found.records[domain] < FEW_ROWS]
    said += [f"With {count_of(found.records[domain], 'record')} {DOMAIN_WORDS[domain]} an interval itself is uncertain." for domain in few]
    intervals = [each.interval for each in found.differences] + [each.interval for each in found.wordings]
    if found.seeds > 1 and any(interval.seeds < 2 for interval in intervals):
        said.append("The chance in training is no part of an interval over one seed.")
    if found.runs and found.seeds < 3:
        said.append(f"{count_of(found.seeds, 'seed')}: too few to know the chance in training; 3 or more are better.")
    if found.rows and found.metric == "f1":
        said.append("F1 in the table counts the spans of all records together; pairs are compared by the mean F1 of a record.")
    said += [visible(note, 300) for note in found.notes[:_MOST_NOTES]]
    left = len(found.notes) - _MOST_NOTES
    return [*said, f"{count_of(left, 'note')} more: --json lists all."] if left > 0 else said


def fault_words(faults: Sequence[tuple[str, float]]) -> str:
    """ "split 12 %, missing target 3 %"; "none" where there is none."""
    return ", ".join(f"{kind} {share:.0%}" for kind, share in faults) or "none"


def figure_words(value: float) -> str:
    """A score or a perplexity with as many decimals as say something: "0.469", "12.5", "28,300"."""
    return f"{value:.3f}" if value < 10 else f"{value:,.1f}" if value < 1_000 else f"{value:,.0f}"
