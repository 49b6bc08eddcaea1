"""What `sde rules choose` says to a person, within 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from sde_core.rules import MOSTLY_LENGTH, RULES, DroppedRule, RuleBook, RuleChoice, RuleEvidence, RuleScores, TruthComparison, WinRate, method_named
from sde_core.visible import visible

_WIDTH = 80
_NAME = 18
_JOINT = "\u00a0"
_ABOUT = ("gain: what the rule adds to log det of the kernel · length: Spearman correlation with the words of the answer",)
_ABOUT_TRUTH = ("true: chance that the better of two rows scores higher, 0.50 by chance · alike: the same for rows of about one length",)


def choice_lines(scores: RuleScores, choice: RuleChoice, book: RuleBook) -> list[str]:
    """The chosen rules, how much they overlap against random sets, and the rules that were no candidates."""
    return [*_title(scores, choice), "", *_table(scores, choice, book), "", *_overlap(choice), *_closeness(choice), *_dropped(choice)]


def _title(scores: RuleScores, choice: RuleChoice) -> list[str]:
    matrix, extent = scores.matrix, "rows"
    if matrix.rows_of_sample:
        extent = "rows, a sample: a judge has rated no others"
    lines = _wrapped(f"{len(choice.chosen)} of {len(matrix.rules)} rules over {len(matrix.rows):,} {extent}: {method_named(choice.method).title}")
    if method_named(choice.method).gated and not choice.gated:
        lines += _wrapped("No gate for reliability was asked.")
    return lines


def _table(scores: RuleScores, choice: RuleChoice, book: RuleBook) -> list[str]:
    truth, name_width = scores.truth is not None, max(map(len, (*choice.chosen, "rule" + " " * (_NAME - 4))))
    shown = min(name_width, 30)
    head = f"    {'rule':<{shown}} {'gain':>7} {'mean':>5} {'sd':>5} {'length':>6} " + (f"{'true':>5} {'alike':>5} " if truth else "")
    lines, meanings = [head + " high score means"], _meanings(book)
    for place, (name, gain) in enumerate(zip(choice.chosen, choice.gains, strict=True), start=1):
        known, summary = scores.known.of(name), scores.matrix.summaries[scores.matrix.index(name)]
        front = f"{place:>3} {visible(name, shown):<{shown}} {round(gain, 3) + 0.0:>7.3f} {summary.mean:>5.2f} {summary.sd:>5.2f} "
        front += f"{_signed(summary.length_correlation):>6} " + (_truth_cells(known) if truth else "")
        mark = ["pinned"] * (name in choice.pinned) + ["mostly length"] * (abs(summary.length_correlation) > MOSTLY_LENGTH)
        note = visible(meanings.get(name, ""), 300) + (f" ({', '.join(mark)})" if mark else "")
        lines += _beside(front, note)
    return lines


def _beside(front: str, note: str) -> list[str]:
    """A line of figures with a text that wraps beside them."""
    parts = textwrap.wrap(note, max(_WIDTH - len(front) - 1, 14)) or [""]
    return [f"{front} {parts[0]}".rstrip(), *(" " * (len(front) + 1) + part for part in parts[1:])]


def _meanings(book: RuleBook) -> Mapping[str, str]:
    return {rule.name: rule.higher_is for rule in RULES} | {rule.name: rule.sentence for rule in book.rules}


def _truth_cells(known: RuleEvidence | None) -> str:
    truth = None if known is None else known.truth
    return f"{'':>12}" if truth is None else f"{_plain(truth.auroc):>5} {_plain(truth.auroc_within_length):>5} "


def _plain(value: float) -> str:
    return "n/a" if value != value else f"{value:.2f}"


def _signed(value: float) -> str:
    return "n/a" if value != value else f"{value:+.2f}"


def _overlap(choice: RuleChoice) -> list[str]:
    lines, random = [f"rho {choice.rho:.3f}"], choice.against_random
    if random is None:
        lines.append("There is no other set of as many candidates to compare with.")
    else:
        lines.append(
            f"{random.subsets:,} random sets of as many candidates (seed {random.seed}): rho {random.mean_rho:.3f} on average, "
            f"median {random.median_rho:.3f}, lowest {random.lowest_rho:.3f}; this choice overlaps less than {_win_words(random.win)}"
        )
    return [line for text in (*lines, *_ABOUT) for line in _wrapped(text)]


def _win_words(win: WinRate) -> str:
    """ "996 of them (99.6 %, 95 % interval 98.9 to 99.9 % for drawing other sets on these rows), as much as 2"."""
    share, lower, upper = (100 * value for value in (win.rate, win.lower, win.upper))
    ties = f", as much as {win.ties:,}" if win.ties else ""
    return f"{win.wins:,} of them ({share:.1f} %, 95 % interval {lower:.1f} to {upper:.1f} % for drawing other sets on these rows){ties}"


def _closeness(choice: RuleChoice) -> list[str]:
    truth = choice.against_random.truth if choice.against_random else None
    return [] if truth is None else ["", *(line for text in (*_truth_texts(truth), *_ABOUT_TRUTH) for line in _wrapped(text))]


def _truth_texts(truth: TruthComparison) -> tuple[str, str]:
    first = (
        f"MSE {truth.mse:.4f} against {visible(truth.source, 60)} ({truth.rows:,} rows); random sets: {truth.mean_mse:.4f} on average, "
        f"median {truth.median_mse:.4f}, lowest {truth.lowest_mse:.4f}; this choice is closer than {_win_words(truth.win)}"
    )
    if truth.rho_correlation != truth.rho_correlation:
        return first, "rho or MSE is the same for all random sets: there is nothing to correlate."
    link = f"over the random sets rho and MSE correlate {truth.rho_correlation:+.2f} ({truth.rho_lower:+.2f} to {truth.rho_upper:+.2f}): "
    verdict = "sets that overlap less are closer to the truth here" if truth.rho_lower > 0 else (
        "sets that overlap less are further from the truth here" if truth.rho_upper < 0 else "overlap says nothing of closeness to the truth here"
    )  # fmt: skip
    return first, link + verdict


def _dropped(choice: RuleChoice) -> list[str]:
    banned = [drop for drop in choice.dropped if drop.gate == "banned"]
    held = [drop for drop in choice.dropped if drop.gate != "banned"]
    lines: list[str] = []
    if held:
        lines += ["", f"Held back, so no candidates: {len(held)}", *_reasons(held)]
    if banned:
        lines += ["", f"Banned, so no candidates: {len(banned)}", *_reasons(banned)]
    return lines


def _reasons(drops: list[DroppedRule]) -> list[str]:
    return [line for drop in drops for line in _beside(f"  {visible(drop.rule, 30):<{_NAME}}", drop.reason)]


def _wrapped(text: str) -> list[str]:
    """Lines of a text; a number keeps its percent sign beside it."""
    return [line.replace(_JOINT, " ") for line in textwrap.wrap(text.replace(" %", f"{_JOINT}%"), _WIDTH)]
